"""The results command: stored values, for the period or by week, with how far each can be trusted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

import click
from sqlalchemy.orm import Session

from console import reading, rules, version_notes
from console.computed import compute_missing, computed_note, copy_notes, count_stale_facts, with_mark
from console.findings import findings_at
from console.gone_notes import gone_notes
from console.render import (
    NOTHING,
    Column,
    Format,
    Row,
    Sheet,
    format_option,
    moment,
    number,
    show,
    span,
    sparkline,
    terminal,
    unit,
)
from models import store
from models.metrics.issues import UNMAPPED
from models.metrics.windows import week_name
from models.records import METRIC_TYPES, CacheMetadata, MetricResult, Run, Window, WindowKind, micros
from models.wording import format_all, format_count
from worker.errors import FatalError
from worker.stored import Stored

NAMES: Final = (*(field.name for field in fields(MetricResult)), "stored")
_BESIDE_WEEKS: Final = 52  # what the other columns of the overview take
_LEAST_WEEKS: Final = 20  # on a line, however narrow the terminal: its heading has as many letters
_NAMED: Final = 5  # issues with a finding
_HALF_A_WEEK: Final = timedelta(days=3.5)


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
    kind: WindowKind = "week" if window == "weeks" else "period"
    with reading.opened() as (current, session):
        if profile is not None:
            _known_profile(current, session, profile)
        stored = store.load_results(session, profile=profile, metric=metric, kind=kind)
        by_name = _by_profile(stored) if as_of is None else _with_unstored(current, profile, stored)
        chosen = {
            name: rows_shown
            for name, rows in by_name.items()
            if (rows_shown := _chosen(current, session, name, rows, text=as_of, kind=kind, metric=metric))
        }
        if not chosen:
            raise FatalError(_nothing(session, profile, kind))
        told = {name: _about(current, session, name, as_of, rows) for name, rows in chosen.items()}
        sheets = {name: _sheet(told[name], rows, metric) for name, rows in chosen.items()}
    _show(form, sheets, told, metric)


def newest(rows: Iterable[MetricResult]) -> list[MetricResult]:
    """For each metric and window the row that the views show: latest confirmed, then latest calculated.

    There is but one period per metric: that of the newest confirmation.
    """
    best: dict[tuple[Any, ...], MetricResult] = {}
    ranked = sorted(rows, key=lambda row: row.rules_hash, reverse=True)
    for row in sorted(ranked, key=lambda row: (row.confirmed_as_of, row.calculated_at)):
        best[_place(row)] = row
    return sorted(best.values(), key=_order)


def at(rows: Iterable[MetricResult], as_of: datetime) -> list[MetricResult]:
    """Those found for an instant: their span from ``as_of`` to ``confirmed_as_of`` holds it."""
    return [row for row in rows if row.as_of <= as_of <= row.confirmed_as_of]


def week_of(row: MetricResult, zone: ZoneInfo) -> str:
    """The ISO name of a weekly row's week."""
    start, end = micros(row.window_start), micros(row.window_end)
    return week_name(Window("week", start, end, end), zone)


def _order(row: MetricResult) -> tuple[Any, ...]:
    return METRIC_TYPES.index(row.metric_type), row.window_start


def few(keys: Sequence[str]) -> str:
    """The first of some issues' keys, with dots where there are more; a key may be more than one word."""
    between = "; " if any(", " in key for key in keys) else ", "
    return between.join([*keys[:_NAMED], *("…" for _ in keys[_NAMED : _NAMED + 1])])


def _place(row: MetricResult) -> tuple[Any, ...]:
    """What there is but one value of; the middle of a week lies in the same week whatever the zone it began in."""
    week = (row.window_start + _HALF_A_WEEK).isocalendar()[:2] if row.window_kind == "week" else ()
    return (row.metric_type, *week)


def _known_profile(current: Stored, session: Session, profile: str) -> None:
    if profile not in current.settings.profiles and not store.load_results(session, profile=profile):
        stored = (row.profile for row in store.load_results(session))
        reading.one_of("profile", profile, (*current.settings.profiles, *stored))


