"""Fills a database with a profile's copy of very many issues, by bulk inserts: more than a Jira could be asked for.

Run: ``python benchmarks/big_copy.py FOLDER --issues N``. The folder then holds a configuration and a database as a full
fetch would leave them on the quiet Sunday of ``copies``: issues of three years with about six status changes each,
statuses, versions, Cache Metadata. ``flowbeat calculate`` works on it without asking Jira. The same seed and number
give the same rows. Content hashes are made up too: a calculation only asks whether they changed.
"""

import argparse
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from rich.progress import track
from sqlalchemy import Connection

from benchmarks.copies import IN_PROCESS, PROFILE, SUNDAY, Site, flowbeat
from models.records import CACHE_VERSION, CacheMetadata, CopyCursor, CopyIdentity, Status, Version, iso
from models.store import caches, catalogue
from models.store import issues as stored_issues
from worker.identity import cache_key
from worker.runtime import Runtime

Row = tuple[Any, ...]
Move = tuple[datetime, str, str]  # when, from and to which status
SQLITE: Final = "sqlite:///flowbeat.db"
AT_ONCE: Final = 2_000
WEEKS: Final = 156
SPAN: Final = timedelta(weeks=WEEKS)
BEGIN: Final = SUNDAY - SPAN
ISSUES_OF_A_PROJECT: Final = 5_000
# Ids have one length, so that in the database's order, which is that of text, new ones come last.
FIRST_ISSUE: Final = 10_000_000
FIRST_VERSION: Final = 1_000_000
POINTS: Final = "customfield_10016"
TO_DO, DOING, REVIEW, BLOCKED, DONE, CLOSED = "10000", "3", "10011", "10012", "10001", "6"
STATUSES: Final = (
    Status(TO_DO, "To Do", "new"),
    Status(DOING, "In Progress", "indeterminate"),
    Status(REVIEW, "In Review", "indeterminate"),
    Status(BLOCKED, "Blocked", "indeterminate"),
    Status(DONE, "Done", "done"),
    Status(CLOSED, "Closed", "done"),
)
NAMES: Final = {status.status_id: status.name for status in STATUSES}
# Each status: mean hours in it, and the next statuses by cumulative chance; the other issues stay in it.
WAYS: Final[dict[str, tuple[float, tuple[tuple[float, str], ...]]]] = {
    TO_DO: (20 * 24.0, ((0.94, DOING), (0.97, DONE))),
    DOING: (40.0, ((0.75, REVIEW), (1.0, BLOCKED))),
    REVIEW: (20.0, ((0.35, DOING), (1.0, DONE))),
    BLOCKED: (30.0, ((1.0, DOING),)),
    DONE: (15 * 24.0, ((0.05, DOING), (0.65, CLOSED))),
    CLOSED: (1.0, ()),
}
TYPES: Final = (
    (0.36, "Story"),
    (0.56, "Task"),
    (0.77, "Bug"),
    (0.81, "Security"),
    (0.89, "Technical Debt"),
    (0.90, "Deployment"),
    (0.93, "Incident"),
    (0.95, "Epic"),
    (1.00, "Sub-task"),
)
PRIORITIES: Final = ((0.1, "Highest"), (0.3, "High"), (0.8, "Medium"), (1.0, "Low"))
RESOLUTIONS: Final = ((0.95, "Done"), (0.97, "Won't Do"), (0.99, "Duplicate"), (1.0, "Cannot Reproduce"))
INCIDENT_PACE: Final = 0.02
ISSUE: Final = (
    "profile, issue_id, key, project, type, status_id, created, updated, resolution, resolved,"
    " summary, fields, content_hash, history_read_at, subtask"
)
CHANGE: Final = "profile, issue_id, history_id, position, at, field, from_id, from_name, to_id, to_name"


