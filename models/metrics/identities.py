"""What must hold of every measurement, whatever the data: a number that breaks one of these is an error, no result."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from models.metrics.contributions import Contributions
from models.metrics.snapshot import Snapshot
from models.metrics.timelines import Stays
from models.records import Window

_SUMS = ("by_category", "by_stage")


def broken_identity(
    parts: Contributions,
    exclusions: Mapping[str, int],
    details: Mapping[str, Any],
    window: Window,
    snapshot: Snapshot,
    *,
    is_load: bool,
) -> str | None:
    """Return which identity a measurement breaks; None where all hold.

    - Each candidate is used or left out, once. Categories and stages add up to what was used.
    - ``is_load``: work in progress is what arrived less what left, and its integral over the window is the sum of the
      times that the items were in progress in it, to the microsecond.
    """
    used = len(parts) - int(np.count_nonzero(parts.reason))
    if used + sum(exclusions.values()) != len(parts):
        return "a candidate is neither used nor left out"
    candidates = parts.rows * 2 + (parts.value > 0)
    candidates.sort()
    if np.count_nonzero(candidates[1:] == candidates[:-1]):
        return "a candidate counts twice"
    for name in _SUMS:
        if name in details and sum(details[name].values()) != used:
            return f"{name} does not add up to the number of items"
    return _broken_load(used, window, snapshot) if is_load else None


def _broken_load(used: int, window: Window, snapshot: Snapshot) -> str | None:
    stays = snapshot.stays
    residence = _residence(stays, window)
    load, integral = _integral(stays, window)
    if load != used:
        return "work in progress is not what arrived less what left"
    return None if integral == residence else "the integral of work in progress is not the time of its items"


def _residence(stays: Stays, window: Window) -> int:
    """Return the sum of the times that items were in progress in a window."""
    inside = (stays.begins < window.effective_end) & (stays.ends > window.start)
    first = np.maximum(stays.begins[inside], window.start)
    last = np.minimum(stays.ends[inside], window.effective_end)
    return int(np.maximum(last - first, 0).sum())


def _integral(stays: Stays, window: Window) -> tuple[int, int]:
    """Return work in progress just before a window's effective end, and its integral over the window.

    Both come from the instants at which it rose and fell, in their order, whatever the items.
    """
    start, end = window.start, window.effective_end
    first_rise, last_rise = np.searchsorted(stays.rises, [start, end]).tolist()
    first_fall, last_fall = np.searchsorted(stays.falls, [start, end]).tolist()
    rises, falls = stays.rises[first_rise:last_rise], stays.falls[first_fall:last_fall]
    at = np.concatenate([rises, falls])
    steps = np.concatenate([np.ones(len(rises), np.int64), -np.ones(len(falls), np.int64)])
    order = np.argsort(at, kind="stable")
    levels = first_rise - first_fall + np.concatenate(([0], np.cumsum(steps[order])))
    edges = np.concatenate(([start], at[order], [end]))
    return last_rise - last_fall, int((levels * np.diff(edges)).sum())
