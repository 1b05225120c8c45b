"""The results command: stored values, for the period or by week, with how far each can be trusted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import click
from sqlalchemy.orm import Session

from console import reading
from console.parts import unit
from console.render import Column, Format, Row, Sheet, format_option, moment, number, show, span, sparkline, terminal
from models import store
from models.metrics.windows import week_name
from models.records import METRIC_TYPES, MetricResult, Window, micros
from worker.errors import FatalError
from worker.runtime import Runtime

NAMES: Final = tuple(field.name for field in fields(MetricResult))
_BESIDE_WEEKS: Final = 52  # what the other columns of the overview take


@click.command(epilog=f"The metrics: {', '.join(METRIC_TYPES)}.")
@click.argument("profile", required=False)
@click.option("--metric", metavar="M", help="Only this one, such as lead_time.")
@click.option("--window", type=click.Choice(["period", "weeks"]), default="period", show_default=True)
@click.option("--as-of", metavar="T", help="What was found for a past day (2026-10-31: its end) or instant.")
@format_option
def results(profile: str | None, *, metric: str | None, window: str, as_of: str | None, form: Format) -> None:
    """Show the stored values of the nine metrics.

    Coverage: on how many of its candidates a value rests; flowbeat explain lists those, and the others with the reason.
    """
    show_results(profile, metric=metric, window=window, as_of=as_of, form=form)


COMMANDS: tuple[click.Command, ...] = (results,)


def show_results(
    profile: str | None,
    *,
    metric: str | None = None,
    window: str = "period",
    as_of: str | None = None,
    form: Format = "table",
) -> None:
    """Print the stored results of one profile, or of all; raises as ``reading.opened`` does."""
    if metric is not None:
        reading.one_of("metric", metric, METRIC_TYPES)
    kind = "week" if window == "weeks" else "period"
    with reading.opened() as (current, session):
        if profile is not None:
            _known_profile(current, session, profile)
        stored = store.load_results(session, profile=profile, metric=metric, kind=kind)
        chosen = {name: _chosen(current, session, name, rows, as_of) for name, rows in _by_profile(stored).items()}
        if not chosen:
            raise FatalError(_nothing(profile))
        sheets = {name: _sheet(current, session, name, rows, metric) for name, rows in chosen.items()}
    _show(form, sheets, metric)


def newest(rows: Iterable[MetricResult]) -> list[MetricResult]:
    """For each metric and window the row that the views show: latest confirmed, then latest calculated.

    There is but one period per metric: that of the newest confirmation.
    """
    best: dict[tuple[Any, ...], MetricResult] = {}
    ranked = sorted(rows, key=lambda row: row.rules_hash, reverse=True)
    for row in sorted(ranked, key=lambda row: (row.confirmed_as_of, row.calculated_at)):
        best[_place(row)] = row
    return sorted(best.values(), key=lambda row: (METRIC_TYPES.index(row.metric_type), row.window_start))


def at(rows: Iterable[MetricResult], as_of: datetime) -> list[MetricResult]:
    """Those found for an instant: their span from ``as_of`` to ``confirmed_as_of`` holds it."""
    return [row for row in rows if row.as_of <= as_of <= row.confirmed_as_of]


def week_of(row: MetricResult, zone: ZoneInfo) -> str:
    """The ISO name of a weekly row's week."""
    start, end = micros(row.window_start), micros(row.window_end)
    return week_name(Window("week", start, end, end), zone)


def _place(row: MetricResult) -> tuple[Any, ...]:
    week = (row.window_start, row.window_end) if row.window_kind == "week" else ()
    return (row.metric_type, *week)


def _known_profile(current: Runtime, session: Session, profile: str) -> None:
    if profile not in current.settings.profiles and not store.load_results(session, profile=profile):
        stored = (row.profile for row in store.load_results(session))
        reading.one_of("profile", profile, (*current.settings.profiles, *stored))


def _by_profile(rows: Iterable[MetricResult]) -> dict[str, list[MetricResult]]:
    found: dict[str, list[MetricResult]] = {}
    for row in rows:
        found.setdefault(row.profile, []).append(row)
    return found


def _chosen(
    current: Runtime, session: Session, profile: str, rows: list[MetricResult], text: str | None
) -> list[MetricResult]:
    as_of = reading.as_of_option(text, reading.zone_of(current, profile))
    if as_of is None:
        return newest(rows)
    found = newest(at(rows, as_of))
    if not found:
        raise FatalError(f"no result of {profile!r} is stored for {text}; {_remedy(session, profile, as_of, text)}")
    return found


def _remedy(session: Session, profile: str, as_of: datetime, text: str | None) -> str:
    """What to do for the results of an instant; one later than the data cannot be calculated yet."""
    cache = store.find_cache(session, profile)
    if cache and cache.data_as_of and as_of > cache.data_as_of:
        return f"it is later than the data: leave --as-of out, or once it is past: flowbeat refresh {profile}"
    return f"calculate it: flowbeat calculate {profile} --as-of {text}"


def _nothing(profile: str | None) -> str:
    if profile is None:
        return "no result is stored yet; flowbeat refresh makes the first"
    return f"no result of {profile!r} is stored yet; flowbeat refresh {profile} makes the first"


def _show(form: Format, sheets: Mapping[str, Sheet], metric: str | None) -> None:
    """For programs the rows of all profiles are one list, for each row names its own."""
    if form == "table":
        by_week = {name: _overview(name, sheet) for name, sheet in sheets.items() if sheet.columns is _WEEKS}
        show(form, sheets if metric else {**sheets, **by_week})
        return
    first, *_ = sheets.values()
    show(form, replace(first, rows=[row for sheet in sheets.values() for row in sheet.rows]))


