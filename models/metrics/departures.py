"""What issues were when they left Jira, by their last stored history: when they were done, and whether delivered."""

from dataclasses import dataclass

from models.metrics.arrays import NO_INSTANT
from models.metrics.issues import BatchFacts
from models.metrics.timelines import facts_at
from models.records import Micros, Timeline


@dataclass(frozen=True, slots=True)
class Departure:
    """An issue that was done when it left; a deploying issue or an incident delivers nothing by itself."""

    done_at: Micros
    delivered: bool = False


def departures(found: BatchFacts) -> dict[str, Departure]:
    """Return issue id → its departure, of those issues of a batch that are done at the end of their history."""
    done = facts_at(found.columns.timelines, None).done
    excluded = found.columns.is_excluded(None)
    items = {
        item.issue_id: Departure(int(done[row]), delivered=not excluded[row])
        for row, item in enumerate(found.items)
        if done[row] != NO_INSTANT
    }
    lines = {incident.issue_id: incident.timeline for incident in found.incidents}
    lines |= {issue_id: deployment.timeline for issue_id, deployment in found.deployments if deployment.timeline}
    others = {issue_id: Departure(at) for issue_id, line in lines.items() if (at := _done_at(line)) is not None}
    return {**others, **items}


def _done_at(line: Timeline) -> Micros | None:
    """Return when a timeline ended in done; None where it did not."""
    at, stage = line[-1]
    return at if stage == "done" else None
