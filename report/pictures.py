"""The charts of a page: work in progress by age, durations of finished work, work over time, deployments."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import numpy as np

from models.metrics.ageing import Aged, late_line, yardstick
from models.metrics.contributions import Contribution
from models.metrics.stage_counts import stage_counts
from models.metrics.stats import DAY, percentile
from models.metrics.windows import start_of_day, week_name
from models.records import CATEGORIES, Micros, instant
from models.wording import format_count
from report.axes import MONTHS, Axis, of_weeks
from report.cards import weekly
from report.charts import Band, Bar, Dot, Label, ceiling, ladder
from report.collect import Source, local_time
from report.content import Chart
from report.words import format_number

SECOND: Final = 1_000_000
MOST_DOTS: Final = 6_000
MOST_LINKS: Final = 1_500  # of dots: beyond it only those above the 85 % line are links, which keeps a page small
_LINES: Final = (50, 85, 95)
_WIP_DAYS: Final = 365
_FLOW_WEEKS: Final = 13
_DAYS_OF_A_LABEL: Final = 10  # the width of a label on a phone
_COLOURS: Final = "abcde"
_SPANS: Final = (
    ("at most 1 day", 1),
    ("1 to 3 days", 3),
    ("3 days to 1 week", 7),
    ("1 to 2 weeks", 14),
    ("2 weeks to 1 month", 30),
    ("1 to 3 months", 91),
)


def ageing_chart(source: Source, aged: Sequence[Aged]) -> Chart:
    """Return a dot for each item in progress: its status across, its age on a ladder, lines of finished work."""
    if not aged:
        return Chart("In progress, by status and age", "Nothing is in progress.")
    times = yardstick(source.snapshot)  # as `flowbeat aging` does, so that both mark the same items
    lines, late = _percentiles(times), late_line(times)
    statuses = _statuses(aged)
    values = [item.age / SECOND for item in aged] + [value / SECOND for _, value in lines]
    place, rungs = ladder(min(values), max(values))
    points = []
    for item in aged:
        x = (statuses.index(item.status or "") + 0.2 + 0.6 * _jitter(item.key)) / len(statuses)
        kind = "late" if late is not None and item.age > late else ""
        css = f"{item.stage} {kind}".strip()
        words = f"{item.key} · {item.status} · {format_number(item.age / DAY)} days in progress"
        points.append(Dot(x, place(item.age / SECOND), words, source.url(item.key), css))
    return Chart(
        "In progress, by status and age",
        f"{len(aged):,} items in progress; the oldest for {format_number(aged[0].age / DAY)} days. {_says(lines)}",
        x=[Label((index + 0.5) / len(statuses), name) for index, name in enumerate(statuses)],
        y=rungs,
        dots=points,
        lines=[Label(place(value / SECOND), _line(percent, value)) for percent, value in lines],
        note="Each step up is a longer unit. A square is waiting; the second colour is beyond the 85 % line.",
    )


def scatter_chart(source: Source) -> Chart:
    """Return a dot for each item done in the weeks of the page: when across, its flow time on a ladder."""
    axis = of_weeks(source)
    parts = source.over_year["flow_time"].used
    title = "How long finished work took"
    if not parts:
        return Chart(title, "No item with a flow time was done in these weeks.")
    lines = _percentiles(sorted(part.value for part in parts))
    seconds = [part.value / SECOND for part in parts]
    place, rungs = ladder(max(1.0, min(seconds)), max(seconds))
    late = dict(lines)[85] if len(parts) > MOST_LINKS else 0
    return Chart(
        title,
        f"{len(parts):,} items were done. {_says(lines)}",
        x=axis.months(),
        y=rungs,
        dots=[
            _done_dot(source, axis, part, place(part.value / SECOND), is_linked=part.value >= late) for part in parts
        ],
        lines=[Label(place(value / SECOND), _line(percent, value)) for percent, value in lines],
        note=f"Each step up is a longer unit. {_says_what_a_dot_is(len(parts))}",
        unknown=axis.unknown(source),
        is_crowded=len(parts) > MOST_DOTS,
    )


def _says_what_a_dot_is(count: int) -> str:
    if count > MOST_DOTS:
        return "There are too many items to draw each: the darker a cell, the more."
    if count > MOST_LINKS:
        return "Each dot is an item; those above the 85 % line lead to Jira."
    return "Each dot is an item and leads to Jira."


def wip_chart(source: Source) -> Chart:
    """Return areas of the items that were active and waiting at the end of each day, for a year at most."""
    counts, _, axis = _by_day(source, _WIP_DAYS)
    total = [active + waiting for active, waiting in zip(counts["active"], counts["waiting"], strict=True)]
    now, most = (total[-1], max(total)) if total else (0, 0)
    return Chart(
        "Work in progress, by day",
        f"{now:,.0f} items at the end, at most {most:,.0f} at the end of a day.",
        x=axis.months(),
        y=_counts(most),
        bands=[Band("active", "a", counts["active"]), Band("waiting", "b", counts["waiting"])],
        unknown=axis.unknown(source),
    )


def cumulative_chart(source: Source) -> Chart:
    """Return a cumulative flow diagram of thirteen weeks; done begins at 0 at its left edge."""
    counts, days, axis = _by_day(source, 7 * _FLOW_WEEKS)
    done = [value - counts["done"][0] for value in counts["done"]] if days else []
    bands = [
        Band("done since the left edge", "c", [max(0, value) for value in done]),
        Band("waiting", "b", counts["waiting"]),
        Band("active", "a", counts["active"]),
        Band("to do", "e", counts["todo"]),
    ]
    most = max((sum(band.values[index] for band in bands) for index in range(len(days))), default=0)
    labels = [Label(index / len(days), f"{day.day} {MONTHS[day.month - 1]}") for index, day in enumerate(days)]
    return Chart(
        "Cumulative flow, thirteen weeks",
        f"{format_count(int(done[-1]) if done else 0, 'more item')} done than at its left edge.",
        x=labels[:-_DAYS_OF_A_LABEL:14],
        y=_counts(most),
        bands=bands,
        unknown=axis.unknown(source),
    )


def delivered_chart(source: Source) -> Chart:
    """Return the items delivered in each week, by category."""
    axis = of_weeks(source)
    rows = [source.weekly.get(("flow_velocity", week_name(window, source.zone))) for window in source.weeks]
    counts = [row.details.get("by_category", {}) if row else {} for row in rows]
    bands = [
        Band(name, _COLOURS[index], [count.get(name, 0) for count in counts])
        for index, name in enumerate(CATEGORIES)
        if any(count.get(name) for count in counts)
    ]
    words = [_delivered(bar, count) for bar, count in zip(weekly(source, "flow_velocity"), counts, strict=True)]
    most = max((sum(count.values()) for count in counts), default=0)
    total = sum(sum(count.values()) for count in counts)
    says = f"{total:,} items were delivered in {len(source.weeks)} weeks." if bands else "Nothing was delivered."
    return Chart(
        "Delivered per week, by category",
        says,
        axis.months(),
        _counts(most),
        bands=bands,
        words=words,
        unknown=axis.unknown(source),
    )


def _delivered(week: Bar, count: Mapping[str, int]) -> str:
    """Return the items delivered in a week, by category; for a week without a value, the reason."""
    if week.value is None:
        return week.words
    name = week.words.partition(" · ")[0]
    return f"{name} · " + (", ".join(f"{key} {number}" for key, number in count.items() if number) or "none")


def timeline_chart(source: Source) -> Chart:
    """Return deployments as ticks and incidents as bars, over the weeks of the page."""
    axis = of_weeks(source)
    deployed = source.over_year["cfr"].used or source.over_year["deployment_frequency"].used
    is_known = bool(source.over_year["cfr"].used)
    ticks = []
    for part in deployed:
        failed = is_known and bool(part.value)
        words = f"{part.key} · {local_time(source, part.at):%Y-%m-%d}{' · failed ×' if failed else ''}"
        ticks.append(Dot(axis.place(part.at), 0.0, words, "", "failed" if failed else ""))
    bars = [_incident(source, axis, part) for part in source.over_year["mttr"].used]
    failures = sum(tick.kind == "failed" for tick in ticks)
    says = f"{len(ticks):,} deployments, {failures:,} of them failed; {len(bars):,} incidents restored."
    if not is_known and ticks:
        says = f"{len(ticks):,} deployments; nothing marks one as failed. {len(bars):,} incidents restored."
    note = "A thick line is a failed deployment; bars below are incidents, from detected to restored."
    return Chart(
        "",
        says,
        axis.months(),
        dots=ticks,
        spans=[bar for bar in bars if bar],
        note=note,
        unknown=axis.unknown(source),
    )


def _percentiles(times: Sequence[Micros]) -> list[tuple[int, int]]:
    ordered = np.array(times, np.int64)
    return [(percent, int(percentile(ordered, percent))) for percent in _LINES] if times else []


def _line(percent: int, value: Micros) -> str:
    return f"{percent} %: {format_number(value / DAY)} d"


def _says(lines: Sequence[tuple[int, int]]) -> str:
    if not lines:
        return "Nothing was finished in these weeks, so there is nothing to compare with."
    (_, half), *others = lines
    parts = [f"{percent} % at most {format_number(value / DAY)} days" for percent, value in others]
    return f"Half of the finished items took at most {format_number(half / DAY)} days, {', '.join(parts)}."


def _statuses(aged: Sequence[Aged]) -> list[str]:
    """Return the statuses of the items in the order in which work passes through them: by median age."""
    ages: dict[str, list[int]] = {}
    for item in aged:
        ages.setdefault(item.status or "", []).append(item.age)
    stages = {item.status or "": item.stage for item in aged}
    return sorted(ages, key=lambda name: (stages[name], sorted(ages[name])[len(ages[name]) // 2], name))


def _jitter(key: str) -> float:
    """Return a share that is always the same for a key, so that dots of one age are side by side."""
    number = int("".join(filter(str.isdigit, key)) or "0")
    return (number * 0.618033988749895) % 1


def _done_dot(source: Source, axis: Axis, part: Contribution, height: float, *, is_linked: bool) -> Dot:
    if not is_linked:
        return Dot(axis.place(part.at), height, "", "", "small")
    words = f"{part.key} · {format_number(part.value / DAY)} days · {local_time(source, part.at):%Y-%m-%d}"
    return Dot(axis.place(part.at), height, words, source.url(part.key), "small")


def _by_day(source: Source, most: int) -> tuple[Mapping[str, list[float]], list[date], Axis]:
    """Return the count of each stage at the end of each day, the days, and their axis; the last ends at the as-of."""
    last = local_time(source, source.snapshot.as_of - 1).date()
    first_week = local_time(source, of_weeks(source).start).date()
    first = max(first_week, last - timedelta(days=most - 1))
    days = [first + timedelta(days=index) for index in range((last - first).days + 1)]
    ends = [start_of_day(day + timedelta(days=1), source.zone) for day in days[:-1]] + [source.snapshot.as_of]
    counts = stage_counts(source.snapshot.dataset.items, ends)
    axis = Axis(start_of_day(first, source.zone), start_of_day(last + timedelta(days=1), source.zone), source.zone)
    return {stage: [float(n) for n in values.tolist()] for stage, values in counts.items()}, days, axis


def _counts(most: float) -> list[Label]:
    """Return the labels of an axis of whole numbers; the middle has one only if it is whole."""
    top = ceiling(most)
    middle = [Label(0.5, format_number(top / 2))] if top % 2 == 0 else []
    return [Label(0.0, "0"), *middle, Label(1.0, format_number(top))] if most else []


def _incident(source: Source, axis: Axis, part: Contribution) -> tuple[float, float, str, str, str] | None:
    instants = dict(part.instants)
    if "detected" not in instants:
        return None
    start, end = axis.place(instants["detected"]), axis.place(part.at)
    words = f"{part.key} · {format_number(part.value / DAY * 24)} hours, until {local_time(source, part.at):%Y-%m-%d}"
    return start, end, "down", words, source.url(part.key)


def took(source: Source) -> Iterator[tuple[str, int]]:
    """Yield how many finished items took how long, from the shortest span to the longest."""
    counts: Counter[str] = Counter()
    for part in source.over_year["flow_time"].used:
        counts[next((name for name, days in _SPANS if part.value <= days * DAY), "longer")] += 1
    yield from ((name, counts[name]) for name in (*(name for name, _ in _SPANS), "longer"))


def day_of(source: Source, at: Micros) -> str:
    """Return the local day of an instant."""
    return f"{instant(at).astimezone(source.zone):%Y-%m-%d}"