def _by_profile(rows: Iterable[MetricResult]) -> dict[str, list[MetricResult]]:
    found: dict[str, list[MetricResult]] = {}
    for row in rows:
        found.setdefault(row.profile, []).append(row)
    return found


def _with_unstored(current: Stored, profile: str | None, rows: Iterable[MetricResult]) -> dict[str, list[MetricResult]]:
    """Return the rows by profile, and nothing for the configured profiles that none is stored of."""
    configured = [name for name in current.settings.profiles if profile in (None, name)]
    by_name = {**{name: [] for name in configured}, **_by_profile(rows)}
    return dict(sorted(by_name.items()))


def _chosen(
    current: Stored,
    session: Session,
    profile: str,
    rows: list[MetricResult],
    *,
    text: str | None,
    kind: WindowKind,
    metric: str | None,
) -> list[MetricResult]:
    """Return the rows to show: the newest, or those of an instant, computed where none is stored."""
    as_of = reading.as_of_option(text, reading.zone_of(current, profile))
    if as_of is None:
        return newest(rows)
    cache = store.find_cache(session, profile)
    present = at(rows, as_of)
    # Several rules may have a result of a past day: those of now are what is asked for, where they can be had.
    mine = newest(row for row in present if row.rules_hash == rules.hash_of_now(current, profile, cache))
    known = {(row.metric_type, row.window_start) for row in mine}
    computed = compute_missing(current, session, profile, as_of, kind=kind, metric=metric, known=known)
    best = {_place(row): row for row in (*newest(present), *computed, *mine)}
    if rows and not best:
        stale = count_stale_facts(current, session, profile)
        raise FatalError(_not_calculated(profile, text, as_of, cache, stale))
    return sorted(best.values(), key=_order)


def _is_later(as_of: datetime, cache: CacheMetadata | None) -> bool:
    return cache is not None and cache.data_as_of is not None and as_of > cache.data_as_of


def _not_calculated(
    profile: str, text: str | None, as_of: datetime, cache: CacheMetadata | None, stale: int = 0
) -> str:
    if _is_later(as_of, cache):
        later = f"--as-of {text} is later than the data of {profile!r}"
        return f"{later}: leave --as-of out, or once it is past: flowbeat refresh {profile}"
    why = f", and the facts of {format_count(stale, 'issue')} are older than the data or the rules" if stale else ""
    what = f"no result of {profile!r} is stored for {text}{why}"
    return f"{what}; calculate it: flowbeat calculate {profile} --as-of {text}"


def _nothing(session: Session, profile: str | None, kind: str) -> str:
    whose = f" of {profile!r}" if profile else ""
    if kind == "week" and store.load_results(session, profile=profile):
        return f"no week{whose} is stored: history_weeks is 0 in flowbeat.toml, or the first week has but begun"
    return f"no result{whose} is stored yet; flowbeat refresh{f' {profile}' if profile else ''} makes the first"


def _show(form: Format, sheets: Mapping[str, Sheet], told: Mapping[str, "About"], metric: str | None) -> None:
    """For programs the rows of all profiles are one list, for each row names its own."""
    if form == "table":
        weekly = {name: sheet for name, sheet in sheets.items() if _is_weekly(sheet)}
        by_week = {name: _listed(sheet) if metric else _overview(told[name], sheet) for name, sheet in weekly.items()}
        show(form, {**sheets, **by_week})
        return
    first, *_ = sheets.values()
    show(form, replace(first, rows=[row for sheet in sheets.values() for row in sheet.rows]))


def _is_weekly(sheet: Sheet) -> bool:
    return "week" in sheet.names


# --- what stands around the values ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class About:
    """What a reader of a profile's values should know besides: since when the copy knows anything, and its findings.

    ``as_of`` is what the person asked for, as a part of the commands that are recommended; ``update`` is the one that
    brings results to the rules of flowbeat.toml.
    """

    current: Stored
    profile: str
    zone: ZoneInfo
    as_of: str
    cache: CacheMetadata | None
    first: datetime | None
    findings: Mapping[str, Sequence[str]]
    strangers: Sequence[str]
    refreshed: Run | None
    versions: Sequence[str]
    gone: Sequence[str]
    update: str
    asked: datetime | None
    computed: Sequence[str]
    copy: Sequence[str]

    @property
    def first_day(self) -> str:
        """The local day on which the copy's first issue was created."""
        return str(self.first.astimezone(self.zone).date()) if self.first else ""

    def is_unknown(self, row: Row) -> bool:
        """Whether a window was over before the first issue was created: whatever it holds, the copy knows nothing."""
        return self.first is not None and bool(row["window_end"] <= self.first)


