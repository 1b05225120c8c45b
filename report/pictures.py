"""The charts of a page: work in progress by age, how long finished work took, work over time, deployments."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import numpy as np

from models.metrics.ageing import Aged
from models.metrics.contributions import Contribution
from models.metrics.stage_counts import stage_counts
from models.metrics.stats import DAY, percentile
from models.metrics.windows import start_of_day, week_name
from models.records import CATEGORIES, Micros, instant
from report.charts import Band, Dot, Label, ceiling, ladder
from report.collect import Source, local_time
from report.content import Chart
from report.words import format_number

SECOND: Final = 1_000_000
MOST_DOTS: Final = 6_000
_LINES: Final = (50, 85, 95)
_WIP_DAYS: Final = 365
_FLOW_WEEKS: Final = 13
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
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
    times = sorted(part.value for part in source.over_year["flow_time"].used)
    lines = _percentiles(times)
    statuses = _statuses(aged)
    values = [item.age / SECOND for item in aged] + [value / SECOND for _, value in lines]
    place, rungs = ladder(min(values), max(values))
    late = dict(lines).get(85)
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
    parts = source.over_year["flow_time"].used
    title = "How long finished work took"
    if not parts:
        return Chart(title, "No item with a flow time was done in these weeks.")
    lines = _percentiles(sorted(part.value for part in parts))
    seconds = [part.value / SECOND for part in parts]
    place, rungs = ladder(max(1.0, min(seconds)), max(seconds))
    many = len(parts) > MOST_DOTS
    return Chart(
        title,
        f"{len(parts):,} items were done. {_says(lines)}",
        x=month_labels(source),
        y=rungs,
        dots=[_done_dot(source, part, place(part.value / SECOND), many=many) for part in parts],
        lines=[Label(place(value / SECOND), _line(percent, value)) for percent, value in lines],
        note="Each step up is a longer unit."
        + (" There are too many items to draw each: the darker a cell, the more." if many else ""),
    )


def wip_chart(source: Source) -> Chart:
    """Return areas of the items that were active and waiting at the end of each day, for a year at most."""
    counts, _ = _by_day(source, _WIP_DAYS)
    total = [active + waiting for active, waiting in zip(counts["active"], counts["waiting"], strict=True)]
    now, most = (total[-1], max(total)) if total else (0, 0)
    return Chart(
        "Work in progress, by day",
        f"{now:,.0f} items at the end, at most {most:,.0f} at the end of a day.",
        x=month_labels(source),
        y=_counts(most),
        bands=[Band("active", "a", counts["active"]), Band("waiting", "b", counts["waiting"])],
    )


def cumulative_chart(source: Source) -> Chart:
    """Return a cumulative flow diagram of thirteen weeks; done begins at 0 at its left edge."""
    counts, days = _by_day(source, 7 * _FLOW_WEEKS)
    done = [value - counts["done"][0] for value in counts["done"]] if days else []
    bands = [
        Band("done in these weeks", "c", [max(0, value) for value in done]),
        Band("waiting", "b", counts["waiting"]),
        Band("active", "a", counts["active"]),
        Band("to do", "e", counts["todo"]),
    ]
    most = max((sum(band.values[index] for band in bands) for index in range(len(days))), default=0)
    labels = [Label(index / len(days), f"{day.day} {_MONTHS[day.month - 1]}") for index, day in enumerate(days)]
    return Chart(
        "Cumulative flow, thirteen weeks",
        f"{done[-1] if done else 0:,.0f} items were done in these weeks.",
        x=labels[::14],
        y=_counts(most),
        bands=bands,
    )


def delivered_chart(source: Source) -> Chart:
    """Return the items delivered in each week, by category."""
    rows = [source.weekly.get(("flow_velocity", week_name(window, source.zone))) for window in source.weeks]
    counts = [row.details.get("by_category", {}) if row else {} for row in rows]
    bands = [
        Band(name, _COLOURS[index], [count.get(name, 0) for count in counts])
        for index, name in enumerate(CATEGORIES)
        if any(count.get(name) for count in counts)
    ]
    words = [
        f"{week_name(window, source.zone)} · " + (", ".join(f"{key} {n}" for key, n in count.items() if n) or "none")
        for window, count in zip(source.weeks, counts, strict=True)
    ]
    most = max((sum(count.values()) for count in counts), default=0)
    total = sum(sum(count.values()) for count in counts)
    says = f"{total:,} items were delivered in {len(source.weeks)} weeks." if bands else "Nothing was delivered."
    return Chart("Delivered per week, by category", says, month_labels(source), _counts(most), bands=bands, words=words)


def timeline_chart(source: Source) -> Chart:
    """Return deployments as ticks and incidents as bars, over the weeks of the page."""
    deployed = source.over_year["cfr"].used or source.over_year["deployment_frequency"].used
    is_known = bool(source.over_year["cfr"].used)
    ticks = []
    for part in deployed:
        failed = is_known and bool(part.value)
        words = f"{part.key} · {local_time(source, part.at):%Y-%m-%d}{' · failed ×' if failed else ''}"
        ticks.append(Dot(share(source, part.at), 0.0, words, "", "failed" if failed else ""))
    bars = [_incident(source, part) for part in source.over_year["mttr"].used]
    failures = sum(tick.kind == "failed" for tick in ticks)
    says = f"{len(ticks):,} deployments, {failures:,} of them failed; {len(bars):,} incidents restored."
    if not is_known and ticks:
        says = f"{len(ticks):,} deployments; nothing marks one as failed. {len(bars):,} incidents restored."
    note = "A thick line is a failed deployment; bars below are incidents, from detected to restored."
    return Chart(
        "Deployments and incidents",
        says,
        month_labels(source),
        dots=ticks,
        spans=[bar for bar in bars if bar],
        note=note,
    )


def share(source: Source, at: Micros) -> float:
    """Return where an instant lies on the axis of the page's weeks, from 0 to 1."""
    start, end = source.weeks[0].start, source.weeks[-1].end
    return min(1.0, max(0.0, (at - start) / (end - start)))


