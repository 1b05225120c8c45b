"""What several metrics make of work items: the contributions of done items, their records, and counts by category."""

import math

import numpy as np

from models.metrics.arrays import NO_INSTANT, Ints
from models.metrics.contributions import (
    CODE_OF_REASON,
    NEVER_STARTED,
    NOT_DELIVERED,
    REASONS,
    Contribution,
    Contributions,
)
from models.metrics.snapshot import Snapshot
from models.metrics.timelines import DONE
from models.records import CATEGORIES, STAGES, Micros


def done_contributions(
    snapshot: Snapshot, value: Ints, base: Ints | None = None, *, must_have_started: bool = False
) -> Contributions:
    """Return one contribution per done item, in the order of their being done."""
    items, rows = snapshot.dataset.items, snapshot.done
    late = (snapshot.facts.started[rows] == NO_INSTANT) & must_have_started
    reasons = np.where(late, CODE_OF_REASON[NEVER_STARTED], 0)

    def make_record(parts: Contributions, index: int) -> Contribution:
        started = int(snapshot.facts.started[parts.rows[index]])
        begin = (("started", started),) if must_have_started and started != NO_INSTANT else ()
        return make_item_record(snapshot, parts, index, *begin, ("done", int(parts.at[index])))

    return Contributions(
        at=snapshot.facts.done[rows],
        value=value,
        base=np.ones_like(value) if base is None else base,
        reason=np.where(snapshot.delivered[rows], reasons, CODE_OF_REASON[NOT_DELIVERED]).astype(np.int8),
        category=items.categories[rows],
        stage=np.full(len(rows), DONE, np.int8),
        points=items.points[rows],
        rows=rows,
        make_record=make_record,
    )


def make_item_record(
    snapshot: Snapshot, parts: Contributions, index: int, *instants: tuple[str, Micros]
) -> Contribution:
    """Return the record of a part that is about a work item, with its named instants."""
    items, row, stage = snapshot.dataset.items, int(parts.rows[index]), int(parts.stage[index])
    points = float(parts.points[index])
    return Contribution(
        int(parts.at[index]),
        str(items.ids[row]),
        items.key(row),
        int(parts.value[index]),
        int(parts.base[index]),
        reason=REASONS[parts.reason[index]] or None,
        instants=instants,
        category=CATEGORIES[parts.category[index]],
        stage="" if stage == DONE else STAGES[stage],
        points=None if math.isnan(points) else points,
    )


def by_category(parts: Contributions) -> dict[str, int]:
    """Return how many parts are of each category; 0 where there are none."""
    return dict(zip(CATEGORIES, np.bincount(parts.category, minlength=len(CATEGORIES)).tolist(), strict=True))
