"""Mends one defect of kombu 5.7.0: a worker that holds a message exits when Redis goes away.

While a lost connection is closed, ``Channel._connparams`` reads a client that is gone and raises AttributeError, which
is not a connection error to Celery. Raising the connection error it is lets the worker reconnect. Only the release that
was measured is touched; the test that restarts Redis tells when this file can go.
"""

from importlib.metadata import version
from typing import Any, Final

from kombu.transport.redis import Channel
from redis.exceptions import ConnectionError as RedisConnectionError

BROKEN: Final = ("5.7.0",)


def mend_kombu() -> bool:
    """Wrap the method once; returns whether this release needs it."""
    if version("kombu") not in BROKEN:
        return False
    original = getattr(Channel, "_connparams")  # noqa: B009 - a private name, read on purpose
    if not hasattr(original, "mended"):
        setattr(Channel, "_connparams", _mended(original))  # noqa: B010 - a private name, set on purpose
    return True


def _mended(original: Any) -> Any:
    def connparams(channel: Any, *args: Any, **kwargs: Any) -> Any:
        if channel.connection.client is None:
            raise RedisConnectionError("the connection to Redis is gone")
        return original(channel, *args, **kwargs)

    connparams.mended = True  # type: ignore[attr-defined]  # marks the wrapper, so that it is put on once
    return connparams
