"""What each worker and scheduler says about itself in Redis, for the commands that compare it with their own."""

import contextlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError

_NODES: Final = "flowbeat:nodes"  # a hash: node name → JSON
_UNKNOWN_RUN: Final = "flowbeat:unknown_run:"  # with a run's id: the node that received its message and has no such run
_UNKNOWN_RUN_SECONDS: Final = 3_600


@dataclass(frozen=True, slots=True)
class Node:
    """A worker or scheduler: the fingerprint of the configuration it started with, and the id of its database.

    ``installation`` is None for a scheduler, which needs no database, and for a worker of an earlier version.
    """

    configuration: str
    installation: str | None = None


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


def report_unknown_run(redis: "Redis", run_id: str, name: str) -> None:
    """Store that a worker received a message of a run which is not in its database; without Redis nothing is stored."""
    with contextlib.suppress(RedisError):
        redis.set(f"{_UNKNOWN_RUN}{run_id}", name, ex=_UNKNOWN_RUN_SECONDS)


def who_did_not_know(redis: "Redis", run_id: str) -> str | None:
    """Return the worker that last received a message of this run and did not find it in its database."""
    name: Any = redis.get(f"{_UNKNOWN_RUN}{run_id}")
    return None if name is None else name.decode()
