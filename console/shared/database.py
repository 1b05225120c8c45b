"""The stored data for reading commands, and the check of names on the command line."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

import click
from sqlalchemy.orm import Session

from report import reading
from report.asked import UnknownNameError, known, parse_asked
from worker.database import Stored


@contextmanager
def open_for_reading() -> Iterator[tuple[Stored, Session]]:
    """Yield what is stored and a session that only reads, by the configuration of the command."""
    with reading.open_for_reading() as opened:
        yield opened


def one_of(kind: str, name: str, names: Iterable[str]) -> str:
    """Return the name if it is known; otherwise raise click's usage error with the nearest one."""
    try:
        return known(kind, name, names)
    except UnknownNameError as error:
        raise click.UsageError(str(error)) from error


def as_of_option(text: str | None, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return the instant of an ``--as-of``; raise click's usage error for other text than a day or an instant."""
    try:
        return None if text is None else parse_asked(text, zone, now)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