def month_labels(source: Source) -> list[Label]:
    """Return the months on the axis of the page's weeks, as many as fit a phone."""
    first, last = local_time(source, source.weeks[0].start).date(), local_time(source, source.weeks[-1].end).date()
    months: list[Label] = []
    day = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
    while day < last:
        label = f"{_MONTHS[day.month - 1]} {day.year}" if day.month == 1 or not months else _MONTHS[day.month - 1]
        months.append(Label(share(source, start_of_day(day, source.zone)), label))
        day = (day + timedelta(days=32)).replace(day=1)
    return months[:: 1 + len(months) // 8]


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
    """Return the statuses that items are in, in the order in which work passes through them: by median age."""
    ages: dict[str, list[int]] = {}
    for item in aged:
        ages.setdefault(item.status or "", []).append(item.age)
    stages = {item.status or "": item.stage for item in aged}
    return sorted(ages, key=lambda name: (stages[name], sorted(ages[name])[len(ages[name]) // 2], name))


def _jitter(key: str) -> float:
    """Return a share that is always the same for a key, so that dots of one age lie side by side."""
    number = int("".join(filter(str.isdigit, key)) or "0")
    return (number * 0.618033988749895) % 1


def _done_dot(source: Source, part: Contribution, height: float, *, many: bool) -> Dot:
    if many:
        return Dot(share(source, part.at), height, "")
    words = f"{part.key} · {format_number(part.value / DAY)} days · {local_time(source, part.at):%Y-%m-%d}"
    return Dot(share(source, part.at), height, words, source.url(part.key), "small")


def _by_day(source: Source, most: int) -> tuple[Mapping[str, list[float]], list[date]]:
    """Return the count of each stage at the end of each day, and the days; the last ends at the as-of."""
    last = local_time(source, source.snapshot.as_of - 1).date()
    first_week = local_time(source, source.weeks[0].start).date()
    first = max(first_week, last - timedelta(days=most - 1))
    days = [first + timedelta(days=index) for index in range((last - first).days + 1)]
    ends = [start_of_day(day + timedelta(days=1), source.zone) for day in days[:-1]] + [source.snapshot.as_of]
    counts = stage_counts(source.snapshot.dataset.items, ends)
    return {stage: [float(n) for n in values.tolist()] for stage, values in counts.items()}, days


def _counts(most: float) -> list[Label]:
    top = ceiling(most)
    return [Label(0.0, "0"), Label(0.5, format_number(top / 2)), Label(1.0, format_number(top))] if most else []


def _incident(source: Source, part: Contribution) -> tuple[float, float, str, str, str] | None:
    instants = dict(part.instants)
    if "detected" not in instants:
        return None
    start, end = share(source, instants["detected"]), share(source, part.at)
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


def at_percent(ordered: Sequence[Micros], percent: int) -> float | None:
    """Return a percentile of ascending durations; None without any."""
    return float(percentile(np.array(ordered, np.int64), percent)) if ordered else None
