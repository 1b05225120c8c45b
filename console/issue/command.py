"""The issue command: the life of one issue as stays in statuses, and the numbers that it is part of."""

from collections.abc import Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import click
from sqlalchemy.orm import Session

from console.explain.rows import evidence_row, finding_rows
from console.explain.words import entries_of, format_finding
from console.issue.life import Life, Number, load_life
from console.shared import database
from console.shared.output import Column, Format, Row, Sheet, format_bar, format_option, is_for_people, show
from models.metrics.catalogue import METRICS
from models.metrics.stats import DAY
from models.metrics.windows import week_name
from models.records import instant
from models.store.lookup import Match, find_by_key
from report.freshness import freshness_notes
from report.links import issue_url, jira_of
from report.words import NOTHING, format_number, format_time, format_unit, in_words
from worker.database import Stored, zone_of
from worker.errors import FatalError

_STAYS: Final = ("profile", "issue_id", "key", "url", "visit", "status", "stage", "entered_at", "left_at", "days")
_NUMBERS: Final = (
    "profile",
    "key",
    "metric_type",
    "window",
    "window_start",
    "window_end",
    "counts",
    "reason",
    "contribution",
    "counted_in",
    "at",
    "deployment",
    "value",
    "unit",
)


@click.command()
@click.argument("key")
@click.option("--profile", metavar="PROFILE", help="Only in this profile (default: every profile that has the issue).")
@click.option(
    "--as-of",
    metavar="DATE",
    help="As of a past day (2026-10-31, yesterday, 7d: its end) or instant, instead of the newest.",
)
@format_option
def issue(key: str, *, profile: str | None, as_of: str | None, form: Format) -> None:
    """Show an issue's stays in statuses, what set its instants, and which numbers it counts in.

    A key from before a move works, too. CSV contains the stays.

    Example: flowbeat issue PAY-109
    """
    with database.open_for_reading() as (current, session):
        if profile is not None:
            database.one_of("profile", profile, current.settings.profiles)
        matches = _matches(current, session, key, profile)
        sheets: dict[str, Sheet] = {}
        for match in matches:
            moment = database.as_of_option(as_of, zone_of(current, match.profile), current.now())
            life = load_life(current, session, match, moment)
            notes = freshness_notes(current, session, match.profile, life.view, as_of)
            _add(sheets, _sheets(life, jira_of(current, match.profile), key, notes), form)
    show(form, sheets["stays"] if form == "csv" else sheets)


COMMANDS: tuple[click.Command, ...] = (issue,)


def _matches(current: Stored, session: Session, key: str, profile: str | None) -> list[Match]:
    matches = find_by_key(session, key.strip().upper())
    configured = [match for match in matches if match.profile in current.settings.profiles]
    chosen = [match for match in configured if profile in (None, match.profile)]
    if chosen:
        return chosen
    where = f"profile {profile!r}" if profile else "any profile"
    others = ", ".join(sorted({match.profile for match in configured}))
    advice = f"; it is in {others}" if others else "; to fetch what changed, run: flowbeat refresh"
    raise FatalError(f"no issue {key!r} is stored in {where}{advice}")


def _add(sheets: dict[str, Sheet], own: dict[str, Sheet], form: Format) -> None:
    """Add the sheets of a profile: a person reads them below each other, a program as one list of each kind."""
    for name, sheet in own.items():
        if is_for_people(form):
            sheets[f"{name} {len(sheets)}"] = sheet
        elif name in sheets:
            sheets[name] = Sheet(sheet.names, [*sheets[name].rows, *sheet.rows], ())
        else:
            sheets[name] = sheet


def _sheets(life: Life, jira: str, key: str, notes: Sequence[str]) -> dict[str, Sheet]:
    url, zone = issue_url(jira, life.issue.key), life.view.context.zone
    return {
        "issue": _head(life, url, zone, key),
        "stays": _stays(life, url, zone),
        "set_by": _set_by(life, zone),
        "numbers": _numbers(life, zone, notes),
    }


def _head(life: Life, url: str, zone: ZoneInfo, key: str) -> Sheet:
    issue, match = life.issue, life.match
    row: dict[str, Any] = {
        "profile": match.profile,
        "issue_id": issue.issue_id,
        "key": issue.key,
        "url": url or None,
        "type": issue.type,
        "summary": issue.summary,
        "role": life.role or None,
        "as_of": life.view.as_of,
        "instants": dict(life.instants),
        "resolution": issue.resolution,
        "gone_at": match.gone_at,
        "gone_reason": match.gone_reason,
        "data_quality": finding_rows(life.traced),
    }
    title = f"{match.profile}: {issue.key}, {issue.type}{f', {issue.summary}' if issue.summary else ''}"
    return Sheet(tuple(row), [row], (), title, tuple(_head_lines(life, row, zone, key)))