def _about(current: Stored, session: Session, profile: str, as_of: str | None, rows: Sequence[MetricResult]) -> About:
    ends = (min(row.window_end, row.confirmed_as_of) for row in rows)
    update = rules.how_to_update(current, session, profile, f" --as-of {as_of}" if as_of else "")
    asked = reading.as_of_option(as_of, reading.zone_of(current, profile))
    findings, uncompared = findings_at(current, session, profile, asked, update)
    return About(
        current=current,
        profile=profile,
        zone=reading.zone_of(current, profile),
        as_of=f" --as-of {as_of}" if as_of else "",
        cache=store.find_cache(session, profile),
        first=store.first_created(session, profile),
        findings=findings,
        strangers=_strangers(current, session, profile),
        refreshed=store.last_ended(session, profile, "refresh"),
        versions=_version_notes(current, session, profile, as_of),
        gone=gone_notes(session, profile, min(row.window_start for row in rows), max(ends)),
        update=update,
        asked=asked,
        computed=computed_note(rows, update),
        copy=(*copy_notes(session, profile), *uncompared),
    )


def _version_notes(current: Stored, session: Session, profile: str, text: str | None) -> tuple[str, ...]:
    """What is left out of the number of deployments, at the as-of asked for or that of the data."""
    configured, cache = current.settings.profiles.get(profile), store.find_cache(session, profile)
    data_as_of = cache.data_as_of if cache else None
    as_of = reading.as_of_option(text, reading.zone_of(current, profile)) or data_as_of
    if configured is None or as_of is None:
        return ()
    notes = version_notes.version_notes(session, profile, configured.rules, as_of)
    return tuple(note.sentences for note in notes)


def _strangers(current: Stored, session: Session, profile: str) -> list[str]:
    """Return what configuration and Jira do not have in common, with what to write."""
    found = current.settings.profiles.get(profile)
    unplaced = rules.unplaced(session, profile, found.rules) if found else []
    return [
        *rules.strangers(current, session, profile, store.find_cache(session, profile)),
        *(f"Note: {message}; {advice}." for message, advice in unplaced),
    ]


def _notes(about: About, rows: Sequence[MetricResult], told: Sequence[MetricResult]) -> tuple[str, ...]:
    """The sentences below the table; ``told`` are the rows whose messages are worth saying."""
    hashes = [row.rules_hash for row in rows]
    drift = rules.drift(about.current, about.profile, about.cache, hashes, about.update)
    moved = rules.moved(about.current, about.profile, about.cache, about.update)
    return (
        *(f"Note: {sentence}" for sentence in (moved, drift) if sentence),
        *about.computed,
        *about.copy,
        *about.strangers,
        *about.gone,
        *_messages(about, told),
        *(about.versions if any(row.metric_type in version_notes.METRICS for row in rows) else ()),
        *_unmapped(about, rows),
        *_unknown(about, rows),
        *_findings(about),
        *_unshown(about),
        *_failed(about),
        _freshness(about, rows),
    )


def _messages(about: About, rows: Sequence[MetricResult]) -> tuple[str, ...]:
    """Each message once, with the metrics it is about."""
    found: dict[str, list[str]] = {}
    for row in rows:
        message = reading.for_profile(row.message or "", about.profile)
        if message and row.metric_type not in found.setdefault(message, []):
            found[message].append(row.metric_type)
    return tuple(f"{', '.join(metrics)}: {message}" for message, metrics in found.items())


def _unmapped(about: About, rows: Sequence[MetricResult]) -> tuple[str, ...]:
    """Delivered items whose type no category names: without them said, 0 % features would look like an answer."""
    shares = [row for row in rows if row.metric_type == "flow_distribution"]
    count = sum(row.details.get("by_category", {}).get(UNMAPPED, 0) for row in shares)
    if not count:
        return ()
    total = sum(row.n_used for row in shares)
    items = format_all(total, "delivered item") if count == total else f"{count:,} of {total:,} delivered items"
    which = f"{items} {'is of a type' if count == 1 else 'are of types'}"
    where = f"[profiles.{about.profile}.categories] in flowbeat.toml"
    return (f"flow_distribution: {which} that no category names; name {'it' if count == 1 else 'them'} in {where}.",)


