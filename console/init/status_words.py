"""Which stage the category and the name of a status say to a person: proposals for ``[workflow]``, never rules.

The words are those of English, German, French, Spanish, Portuguese, Chinese and Japanese workflows. A name that no word
fits has the stage of its category.
"""

import re
from dataclasses import dataclass
from typing import Final

from console.shared.cancelled_names import reads_cancelled
from models.metrics.statuses import stage_of_category
from models.names import fold_name
from models.records import Stage, Status

CATEGORY_NAMES: Final = {"new": "To Do", "indeterminate": "In Progress", "done": "Done", "undefined": "No Category"}


@dataclass(frozen=True, slots=True)
class StageProposal:
    """The stage that a status should have, and why.

    ``contradicts``: Jira's category says otherwise about whether work began or ended there, so that start and end of
    issues change.
    """

    status: Status
    stage: Stage
    reason: str
    contradicts: bool = False

    @property
    def changes(self) -> bool:
        """Return whether the stage differs from that of Jira's category."""
        return self.stage != stage_of_category(self.status.category)


def _words(*parts: str) -> re.Pattern[str]:
    return re.compile("|".join(parts))


# A step that is over, with the next one to come: work waits.
_STEP_OVER: Final = _words(
    r"\b(?:dev|development|qa|test|testing|code|coding|design|review|analysis|build)\W*(?:is )?"
    r"(?:done|complete|completed|finished|passed|approved|ok)\b",
    r"^(?:approved|reviewed|tested|verified|merged|implemented|fixed|patch available|built)$",
    r"^(?:geprüft|getestet|umgesetzt|freigegeben|validé|testé|probado|aprobado|testado|aprovado)$",
)
_HELD: Final = _words(
    r"\b(?:block|imped|on hold|hold$|paus|suspend|stall|parked|deferred|stuck|frozen)",
    r"\b(?:blockiert|pausiert|angehalten|zurückgestellt|bloqu|en pause|suspendu|en espera|pausad|suspendid|parad)",
    r"挂起|阻塞|暂停|擱置|搁置|受阻|保留|ブロック|中断",
)
_WAITING: Final = _words(
    r"\b(?:await|wait(?:ing|s)?\b|pending|needs?\b|ready\b|to be (?!refined|estimated|groomed)|queued?\b|scheduled\b)",
    r"\bto (?:test|review|deploy|release|verify|validate|merge)\b",
    r"\b(?:wartet|warten|wartend|bereit|zu (?:testen|prüfen)|en attente|prêt|à (?:tester|valider|déployer|livrer))",
    r"\b(?:pendiente|esperando|listo|por (?:revisar|probar)|pendente|aguardando|pronto)",
    r"^待|等待|待ち",
)
_REVIEW: Final = _words(
    r"\b(?:review|approval|feedback|sign.?off|pull request|pr\b|acceptance$)",
    r"\b(?:abnahme|freigabe|prüfung|rückmeldung|relecture|revue|validation|revisión|aprobación|revisão|aprovação)",
    r"评审|審核|审核|审批|審批|验收|レビュー|承認",
)
_CODE_REVIEW: Final = _words(r"\b(?:code|peer|technical)\W*review|pull request|\bpr\b|代码评审|コードレビュー")
# Hands are on the work itself: not its analysis or refinement, which come before.
_WORKED_ON: Final = _words(
    r"\b(?:in progress|in dev(?:elopment)?\b|develop(?:ing|ment$)|coding|implement(?:ing|ation$)|testing|in qa)",
    r"\b(?:designing|in design|deploying|releasing|fixing|doing|building|debugging|in work|work in progress|wip\b)",
    r"\b(?:in (?:arbeit|entwicklung|umsetzung|bearbeitung|test)|en (?:cours|test|curso|prueba))",
    r"\b(?:en (?:développement|desarrollo)|em (?:andamento|desenvolvimento|teste)|fazendo)",
    r"(?:开发|測試|测试|设计|設計|概设|发布|修复|处理|编码)中|自测|进行中|進行中|作業中|対応中|開発中|テスト中",
)
_NOT_BEGUN: Final = _words(
    r"^(?:open|new|to.?do|backlog|reopened|re-opened|created|inbox|triage|icebox|ideas?|draft|funnel|suggestion)$",
    r"\bbacklog\b|\bnot started\b|\btriage\b",
    r"^(?:offen|neu|zu erledigen|wieder geöffnet|ouvert|nouveau|à faire|rouvert|abierto|nuevo|por hacer|reabierto)$",
    r"^(?:aberto|novo|a fazer|reaberto|打开|新建|重新打开|待办|待辦|未着手|未対応|新規)$",
)
_SELECTED: Final = _words(
    r"^(?:selected|ready|planned|committed|accepted|prioriti[sz]ed|assigned|next|up next)\b", r"^(?:ausgewählt|geplant)"
)
_FINISHED: Final = re.compile(
    r"(?:done|closed|resolved|completed?|finished|released|deployed|delivered|shipped|live|in production|archived"
    r"|erledigt|fertig|abgeschlossen|geschlossen|gelöst|ausgeliefert"
    r"|terminé|fermé|résolu|clos|livré|hecho|terminado|cerrado|resuelto|concluído|fechado|resolvido|feito"
    r"|已?完成|已?关闭|已?解决|已?发布|已上线|已結束|已结束|完了|解決済み?|クローズ)"
)


