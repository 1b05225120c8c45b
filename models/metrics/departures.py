"""What issues were when they left Jira, by their last stored history: when they were done, and whether delivered."""

from models.metrics.arrays import NO_INSTANT
from models.metrics.issues import BatchFacts
from models.metrics.timelines import facts_at
from models.records import Departure


def departures(batch_facts: BatchFacts) -> dict[str, Departure]:
    """Return issue id → its departure, of those issues of a batch that are done at the end of their history."""
    done = facts_at(batch_facts.columns.timelines, None).done
    excluded = batch_facts.columns.is_excluded(None)
    items = {
        item.issue_id: Departure(int(done[row]), delivered=not excluded[row])
        for row, item in enumerate(batch_facts.items)
        if done[row] != NO_INSTANT
    }
    done = facts_at(batch_facts.others.timelines, None).done
    others = {
        str(issue_id): Departure(int(at))
        for issue_id, at in zip(batch_facts.others.ids.tolist(), done.tolist(), strict=True)
        if at != NO_INSTANT
    }
    return {**others, **items}