def _unknown(about: About, rows: Sequence[MetricResult]) -> tuple[str, ...]:
    if about.first is None or rows[0].window_start >= about.first:
        return ()
    knows_nothing = (
        f"The first stored issue was created on {about.first_day}: of the days before, the copy knows nothing"
    )
    if rows[0].window_kind != "week":
        return (f"{knows_nothing}.",)
    return (f"{knows_nothing} ({NOTHING}), and a 0 there is none that was counted.",)


def _findings(about: About) -> tuple[str, ...]:
    """The issues that have something odd about them, by what it is."""
    if not about.findings:
        return ()
    found = [f"{reason.replace('_', ' ')} in {len(keys):,} ({few(keys)})" for reason, keys in about.findings.items()]
    which = "flowbeat explain says which of them stand behind a number, and what was found."
    return (f"Data quality, by issues: {', '.join(found)}. {which}",)


def _unshown(about: About) -> tuple[str, ...]:
    """Issues that Jira counts and does not show: an index that is late, or a security level."""
    count = about.cache.cursor.get("unshown", 0) if about.cache else 0
    if not count:
        return ()
    which = "1 issue" if count == 1 else f"{count:,} issues"
    return (f"Note: Jira counted {which} of the JQL that it did not show to this account; none is in a number.",)


def _failed(about: About) -> tuple[str, ...]:
    """Why the data is older than it could be."""
    run = about.refreshed
    if run is None or run.state != "failed" or run.ended_at is None:
        return ()
    return (
        f"Note: the refresh that ended {moment(run.ended_at, about.zone)} failed: {(run.error or '').rstrip('.')}.",
    )


def _freshness(about: About, rows: Sequence[MetricResult]) -> str:
    as_of = about.asked or max(row.confirmed_as_of for row in rows)
    if about.cache is None or about.cache.data_as_of is None:
        return f"As of {moment(as_of, about.zone)}."
    age = span(max(0.0, (about.current.now() - about.cache.data_as_of).total_seconds()))
    return f"As of {moment(as_of, about.zone)}; the data was fetched {age} ago."


# --- sheets ---------------------------------------------------------------------------------------------------------


def _sheet(about: About, rows: Sequence[MetricResult], metric: str | None) -> Sheet:
    by_week = rows[0].window_kind == "week"
    # In the overview a quiet week among fifty-two is no reason to look into the configuration.
    notes = _notes(about, rows, [row for row in rows if metric or not by_week or row.state != "no_data"])
    if not by_week:
        return Sheet(NAMES, [with_mark(row) for row in rows], _PERIOD, _period_title(about, rows), notes)
    weeks = [{**with_mark(row), "week": week_of(row, about.zone)} for row in rows]
    title = f"{about.profile}: {metric}, {unit(metric)}, by week" if metric else f"{about.profile}: by week"
    return Sheet((*NAMES, "week"), weeks, _weeks(about), f"{title} ({about.zone.key})", notes)


def _listed(sheet: Sheet) -> Sheet:
    """A line for each week, and one for the weeks between two of which nothing is stored."""
    rows = list(sheet.rows[:1])
    for before, row in pairwise(sheet.rows):
        missing = _weeks_between(before["week"], row["week"])
        rows += [_gap(row, missing), row] if missing > 0 else [row]
    return replace(sheet, rows=rows)


def _gap(following: Row, count: int) -> Row:
    """A row in place of the weeks before another that nothing was calculated of."""
    weeks = "1 week" if count == 1 else f"{count:,} weeks"
    empty = {"value": None, "level": None, "state": "no_stored_value", "complete": True, "stored": True}
    return {**following, "week": weeks, **empty}


def _weeks_between(earlier: str, later: str) -> int:
    """How many weeks lie between two, by their ISO names."""
    return (date.fromisoformat(later) - date.fromisoformat(earlier)).days // 7 - 1


