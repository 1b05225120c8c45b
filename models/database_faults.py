"""Names faults of what is stored that no second try cures: a damaged file, a full disk, facts of another version."""

from typing import ClassVar

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import SQLAlchemyError

_DISK_FULL = "53100"  # PostgreSQL's SQLSTATE
_DATA_CORRUPTED = ("XX001", "XX002")
_THEN = "Then run: flowbeat refresh"


class UnusableDatabaseError(SQLAlchemyError):
    """The database is damaged, its disk is full, or its schema is a newer program's; the message says what to do."""

    kind: ClassVar[str] = "unusable_database"


class OutdatedFactsError(Exception):
    """The stored facts of a profile were written by another version of this program; a calculation rebuilds them."""

    why: ClassVar[str] = "were written by another version of Flowbeat"

    def __init__(self, profile: str) -> None:
        """Say what rebuilds them."""
        super().__init__(
            f"the stored facts of {profile!r} {self.why}; to rebuild them, run: flowbeat calculate {profile}"
        )


class DamagedFactsError(OutdatedFactsError):
    """The stored facts of a profile cannot be read; a calculation rebuilds them."""

    why = "are damaged"


def name_faults(engine: Engine) -> None:
    """Raise UnusableDatabaseError in place of a driver's error wherever that means such a fault."""
    where = str(engine.url.database) if engine.dialect.name == "sqlite" else "the database"

    def replace(context: ExceptionContext) -> None:
        message = _message(where, context.original_exception)
        if message is not None:
            raise UnusableDatabaseError(message) from context.original_exception

    event.listen(engine, "handle_error", replace)


def damaged(where: str, why: str) -> UnusableDatabaseError:
    """Return the error of a file that SQLite cannot trust; ``why`` is what SQLite found."""
    text = "" if "malformed" in why else f" ({why})"
    return UnusableDatabaseError(
        f"{where} is malformed{text}. Move it away with its -wal and -shm files, or restore a backup. "
        "Then make a new copy: flowbeat refresh"
    )


def describe(error: SQLAlchemyError) -> str:
    """Return in a sentence why the database cannot be used, and what to do; the caller redacts it."""
    if isinstance(error, UnusableDatabaseError):
        return str(error)
    why = first_line(getattr(error, "orig", None) or error)
    return f"the database cannot be used: {why}; check database_url, then: flowbeat check"


def first_line(error: BaseException) -> str:
    """Return the line of a driver's explanation that names the fault."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(". ")


def _message(where: str, error: BaseException) -> str | None:
    """Return the sentences about a driver's error, None for one that may pass or is a fault in Flowbeat."""
    why = first_line(error)
    name = str(getattr(error, "sqlite_errorname", ""))
    return _of_sqlite(where, name, why) if name else _of_postgresql(getattr(error, "sqlstate", None), why)


def _of_sqlite(where: str, name: str, why: str) -> str | None:
    if name.startswith("SQLITE_CORRUPT"):
        return str(damaged(where, why))
    if name == "SQLITE_NOTADB":
        return f"database_url does not lead to a readable database: {why}. Check database_url, or move {where} away"
    if name == "SQLITE_FULL":
        return f"the disk of {where} is full. Free some space. {_THEN}"
    if name.startswith("SQLITE_IOERR"):
        return f"the disk of {where} failed ({why}). Check its free space and its health. {_THEN}"
    return None


def _of_postgresql(state: str | None, why: str) -> str | None:
    if state == _DISK_FULL:
        return f"the disk of the database server is full ({why}). Free some space there. {_THEN}"
    if state in _DATA_CORRUPTED:
        return (
            f"the database server found damaged data ({why}). Restore a backup, or set database_url to a new database"
        )
    return None
