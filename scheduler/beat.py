"""Celery's scheduler without a file: the workers decide by the database whether an instant was answered already.

At its start, and when it takes the turn of another one, it sends the last instant of each entry again. The instant of a
refresh is also sent again after ten minutes, because a worker that is killed while it takes a message may lose it.
"""

import copy
import logging
import os
from datetime import datetime, timedelta
from typing import Any, Final

from celery import beat

from scheduler.schedule import MISSED, NIGHTLY, Cron
from scheduler.turn import Turn
from worker import alive, runtime

log = logging.getLogger(__name__)

TICK_SECONDS: Final = 5
AGAIN_AFTER: Final = timedelta(minutes=10)


class Scheduler(beat.Scheduler):
    """Sends each entry when it is due, and again until it is sent; of several schedulers only one sends."""

    max_interval = TICK_SECONDS

    def __init__(self, *args: Any, **options: Any) -> None:
        """Wait for the turn."""
        self._turn = Turn(lambda: runtime.current().redis)
        self._signs = alive.folder_of(runtime.current().settings.state_dir)
        self._unsent: dict[str, Any] = {}
        self._sent_once: dict[str, Any] = {}
        self._refused: set[str] = set()  # whose failure the log tells already
        super().__init__(*args, **options)

    def tick(self, *args: Any, **options: Any) -> float:
        """Send what is due, and write a sign of life; returns the seconds to wait."""
        wait = self._send_due(*args, **options)
        redis = f"Redis answers with: {self._turn.fault}" if self._turn.fault else None
        sign = {"node": f"celerybeat@{os.uname().nodename}", "redis": redis, "unsent": sorted(self._refused)}
        alive.keep(self._signs, "beat", sign)
        return wait

    def _send_due(self, *args: Any, **options: Any) -> float:
        had = self._turn.held
        if not self._turn.take():
            self._unsent.clear()  # the one that has the turn sends it
            self._sent_once.clear()
            return TICK_SECONDS
        if not had:
            self._unsent = self._last()
        for entry in [*self._unsent.values(), *self._to_send_again()]:
            self._send(entry)
        wait: float = super().tick(*args, **options)
        return wait

    def apply_entry(self, entry: Any, producer: Any = None) -> None:  # noqa: ARG002 - Celery's signature
        """Send an entry that is due, a refresh with the instant."""
        if entry.task == NIGHTLY:
            entry = self._sent_once[entry.name] = _of_instant(entry, NIGHTLY)
        self._send(entry)

    def close(self) -> None:
        """Give the turn to another scheduler."""
        self._turn.release()
        alive.drop(self._signs, "beat")
        super().close()

    def _to_send_again(self) -> list[Any]:
        """Return the refreshes that were due ten minutes ago; an instant that was answered is answered only once."""
        due = [
            name
            for name, entry in self._sent_once.items()
            if entry.schedule.now() - datetime.fromisoformat(entry.args[-1]) >= AGAIN_AFTER
        ]
        return [self._sent_once.pop(name) for name in due]

    def _last(self) -> dict[str, Any]:
        """Return what was due last, in case nobody sent it."""
        timed = {name: entry for name, entry in self.schedule.items() if isinstance(entry.schedule, Cron)}
        return {name: _of_instant(entry, MISSED) if entry.task == NIGHTLY else entry for name, entry in timed.items()}

    def _send(self, entry: Any) -> None:
        """Send an entry, or keep it for the next tick; Celery would lose it, and log a traceback and a stack."""
        try:
            self.apply_async(entry, producer=self.producer, advance=False)
        except beat.SchedulingError as error:  # what Redis said is its context; the log shortens that to one line
            if entry.name not in self._refused:
                log.exception("scheduled task not sent yet", extra={"entry": entry.name}, exc_info=error.__context__)
            self._refused.add(entry.name)
            self._unsent[entry.name] = entry
            return
        self._refused.discard(entry.name)
        self._unsent.pop(entry.name, None)
        log.info("scheduled task sent", extra={"entry": entry.name, "task": entry.task})


def _of_instant(entry: Any, task: str) -> Any:
    """Return an entry for the instant at which it was due last."""
    changed = copy.copy(entry)
    changed.task = task
    changed.args = (*entry.args, entry.schedule.last_due())
    return changed