def _overview(about: About, sheet: Sheet) -> Sheet:
    """A line for each metric in place of one for each week: how it went, and its last two values."""
    weeks = sorted({row["week"] for row in sheet.rows})
    unknown = len({row["week"] for row in sheet.rows if about.is_unknown(row)})
    series = {metric: _series(sheet.rows, metric, weeks) for metric in METRIC_TYPES}
    rows = [{"metric": metric, "weeks": found} for metric, found in series.items() if any(found)]
    total = _weeks_between(weeks[0], weeks[-1]) + 2  # with the two themselves
    of_all = "" if total == len(weeks) else f"{len(weeks):,} of "
    title = f"{about.profile}: {weeks[0]} to {weeks[-1]}, {of_all}{format_count(total, 'week')}"
    look = f"flowbeat results {about.profile} --window weeks{about.as_of} --metric M"
    gap = "" if total == len(weeks) else " A blank stands for weeks that nothing is stored of."
    hint = f"A dot is a week without a value.{gap} Each week of a metric M: {look}"
    columns = _overview_columns(_places(weeks), unknown)
    return replace(sheet, rows=rows, columns=columns, title=title, notes=(hint, *sheet.notes))


def _places(weeks: Sequence[str]) -> list[str]:
    """The weeks, and nothing once wherever others lie between two of them."""
    places = list(weeks[:1])
    for before, week in pairwise(weeks):
        places += ["", week] if _weeks_between(before, week) > 0 else [week]
    return places


def _overview_columns(places: Sequence[str], unknown: int) -> tuple[Column, ...]:
    """The weeks stand on as many lines as the terminal needs, the oldest above, each line headed by its span."""
    room = max(_LEAST_WEEKS, terminal().width - _BESIDE_WEEKS)
    lines = -(-len(places) // room)
    size = -(-len(places) // lines)
    spans = [list(filter(None, places[start : start + size])) for start in range(0, len(places), size)]
    title = "\n".join(f"{some[0]} – {some[-1]}" for some in spans) if lines > 1 else ""
    return (
        Column("metric", lambda row: row["metric"], keep=True),
        Column(title, lambda row: _line(row, places, unknown), fold=size),
        Column("last week", lambda row: _last(row, complete=True), right=True),
        Column("now", lambda row: _last(row, complete=False), right=True),
        Column("unit", lambda row: unit(row["metric"]), keep=True),
    )


def _line(row: Row, places: Sequence[str], unknown: int) -> str:
    marks = iter(sparkline([week and week["value"] for week in row["weeks"]], unknown))
    return "".join(next(marks) if week else " " for week in places)


def _series(rows: Sequence[Row], metric: str, weeks: Sequence[str]) -> list[Row | None]:
    found = {row["week"]: row for row in rows if row["metric_type"] == metric}
    return [found.get(week) for week in weeks]


def _period_title(about: About, rows: Sequence[MetricResult]) -> str:
    first = rows[0].window_start.astimezone(about.zone).date()
    last = (rows[0].window_end - timedelta(microseconds=1)).astimezone(about.zone).date()
    return f"{about.profile}: {first} to {last} ({format_count((last - first).days + 1, 'day')}, {about.zone.key})"


def _coverage(row: Row) -> str:
    """Used ÷ candidates; without a rule that says what a candidate is there is neither, nor without a calculation."""
    if row["state"] in ("missing_mapping", "calculation_error", "no_stored_value"):
        return NOTHING
    return f"{row['n_used']:,}/{row['n_used'] + row['n_excluded']:,}"


def _value(row: Row) -> str:
    return number(row["value"])


def _state(row: Row) -> str:
    state = str(row["state"]).replace("_", " ") if row["state"] != "success" else ""
    return state if row["stored"] else ", ".join(filter(None, (state, "not stored")))


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


def _weeks(about: About) -> tuple[Column, ...]:
    def name(row: Row) -> str:
        running = "" if row["complete"] else " (running)"
        return f"{row['week']}{f' {NOTHING}' if about.is_unknown(row) else running}"

    return Column("week", name, keep=True), _VALUE, _LEVEL, _COVERAGE, Column("", _state)
