"""The five Flow metrics: from the facts of work items to contributions, and from those of a window to its figures."""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from models.metrics.dora import NEVER_STARTED, Figures, durations
from models.metrics.prepared import Contribution, Known, Prepared, is_delivered, ordered
from models.metrics.stats import DAY, WEEK, median_share
from models.records import CATEGORIES, INVALID, Micros, Window, WorkItem

NOT_DELIVERED = "not_delivered"
FEATURE = "feature"
IN_PROGRESS = ("active", "waiting")


def delivery_parts(prepared: Prepared) -> list[Contribution]:
    """One contribution per done item when it was done; each counts for one.

    - Done with a resolution that delivers nothing: ``not_delivered``.
    """
    return ordered(_delivery(item, done_at, 1) for item, done_at in _done(prepared))


def flow_velocity(used: Sequence[Contribution], window: Window, prepared: Prepared) -> Figures:
    """Delivered items per week.

    - Counts over the window's true length; none is a true 0.
    - Points: the sum over the items that have a number of them; None where the profile maps none.
    """
    points = math.fsum(part.points for part in used if part.points is not None)
    details = {
        "count": len(used),
        "points": points if "points" in prepared.rules.fields else None,
        "by_category": _by_category(used),
    }
    return len(used) * WEEK / (window.effective_end - window.start), details


def feature_parts(prepared: Prepared) -> list[Contribution]:
    """As flow_velocity; the value is 1 for a feature."""
    return ordered(_delivery(item, at, int(item.issue.category == FEATURE)) for item, at in _done(prepared))


def flow_distribution(used: Sequence[Contribution], _window: Window, _prepared: Prepared) -> Figures:
    """The percentage of features among the delivered items; the details have every category's count and share.

    - Nothing delivered: no value, never 0.
    """
    counts, total = _by_category(used), len(used)
    shares = {category: 100 * count / total if total else None for category, count in counts.items()}
    return shares[FEATURE], {"by_category": counts, "shares": shares}


def time_parts(prepared: Prepared) -> list[Contribution]:
    """One contribution per done item when it was done; its value is microseconds since work on it started.

    - ``not_delivered`` comes before ``never_started``: who delivers nothing need not have begun.
    """
    return ordered(
        _begun(item, done_at, 0 if item.facts.started_at is None else done_at - item.facts.started_at)
        for item, done_at in _done(prepared)
    )


def flow_time(used: Sequence[Contribution], _window: Window, _prepared: Prepared) -> Figures:
    """The median time from the start of work to done, in days; nothing left to measure is no value."""
    return durations(used, DAY)


def efficiency_parts(prepared: Prepared) -> list[Contribution]:
    """As flow_time; the value is microseconds in an active stage, the base those in an active or a waiting one."""
    return ordered(
        _begun(item, done_at, item.facts.active, item.facts.active + item.facts.waiting)
        for item, done_at in _done(prepared)
    )


def flow_efficiency(used: Sequence[Contribution], _window: Window, _prepared: Prepared) -> Figures:
    """The percentage of active time in the time from start to done that was active or waiting, over all items.

    - No second in either stage: no value. The median of the items' own shares leaves out an item without one.
    """
    active, total = sum(part.value for part in used), sum(part.base for part in used)
    shares = [(part.value, part.base) for part in used if part.base]
    details = {"n": len(used), "median_share": float(100 * median_share(shares)) if shares else None}
    return (100 * active / total if total else None), details


def load_parts(prepared: Prepared, windows: Sequence[Window]) -> list[Sequence[Contribution]]:
    """For each window the items whose stage just before its effective end is active or waiting, by their timeline.

    - An item stands at the first instant it was in progress, which is what its age is reckoned from.
    """
    ends = sorted({window.effective_end for window in windows})
    found: dict[Micros, list[Contribution]] = {end: [] for end in ends}
    for item, stage, begin, end in _stays(prepared):
        moments = ends[bisect_right(ends, begin) : bisect_right(ends, end)]
        if moments:  # most stays begin and end between two Mondays
            part = _in_progress(item, stage)
            for moment in moments:
                found[moment].append(part)
    return [ordered(found[window.effective_end]) for window in windows]


def flow_load(used: Sequence[Contribution], window: Window, _prepared: Prepared) -> Figures:
    """The number of items in progress just before the window's effective end; none is a true 0.

    - The oldest age is the time from the start of work to that end, in days.
    """
    stages = Counter(part.stage for part in used)
    oldest = (window.effective_end - min(part.at for part in used)) / DAY if used else None
    return float(len(used)), {
        "by_category": _by_category(used),
        "by_stage": {stage: stages[stage] for stage in IN_PROGRESS},
        "oldest_age_days": oldest,
    }


def _stays(prepared: Prepared) -> Iterator[tuple[WorkItem, str, Micros, float]]:
    """Each stay of an item in an active or a waiting stage: from when and until when, infinity where it goes on."""
    for item in prepared.items:
        line = item.issue.timeline
        for index, (begin, stage) in enumerate(line):
            if stage in IN_PROGRESS:
                yield item.issue, stage, begin, line[index + 1][0] if index + 1 < len(line) else math.inf


def _in_progress(item: WorkItem, stage: str) -> Contribution:
    started = next(at for at, entered in item.timeline if entered in IN_PROGRESS)
    return Contribution(
        started,
        item.issue_id,
        item.key,
        instants=(("started", started),),
        category=item.category,
        stage=stage,
        points=_points(item),
    )


def _done(prepared: Prepared) -> Iterator[tuple[Known[WorkItem], Micros]]:
    return ((item, item.facts.done_at) for item in prepared.items if item.facts.done_at is not None)


def _begun(item: Known[WorkItem], done_at: Micros, value: int, base: int = 1) -> Contribution:
    started = item.facts.started_at
    if started is None:
        return _delivery(item, done_at, value, base, NEVER_STARTED)
    return _delivery(item, done_at, value, base, None, ("started", started))


def _delivery(
    item: Known[WorkItem],
    done_at: Micros,
    value: int,
    base: int = 1,
    reason: str | None = None,
    *earlier: tuple[str, Micros],
) -> Contribution:
    return Contribution(
        done_at,
        item.issue.issue_id,
        item.issue.key,
        value,
        base,
        reason=reason if is_delivered(item) else NOT_DELIVERED,
        instants=(*earlier, ("done", done_at)),
        category=item.issue.category,
        points=_points(item.issue),
    )


def _points(item: WorkItem) -> float | None:
    return None if item.points == INVALID else item.points


def _by_category(parts: Iterable[Contribution]) -> dict[str, int]:
    counts = Counter(part.category for part in parts)
    return {category: counts[category] for category in CATEGORIES}
