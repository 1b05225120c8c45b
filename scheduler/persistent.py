"""Celery's scheduler with a file that may be damaged: it is moved aside and written again from the configuration."""

import contextlib
import dbm
import logging
import shelve
import time
from pathlib import Path
from typing import Any, Final

from celery.beat import PersistentScheduler, SchedulingError

log = logging.getLogger(__name__)

_ASIDE: Final = "damaged"
_UNWRITABLE: Final = (OSError, *dbm.error)


class Scheduler(PersistentScheduler):
    """Keeps sending tasks on schedule whatever happens to its file or to Redis.

    The file holds only when each entry was last sent. Without it an entry is next sent when it is next due. It is read
    once, at the start; Celery would read it again after each write.
    """

    schedule_filename: str
    _store: Any  # Celery's shelf
    _entries: dict[str, Any] | None = None

    def setup_schedule(self) -> None:
        """Read the file, or move a damaged one aside and begin a new one."""
        try:
            super().setup_schedule()
        except Exception as error:  # noqa: BLE001 - reading a damaged pickle can raise any error
            self._move_aside(error)
            super().setup_schedule()

    def _destroy_open_corrupted_schedule(self, exc: Exception) -> Any:
        """Do what Celery does where the file cannot even be opened, but keep the file for inspection."""
        self._move_aside(exc)
        return shelve.open(self.schedule_filename, writeback=True)  # noqa: S301 - Celery's own format

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Send an entry that is due; Celery would log a failure with a traceback and a stack."""
        log.info("sending scheduled task", extra={"entry": entry.name, "task": entry.task})
        try:
            self.apply_async(entry, producer=producer, advance=False)
        except SchedulingError as error:  # what Redis said is its context; the log shortens that to one line
            log.exception("scheduled task not sent", extra={"entry": entry.name}, exc_info=error.__context__)

    def get_schedule(self) -> dict[str, Any]:
        """Return the entries by their names."""
        if self._entries is None:
            self._entries = self._store["entries"]
        return self._entries

    schedule = property(get_schedule, PersistentScheduler.set_schedule)

    def sync(self) -> None:
        """Write the file; where it cannot be written the schedule continues from memory."""
        try:
            self._store["entries"] = self.get_schedule()
            super().sync()
        except _UNWRITABLE as error:
            log.error("schedule file not written", extra={"file": self.schedule_filename, "why": str(error)})  # noqa: TRY400 - its sentence says all

    def _move_aside(self, error: Exception) -> None:
        if self._store is not None:
            with contextlib.suppress(*_UNWRITABLE, ValueError):
                self._store.close()  # before the file is moved: a store that is collected later would write it again
            self._store = self._entries = None
        file = Path(self.schedule_filename)
        stamp = time.strftime("%Y%m%dT%H%M%S")
        for path in sorted(file.parent.glob(f"{file.name}*")):
            path.rename(path.with_name(f"{_ASIDE}-{stamp}-{path.name}"))
        log.error(
            "the schedule file was damaged; a new one is written",
            extra={
                "moved_to": str(file.with_name(f"{_ASIDE}-{stamp}-{file.name}*")),
                "why": f"{type(error).__name__}: {error}",
            },
        )
