"""The Flow metrics: from the facts of work items to contributions, and from those of a window to its figures."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from models.metrics import mappings, sums
from models.metrics.arrays import NO_INSTANT, Ints
from models.metrics.contributions import (
    CODE_OF_REASON,
    NEVER_STARTED,
    NOT_DELIVERED,
    REASONS,
    Contribution,
    Contributions,
    sliced,
)
from models.metrics.dora import durations
from models.metrics.metric import COUNT, EVERY_WINDOW, Figures, Metric, PartUnit
from models.metrics.snapshot import Snapshot
from models.metrics.stats import DAY, HOUR, WEEK, median_share, total
from models.metrics.timelines import ACTIVE, DONE, WAITING, in_progress
from models.records import CATEGORIES, STAGES, Micros, Window
from models.wording import format_count

FEATURE = "feature"


def delivery_contributions(snapshot: Snapshot) -> Contributions:
    """One contribution per done item when it was done; each counts for one.

    - Done with a resolution or in a status that delivers nothing: ``not_delivered``.
    """
    return _done_contributions(snapshot, np.ones(len(snapshot.done), np.int64))


def flow_velocity(used: Contributions, window: Window, snapshot: Snapshot) -> Figures:
    """Delivered items per week.

    - Counts over the window's true length; none is a true 0.
    - Points: the sum over the items that have a number of them, and how many have none; None where the profile maps
      none.
    """
    is_without, is_mapped = np.isnan(used.points), "points" in snapshot.rules.fields
    details = {
        "count": len(used),
        "points": math.fsum(used.points[~is_without].tolist()) if is_mapped else None,
        "without_points": int(is_without.sum()) if is_mapped else None,
        "by_category": _by_category(used),
    }
    return len(used) * WEEK / (window.effective_end - window.start), details


def feature_contributions(snapshot: Snapshot) -> Contributions:
    """As flow_velocity; the value is 1 for a feature."""
    features = snapshot.dataset.items.categories[snapshot.done] == CATEGORIES.index(FEATURE)
    return _done_contributions(snapshot, features.astype(np.int64))


def flow_distribution(used: Contributions, _window: Window, _prepared: Snapshot) -> Figures:
    """The percentage of features among the delivered items; the details have every category's count and share.

    - Nothing delivered: no value, never 0.
    """
    counts, number = _by_category(used), len(used)
    shares = {category: 100 * count / number if number else None for category, count in counts.items()}
    return shares[FEATURE], {"by_category": counts, "shares": shares}


def time_contributions(snapshot: Snapshot) -> Contributions:
    """One contribution per done item when it was done; its value is microseconds since work on it started.

    - ``not_delivered`` comes before ``never_started``: who delivers nothing need not have begun.
    """
    done, started = snapshot.facts.done[snapshot.done], snapshot.facts.started[snapshot.done]
    spans = done - np.where(started == NO_INSTANT, done, started)
    return _done_contributions(snapshot, spans, must_have_started=True)


def flow_time(used: Contributions, _window: Window, _prepared: Snapshot) -> Figures:
    """The median time from the start of work to done, in days; no value if nothing is left to measure."""
    return durations(used, DAY)


def efficiency_contributions(snapshot: Snapshot) -> Contributions:
    """As flow_time; the value is microseconds in an active stage, the base those in an active or a waiting one."""
    active, waiting = snapshot.facts.active[snapshot.done], snapshot.facts.waiting[snapshot.done]
    return _done_contributions(snapshot, active, active + waiting, must_have_started=True)


def flow_efficiency(used: Contributions, _window: Window, _prepared: Snapshot) -> Figures:
    """The percentage of active time in the time from start to done that was active or waiting, over all items.

    - No second in either stage: no value. The median of the items' own shares leaves out an item without one.
    """
    active, both = total(used.value), total(used.base)
    some = used.base > 0
    share = median_share(used.value[some], used.base[some]) if some.any() else None
    details = {"n": len(used), "median_share": None if share is None else float(100 * share)}
    return (100 * active / both if both else None), details


def load_contributions(snapshot: Snapshot, windows: Sequence[Window]) -> list[Contributions]:
    """For each window the items whose stage just before its effective end is active or waiting, by their timeline.

    - An item's instant is the first at which it was in progress; its age counts from there.
    """
    items = snapshot.dataset.items
    ends = np.unique(np.array([window.effective_end for window in windows], np.int64))
    stays = np.flatnonzero(in_progress(items.stages))
    # A stay counts at the ends behind its begin, up to its own end; most begin and end between two Mondays.
    first = np.searchsorted(ends, items.at[stays], side="right")
    last = np.searchsorted(ends, _stay_ends(snapshot, stays), side="right")
    found = stays[last > first]
    first, last = first[last > first], last[last > first]
    by_end = {int(end): found[(first <= place) & (place < last)] for place, end in enumerate(ends)}
    return [_load(snapshot, by_end[window.effective_end]) for window in windows]


def _stay_ends(snapshot: Snapshot, stays: Ints) -> Ints:
    """Return when the items left these entries; a value behind every instant where they did not."""
    items = snapshot.dataset.items
    until = np.append(items.at, np.iinfo(np.int64).max)[1:]
    until[items.timeline_offsets[1:] - 1] = np.iinfo(np.int64).max
    return until[stays]


def _load(snapshot: Snapshot, stays: Ints) -> Contributions:
    items = snapshot.dataset.items
    rows = np.searchsorted(items.timeline_offsets, stays, side="right") - 1
    started = snapshot.facts.started_by_line[rows]
    order = np.argsort(started, kind="stable")
    rows, stays = rows[order], stays[order]
    ones = np.ones(len(rows), np.int64)
    return Contributions(
        started[order],
        value=ones,
        base=ones,
        reason=np.zeros(len(rows), np.int8),
        category=items.categories[rows],
        stage=items.stages[stays],
        points=items.points[rows],
        rows=rows,
        make_record=lambda parts, index: _record(snapshot, parts, index, ("started", int(parts.at[index]))),
    )


def flow_load(used: Contributions, window: Window, _prepared: Snapshot) -> Figures:
    """The number of items in progress just before the window's effective end; none is a true 0.

    - The oldest age is the time from the start of work to that end, in days.
    """
    stages = np.bincount(used.stage, minlength=len(STAGES)).tolist()
    oldest = (window.effective_end - int(used.at[0])) / DAY if len(used) else None
    return float(len(used)), {
        "by_category": _by_category(used),
        "by_stage": {STAGES[stage]: stages[stage] for stage in (ACTIVE, WAITING)},
        "oldest_age_days": oldest,
    }


def _done_contributions(
    snapshot: Snapshot, value: Ints, base: Ints | None = None, *, must_have_started: bool = False
) -> Contributions:
    """One contribution per done item, in the order of their being done."""
    items, rows = snapshot.dataset.items, snapshot.done
    late = (snapshot.facts.started[rows] == NO_INSTANT) & must_have_started
    reasons = np.where(late, CODE_OF_REASON[NEVER_STARTED], 0)

    def make_record(parts: Contributions, index: int) -> Contribution:
        started = int(snapshot.facts.started[parts.rows[index]])
        begin = (("started", started),) if must_have_started and started != NO_INSTANT else ()
        return _record(snapshot, parts, index, *begin, ("done", int(parts.at[index])))

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


def _record(snapshot: Snapshot, parts: Contributions, index: int, *instants: tuple[str, Micros]) -> Contribution:
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


def _by_category(parts: Contributions) -> dict[str, int]:
    return dict(zip(CATEGORIES, np.bincount(parts.category, minlength=len(CATEGORIES)).tolist(), strict=True))


def _load_words(parts: sums.Addends) -> str:
    return f"{format_count(parts.count, 'item')} in progress just before {parts.end}"


def _feature_words(parts: sums.Addends) -> str:
    return f"{format_count(parts.value, 'feature')} ÷ {parts.count:,} delivered"


METRICS: Final = (
    Metric(
        name="flow_velocity",
        group="flow",
        unit="per_week",
        contributions=sliced(delivery_contributions),
        figures=flow_velocity,
        part_unit=COUNT,
        adds_up=sums.rate("item", WEEK, "week"),
        beside=frozenset({"category", "stage", "points"}),
        no_data="No work item was delivered here; check [workflow] done in flowbeat.toml, or look at a longer window.",
        missing_mapping=mappings.nothing,
        levels=None,
        about="issue",
        of_deployments=False,
        at_end=False,
        windows=EVERY_WINDOW,
    ),
    Metric(
        name="flow_time",
        group="flow",
        unit="days",
        contributions=sliced(time_contributions),
        figures=flow_time,
        part_unit=PartUnit("days", DAY),
        adds_up=sums.median(),
        beside=frozenset(),
        no_data="No work item was done here; check [workflow] done in flowbeat.toml, or look at a longer window.",
        missing_mapping=mappings.nothing,
        levels=None,
        about="issue",
        of_deployments=False,
        at_end=False,
        windows=EVERY_WINDOW,
    ),
    Metric(
        name="flow_efficiency",
        group="flow",
        unit="percent",
        contributions=sliced(efficiency_contributions),
        figures=flow_efficiency,
        part_unit=PartUnit("active h", HOUR, "of h"),
        adds_up=sums.share_of_hours("active"),
        beside=frozenset({"base", "stays"}),
        no_data="No time was spent in active or waiting stages by items done here; check [workflow] in "
        "flowbeat.toml, or look at a longer window.",
        missing_mapping=mappings.waiting,
        levels=None,
        about="issue",
        of_deployments=False,
        at_end=False,
        windows=EVERY_WINDOW,
    ),
    Metric(
        name="flow_distribution",
        group="flow",
        unit="percent",
        contributions=sliced(feature_contributions),
        figures=flow_distribution,
        part_unit=PartUnit("feature"),
        adds_up=sums.AddsUp("share", _feature_words),
        beside=frozenset({"category", "stage"}),
        no_data="No work item was delivered here; check [workflow] done and excluded_resolutions in "
        "flowbeat.toml, or look at a longer window.",
        missing_mapping=mappings.nothing,
        levels=None,
        about="issue",
        of_deployments=False,
        at_end=False,
        windows=EVERY_WINDOW,
    ),
    Metric(
        name="flow_load",
        group="work in progress",
        unit="items",
        contributions=load_contributions,
        figures=flow_load,
        part_unit=COUNT,
        adds_up=sums.AddsUp("sum", _load_words),
        beside=frozenset({"category", "stage"}),
        no_data="No work item was in progress here; check [workflow] in flowbeat.toml.",
        missing_mapping=mappings.nothing,
        levels=None,
        about="issue",
        of_deployments=False,
        at_end=True,
        windows=EVERY_WINDOW,
    ),
)
