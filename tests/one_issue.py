"""One issue in a batch of its own, for tests of tables of single issues."""

from dataclasses import dataclass

from models.metrics import histories, issues
from models.metrics.arrays import NO_INSTANT
from models.metrics.issues import Batch
from models.metrics.rules import Context
from models.metrics.statuses import StatusStages
from models.metrics.timelines import Timelines, facts_at
from models.records import STAGES, Deployment, Incident, Issue, ItemHead, Micros, Stage, Timeline


@dataclass(frozen=True)
class Reading:
    """The role of an issue in the metrics, and its findings as (reason, detail)."""

    item: ItemHead | None
    incident: Incident | None
    deployments: tuple[Deployment, ...]
    findings: list[tuple[str, str]]


@dataclass(frozen=True)
class FactsOf:
    """The facts of an issue at an instant."""

    stage: Stage
    started: Micros | None
    done: Micros | None
    active: Micros
    waiting: Micros


def read_one(issue: Issue, context: Context) -> Reading:
    """Return the reading of an issue by itself."""
    facts = issues.read(Batch.of([issue]), context)
    reasons = facts.findings.get(issue.issue_id, {})
    return Reading(
        item=next(iter(facts.items), None),
        incident=next(iter(facts.incidents), None),
        deployments=tuple(deployment for _, deployment in facts.deployments),
        findings=[(reason, detail) for reason, details in reasons.items() for detail in details],
    )


def line_of(issue: Issue, stages: StatusStages) -> Timeline:
    """Return the timeline of an issue, whatever its type."""
    return histories.timelines_of(histories.status_visits(Batch.of([issue]).histories, stages)).line(0)


def facts_of(line: Timeline, as_of: Micros | None) -> FactsOf | None:
    """Return the facts of a timeline; None if it has not begun."""
    facts = facts_at(Timelines.of([line]), as_of)
    if not facts.exists[0]:
        return None
    instants = (int(facts.started[0]), int(facts.done[0]))
    started, done = (None if at == NO_INSTANT else at for at in instants)
    past = [stage for at, stage in line if as_of is None or at < as_of]
    return FactsOf(STAGES[STAGES.index(past[-1])], started, done, int(facts.active[0]), int(facts.waiting[0]))
