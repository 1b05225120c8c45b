"""The Flow metrics: from the facts of work items to contributions, and from those of a window to its figures."""

import math
from fractions import Fraction
from typing import Final

import numpy as np

from models.metrics import mappings, sums
from models.metrics.arrays import NO_INSTANT
from models.metrics.contributions import (
    Contributions,
    sliced,
)
from models.metrics.dora import durations
from models.metrics.item_parts import by_category, done_contributions
from models.metrics.metric import COUNT, EVERY_WINDOW, Figures, Metric, PartUnit
from models.metrics.snapshot import Snapshot
from models.metrics.stats import DAY, HOUR, WEEK, median_share, total
from models.records import CATEGORIES, Micros, Rules, Window
from models.wording import format_count, format_exact_count

FEATURE = "feature"


def delivery_contributions(snapshot: Snapshot) -> Contributions:
    """Return one contribution per done item when it was done; each counts for one.

    - Done with a resolution or in a status that delivers nothing: ``not_delivered``.
    """
    return done_contributions(snapshot, np.ones(len(snapshot.done), np.int64))


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
        "by_category": by_category(used),
    }
    return len(used) * WEEK / (window.effective_end - window.start), details


def feature_contributions(snapshot: Snapshot) -> Contributions:
    """As flow_velocity; the value is 1 for a feature."""
    features = snapshot.dataset.items.categories[snapshot.done] == CATEGORIES.index(FEATURE)
    return done_contributions(snapshot, features.astype(np.int64))


def flow_distribution(used: Contributions, _window: Window, _prepared: Snapshot) -> Figures:
    """Return the percentage of features among the delivered items; the details have every category's count and share.

    - Nothing delivered: no value, never 0.
    """
    counts, number = by_category(used), len(used)
    shares = {category: 100 * count / number if number else None for category, count in counts.items()}
    return shares[FEATURE], {"by_category": counts, "shares": shares}


def time_contributions(snapshot: Snapshot) -> Contributions:
    """Return one contribution per done item when it was done; its value is microseconds since work on it started.

    - ``not_delivered`` comes before ``never_started``: who delivers nothing need not have begun.
    """
    done, started = snapshot.facts.done[snapshot.done], snapshot.facts.started[snapshot.done]
    spans = done - np.where(started == NO_INSTANT, done, started)
    return done_contributions(snapshot, spans, must_have_started=True)


def flow_time(used: Contributions, _window: Window, _prepared: Snapshot) -> Figures:
    """Return the median time from the start of work to done, in days; no value if nothing is left to measure."""
    return durations(used, DAY)


def service_contributions(snapshot: Snapshot) -> Contributions:
    """As flow_time; the value is 1 where the flow time kept the promise, to the microsecond."""
    times = time_contributions(snapshot)
    longest = promise_of(snapshot.rules) or 0
    return times.with_values((times.value <= longest).astype(np.int64))


def promise_of(rules: Rules) -> Micros | None:
    """Return the longest flow time that keeps the profile's promise, in microseconds; None without a promise."""
    return None if rules.service_level is None else round(Fraction(rules.service_level.days) * DAY)


def service_level(used: Contributions, _window: Window, snapshot: Snapshot) -> Figures:
    """Return the percentage of items whose flow time kept the promise; None without any item, never 0."""
    promise, within, number = snapshot.rules.service_level, total(used.value), len(used)
    details = {
        "n": number,
        "within": within,
        "days": promise and promise.days,
        "target_percent": promise and promise.percent,
    }
    return (100 * within / number if number else None), details


def blocked_contributions(snapshot: Snapshot) -> Contributions:
    """As flow_efficiency; the value is the microseconds in progress in which the item was blocked."""
    return efficiency_contributions(snapshot).with_values(snapshot.blocked[snapshot.done])


