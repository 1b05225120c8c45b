"""Celery's log lines while it recovers from an error of Redis: shortened, and held back if they repeat."""

import logging
from collections.abc import Mapping

from redis.exceptions import OutOfMemoryError, ReadOnlyError

from worker.recovery_log import QUIET_SECONDS, RecoveryFilter


def record(
    name: str, message: str, *args: object | Mapping[str, object], error: Exception | None = None
) -> logging.LogRecord:
    """Return an ERROR record, with the traceback of an error if one is given."""
    trace = None if error is None else (type(error), error, None)
    return logging.LogRecord(name, logging.ERROR, __file__, 1, message, args, trace)


def test_a_traceback_of_redis_becomes_the_end_of_the_line() -> None:
    """The error is named once: in the message, or behind it."""
    refused = OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")
    timer = record("kombu.asynchronous.hub", "Error in timer: %r", refused, error=refused)
    bare = record("kombu.transport.redis", "maybe_refresh_binding_expiry: Redis error", error=refused)
    passed = RecoveryFilter()
    assert (passed.filter(timer), passed.filter(bare)) == (True, True)
    assert timer.getMessage().startswith("Error in timer: ")
    assert timer.getMessage().count(str(refused)) == 1
    assert bare.getMessage() == f"maybe_refresh_binding_expiry: Redis error (OutOfMemoryError: {refused})"
    assert (timer.exc_info, bare.exc_info) == (None, None)


def test_a_failed_task_is_one_line_too() -> None:
    """Celery puts the traceback into the message itself."""
    refused = ReadOnlyError("You can't write against a read only replica.")
    values = {
        "name": "tasks.maintain.requeue_stalled",
        "exc": repr(refused),
        "traceback": "Traceback (most recent call last):\n x",
    }
    failed = record(
        "celery.app.trace", "Task %(name)s raised unexpected: %(exc)s\n%(traceback)s", values, error=refused
    )
    assert RecoveryFilter().filter(failed)
    assert failed.getMessage().startswith("Task tasks.maintain.requeue_stalled raised unexpected: ")
    assert failed.getMessage().endswith(f"(ReadOnlyError: {refused})")


def test_repeated_lines_are_held_back_for_a_minute_and_counted() -> None:
    """A line holds back neither lines of another kind nor those of another kind of error."""
    now = [100.0]
    passed = RecoveryFilter(lambda: now[0])
    errors = (ReadOnlyError("read only"), OutOfMemoryError("full"))

    def lines() -> list[str]:
        made = [record("celery.worker", f"{head}: %s", error) for head in ("connect", "send") for error in errors]
        return [warning.getMessage() for warning in made if passed.filter(warning)]

    first = ["connect: read only", "connect: full", "send: read only", "send: full"]
    assert lines() == first
    assert [lines(), lines()] == [[], []]
    now[0] += QUIET_SECONDS
    assert lines() == [f"{line} [2 more since the last such line]" for line in first]


def test_other_records_pass_as_they_are() -> None:
    """Flowbeat's own lines, errors of other kinds, and records below a warning."""
    passed, error = RecoveryFilter(), ReadOnlyError("read only")
    ours = record("tasks.fetch", "run waits", error=error)
    other = record("celery.worker", "unexpected", error=KeyError("x"))
    news = record("celery.worker", "connected: %s", error)
    news.levelno = logging.INFO
    for passing in (ours, other, news):
        assert all(passed.filter(passing) for _ in range(2))
    assert (ours.exc_info, other.exc_info) != (None, None)
