"""The database for reading only: opened if it exists with this program's schema, and never created."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import DatabaseError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from models.database import newest_revision, require_known, revision
from worker import settings
from worker.database import Stored
from worker.errors import FatalError
from worker.settings import Settings


@contextmanager
def open_for_reading(config: Path | None = None) -> Iterator[tuple[Stored, Session]]:
    """Yield what is stored and a session that only reads; starts no server and creates no file.

    ``config``: the configuration file; None: the one that commands take (``FLOWBEAT_CONFIG``, else the folder's).
    Raises ConfigError for a wrong configuration, FatalError if Flowbeat's database does not exist yet.
    """
    current = Stored(settings.load(config, os.environ))
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
    file = database_file(current.settings)
    return None if file is None or file.exists() else file


def database_file(configured: Settings) -> Path | None:
    """Return the file of a SQLite database; None for a database behind a server."""
    url = make_url(configured.database_url)
    is_file = url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:"
    return Path(str(url.database)) if is_file else None


def schema_of(current: Stored) -> str | None:
    """Return the revision of the database; raise FatalError if it answers unlike a database of Flowbeat."""
    try:
        return revision(current.engine)
    except (OperationalError, InterfaceError):
        raise
    except DatabaseError as error:
        raise FatalError(f"database_url does not lead to a readable database: {error.orig}") from error
