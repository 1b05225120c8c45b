"""Copies a SQLite database that is in use into a new file, whole and checked, or not at all."""

import contextlib
import errno
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.database_faults import UnusableDatabaseError, damaged

OWN: Final = 0o600  # a backup holds all issues, and only the person who made it needs it
BUSY_SECONDS: Final = 30
PAGES: Final = 2_000  # copied between two reports
SPARE_BYTES: Final = 10_000_000  # that a disk must have free beside the copy
_FULL: Final = ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC")
_NO_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)

Report = Callable[[int, int], None]
"""Called with the pages copied and the pages of all, again and again."""


class BackupError(UnusableDatabaseError):
    """No backup was written; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was written and checked: its file, its size and the rows of each table."""

    file: Path
    size_bytes: int
    rows: Mapping[str, int]


def write(source: Path, target: Path, report: Report = lambda _done, _all: None) -> Backup:
    """Write the committed rows of a SQLite file, also those of its write-ahead log, to a new file, and check it.

    Others may read and write meanwhile: the copy is of one instant. Raises BackupError, and leaves nothing, where the
    target exists, the disk has too little room or the copy differs from its source.
    """
    _require_free(target)
    with _folder(target) as folder:
        part = folder / "copy.db"
        rows = _copied(source, part, target, report)
        _sync(part)
        _publish(part, target)
    _sync(target.parent)
    return Backup(target, target.stat().st_size, rows)


def same(first: Path, second: Path) -> bool:
    """Return whether two backups hold the same pages; only for files that no process has open."""
    if first.stat().st_size != second.stat().st_size:
        return False
    with first.open("rb") as one_file, second.open("rb") as other_file:
        return all(block == other_file.read(len(block)) for block in iter(lambda: one_file.read(1 << 20), b""))


def require_room(free: int, needed: int, folder: Path) -> None:
    """Raise BackupError if a disk with this number of free bytes has no room for a copy."""
    if free < needed + SPARE_BYTES:
        raise BackupError(
            f"no backup was written: it needs {_megabytes(needed + SPARE_BYTES)}, and the disk of {folder} has"
            f" {_megabytes(free)} free; free some space there"
        )


def _require_free(target: Path) -> None:
    if os.path.lexists(target):
        raise BackupError(f"{target} exists already, and a backup overwrites nothing; name another file")
    if not target.parent.is_dir():
        raise BackupError(f"the folder {target.parent} does not exist; create it, or name another file")


@contextlib.contextmanager
def _folder(target: Path) -> Iterator[Path]:
    """Yield a private folder beside the target for the unfinished copy; what a killed process left there is removed."""
    folder = target.parent / f".{target.name}.part"
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupError(f"another process writes {target} now; wait until it has ended") from error
        for left in folder.iterdir():
            left.unlink()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)
    finally:
        os.close(lock)


def _copied(source: Path, part: Path, target: Path, report: Report) -> dict[str, int]:
    """Copy the pages of one instant and compare the copy with it; return the rows of each table."""
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWN))
    address = f"{source.absolute().as_uri()}?mode=rw"
    with contextlib.closing(sqlite3.connect(address, BUSY_SECONDS, isolation_level=None, uri=True)) as reading:
        reading.execute("BEGIN")
        rows = _counts(reading)  # the first read fixes the instant
        require_room(shutil.disk_usage(part.parent).free, _size(reading), target.parent)
        with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as writing, _named(target):
            reading.backup(writing, pages=PAGES, progress=lambda _code, left, every: report(every - left, every))
        with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as checking, _named(target):
            _require_whole(checking, rows, source)
    return rows


def _require_whole(copy: sqlite3.Connection, rows: Mapping[str, int], source: Path) -> None:
    """Raise an error if the copy is damaged, or has other rows than its source had."""
    (verdict,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise damaged(str(source), " ".join(str(verdict).split())[:100])
    counted = _counts(copy)
    if counted != rows:
        table = next(name for name in (*rows, *counted) if counted.get(name) != rows.get(name))
        raise BackupError(f"no backup was written: its table {table} differs from that of {source}; try again")
    copy.execute("PRAGMA journal_mode=DELETE")  # so that one file is all of it


def _counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the number of rows of each table."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1"
    names = [str(name).replace('"', '""') for (name,) in connection.execute(query).fetchall()]
    queries = {name: f'SELECT count(*) FROM "{name}"' for name in names}  # noqa: S608 - its own names  # nosec B608
    return {name: connection.execute(query).fetchone()[0] for name, query in queries.items()}


def _size(connection: sqlite3.Connection) -> int:
    pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return int(pages) * int(size)


@contextlib.contextmanager
def _named(target: Path) -> Iterator[None]:
    """Raise BackupError in place of SQLite's error where the disk of the copy is full."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname not in _FULL:
            raise
        raise BackupError(
            f"no backup was written: the disk of {target.parent} is full; free some space there"
        ) from error


def _publish(part: Path, target: Path) -> None:
    """Give the finished copy its name in one step; a file of that name, even one that is new, stays."""
    try:
        os.link(part, target)
    except FileExistsError:
        _require_free(target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _require_free(target)  # a file system without links: the rename alone would overwrite
        part.rename(target)


def _sync(path: Path) -> None:
    """Let the disk have what was written."""
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:,.1f} MB"
