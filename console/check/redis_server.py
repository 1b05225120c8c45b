"""The checks of the login in redis_url: each kind of command that a worker and its limiter need."""

from collections.abc import Callable, Iterator
from typing import Final

from redis import Redis
from redis.exceptions import NoPermissionError

from console.check.local import Line

# Celery sends its control messages over this channel; subscribers skip empty ones.
_CHANNEL: Final = "/{db}.celery.pidbox"
_KEYS: Final = ("fetch", "_kombu.binding.fetch", "unacked", "unacked_index", "unacked_mutex", "flowbeat:limiter")
_NEVER_USED: Final = "flowbeat:check"


def login(client: Redis) -> Iterator[Line]:
    """Yield a line for each kind of command that an access control list refuses."""
    for what, (grant, attempt) in _NEEDED.items():
        try:
            attempt(client)
        except NoPermissionError as error:
            advice = f"allow them: ACL SETUSER <user> {grant}"
            yield Line("Redis", "bad", f"the login of redis_url may not use {what} ({error})", advice)


def _use_channels(client: Redis) -> None:
    channel = _CHANNEL.format(db=client.get_connection_kwargs().get("db", 0))
    client.publish(channel, "")
    with client.pubsub() as listener:
        listener.psubscribe(channel)
        listener.get_message(timeout=1.0)


def _use_scripts(client: Redis) -> None:
    client.eval("return 1", 0)


def _use_keys(client: Redis) -> None:
    client.exists(*_KEYS)


def _write(client: Redis) -> None:
    with client.pipeline(transaction=True) as pipe:
        pipe.lpush(_NEVER_USED, "")
        pipe.delete(_NEVER_USED)
        pipe.execute()


_NEEDED: Final[dict[str, tuple[str, Callable[[Redis], None]]]] = {
    "channels": ("&* +@pubsub", _use_channels),
    "scripts": ("+@scripting", _use_scripts),
    "all keys": ("~*", _use_keys),
    "transactions and writes": ("~* +@all", _write),
}