def flow_blocked(used: Contributions, _window: Window, _prepared: Snapshot) -> Figures:
    """Return the percentage of blocked time in the time from start to done that was active or waiting, over all items.

    - No second in either stage: no value.
    """
    blocked, both = total(used.value), total(used.base)
    return (100 * blocked / both if both else None), {"n": len(used), "blocked_days": blocked / DAY}


def efficiency_contributions(snapshot: Snapshot) -> Contributions:
    """As flow_time; the value is microseconds in an active stage, the base those in an active or a waiting one."""
    active, waiting = snapshot.facts.active[snapshot.done], snapshot.facts.waiting[snapshot.done]
    return done_contributions(snapshot, active, active + waiting, must_have_started=True)


def flow_efficiency(used: Contributions, _window: Window, _prepared: Snapshot) -> Figures:
    """Return the percentage of active time in the time from start to done that was active or waiting, over all items.

    - No second in either stage: no value. The median of the items' own shares leaves out an item without one.
    """
    active, both = total(used.value), total(used.base)
    result = used.base > 0
    share = median_share(used.value[result], used.base[result]) if result.any() else None
    details = {"n": len(used), "median_share": None if share is None else float(100 * share)}
    return (100 * active / both if both else None), details


def _service_words(parts: sums.Addends) -> str:
    promise = format_exact_count(parts.details["days"], "day")
    return f"{parts.value:,} within {promise} ÷ {format_count(parts.count, 'item')}"


def _feature_words(parts: sums.Addends) -> str:
    return f"{format_count(parts.value, 'feature')} ÷ {parts.count:,} delivered"


METRICS: Final = (
    Metric(
        name="flow_velocity",
        title="Flow velocity",
        definition="Items delivered in the window, divided by its weeks.",
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
        at_end=False,
        windows=EVERY_WINDOW,
    ),
    Metric(
        name="flow_time",
        title="Flow time",
        definition="The median time from the start of work on an item until it was done.",
        unit="days",
        contributions=sliced(time_contributions),
        figures=flow_time,
        part_unit=PartUnit("days", DAY),
        adds_up=sums.median(),
        beside=frozenset({"stays"}),
        no_data="No work item was done here; check [workflow] done in flowbeat.toml, or look at a longer window.",
        missing_mapping=mappings.nothing,
        levels=None,
        about="issue",
        at_end=False,
        windows=EVERY_WINDOW,
    ),
    Metric(
        name="flow_efficiency",
        title="Flow efficiency",
        definition="The share of active time in the active and waiting time of items done.",
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
        at_end=False,
        windows=EVERY_WINDOW,
    ),
    Metric(
        name="flow_distribution",
        title="Flow distribution",
        definition="The share of features among the items delivered.",
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
        at_end=False,
        windows=EVERY_WINDOW,
    ),
    Metric(
        name="service_level",
        title="Service level",
        definition="The share of items done within the promised number of days.",
        unit="percent",
        contributions=sliced(service_contributions),
        figures=service_level,
        part_unit=PartUnit("within"),
        adds_up=sums.AddsUp("share", _service_words),
        beside=frozenset(),
        no_data="No work item was done here; check [workflow] done in flowbeat.toml, or look at a longer window.",
        missing_mapping=mappings.promise,
        levels=None,
        about="issue",
        at_end=False,
        windows=EVERY_WINDOW,
    ),
    Metric(
        name="flow_blocked",
        title="Blocked time",
        definition="The share of the active and waiting time of items done that was blocked.",
        unit="percent",
        contributions=sliced(blocked_contributions),
        figures=flow_blocked,
        part_unit=PartUnit("blocked h", HOUR, "of h"),
        adds_up=sums.share_of_hours("blocked"),
        beside=frozenset({"base", "stays", "blocked"}),
        no_data="No time was spent in active or waiting stages by items done here; check [workflow] in "
        "flowbeat.toml, or look at a longer window.",
        missing_mapping=mappings.blocked,
        levels=None,
        about="issue",
        at_end=False,
        windows=EVERY_WINDOW,
    ),
)
