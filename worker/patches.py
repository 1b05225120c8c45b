"""Mends defects of kombu 5.7.0 and celery 5.7.0, which show when Redis goes away or a signal arrives at a bad moment.

Only the releases that were measured are touched. The tests named below tell when a patch can go.
"""

from importlib.metadata import version
from typing import Any, Final

from kombu.transport.redis import Channel
from redis.exceptions import ConnectionError as RedisConnectionError

BROKEN: Final = ("5.7.0",)  # of both; they have the same numbers


def apply() -> None:
    """Mend what is installed, once."""
    mend_channel()
    if version("celery") in BROKEN:
        from celery.concurrency.asynpool import AsynPool  # noqa: PLC0415 - only a worker has a pool
        from celery.concurrency.prefork import TaskPool  # noqa: PLC0415 - as said above

        _wrap(AsynPool, "_track_child_process", _skip_exited_child)
        _wrap(TaskPool, "num_processes", _count_none_when_stopped)


def mend_channel() -> None:
    """Mend what commands use too, when they send a message."""
    if version("kombu") in BROKEN:
        _wrap(Channel, "_connparams", _raise_connection_error)


def _raise_connection_error(original: Any) -> Any:
    """Let a worker with a message in hand outlive Redis, and a message be sent again.

    While a lost connection is closed, the method reads a client that is gone, and of a channel that was closed the
    connection. Both raise AttributeError, which is not a connection error to Celery. With the connection error that it
    is, Celery reconnects; ``tests/acceptance/test_robust.py``, ``tests/integration/test_patches.py``.
    """

    def connparams(channel: Any, *args: Any, **kwargs: Any) -> Any:
        if channel.connection is None or channel.connection.client is None:
            raise RedisConnectionError("the connection to Redis is gone")
        return original(channel, *args, **kwargs)

    return connparams


def _skip_exited_child(original: Any) -> Any:
    """Let a worker outlive Redis although a child has just died; ``tests/integration/test_patches.py``.

    Once the pool saw a child exit, it watches the child no longer, and may list it for five seconds more. A reconnect
    in these seconds watches all that are listed, and ended the worker with "file descriptor is None".
    """

    def track_child_process(pool: Any, child: Any, hub: Any) -> None:
        if getattr(child, "_sentinel_poll", hub) is not None:  # None: its exit was seen; without it: a new child
            original(pool, child, hub)

    return track_child_process


class _Property(property):
    """A property that can have the attribute by which ``_wrap`` recognizes its own."""


def _count_none_when_stopped(original: Any) -> Any:
    """Let a worker exit with code 0 at SIGTERM also while a message arrives; ``tests/integration/test_patches.py``.

    The signal handler stops the pool. The turn of the event loop that it interrupted then asks for the pool's size
    before it reads the message, and ended the worker with "'NoneType' object has no attribute '_processes'".
    """

    def num_processes(pool: Any) -> int:
        return 0 if getattr(pool, "_pool", None) is None else original.fget(pool)

    return _Property(num_processes)


def _wrap(owner: Any, name: str, wrapper: Any) -> None:
    original = getattr(owner, name)
    if not hasattr(original, "mended"):
        mended = wrapper(original)
        mended.mended = True  # so that it is put on once
        setattr(owner, name, mended)
