"""The aging command: the items in progress, oldest first, and how their age compares with what was finished."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import click
from sqlalchemy.orm import Session

from console.shared import completing, database
from console.shared.output import Column, Format, Row, Sheet, format_option, is_for_people, room_for, show
from models.metrics.ageing import LATE_PERCENT, Aged, late_line, yardstick
from models.metrics.snapshot import Snapshot
from models.metrics.stats import DAY
from models.metrics.windows import local_day
from models.records import instant
from models.store.titles import Title, load_titles
from models.wording import format_count
from report.aged import load_aged
from report.freshness import freshness_notes
from report.links import issue_url, jira_of
from report.words import NOTHING, format_number, format_time
from worker import view as views
from worker.database import Stored, zone_of
from worker.errors import FatalError
from worker.snapshots import load_snapshot

_NAMES: Final = (
    "profile",
    "as_of",
    "issue_id",
    "key",
    "type",
    "summary",
    "url",
    "status",
    "stage",
    "started_at",
    "days_in_progress",
    "status_since",
    "days_in_status",
    "blocked_since",
    "pace_percent",
    "chance_percent",
    "is_late",
)
_STATUS: Final = 20  # letters of a status on a line
_WIDE: Final = 100  # columns of a terminal that has room for a summary


@click.command()
@click.argument("profile", required=False, shell_complete=completing.profiles)
@click.option(
    "--as-of",
    metavar="DATE",
    help="As of a past day (2026-10-31, yesterday, 7d: its end) or instant, instead of the newest.",
)
@format_option
def aging(profile: str | None, *, as_of: str | None, form: Format) -> None:
    """Show the items in progress, oldest first.

    Older than: how many of the finished items took less time. Chance: to be done within the promised days.

    Example: flowbeat aging payments
    """
    with database.open_for_reading() as (current, session):
        if profile is not None:
            database.one_of("profile", profile, current.settings.profiles)
        names = [profile] if profile else list(current.settings.profiles)
        if not names:
            raise FatalError("flowbeat.toml has no profile; add one: flowbeat init shows how")
        sheets = {name: _sheet(current, session, name, as_of, room_for(form)) for name in names}
    if is_for_people(form):
        show(form, sheets)
    else:
        show(form, Sheet(_NAMES, [row for sheet in sheets.values() for row in sheet.rows], ()))


COMMANDS: tuple[click.Command, ...] = (aging,)


@dataclass(frozen=True, slots=True)
class _InProgress:
    """The items in progress of a profile, and what their age is compared with."""

    profile: str
    zone: ZoneInfo
    as_of: datetime
    jira: str
    snapshot: Snapshot
    aged: list[Aged]
    titles: dict[str, Title]
    times: list[int]

    @property
    def late(self) -> float | None:
        """Return the age that 85 % of the finished items did not exceed, in microseconds."""
        return late_line(self.times)


def _sheet(current: Stored, session: Session, profile: str, as_of: str | None, room: int) -> Sheet:
    zone = zone_of(current, profile)
    view = views.load_view(current, session, profile, database.as_of_option(as_of, zone, current.now()))
    snapshot = load_snapshot(session, profile, view)
    aged = load_aged(session, profile, view, snapshot)
    titles = load_titles(session, profile, [item.issue_id for item in aged])
    jira = jira_of(current, profile)
    work = _InProgress(profile, zone, view.as_of, jira, snapshot, aged, titles, yardstick(snapshot))
    rows = [_row(work, item) for item in aged]
    title = f"{profile}: {format_count(len(rows), 'item')} in progress, as of {format_time(view.as_of, zone)}"
    notes = (*_notes(work), *freshness_notes(current, session, profile, view, as_of))
    columns = _columns(work, has_promise=view.rules.service_level is not None, is_wide=room >= _WIDE)
    return Sheet(_NAMES, rows, columns, f"{title} ({zone.key})", notes, empty="Nothing is in progress.")


def _row(work: _InProgress, item: Aged) -> dict[str, Any]:
    card = work.titles.get(item.issue_id)
    return {
        "profile": work.profile,
        "as_of": work.as_of,
        "issue_id": item.issue_id,
        "key": item.key,
        "type": card.type if card else None,
        "summary": card.summary if card else None,
        "url": issue_url(work.jira, item.key) or None,
        "status": item.status,
        "stage": item.stage,
        "started_at": instant(item.started),
        "days_in_progress": item.age / DAY,
        "status_since": instant(item.entered),
        "days_in_status": (work.snapshot.as_of - item.entered) / DAY,
        "blocked_since": None if item.blocked_since is None else instant(item.blocked_since),
        "pace_percent": item.pace,
        "chance_percent": item.chance,
        "is_late": None if work.late is None else item.age > work.late,
    }


def _columns(work: _InProgress, *, has_promise: bool, is_wide: bool) -> tuple[Column, ...]:
    columns = [
        Column("issue", lambda row: row["key"], keep=True, link=lambda row: row["url"] or "", style=_style),
        Column("status", lambda row: row["status"] or NOTHING, fold=_STATUS, below=lambda row: row["stage"]),
        Column("days", lambda row: format_number(row["days_in_progress"]), right=True, style=_style),
        Column("in\nstatus", lambda row: format_number(row["days_in_status"]), right=True),
    ]
    if any(item.blocked_since is not None for item in work.aged):
        columns.append(Column("blocked since", lambda row: _since(row, work.zone), keep=True))
    columns.append(Column("older than", _pace, right=True, keep=True, below=_late, style=_style))
    if has_promise:
        columns.append(Column("chance", lambda row: _percent(row["chance_percent"]), right=True))
    if is_wide:
        columns.append(Column("summary", lambda row: row["summary"] or "", clip=True))
    return tuple(columns)


def _pace(row: Row) -> str:
    return _percent(row["pace_percent"])


def _late(row: Row) -> str:
    return f"beyond {LATE_PERCENT} %" if row["is_late"] else ""


def _style(row: Row) -> str:
    return "bold red" if row["is_late"] else ""


def _since(row: Row, zone: ZoneInfo) -> str:
    return "" if row["blocked_since"] is None else format_time(row["blocked_since"], zone)


def _percent(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.0f} %"


def _notes(work: _InProgress) -> tuple[str, ...]:
    """Return what the ages are compared with, and what is unknown without a service level or finished items."""
    weeks = [window.start for window in work.snapshot.windows if window.kind == "week"]
    since = local_day(min(weeks), work.zone) if weeks else None
    if work.late is None:
        finished = f"No item was finished since {since}" if since else "history_weeks is 0"
        return (f"{finished}, so that no age can be compared.",)
    count = format_count(len(work.times), "item")
    line = f"{LATE_PERCENT} % of the {count} done since {since} took at most {format_number(work.late / DAY)} days."
    if work.snapshot.rules.service_level is not None:
        promise = work.snapshot.rules.service_level
        return (line, f"Chance: to be done within the promised {format_number(promise.days)} days.")
    return (line,)
