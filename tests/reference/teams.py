"""The input and output of the reference: a team, a window, and a measurement without its messages."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from models.records import Issue, Status, Version

DAY: Final = timedelta(days=1)
MICRO: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Row:
    """A row of the deployments table, as a pipeline writes it."""

    deployment_id: str
    at: datetime
    failed: bool | None
    version_ids: tuple[str, ...] = ()
    issue_ids: tuple[str, ...] = ()
    rework: bool | None = None


@dataclass(frozen=True)
class Team:
    """Everything stored for a profile; ``gone``: the issues that Jira no longer shows, as they were last read."""

    issues: tuple[Issue, ...]
    statuses: tuple[Status, ...]
    versions: tuple[Version, ...] = ()
    table: tuple[Row, ...] = ()
    gone: tuple[Issue, ...] = ()


@dataclass(frozen=True)
class Span:
    """A window: its calendar bounds, and the end up to which it is calculated."""

    kind: str
    start: datetime
    end: datetime
    until: datetime

    @property
    def name(self) -> tuple[str, datetime]:
        """Return what identifies the window of a calculation."""
        return self.kind, self.start

    def holds(self, moment: object) -> bool:
        """Return whether a moment is in the past part of the window."""
        return isinstance(moment, datetime) and self.start <= moment < self.until

    @property
    def days(self) -> Fraction:
        """Return the true length in days of 86,400 seconds."""
        return Fraction((self.until - self.start) // MICRO, DAY // MICRO)


@dataclass(frozen=True)
class Answer:
    """The compared parts of a measurement: everything but its messages."""

    span: Span
    value: float | None
    state: str
    n_used: int
    exclusions: dict[str, int]
    details: dict[str, Any]
    level: str | None


@lru_cache(maxsize=4096)
def midnight(day: date, zone: str) -> datetime:
    """Return the first instant of a day, by trying each quarter of an hour: no offset in use changes between them."""
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=16)
    wanted = datetime(day.year, day.month, day.day, tzinfo=UTC).replace(tzinfo=None)
    while moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) < wanted:
        moment += timedelta(minutes=15)
    return moment


def last_second(day: date, zone: str) -> datetime:
    """Return the next day's first instant less a second."""
    return midnight(day + DAY, zone) - timedelta(seconds=1)
