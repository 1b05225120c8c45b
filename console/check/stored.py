"""The checks of the database: its schema, its integrity, and the free space on its disk."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from console.check import clocks
from console.check.local import Line
from models.database import is_newer, is_sqlite, newest_revision
from models.database_faults import damaged
from models.store.health import find_damage
from report import reading
from worker.runtime import Runtime

LEAST_ROOM_BYTES: Final = 20_000_000  # what a refresh of a small team may write before SQLite merges it
SMALL_ROOM_BYTES: Final = 200_000_000
_PARTS: Final = ("", "-wal", "-shm")


def look(current: Runtime) -> Iterator[Line]:
    """Yield that the database answers, is intact and has this program's schema, or what is wrong."""
    missing = reading.missing_file(current)
    if missing is not None:
        yield Line(
            "database", "warning", f"{missing} does not exist yet", "to create and fill it, run: flowbeat refresh"
        )
        return
    revision, newest = reading.schema_of(current), newest_revision()
    where = make_url(current.settings.database_url).render_as_string(hide_password=True)
    if revision is None:
        yield Line("database", "warning", f"{where} is empty", "flowbeat refresh fills it")
    elif revision != newest:
        advice = "update Flowbeat on this machine" if is_newer(revision) else "flowbeat migrate"
        yield Line("database", "bad", f"{where} has schema {revision}, not {newest}", advice)
    else:
        _require_whole(current)
        yield Line("database", "ok", f"{where}, schema {revision}")
    yield from _disk(reading.database_file(current.settings))
    yield from clocks.of_database(current)


def _require_whole(current: Runtime) -> None:
    """Raise UnusableDatabaseError if SQLite finds damage in its file."""
    if not is_sqlite(current.engine):
        return
    with current.reads() as session:
        why = find_damage(session)
    if why is not None:
        raise damaged(str(current.engine.url.database), why)


def room(free: int, size: int) -> Iterator[Line]:
    """Yield a warning if the disk has too few free bytes for a database of this size."""
    if free < LEAST_ROOM_BYTES:
        yield Line("database", "bad", f"its disk has only {_megabytes(free)} free", "free some space")
    elif free < max(SMALL_ROOM_BYTES, size):
        message = f"its disk has {_megabytes(free)} free, and the database holds {_megabytes(size)}"
        yield Line("database", "warning", message, "free some space: a full refresh may write all of it once more")


def _disk(file: Path | None) -> Iterator[Line]:
    if file is not None:
        parts = [Path(f"{file}{end}") for end in _PARTS]
        yield from room(
            shutil.disk_usage(file.parent).free, sum(part.stat().st_size for part in parts if part.exists())
        )


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:,.1f} MB"
