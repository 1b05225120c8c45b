"""The folder of logs: its files, their sizes and ages, rotation and clean-up."""

import contextlib
import fcntl
import itertools
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from models.records import MAX_LOG_BACKUPS, MAX_LOG_BYTES, LogFile
from worker.logs.lines import parse_line

APP: Final = "app.log"
ERRORS: Final = "errors.log"
PERFORMANCE: Final = "performance.log"
PERFORMANCE_LOGGER: Final = "flowbeat.performance"
MAX_FOLDER_BYTES: Final = 100_000_000
MAX_AGE: Final = timedelta(days=30)

# The folder's size is looked at whenever a file has grown by this much, so each of the three files can add at most
# this much unseen; the limit is kept with that margin.
STEP: Final = 65_536
LIVE: Final = (APP, ERRORS, PERFORMANCE)
_ARCHIVE: Final = re.compile(r"(.+\.log)\.(\d{1,9})")


def files(log_dir: str | Path) -> tuple[LogFile, ...]:
    """Return the log files of a folder, live ones first, then their archives from newest to oldest; () without a
    folder.
    """
    paths = [(path, sequence) for path, sequence in _listing(Path(log_dir)) if sequence <= MAX_LOG_BACKUPS]
    described = (_described(path, sequence) for path, sequence in paths)
    return tuple(
        sorted((f for f in described if f), key=lambda f: (f.rotation_sequence, f.file_path)),
    )


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _listing(folder: Path) -> Iterator[tuple[Path, int]]:
    """Yield each log file of the folder with its rotation sequence, 0 for a live one."""
    for path in folder.iterdir() if folder.is_dir() else ():
        archive = _ARCHIVE.fullmatch(path.name)
        if archive:
            yield path, int(archive[2])
        elif path.suffix == ".log":
            yield path, 0


def _described(path: Path, sequence: int) -> LogFile | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    live = path.name if sequence == 0 else path.stem
    return LogFile(
        file_path=str(path),
        size_bytes=status.st_size,
        creation_date=first_entry_at(path),
        rotation_sequence=sequence,
        last_modified=datetime.fromtimestamp(status.st_mtime, UTC),
        log_level_filter="ERROR" if live == ERRORS else None,
    )


def first_entry_at(path: Path) -> datetime:
    """Return when the first entry of a file was made; a file without a readable one began when it was last modified."""
    with path.open("rb") as file:
        first = parse_line(file.readline(MAX_LOG_BYTES))
    try:
        return datetime.fromisoformat(str((first or {}).get("timestamp")))
    except ValueError:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def is_same_file(held: os.stat_result, path: Path) -> bool:
    try:
        return os.path.samestat(held, path.stat())
    except FileNotFoundError:
        return False


def shift(live: Path) -> None:
    """Rename ``.log`` to ``.log.1``, that to ``.log.2`` and so on up to the first free number, at most the fifth."""
    paths = [live, live.with_name(f"{live.name}.1")]
    while paths[-1].exists() and len(paths) <= MAX_LOG_BACKUPS:
        paths.append(live.with_name(f"{live.name}.{len(paths)}"))
    for newer, older in reversed(list(itertools.pairwise(paths))):
        # A person may have moved a file away since it was seen.
        with contextlib.suppress(FileNotFoundError):
            newer.replace(older)


def delete_stale(folder: Path, limit: datetime) -> tuple[str, ...]:
    stale = [
        path
        for path, sequence, item in _sizes(folder)
        if sequence > MAX_LOG_BACKUPS or (sequence and item.st_mtime < limit.timestamp())
    ]
    return tuple(_delete(path) for path in stale)


def make_room(folder: Path, coming: int) -> tuple[str, ...]:
    """Delete the oldest archives until the folder holds what may come before the next look; the deleted paths."""
    sizes = _sizes(folder)
    total = sum(entry.st_size for _, _, entry in sizes)
    archives = [item for item in sizes if item[1]]
    removed = []
    for path, _, member in sorted(archives, key=lambda item: (item[2].st_mtime_ns, -item[1])):
        if total + coming + len(LIVE) * STEP <= MAX_FOLDER_BYTES:
            break
        removed.append(_delete(path))
        total -= member.st_size
    return tuple(removed)


def _sizes(folder: Path) -> list[tuple[Path, int, os.stat_result]]:
    """Path, rotation sequence and stat of each log file that is still there when looked at."""
    collected = []
    for path, sequence in _listing(folder):
        with contextlib.suppress(FileNotFoundError):
            collected.append((path, sequence, path.stat()))
    return collected


def _delete(path: Path) -> str:
    path.unlink(missing_ok=True)
    return str(path)
