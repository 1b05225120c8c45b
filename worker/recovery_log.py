"""Keeps the log readable while Celery recovers from an error of Redis: one line without a traceback, once a minute."""

import logging
import time
from collections.abc import Callable
from typing import Final

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

QUIET_SECONDS: Final = 60.0
_LOGGERS: Final = ("celery", "kombu", "amqp", "scheduler")
_RECOVERED: Final = (RedisError, OperationalError, ConnectionError)


class RecoveryFilter(logging.Filter):
    """Shortens what Celery logs about Redis, and holds back what was logged within the last minute.

    Celery logs each try to reconnect, and each of its timers that Redis refuses, several of them with a traceback. A
    line that follows held-back ones says how many there were. Other records pass as they are.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Hold nothing back yet; ``clock`` counts seconds."""
        super().__init__()
        self._clock = clock
        self._logged: dict[tuple[str, str, str], float] = {}
        self._held_back: dict[tuple[str, str, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is written; shorten it if so."""
        error = _redis_error(record)
        if error is None:
            return True
        key = (record.name, str(record.msg), type(error.__cause__ or error).__name__)  # kombu wraps what Redis said
        now = self._clock()
        if now - self._logged.get(key, float("-inf")) < QUIET_SECONDS:
            self._held_back[key] = self._held_back.get(key, 0) + 1
            return False
        self._logged[key] = now
        _shorten(record, error, self._held_back.pop(key, 0))
        return True


def _redis_error(record: logging.LogRecord) -> BaseException | None:
    """Return the error of Redis that a record of Celery is about, None for any other record."""
    if record.name.partition(".")[0] not in _LOGGERS or record.levelno < logging.WARNING:
        return None
    raised = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    values = record.args.values() if isinstance(record.args, dict) else record.args or ()
    return next((value for value in (raised, *values) if isinstance(value, _RECOVERED)), None)


def _shorten(record: logging.LogRecord, error: BaseException, held_back: int) -> None:
    text = " ".join(record.getMessage().partition("Traceback (most recent call last)")[0].split())
    cause = " ".join(f"{type(error).__name__}: {error}".split())
    if str(error) not in text:
        text = f"{text} ({cause})"
    if held_back:
        text = f"{text} [{held_back} more since the last such line]"
    record.msg, record.args = text, ()
    record.exc_info = record.exc_text = record.stack_info = None