def propose_stage(status: Status) -> StageProposal:
    """Return the stage that a status should have by its category and its name.

    - The category decides whether work began and ended, unless the name plainly says otherwise.
    - In progress the name decides whether somebody works or work waits.
    """
    name = fold_name(status.name)
    if status.category == "done":
        return StageProposal(status, "done", "Jira's category is Done")
    if _FINISHED.fullmatch(name) or reads_cancelled(name):
        return _against(status, "done", "the name says that nothing follows")
    return _in_progress(status, name) if stage_of_category(status.category) == "active" else _before(status, name)


def reads_blocked(name: str) -> bool:
    """Return whether the name of a status says that work is held up there."""
    return _HELD.search(fold_name(name)) is not None


def reads_worked_on(name: str) -> bool:
    """Return whether the name of a status says that somebody works."""
    return _WORKED_ON.search(fold_name(name)) is not None


def _in_progress(status: Status, name: str) -> StageProposal:
    if _NOT_BEGUN.search(name):
        return _against(status, "todo", "the name says that work has not begun")
    if _STEP_OVER.search(name):
        return StageProposal(status, "waiting", "the name says that a step is over and the next has not begun")
    if _HELD.search(name):
        return StageProposal(status, "waiting", "the name says that work is held up")
    if _WAITING.search(name) or _SELECTED.search(name):
        return StageProposal(status, "waiting", "the name says that work waits")
    if _REVIEW.search(name):
        return StageProposal(status, "waiting", "a review mostly waits for the reviewer")
    return StageProposal(status, "active", f"Jira's category is {_category(status)}")


def _before(status: Status, name: str) -> StageProposal:
    """Return the stage of a status whose category says that work has not begun, or says nothing."""
    if _CODE_REVIEW.search(name) and not _WAITING.search(name):
        return _against(status, "waiting", "the name says that there is something to review")
    if _WORKED_ON.search(name) and not (_WAITING.search(name) or _NOT_BEGUN.search(name) or _SELECTED.search(name)):
        return _against(status, "active", "the name says that somebody works on it")
    return StageProposal(status, "todo", f"Jira's category is {_category(status)}")


def _against(status: Status, stage: Stage, reason: str) -> StageProposal:
    return StageProposal(status, stage, f"{reason}, although Jira's category is {_category(status)}", contradicts=True)


def _category(status: Status) -> str:
    return CATEGORY_NAMES.get(status.category, status.category)
