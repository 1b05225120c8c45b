"""Work in progress: how much there is, how old it is, and whether it grows."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from models.metrics import mappings, sums
from models.metrics.arrays import NO_INSTANT, Ints, distinct
from models.metrics.contributions import CODE_OF_REASON, NEVER_STARTED, Contribution, Contributions, sliced
from models.metrics.dora import durations
from models.metrics.item_parts import by_category, make_item_record
from models.metrics.metric import COUNT, EVERY_WINDOW, Figures, Metric, PartUnit
from models.metrics.snapshot import Snapshot
from models.metrics.stats import DAY, total
from models.metrics.timelines import ACTIVE, DONE, WAITING, in_progress
from models.records import STAGES, Window
from models.wording import format_count


def load_contributions(snapshot: Snapshot, windows: Sequence[Window]) -> list[Contributions]:
    """For each window the items whose stage just before its effective end is active or waiting, by their timeline.

    - An item's instant is the first at which it was in progress; its age counts from there.
    """
    if tuple(windows) not in snapshot.loads:
        snapshot.loads[tuple(windows)] = _loads(snapshot, windows)
    return snapshot.loads[tuple(windows)]


def _loads(snapshot: Snapshot, windows: Sequence[Window]) -> list[Contributions]:
    items = snapshot.dataset.items
    ends = distinct(np.array([window.effective_end for window in windows], np.int64))
    stays = np.flatnonzero(in_progress(items.stages))
    # A stay counts at the ends behind its begin, up to its own end; most begin and end between two Mondays.
    first = np.searchsorted(ends, items.at[stays], side="right")
    last = np.searchsorted(ends, _stay_ends(snapshot, stays), side="right")
    stay = stays[last > first]
    first, last = first[last > first], last[last > first]
    by_end = {int(end): stay[(first <= place) & (place < last)] for place, end in enumerate(ends)}
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
        make_record=lambda parts, index: make_item_record(snapshot, parts, index, ("started", int(parts.at[index]))),
    )


def flow_load(used: Contributions, window: Window, _snapshot: Snapshot) -> Figures:
    """Return the number of items in progress just before the window's effective end; none is a true 0.

    - The oldest age is the time from the start of work to that end, in days.
    """
    stages = np.bincount(used.stage, minlength=len(STAGES)).tolist()
    return float(len(used)), {
        "by_category": by_category(used),
        "by_stage": {STAGES[stage]: stages[stage] for stage in (ACTIVE, WAITING)},
        "oldest_age_days": _oldest_age(used, window),
    }


def _oldest_age(used: Contributions, window: Window) -> float | None:
    return (window.effective_end - int(used.at[0])) / DAY if len(used) else None


def age_contributions(snapshot: Snapshot, windows: Sequence[Window]) -> list[Contributions]:
    """As flow_load; the value is the microseconds from the first start of work to the window's effective end.

    - The age of a re-opened item runs from its first start, as its flow time does.
    """
    loads = load_contributions(snapshot, windows)
    return [parts.with_values(window.effective_end - parts.at) for parts, window in zip(loads, windows, strict=True)]


def flow_age(used: Contributions, window: Window, _snapshot: Snapshot) -> Figures:
    """Return the median age in days of the items in progress just before the window's effective end; None without."""
    value, details = durations(used, DAY)
    return value, {**details, "oldest_age_days": _oldest_age(used, window)}


def net_contributions(snapshot: Snapshot) -> Contributions:
    """Return an arrival (1) when an item started, a departure (−1) when one that had started was done, in whatever way.

    - Done and never started: ``never_started``, when it was done.
    """
    items, facts = snapshot.dataset.items, snapshot.facts
    arrived, done = np.flatnonzero(facts.started != NO_INSTANT), snapshot.done
    rows = np.concatenate([arrived, done])
    at = np.concatenate([facts.started[arrived], facts.done[done]])
    is_arrival = np.arange(len(rows)) < len(arrived)
    has_not_started = ~is_arrival & (facts.started[rows] == NO_INSTANT)
    order = np.argsort(at, kind="stable")
    value = np.where(is_arrival, 1, -1)

    def make_record(parts: Contributions, index: int) -> Contribution:
        name = "started" if parts.value[index] > 0 else "done"
        return make_item_record(snapshot, parts, index, (name, int(parts.at[index])))

    return Contributions(
        at=at[order],
        value=value[order],
        base=np.ones_like(value),
        reason=np.where(has_not_started, CODE_OF_REASON[NEVER_STARTED], 0).astype(np.int8)[order],
        category=items.categories[rows[order]],
        stage=np.full(len(rows), DONE, np.int8),
        points=items.points[rows[order]],
        rows=rows[order],
        make_record=make_record,
    )


def net_flow(used: Contributions, _window: Window, _snapshot: Snapshot) -> Figures:
    """Arrivals less departures: how much more work was in progress; nothing of both is a true 0."""
    arrivals = int((used.value > 0).sum())
    return float(total(used.value)), {"arrivals": arrivals, "departures": len(used) - arrivals}


def _load_words(parts: sums.Addends) -> str:
    return f"{format_count(parts.count, 'item')} in progress just before {parts.end}"


def _net_words(parts: sums.Addends) -> str:
    arrivals, departures = parts.details["arrivals"], parts.details["departures"]
    return f"{format_count(arrivals, 'arrival')} − {format_count(departures, 'departure')}"


_NOTHING_IN_PROGRESS: Final = (
    "No work item was in progress here; check [workflow] active and waiting in flowbeat.toml, or look at another week."
)
METRICS: Final = (
    Metric(
        name="flow_load",
        title="Flow load",
        definition="Items that were active or waiting just before the window ended.",
        unit="items",
        contributions=load_contributions,
        figures=flow_load,
        part_unit=COUNT,
        adds_up=sums.AddsUp("sum", _load_words),
        beside=frozenset({"category", "stage"}),
        no_data=_NOTHING_IN_PROGRESS,
        missing_mapping=mappings.nothing,
        levels=None,
        about="issue",
        at_end=True,
        windows=EVERY_WINDOW,
    ),
    Metric(
        name="flow_age",
        title="Age of work",
        definition="The median age of the items in progress.",
        unit="days",
        contributions=age_contributions,
        figures=flow_age,
        part_unit=PartUnit("days", DAY),
        adds_up=sums.median(),
        beside=frozenset({"stage"}),
        no_data=_NOTHING_IN_PROGRESS,
        missing_mapping=mappings.nothing,
        levels=None,
        about="issue",
        at_end=True,
        windows=EVERY_WINDOW,
    ),
    Metric(
        name="net_flow",
        title="Net flow",
        definition="Items that started less items that were done in the window.",
        unit="items",
        contributions=sliced(net_contributions),
        figures=net_flow,
        part_unit=COUNT,
        adds_up=sums.AddsUp("sum", _net_words),
        beside=frozenset({"category"}),
        no_data="No work item started or was done here; check [workflow] in flowbeat.toml, or look at a longer window.",
        missing_mapping=mappings.nothing,
        levels=None,
        about="issue",
        at_end=False,
        windows=EVERY_WINDOW,
    ),
)
