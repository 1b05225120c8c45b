"""The stored data for reading commands, and the check of names on the command line."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import click
from sqlalchemy.exc import DatabaseError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from console.shared import writable
from models.database import newest_revision, require_known, revision
from models.metrics.windows import parse_as_of
from models.records import instant
from worker import settings
from worker.config_schema import did_you_mean
from worker.database import Stored
from worker.errors import FatalError

_DAYS_AGO: Final = re.compile(r"(\d{1,4})d")


@contextmanager
def open_for_reading() -> Iterator[tuple[Stored, Session]]:
    """Yield what is stored and a session that only reads; starts no server and creates no file.

    Raises ConfigError for a wrong configuration, FatalError if Flowbeat's database does not exist yet.
    """
    current = Stored(settings.load(None, os.environ))
    try:
        require_schema(current)
        with current.reads() as session:
            yield current, session
    finally:
        current.close()


def require_schema(current: Stored) -> None:
    """Raise FatalError unless the database exists with this program's schema."""
    missing = missing_file(current)
    if missing is not None:
        settings.require_file(current.settings)
        raise FatalError(f"no database exists yet at {missing}; to create and fill it, run: flowbeat refresh")
    result = schema_of(current)
    if result is None:
        raise FatalError("the database is empty; to fill it, run: flowbeat refresh")
    require_known(result)
    if result != newest_revision():
        raise FatalError(
            f"the database's schema is {result}, and this program needs {newest_revision()}: flowbeat migrate"
        )


def missing_file(current: Stored) -> Path | None:
    """Return the SQLite file if it is missing, because opening it would create it."""
    file = writable.database_file(current.settings)
    return None if file is None or file.exists() else file


def schema_of(current: Stored) -> str | None:
    """Return the revision of the database; raise FatalError if it answers unlike a database of Flowbeat."""
    try:
        return revision(current.engine)
    except (OperationalError, InterfaceError):
        raise
    except DatabaseError as error:
        raise FatalError(f"database_url does not lead to a readable database: {error.orig}") from error


def one_of(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the name if it is known; otherwise raise click's usage error with the nearest one."""
    names = tuple(dict.fromkeys(known))
    if name in names:
        return name
    advice = did_you_mean(name, names) or (f"; known: {', '.join(names)}" if names else "")
    raise click.UsageError(f"There is no {kind} {name!r}{advice}")


def as_of_option(text: str | None, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return the instant of an ``--as-of``; raise click's usage error for other text than a day or an instant.

    Besides what ``parse_as_of`` takes, ``today``, ``yesterday`` and ``7d`` (seven days ago) are days of the zone.
    """
    try:
        return None if text is None else instant(parse_as_of(named_day(text, zone, now), zone))
    except ValueError as error:
        raise click.UsageError(f"--{error}") from error


def named_day(text: str, zone: ZoneInfo, now: datetime) -> str:
    """Return the day that a word names in a zone, as it is written; any other text as it is."""
    ago = {"today": 0, "yesterday": 1}.get(text)
    if ago is None and (span := _DAYS_AGO.fullmatch(text)):
        ago = int(span[1])
    return text if ago is None else (now.astimezone(zone).date() - timedelta(days=ago)).isoformat()
