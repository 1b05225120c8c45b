"""The cards of a page: each metric of the period, and the state of its weeks."""

from collections.abc import Iterator
from typing import Final

from models.metrics.catalogue import METRICS, in_groups
from models.metrics.windows import week_name
from models.records import MetricResult, Window, micros
from report.charts import Bar
from report.collect import Source
from report.content import Card
from report.words import NOTHING, format_number, format_unit

_STATES: Final = {
    "no_data": "No data",
    "missing_mapping": "Not configured",
    "calculation_error": "Could not be calculated",
}
_LEVELS: Final = {"elite": "●●●●", "high": "●●●○", "medium": "●●○○", "low": "●○○○"}
_PERCENTILES: Final = (("p85", "85 %"), ("p95", "95 %"))
_FEW: Final = 5


def cards(source: Source) -> list[Card]:
    """Return a card for each metric, in the groups and order of their list."""
    return [_card(source, metric.name, group) for group, members in in_groups().items() for metric in members]


def title(metric: str) -> str:
    """Return a metric's name in words."""
    return METRICS[metric].title


def weekly(source: Source, metric: str) -> list[Bar]:
    """Return a bar for each week of the page, with its state."""
    return [_bar(source, metric, window) for window in source.weeks]


def _card(source: Source, metric: str, group: str) -> Card:
    row = source.results.get(metric)
    weeks = weekly(source, metric)
    name = title(metric)
    if row is None:
        says = f"{name}: nothing is calculated yet."
        return Card(metric, name, group, "Not calculated", "", (), weeks, says, "missing")
    value = _STATES.get(row.state) or format_number(row.value)
    words = format_unit(row.unit) if row.value is not None else ""
    lines = tuple(_lines(source, row))
    says = f"{name} by week; {value} {words} in the period. The numbers are in `flowbeat results --window weeks`."
    return Card(metric, name, group, value, words, lines, weeks, says, row.state)


def _lines(source: Source, row: MetricResult) -> Iterator[str]:
    if row.value is None:
        yield "See the notes for what to do."
        return
    if row.level:
        yield f"{_LEVELS[row.level]} {row.level}"
    spread = [f"{name}: {format_number(row.details[key])}" for key, name in _PERCENTILES if row.details.get(key)]
    if spread:
        yield " · ".join(spread)
    few = row.n_used < _FEW and METRICS[row.metric_type].unit in ("days", "hours", "percent")
    yield f"{_coverage(row)}{': read with care' if few and row.n_used else ''}"
    before = source.before[row.metric_type].measurement
    is_known = source.about.first is not None and before.window.end > micros(source.about.first)
    yield f"Before: {_earlier(before.value, before.state) if is_known else 'not known'}"


def _earlier(value: float | None, state: str) -> str:
    return format_number(value) if value is not None else _STATES.get(state, NOTHING).lower()


def _coverage(row: MetricResult) -> str:
    total = row.n_used + row.n_excluded
    return f"From {row.n_used:,} of {total:,}" if row.n_excluded else f"From all {total:,}" if total else "From none"


def _bar(source: Source, metric: str, window: Window) -> Bar:
    name = week_name(window, source.zone)
    row = source.weekly.get((metric, name))
    first = source.about.first
    if first is None:
        return Bar("unknown", None, f"{name} · not known: the copy has no issue")
    if window.end <= micros(first):
        return Bar("unknown", None, f"{name} · not known: the copy begins {source.about.first_day}")
    if row is None:
        return Bar("missing", None, f"{name} · not calculated")
    if row.value is None:
        return Bar("none", None, f"{name} · {_STATES.get(row.state, row.state).lower()}")
    level = f", {row.level}" if row.level else ""
    left_out = f", {row.n_excluded:,} left out" if row.n_excluded else ""
    words = f"{name} · {format_number(row.value)} {format_unit(row.unit)}{level} · {row.n_used:,} used{left_out}"
    if not row.complete:
        return Bar("running", row.value, f"{words} (running, so far)")
    return Bar("value", row.value, words)
