"""Results as tables: the period, the weeks of a metric, and all metrics over the weeks."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

from console.shared.output import Column, Row, Sheet, sparkline
from models.records import METRIC_TYPES, MetricResult
from models.wording import format_count
from report.notes import About, format_notes
from report.rows import NAMES, to_rows
from report.words import NOTHING, format_number, format_unit, in_words

_BESIDE_WEEKS: Final = 58  # what the other columns of the overview take
_LEAST_WEEKS: Final = 20  # on a line, however narrow the terminal: its heading has as many letters


def build_sheet(about: About, rows: Sequence[MetricResult], metric: str | None) -> Sheet:
    """Return the rows of a period, with the values of the period before if known, or the rows of weeks."""
    by_week = rows[0].window_kind == "week"
    full = to_rows(rows, about.first, about.zone, about.verified.proof.up_to)
    # In the overview one quiet week of fifty-two does not mean a mistake in the configuration.
    notes = format_notes(about, rows, [row for row in rows if metric or not by_week or row.state != "no_data"])
    if not by_week:
        return Sheet(NAMES["period"], full, _PERIOD, _period_title(about, rows), notes)
    which = f"{metric}, {format_unit(rows[0].unit)}, " if metric else ""
    title = f"{about.profile}: {which}by week"
    return Sheet(NAMES["week"], full, _weeks(about), f"{title} ({about.zone.key})", notes)


def list_weeks(sheet: Sheet) -> Sheet:
    """Return a line for each week, and one for weeks in between of which nothing is stored."""
    rows = list(sheet.rows[:1])
    for before, row in pairwise(sheet.rows):
        missing = _weeks_between(before["week"], row["week"])
        rows += [_gap(row, missing), row] if missing > 0 else [row]
    return replace(sheet, rows=rows)


def _gap(following: Row, count: int) -> Row:
    """Return a row for weeks in between that were never calculated."""
    weeks = "1 week" if count == 1 else f"{count:,} weeks"
    empty = {"value": None, "level": None, "state": "no_stored_value", "complete": True, "stored": True}
    return {**following, "week": weeks, **empty}


def _weeks_between(earlier: str, later: str) -> int:
    """Return the number of weeks between two ISO names."""
    return (date.fromisoformat(later) - date.fromisoformat(earlier)).days // 7 - 1


def summarise_weeks(about: About, sheet: Sheet, room: int) -> Sheet:
    """Return a line for each metric instead of one for each week: its course, and its last two values.

    ``room``: how many letters wide the table may be.
    """
    weeks = sorted({row["week"] for row in sheet.rows})
    unknown = len({row["week"] for row in sheet.rows if about.is_unknown(row)})
    series = {metric: _series(sheet.rows, metric, weeks) for metric in METRIC_TYPES}
    units = {row["metric_type"]: row["unit"] for row in sheet.rows}
    rows = [{"metric": metric, "weeks": row, "unit": units[metric]} for metric, row in series.items() if any(row)]
    total = _weeks_between(weeks[0], weeks[-1]) + 2  # with the two themselves
    of_all = "" if total == len(weeks) else f"{len(weeks):,} of "
    title = f"{about.profile}: {weeks[0]} to {weeks[-1]}, {of_all}{format_count(total, 'week')}"
    look = f"flowbeat results {about.profile} --window weeks{about.as_of} --metric M"
    gap = "" if total == len(weeks) else " A blank is a week without a stored result."
    hint = f"A dot is a week without a value.{gap} Each week of a metric M: {look}"
    columns = _overview_columns(_places(weeks), unknown, room)
    return replace(sheet, rows=rows, columns=columns, title=title, notes=(hint, *sheet.notes))


def _places(weeks: Sequence[str]) -> list[str]:
    """Return the weeks, with an empty text wherever weeks are missing between two."""
    places = list(weeks[:1])
    for before, week in pairwise(weeks):
        places += ["", week] if _weeks_between(before, week) > 0 else [week]
    return places


def _overview_columns(places: Sequence[str], unknown: int, room: int) -> tuple[Column, ...]:
    """Return the columns, with the weeks on as many lines as fit: the oldest above, each headed by its span."""
    lines = -(-len(places) // max(_LEAST_WEEKS, room - _BESIDE_WEEKS))
    size = -(-len(places) // lines)
    spans = [list(filter(None, places[start : start + size])) for start in range(0, len(places), size)]
    title = "\n".join(f"{span[0]} – {span[-1]}" for span in spans) if lines > 1 else ""
    return (
        Column("metric", lambda row: row["metric"], keep=True),
        Column(title, lambda row: _line(row, places, unknown), fold=size),
        Column("largest\nleast", lambda row: _edge(row, unknown, max), right=True, below=_least(unknown)),
        Column("last\nweek", lambda row: _last(row, complete=True), right=True),
        Column("now", lambda row: _last(row, complete=False), right=True),
        Column("unit", lambda row: format_unit(row["unit"]), keep=True),
    )


def _line(row: Row, places: Sequence[str], unknown: int) -> str:
    marks = iter(sparkline([week and week["value"] for week in row["weeks"]], unknown))
    return "".join(next(marks) if week else " " for week in places)


def _edge(row: Row, unknown: int, choose: Callable[[list[float]], float]) -> str:
    """Return the least or the largest value of a line, as the sparkline shows it."""
    values = [week["value"] for week in row["weeks"][unknown:] if week is not None and week["value"] is not None]
    return format_number(choose(values)) if values else NOTHING


def _least(unknown: int) -> Callable[[Row], str]:
    return lambda row: _edge(row, unknown, min)


def _series(rows: Sequence[Row], metric: str, weeks: Sequence[str]) -> list[Row | None]:
    stored = {row["week"]: row for row in rows if row["metric_type"] == metric}
    return [stored.get(week) for week in weeks]


def _period_title(about: About, rows: Sequence[MetricResult]) -> str:
    first = rows[0].window_start.astimezone(about.zone).date()
    last = (rows[0].window_end - timedelta(microseconds=1)).astimezone(about.zone).date()
    return f"{about.profile}: {first} to {last} ({format_count((last - first).days + 1, 'day')}, {about.zone.key})"


def _coverage(row: Row) -> str:
    """Return used ÷ candidates; empty without a rule for candidates, or without a calculation."""
    if row["state"] in ("missing_mapping", "calculation_error", "no_stored_value"):
        return NOTHING
    return f"{row['n_used']:,}/{row['n_used'] + row['n_excluded']:,}"


def _value(row: Row) -> str:
    return format_number(row["value"])


def _p85(row: Row) -> str:
    value = row["details"].get("p85")
    return "" if value is None else format_number(value)


def _state(row: Row) -> str:
    return in_words(str(row["state"])) if row["state"] != "success" else ""


def _not_stored(row: Row) -> str:
    return "" if row["stored"] else "not stored"


def _state_or_not_stored(row: Row) -> str:
    return ", ".join(filter(None, (_state(row), _not_stored(row))))


def _last(row: Row, *, complete: bool) -> str:
    """Return the value of the last week that is over, or of the running one."""
    weeks = [week for week in row["weeks"] if week is not None and week["complete"] is complete]
    return _value(weeks[-1]) if weeks else ""


_LEVEL: Final = Column("level", lambda row: row["level"] or "")
_COVERAGE: Final = Column("coverage", _coverage, right=True, keep=True)
_VALUE: Final = Column("value", _value, right=True, keep=True)
_PERIOD: Final = (
    Column("metric", lambda row: row["metric_type"], keep=True),
    _VALUE,
    Column("before", lambda row: format_number(row["before_value"]), right=True, keep=True),
    Column("p85", _p85, right=True),
    Column("unit", lambda row: format_unit(row["unit"]), keep=True),
    Column("level", lambda row: row["level"] or _state(row)),  # a metric without a value has no level
    _COVERAGE,
    Column("", _not_stored),
)


def _weeks(about: About) -> tuple[Column, ...]:
    def name(row: Row) -> str:
        running = "" if row["complete"] else " (running)"
        return f"{row['week']}{f' {NOTHING}' if about.is_unknown(row) else running}"

    return Column("week", name, keep=True), _VALUE, _LEVEL, _COVERAGE, Column("", _state_or_not_stored)
