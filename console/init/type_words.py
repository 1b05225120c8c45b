"""What the names of issue types say: their category, or that they are incidents or deployments."""

import re
from collections.abc import Mapping
from typing import Final

INCIDENT_TYPE: Final = re.compile(
    r"\b(?:incident|outage|störung|vorfall|panne|incidente|incidência|sev\b)|故障|事故|障害|インシデント"
)
DEPLOYMENT_TYPE: Final = re.compile(r"^(?:deployment|deploy|release|rollout|change|change request|部署|发布|リリース)$")
# The first category whose words fit counts: a "Security Bug" is a risk, a "Technical Story" is debt.
CATEGORY_WORDS: Final[Mapping[str, re.Pattern[str]]] = {
    "risk": re.compile(
        r"\b(?:security|vulnerab|risk|complian|audit|privacy|sicherheit|sécurité|seguridad)|安全|リスク"
    ),
    "debt": re.compile(
        r"\b(?:technical|tech|debt|chore|refactor|maintenance|upkeep|cleanup|clean-up|dependency|wartung|dette)"
        r"|技术债|技術的負債"
    ),
    "defect": re.compile(
        r"\b(?:bug|defect|fault|fehler|error|erreur|anomal|regression|defecto|falha)|缺陷|バグ|不具合"
    ),
    "feature": re.compile(
        r"\b(?:story|feature|task|improvement|enhancement|requirement|wish|aufgabe|anforderung|tâche|historia|tarea|tarefa"
        r"|histoire|mejora|melhoria)|需求|故事|任务|任務|ストーリー|タスク"
    ),
}