@dataclass(frozen=True, slots=True)
class Plan:
    """The number of issues, and the seed that they are drawn from."""

    issues: int
    seed: int

    @property
    def projects(self) -> int:
        """Return the number of projects, each with its own team."""
        return max(2, -(-self.issues // ISSUES_OF_A_PROJECT))


def main() -> None:
    """Read the command line, fill the folder, and print its content and the time it took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="a new or empty folder")
    parser.add_argument("--issues", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", default=SQLITE, help="an empty database (default: SQLite in the folder)")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    changes = fill(asked.folder, asked.issues, asked.seed, asked.database, seen=True)
    seconds = time.perf_counter() - started
    print(f"{asked.issues:,} issues with {changes:,} changes in {seconds:.0f} s, configured in {asked.folder}")


def fill(folder: Path, issues: int, seed: int = 1, database: str = SQLITE, *, seen: bool = False) -> int:
    """Fill an empty database, with a progress bar if it is ``seen``; returns how many changes the histories hold."""
    plan = Plan(issues, seed)
    starts = range(0, issues, AT_ONCE)
    with flowbeat(Site(IN_PROCESS), folder, database) as current:
        parts = track(starts, "made up", disable=not seen)
        changes = sum(_save_part(current, plan, start, min(start + AT_ONCE, issues)) for start in parts)
        _save_rest(current, plan)
    return changes


def _save_part(current: Runtime, plan: Plan, start: int, end: int) -> int:
    dice = Random(f"{plan.seed}:{start}")
    drawn = [made_up(plan, number, dice) for number in range(start, end)]
    changes = [change for entry in drawn for change in entry.changes()]
    with current.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
        _insert(connection, "issues", ISSUE, [item.row() for item in drawn])
        _insert(connection, "transitions", CHANGE, changes)
    return len(changes)


def _insert(connection: Connection, table: str, columns: str, rows: list[Row]) -> None:
    """Insert with the driver, in the stored form of texts and numbers. SQLAlchemy would need twice the time."""
    mark = "%s" if connection.dialect.name == "postgresql" else "?"
    marks = ", ".join(mark for _ in rows[0])
    connection.exec_driver_sql(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608 - constants of this module


def _save_rest(current: Runtime, plan: Plan) -> None:
    """Save the lists and the Cache Metadata, so that the copy is complete."""
    profile = current.profile(PROFILE)
    with current.sessions.begin() as session:
        catalogue.save_statuses(session, PROFILE, STATUSES)
        catalogue.save_versions(session, PROFILE, list(versions(plan)))
        key = cache_key(current.settings.connections[profile.connection], profile)
        cache = CacheMetadata(
            cache_key=key,
            creation_timestamp=SUNDAY,
            expiration_timestamp=SUNDAY + timedelta(days=3650),  # a later calculation by hand sends no request either
            data_size_bytes=stored_issues.data_size(session, PROFILE),
            version_identifier=CACHE_VERSION,
            config_hash=key,
            issue_count=plan.issues,
            jql_query=profile.jql,
            profile=PROFILE,
            data_as_of=SUNDAY,
            cursor=CopyCursor(
                CopyIdentity(
                    base_url=IN_PROCESS,
                    summaries=True,
                    mapped={POINTS: "Story point estimate"},
                    resolved={"points": POINTS},
                ),
                watermark=iso(SUNDAY),
            ),
        )
        caches.save(session, cache)


def versions(plan: Plan) -> Iterator[Version]:
    """Yield a version a week of each project; the last is not released yet."""
    for project in range(plan.projects):
        key = _project_key(project)
        for week in range(WEEKS + 1):
            day = (BEGIN + timedelta(weeks=week + 1)).date()
            released = day <= SUNDAY.date()
            yield Version(_version_id(project, week), key, f"{key} {week // 10}.{week % 10}", released, day, week < 52)


@dataclass(frozen=True, slots=True)
class Drawn:
    """The random choices for one issue."""

    number: int
    project: str
    kind: str
    created: datetime
    moves: tuple[Move, ...]
    resolution: str | None
    fixed_in: str | None
    fields: dict[str, Any]

    @property
    def issue_id(self) -> str:
        """Return Jira's id of the issue."""
        return str(FIRST_ISSUE + self.number)

    def row(self) -> Row:
        """Return its row in the order of ``ISSUE``, as a fetch stores it: without facts."""
        status = self.moves[-1][2] if self.moves else TO_DO
        updated = self.moves[-1][0] if self.moves else self.created
        ended = _ended(self.moves)
        content = hashlib.md5(f"{self.issue_id} {updated}".encode(), usedforsecurity=False).hexdigest()
        dates = _text(self.created), _text(updated), self.resolution, None if ended is None else _text(ended)
        fields = json.dumps(self.fields, separators=(",", ":"))
        summary = f"Reconcile receipt ({self.number})"
        key = f"{self.project}-{self.number}"
        head = (PROFILE, self.issue_id, key, self.project, self.kind, status)
        return *head, *dates, summary, fields, content, _SUNDAY, self.kind == "Sub-task"

    def changes(self) -> Iterator[Row]:
        """Yield its history's rows in the order of ``CHANGE``; the last entry into done brings version and
        resolution.
        """
        ended, issue_id, fixed_in = _ended(self.moves), self.issue_id, self.fixed_in
        for place, (at, before, after) in enumerate(self.moves):
            entry = (PROFILE, issue_id, f"{issue_id}{place:03}", 0, _text(at))
            if at == ended:
                if fixed_in is not None:
                    yield *entry, "fixVersions", None, None, fixed_in, fixed_in
                yield *entry, "resolution", None, None, "10000", self.resolution
            yield *entry, "status", before, NAMES[before], after, NAMES[after]


def made_up(plan: Plan, number: int, dice: Random) -> Drawn:
    """Return an issue: they are created evenly over the years, by turns in each project."""
    created = BEGIN + SPAN * ((number + dice.random()) / plan.issues)
    created -= timedelta(microseconds=created.microsecond % 1000)  # Jira has milliseconds
    project = number % plan.projects
    kind = _drawn(TYPES, dice) or ""
    moves = tuple(_life(dice, created, INCIDENT_PACE if kind == "Incident" else 1.0))
    ended = _ended(moves)
    fixed_in = None if ended is None or dice.random() < 0.25 else _next_version(project, ended)
    hurt = kind == "Incident" and dice.random() < 0.3
    return Drawn(
        number=number,
        project=_project_key(project),
        kind=kind,
        created=created,
        moves=moves,
        resolution=None if ended is None else _drawn(RESOLUTIONS, dice),
        fixed_in=fixed_in,
        fields={
            POINTS: dice.choice((1.0, 2.0, 3.0, 5.0, 8.0)) if dice.random() < 0.5 else None,
            "fixVersions": [] if fixed_in is None else [fixed_in],
            "links": [str(FIRST_ISSUE + dice.randrange(number))] if number and dice.random() < 0.03 else [],
            "priority": _drawn(PRIORITIES, dice),
            "versions": [_next_version(project, created - timedelta(weeks=1))] if hurt else [],
        },
    )


def _life(dice: Random, created: datetime, pace: float) -> Iterator[Move]:
    """Yield the changes of status before the Sunday; ``pace`` stretches the time in each."""
    at, status = created, TO_DO
    while True:
        hours, ways = WAYS[status]
        following = _drawn(ways, dice)
        at += timedelta(milliseconds=int(dice.expovariate(1 / (pace * hours * 3_600_000))))
        if following is None or at >= SUNDAY:
            return
        yield at, status, following
        status = following


def _drawn(ways: tuple[tuple[float, str], ...], dice: Random) -> str | None:
    """Return the first choice whose chance is above the roll, or None."""
    roll = dice.random()
    for chance, name in ways:
        if roll < chance:
            return name
    return None


def _ended(moves: tuple[Move, ...]) -> datetime | None:
    """Return the last entry into done, of an issue that is over."""
    if not moves or moves[-1][2] not in (DONE, CLOSED):
        return None
    return next(at for at, _, status in reversed(moves) if status == DONE)


def _next_version(project: int, at: datetime) -> str:
    """Return the version that is released next."""
    return _version_id(project, max(0, (at - BEGIN).days // 7))


def _project_key(project: int) -> str:
    return ("OPS", "PAY")[project] if project < 2 else f"TEAM{project}"


def _version_id(project: int, week: int) -> str:
    return str(FIRST_VERSION + project * 1_000 + week)


def _text(at: datetime) -> str:
    """Return an instant in SQLite's stored form, which PostgreSQL reads as UTC."""
    return at.isoformat(" ", "microseconds")[:26]


_SUNDAY: Final = _text(SUNDAY)


if __name__ == "__main__":
    main()