# --- sheets ---------------------------------------------------------------------------------------------------------


def _sheet(current: Runtime, session: Session, profile: str, rows: Sequence[MetricResult], metric: str | None) -> Sheet:
    zone = reading.zone_of(current, profile)
    by_week = rows[0].window_kind == "week"
    # In the overview a quiet week among fifty-two is no reason to look into the configuration.
    told = [row for row in rows if metric or not by_week or row.state != "no_data"]
    notes = (*_messages(told), *_findings(session, profile), _freshness(current, session, profile, rows, zone))
    if not by_week:
        return Sheet(NAMES, [asdict(row) for row in rows], _PERIOD, _period_title(profile, rows, zone), notes)
    weeks = [{**asdict(row), "week": week_of(row, zone)} for row in rows]
    title = f"{profile}: {metric}, {unit(metric)}, by week" if metric else f"{profile}: by week"
    return Sheet((*NAMES, "week"), weeks, _WEEKS, f"{title} ({zone.key})", notes)


def _overview(profile: str, sheet: Sheet) -> Sheet:
    """A line for each metric in place of one for each week: how it went, and its last two values."""
    weeks = list(dict.fromkeys(row["week"] for row in sheet.rows))[-_most_weeks() :]
    series = {metric: _series(sheet.rows, metric, weeks) for metric in METRIC_TYPES}
    rows = [{"metric": metric, "weeks": found} for metric, found in series.items() if any(found)]
    title = f"{profile}: {weeks[0]} to {weeks[-1]}, {len(weeks)} weeks"
    look = f"flowbeat results {profile} --window weeks --metric M"
    hint = f"A dot is a week without a value. Each week of a metric M: {look}"
    return replace(sheet, rows=rows, columns=_OVERVIEW, title=title, notes=(hint, *sheet.notes))


def _most_weeks() -> int:
    return max(4, terminal().width - _BESIDE_WEEKS)


def _series(rows: Sequence[Row], metric: str, weeks: Sequence[str]) -> list[Row | None]:
    found = {row["week"]: row for row in rows if row["metric_type"] == metric}
    return [found.get(week) for week in weeks]


def _period_title(profile: str, rows: Sequence[MetricResult], zone: ZoneInfo) -> str:
    first = rows[0].window_start.astimezone(zone).date()
    last = (rows[0].window_end - timedelta(microseconds=1)).astimezone(zone).date()
    return f"{profile}: {first} to {last} ({(last - first).days + 1} days, {zone.key})"


def _messages(rows: Sequence[MetricResult]) -> tuple[str, ...]:
    """Each message once, with the metrics it is about."""
    about: dict[str, list[str]] = {}
    for row in rows:
        if row.message and row.metric_type not in about.setdefault(row.message, []):
            about[row.message].append(row.metric_type)
    return tuple(f"{', '.join(metrics)}: {message}" for message, metrics in about.items())


def _findings(session: Session, profile: str) -> tuple[str, ...]:
    found = store.count_findings(session, profile)
    if not found:
        return ()
    words = ", ".join(f"{reason.replace('_', ' ')} in {count:,}" for reason, count in found.items())
    return (f"Data quality, by issues: {words}. flowbeat explain names them.",)


def _freshness(current: Runtime, session: Session, profile: str, rows: Sequence[MetricResult], zone: ZoneInfo) -> str:
    cache = store.find_cache(session, profile)
    as_of = max(row.confirmed_as_of for row in rows)
    if cache is None or cache.data_as_of is None:
        return f"As of {moment(as_of, zone)}."
    age = span(max(0.0, (current.now() - cache.data_as_of).total_seconds()))
    return f"As of {moment(as_of, zone)}; the data was fetched {age} ago."


def _coverage(row: Row) -> str:
    return f"{row['n_used']:,}/{row['n_used'] + row['n_excluded']:,}"


def _value(row: Row) -> str:
    return number(row["value"])


def _state(row: Row) -> str:
    return str(row["state"]).replace("_", " ") if row["state"] != "success" else ""


def _last(row: Row, *, complete: bool) -> str:
    """The value of the last week that is over, or of the one that runs."""
    weeks = [week for week in row["weeks"] if week is not None and week["complete"] is complete]
    return _value(weeks[-1]) if weeks else ""


_LEVEL: Final = Column("level", lambda row: row["level"] or "")
_COVERAGE: Final = Column("coverage", _coverage, right=True, keep=True)
_VALUE: Final = Column("value", _value, right=True, keep=True)
_PERIOD: Final = (
    Column("metric", lambda row: row["metric_type"], keep=True),
    _VALUE,
    Column("unit", lambda row: unit(row["metric_type"]), keep=True),
    _LEVEL,
    _COVERAGE,
    Column("", _state),
)
_WEEKS: Final = (
    Column("week", lambda row: row["week"] + ("" if row["complete"] else " (running)"), keep=True),
    _VALUE,
    _LEVEL,
    _COVERAGE,
    Column("", _state),
)
_OVERVIEW: Final = (
    Column("metric", lambda row: row["metric"], keep=True),
    Column("", lambda row: sparkline([week and week["value"] for week in row["weeks"]]), keep=True),
    Column("last week", lambda row: _last(row, complete=True), right=True),
    Column("now", lambda row: _last(row, complete=False), right=True),
    Column("unit", lambda row: unit(row["metric"]), keep=True),
)