def _head_lines(life: Life, row: Row, zone: ZoneInfo, key: str) -> list[str]:
    match = life.match
    role = f"It is {_ARTICLES[life.role]}." if life.role else "Its type is left out of every number (ignored_types)."
    lines = [f"{role} As of {format_time(life.view.as_of, zone)} ({zone.key}).", _line(life)]
    if key.strip().upper() != match.key:
        lines.append(f"{key.strip().upper()} is now {match.key}.")
    if match.gone_at is not None:
        counts = "It counts as it was last read" if match.gone_counts else "It counts in no number"
        lines.append(f"Note: gone from Jira ({match.gone_reason or 'for an unknown reason'}). {counts}.")
    findings = [format_finding(finding, zone) for finding in row["data_quality"]]
    return [*lines, f"Data quality: {', '.join(findings)}."] if findings else lines


_ARTICLES: Final = {"work item": "a work item", "incident": "an incident", "deployment": "a deployment"}


def _line(life: Life) -> str:
    """Return the life as one line: ``To Do 2 d → In Progress 3.5 d → Done``."""
    stays = life.traced.stays
    if not stays:
        return "The issue did not exist yet."
    past = [f"{stay.status or 'unknown'} {format_number((stay.until - stay.at) / DAY)} d" for stay in stays[:-1]]
    last = stays[-1]
    return " → ".join(
        [*past, f"{last.status or 'unknown'}, for {format_number((last.until - last.at) / DAY)} d so far"]
    )


def _stays(life: Life, url: str, zone: ZoneInfo) -> Sheet:
    stays = life.traced.stays
    longest = max((stay.until - stay.at for stay in stays), default=0) or 1
    rows = [
        {
            "profile": life.match.profile,
            "issue_id": life.issue.issue_id,
            "key": life.issue.key,
            "url": url or None,
            "visit": number,
            "status": stay.status,
            "stage": stay.stage,
            "entered_at": instant(stay.at),
            "left_at": instant(stay.until) if number < len(stays) else None,
            "days": (stay.until - stay.at) / DAY,
            "share": (stay.until - stay.at) / longest,
        }
        for number, stay in enumerate(stays, start=1)
    ]
    columns = (
        Column("entered", lambda row: format_time(row["entered_at"], zone), keep=True),
        Column("status", lambda row: row["status"] or NOTHING),
        Column("stage", lambda row: row["stage"], keep=True),
        Column("days", lambda row: format_number(row["days"]), right=True),
        Column("", lambda row: format_bar(row["share"])),
    )
    return Sheet(_STAYS, rows, columns, "Stays in statuses" if rows else "", empty="It was in no status yet.")


def _set_by(life: Life, zone: ZoneInfo) -> Sheet:
    setters = {name: evidence_row(setter) for name, setter in life.set_by.items()}
    part = {"key": life.issue.key, "instants": life.instants, "set_by": setters}
    entries = entries_of({**part, "blocked": [], "rework_by": [], "failed_by": []})
    ordered = sorted(entries, key=lambda entry: (entry["at"] is None, entry["at"]))
    rows = [{**entry, "key": life.issue.key, "evidence": setters[entry["what"].replace(" ", "_")]} for entry in ordered]
    columns = (
        Column("what", lambda row: row["what"], keep=True),
        Column("when", lambda row: format_time(row["at"], zone), keep=True),
        Column("history", lambda row: row["history_id"], right=True),
        Column("set by", lambda row: row["set_by"]),
    )
    names = ("key", "what", "at", "set_by", "evidence")
    return Sheet(
        names, rows, columns, "What set its instants" if rows else "", empty="It has neither started nor ended."
    )


def _numbers(life: Life, zone: ZoneInfo, notes: Sequence[str]) -> Sheet:
    rows = [_number_row(life, number, zone) for number in life.numbers]
    columns = (
        Column("metric", lambda row: row["metric_type"], keep=True),
        Column("window", lambda row: row["window"], keep=True),
        Column("", lambda row: "counts" if row["counts"] else f"left out: {in_words(str(row['reason']))}"),
        Column("with", _with),
        Column("value", lambda row: format_number(row["value"]), right=True),
        Column("unit", lambda row: format_unit(row["unit"])),
    )
    empty = "It is in no number of the period, of the running week, or of the week in which it ended."
    return Sheet(_NUMBERS, rows, columns, "The numbers it is part of" if rows else "", tuple(notes), empty=empty)


def _with(row: Row) -> str:
    if row["contribution"] is None:
        return NOTHING
    return f"{format_number(row['contribution'])} {row['counted_in']}"


def _number_row(life: Life, number: Number, zone: ZoneInfo) -> dict[str, Any]:
    measured, part = number.measurement, number.part
    window, metric = measured.window, METRICS[measured.metric_type]
    return {
        "profile": life.match.profile,
        "key": life.issue.key,
        "metric_type": measured.metric_type,
        "window": "period" if window.kind == "period" else week_name(window, zone),
        "window_start": instant(window.start),
        "window_end": instant(window.end),
        "counts": part.reason is None,
        "reason": part.reason,
        "contribution": part.value / metric.part_unit.size if part.reason is None else None,
        "counted_in": metric.part_unit.heading,
        "at": instant(part.at),
        "deployment": part.via or None,
        "value": measured.value,
        "unit": measured.unit,
    }
