"""Short questions to the reference about a few issues, for tests with figures worked out by hand."""

from datetime import datetime
from typing import Final

from metric_rows import REVIEW_WAITS, STATUSES, time
from reference.metrics import Reference
from reference.teams import Answer, Row, Team

from models.records import DeploymentRules, IncidentRules, Issue, Rules, ServiceLevelRules, Transition, Version

FLAG: Final = "cf_flag"
Side = tuple[str | None, str | None]
UNSET: Final[Side] = (None, None)
SET: Final[Side] = ("10019", "Impediment")
# The month before 11-01, which is the period of `ask`.
OCTOBER: Final = 31
RULES: Final = Rules(
    time_period_days=OCTOBER,
    history_weeks=1,
    workflow=REVIEW_WAITS,
    fields={
        "flagged": FLAG,
        "rework": "cf_rework",
        "change_failure": "cf_failed",
        "deployed_at": "cf_deployed",
        "restored_at": "cf_restored",
    },
    deployments=DeploymentRules("issues", types=("Release",)),
    incidents=IncidentRules(("Incident",)),
    service_level=ServiceLevelRules(2),
)


def flag(when: str, number: int, before: Side, after: Side) -> Transition:
    """Return a change of the flag."""
    return Transition(time(when), number, 0, FLAG, str(number), *before, *after)


def reference(
    rules: Rules,
    *issues: Issue,
    as_of: datetime | str = "11-01",
    versions: tuple[Version, ...] = (),
    table: tuple[Row, ...] = (),
) -> Reference:
    """Return the reference for these issues."""
    return Reference(Team(issues, STATUSES, versions, table), rules, time(as_of) if isinstance(as_of, str) else as_of)


def ask(
    metric: str,
    rules: Rules,
    *issues: Issue,
    as_of: str = "11-01",
    versions: tuple[Version, ...] = (),
    table: tuple[Row, ...] = (),
) -> Answer:
    """Return the answer of the reference for these issues in the period."""
    return reference(rules, *issues, as_of=as_of, versions=versions, table=table).answers(metric)[0]
