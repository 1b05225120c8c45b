"""Reading entries back, in the order of time, also while they are written."""

import contextlib
import heapq
import itertools
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from models.records import LOG_LEVELS, MAX_LOG_BACKUPS
from worker.logs.folder import APP
from worker.logs.lines import format_timestamp, parse_line

_REORDER: Final = 1_000


def read(
    log_dir: str | Path,
    *,
    level: str | None = None,
    task: str | None = None,
    profile: str | None = None,
    since: datetime | None = None,
) -> Iterator[dict[str, Any]]:
    """Entries of ``app.log`` and its archives in time order, each the dict of its line (design: Log Entry).

    ``level`` is the lowest level wanted, ``task`` and ``profile`` those of the context, ``since`` an aware instant.
    A rotation while reading loses and repeats nothing. A line that is not an entry becomes a WARNING with its place.
    """
    wanted = _filter(level, task, profile, since)
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(file) for file in _open_newest_first(Path(log_dir) / APP)]
        lines = (entry for file in reversed(opened) for entry in _entries(file))
        yield from _in_time_order(entry for entry in lines if wanted(entry))


def follow(
    log_dir: str | Path,
    *,
    level: str | None = None,
    task: str | None = None,
    profile: str | None = None,
    since: datetime | None = None,
    poll_seconds: float = 0.2,
) -> Generator[dict[str, Any], None, None]:
    """Entries as they are written, over rotations, without end; those since ``since`` first, else only new ones.

    Takes what ``read`` takes; sleeps ``poll_seconds`` when there is nothing new. Ends only when the caller stops.
    """
    wanted = _filter(level, task, profile, since)
    path = Path(log_dir) / APP
    opened = list(reversed(_open_newest_first(path)))
    if since is None and opened:
        opened[-1].seek(0, os.SEEK_END)
        opened = _keep_last(opened)
    try:
        while True:
            for file in opened:
                yield from (entry for entry in _entries(file) if wanted(entry))
            opened = _moved_on(path, opened)
            if not any(_grown(file) for file in opened):
                time.sleep(poll_seconds)
    finally:
        for file in opened:
            file.close()


def _open_newest_first(live: Path) -> list[IO[bytes]]:
    """Return the live file and its archives, opened from newest to oldest: a rotation meanwhile can repeat, never skip
    one.
    """
    opened: dict[tuple[int, int], IO[bytes]] = {}
    for path in (live, *(live.with_name(f"{live.name}.{number}") for number in range(1, MAX_LOG_BACKUPS + 1))):
        try:
            file = path.open("rb")
        except FileNotFoundError:
            continue
        if opened.setdefault(_identity(file), file) is not file:
            file.close()
    return list(opened.values())


def _identity(file: IO[bytes]) -> tuple[int, int]:
    stat = os.fstat(file.fileno())
    return stat.st_dev, stat.st_ino


def _entries(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the entries from where a file stands to its last whole line."""
    while True:
        start = file.tell()
        line = file.readline()
        if not line.endswith(b"\n"):
            file.seek(start)
            return
        yield parse_line(line) or _unreadable(file, start)


def _unreadable(file: IO[bytes], position: int) -> dict[str, Any]:
    seen = os.fstat(file.fileno()).st_mtime
    message = f"{Path(file.name).name} holds a line at byte {position} that is not a log entry"
    return {
        "timestamp": format_timestamp(seen),
        "level": "WARNING",
        "module": __name__,
        "function": "read",
        "line": 0,
        "message": message,
    }


def _in_time_order(entries: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Entries sorted by timestamp; processes write within moments of the event, so a short look ahead is enough."""
    waiting: list[tuple[str, int, dict[str, Any]]] = []
    for number, entry in enumerate(entries):
        item = (entry["timestamp"], number, entry)
        if len(waiting) < _REORDER:
            heapq.heappush(waiting, item)
        else:
            yield heapq.heappushpop(waiting, item)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def _filter(
    level: str | None, task: str | None, profile: str | None, since: datetime | None
) -> Callable[[dict[str, Any]], bool]:
    levels = LOG_LEVELS[LOG_LEVELS.index(level) :] if level else LOG_LEVELS
    first = format_timestamp(since.timestamp()) if since else ""

    def wanted(entry: dict[str, Any]) -> bool:
        fields = entry.get("context") or {}
        return (
            entry.get("level") in levels
            and entry["timestamp"] >= first
            and (task is None or fields.get("task_id") == task)
            and (profile is None or fields.get("profile") == profile)
        )

    return wanted


def _keep_last(opened: list[IO[bytes]]) -> list[IO[bytes]]:
    for file in opened[:-1]:
        file.close()
    return opened[-1:]


def _grown(file: IO[bytes]) -> bool:
    return os.fstat(file.fileno()).st_size > file.tell()


def _moved_on(live: Path, opened: list[IO[bytes]]) -> list[IO[bytes]]:
    """Return what to read next: the file read last while it is the live one, else all that are newer, oldest first."""
    known = _identity(opened[-1]) if opened else None
    files = _open_newest_first(live)
    newer = list(itertools.takewhile(lambda file: _identity(file) != known, files))
    for file in files[len(newer) :]:
        file.close()
    return _keep_last(opened) + newer[::-1]
