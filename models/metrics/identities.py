"""What must hold of every measurement, whatever the data: a number that breaks one of these is an error, no result."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from models.metrics.arrays import Ints
from models.metrics.contributions import Contributions
from models.metrics.snapshot import Snapshot
from models.metrics.timelines import in_progress
from models.records import Window

_SUMS = ("by_category", "by_stage")


def broken_identity(
    parts: Contributions, details: Mapping[str, Any], window: Window, snapshot: Snapshot, *, at_end: bool
) -> str | None:
    """Return which identity a measurement breaks; None where all hold.

    - Each candidate is used or left out, once. Categories and stages add up to what was used.
    - ``at_end``: work in progress is what arrived less what left, and its integral over the window is the sum of the
      times that the items were in progress in it, to the microsecond.
    """
    used = int((parts.reason == 0).sum())
    if used + sum(parts.exclusions().values()) != len(parts):
        return "a candidate is neither used nor left out"
    if len(np.unique(parts.rows * 2 + (parts.value > 0))) != len(parts):
        return "a candidate counts twice"
    for name in _SUMS:
        if name in details and sum(details[name].values()) != used:
            return f"{name} does not add up to the number of items"
    return _broken_load(used, window, snapshot) if at_end else None


def _broken_load(used: int, window: Window, snapshot: Snapshot) -> str | None:
    begins, ends = _stays(snapshot)
    residence = _residence(begins, ends, window)
    load, integral = _integral(begins, ends, window)
    if load != used:
        return "work in progress is not what arrived less what left"
    return None if integral == residence else "the integral of work in progress is not the time of its items"


def _stays(snapshot: Snapshot) -> tuple[Ints, Ints]:
    """Return when each stay in progress began and ended; one that goes on ends behind every instant."""
    items = snapshot.dataset.items
    until = np.append(items.at, 0)[1:]
    until[items.timeline_offsets[1:] - 1] = np.iinfo(np.int64).max
    is_stay = in_progress(items.stages)
    return items.at[is_stay], until[is_stay]


def _residence(begins: Ints, ends: Ints, window: Window) -> int:
    """Return the sum of the times that items were in progress in a window."""
    inside = (begins < window.effective_end) & (ends > window.start)
    first, last = np.maximum(begins[inside], window.start), np.minimum(ends[inside], window.effective_end)
    return int(np.maximum(last - first, 0).sum())


def _integral(begins: Ints, ends: Ints, window: Window) -> tuple[int, int]:
    """Return work in progress just before a window's effective end, and its integral over the window.

    Both come from the instants at which it rose and fell, in their order, whatever the items.
    """
    start, end = window.start, window.effective_end
    rises, falls = np.sort(begins[begins < end]), np.sort(ends[ends < end])
    load = len(rises) - int((falls < start).sum())
    level = int((rises < start).sum()) - int((falls < start).sum())
    inner_rises, inner_falls = rises[rises >= start], falls[falls >= start]
    at = np.concatenate([inner_rises, inner_falls])
    steps = np.concatenate([np.ones(len(inner_rises), np.int64), -np.ones(len(inner_falls), np.int64)])
    order = np.argsort(at, kind="stable")
    levels = level + np.concatenate(([0], np.cumsum(steps[order])))
    edges = np.concatenate(([start], at[order], [end]))
    return load - len(inner_falls), int((levels * np.diff(edges)).sum())
