"""How many work items were in each stage at given instants: what a picture of work over time is drawn from."""

from collections.abc import Sequence

import numpy as np

from models.metrics.arrays import Ints
from models.metrics.columns import Items
from models.records import STAGES, Micros, Stage


def stage_counts(items: Items, edges: Sequence[Micros]) -> dict[Stage, Ints]:
    """Return for each stage how many items were in it just before each of the ascending ``edges``.

    An item that was not born by then is in no stage.
    """
    ends = np.array(edges, np.int64)
    until = np.append(items.at, np.iinfo(np.int64).max)[1:]
    until[items.timeline_offsets[1:] - 1] = np.iinfo(np.int64).max
    first = np.searchsorted(ends, items.at, side="right")
    last = np.searchsorted(ends, until, side="right")
    counts: dict[Stage, Ints] = {}
    for code, stage in enumerate(STAGES):
        which = items.stages == code
        entries = np.bincount(first[which], minlength=len(ends) + 1)
        exits = np.bincount(last[which], minlength=len(ends) + 1)
        counts[stage] = np.cumsum(entries - exits)[: len(ends)]
    return counts
