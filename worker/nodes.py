"""What each worker and scheduler says about itself in Redis, for the commands that compare it with their own."""

import contextlib
import json
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError

PUBLISH_SECONDS: Final = 5.0  # for this time after Redis has lost its data, commands cannot compare a node
_NODES: Final = "flowbeat:nodes"  # a hash: node name → JSON
_STOP_SECONDS: Final = 1.0
_ALIVE: Final = "flowbeat:alive:"  # with a worker's name: it gave a sign of life
_ALIVE_SECONDS: Final = 60
_UNKNOWN_RUN: Final = "flowbeat:unknown_run:"  # with a run's id: the node that received its message and has no such run
_UNKNOWN_RUN_SECONDS: Final = 3_600


@dataclass(frozen=True, slots=True)
class Node:
    """A worker or scheduler: the fingerprint of the configuration it started with, and the id of its database.

    ``installation`` is None for a scheduler, which needs no database, and for a worker of an earlier version.
    """

    configuration: str
    installation: str | None = None


class Publisher:
    """Publishes what a node says of itself, and again at intervals, because Redis may lose its data."""

    def __init__(self, redis: "Redis", name: str, node: Node, every: float = PUBLISH_SECONDS) -> None:
        """Publish nothing yet."""
        self._redis = redis
        self._name = name
        self._node = node
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._publish_until_over, name="publish-node", daemon=True)

    def start(self) -> None:
        """Publish, and begin to repeat it; a thread ends with its process."""
        self._publish()
        self._thread.start()

    def stop(self) -> None:
        """Publish no more, and withdraw what was published where Redis answers."""
        self._over.set()
        self._thread.join(_STOP_SECONDS)
        if not self._thread.is_alive():  # else Redis hangs, and would not withdraw it either
            with contextlib.suppress(RedisError):
                withdraw(self._redis, self._name)

    def _publish_until_over(self) -> None:
        while not self._over.wait(self._every):
            self._publish()

    def _publish(self) -> None:
        with contextlib.suppress(RedisError):  # without it nothing is compared; the next time comes soon
            publish(self._redis, self._name, self._node)


def publish(redis: "Redis", name: str, node: Node) -> None:
    """Store what a node says of itself, in place of what one of that name said before."""
    redis.hset(_NODES, name, json.dumps(asdict(node)))


def withdraw(redis: "Redis", name: str) -> None:
    """Remove what a node said of itself."""
    redis.hdel(_NODES, name)


def load(redis: "Redis", names: Iterable[str]) -> dict[str, Node]:
    """Return what those of the nodes said that said anything."""
    wanted = list(dict.fromkeys(names))
    texts: list[Any] = redis.hmget(_NODES, wanted) if wanted else []
    return {name: Node(**json.loads(text)) for name, text in zip(wanted, texts, strict=True) if text is not None}


def keep_alive(redis: "Redis", name: str) -> None:
    """Store a sign of life of a worker; it is valid for a minute."""
    redis.set(f"{_ALIVE}{name}", "", ex=_ALIVE_SECONDS)


def alive(redis: "Redis") -> list[str]:
    """Return the workers that have published something and gave a sign of life within the last minute."""
    names: Any = redis.hkeys(_NODES)
    texts = sorted(name.decode() for name in names)
    return [name for name in texts if redis.exists(f"{_ALIVE}{name}")]


def report_unknown_run(redis: "Redis", run_id: str, name: str) -> None:
    """Store that a worker received a message of a run which is not in its database; without Redis nothing is stored."""
    with contextlib.suppress(RedisError):
        redis.set(f"{_UNKNOWN_RUN}{run_id}", name, ex=_UNKNOWN_RUN_SECONDS)


def who_did_not_know(redis: "Redis", run_id: str) -> str | None:
    """Return the worker that last received a message of this run and did not find it in its database."""
    name: Any = redis.get(f"{_UNKNOWN_RUN}{run_id}")
    return None if name is None else name.decode()
