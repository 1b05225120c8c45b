"""A live log file: appended to under its own lock, rolled when it is full or old."""

import errno
import fcntl
import os
from datetime import datetime
from pathlib import Path

from models.records import MAX_LOG_BYTES
from worker.logs.folder import STEP, first_entry_at, is_same_file, locked_folder, make_room, shift


class LiveFile:
    """One live file and its archives, shared by all processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def append(self, line: bytes) -> None:
        """Add one whole line, or raise ``OSError``."""
        try:
            self._lock_for(len(line))
            self._write(line)
        finally:
            self._unlock()

    def roll_if_older(self, limit: datetime) -> None:
        """Archive the file when its first entry was made before ``limit``."""
        try:
            self._lock()
            if first_entry_at(self._path) < limit:
                self._roll()
        finally:
            self.close()

    def close(self) -> None:
        """Close the file, which also frees its lock; in a forked child the parent's lock stays."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _lock_for(self, length: int) -> None:
        size = self._lock()
        if size and size + length > MAX_LOG_BYTES:
            self._roll()
            size = self._lock()
        if size == 0 or size // STEP != (size + length) // STEP:
            with locked_folder(self._path.parent):
                make_room(self._path.parent, length)

    def _lock(self) -> int:
        """Lock the file that bears the name now, whole lines in it; its size."""
        while True:
            descriptor = self._open()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            held = os.fstat(descriptor)
            if is_same_file(held, self._path):
                return _mended(descriptor, held.st_size)
            self.close()

    def _open(self) -> int:
        if self._descriptor is None:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            try:
                self._descriptor = os.open(self._path, flags, 0o640)
            except FileNotFoundError:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._descriptor = os.open(self._path, flags, 0o640)
        return self._descriptor

    def _write(self, line: bytes) -> None:
        if os.write(self._open(), line) != len(line):
            # The disk is full; the next process that locks the file cuts off the half line.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _roll(self) -> None:
        with locked_folder(self._path.parent):
            shift(self._path)
        self.close()

    def _unlock(self) -> None:
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)


def _mended(descriptor: int, size: int) -> int:
    """Cut off a half line: of a process killed while it wrote, or from when the disk was full; the size left."""
    if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
        return size
    start = max(0, size - MAX_LOG_BYTES)
    whole = start + os.pread(descriptor, size - start, start).rfind(b"\n") + 1
    os.ftruncate(descriptor, whole)
    return whole
