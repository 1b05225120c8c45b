"""The figures from Redis: queues, workers, the scheduler, and the share of each quota that is used."""

import os
import time
from collections.abc import Callable, Iterator
from typing import Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NoRedisError
from redis.retry import Retry

import celeryconfig
from console.monitor.figures import Sample
from scheduler.turn import KEY as SCHEDULER
from worker import embedded, nodes
from worker.errors import ConfigError
from worker.limiter import NoSlotError
from worker.runtime import client_url, limiter_of
from worker.settings import Connection, Settings
from worker.signs import age_of_oldest

REDIS_SECONDS: Final = 2.0


class QueueFigures:
    """Reads them over a new connection; starts no embedded server, and keeps none alive."""

    def __init__(self, configured: Settings, now: Callable[[], float] = time.time) -> None:
        """Connect to nothing yet."""
        self._settings = configured
        self._now = now

    def __call__(self) -> list[Sample]:
        """Return the figures of this moment; errors of Redis are raised."""
        timeouts = {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}
        with Redis.from_url(self._address(), retry=Retry(NoBackoff(), 0), **timeouts) as redis:
            return list(self._read(redis, self._now()))

    def _address(self) -> str:
        if self._settings.redis_url:
            return client_url(self._settings.redis_url)
        address = embedded.address_of(self._settings.state_dir)
        if address is None:
            raise NoRedisError("no embedded server has been started yet; start a worker: flowbeat worker")
        return address

    def _read(self, redis: "Redis", now: float) -> Iterator[Sample]:
        for queue in celeryconfig.task_queues:
            yield Sample("flowbeat_queue_messages", float(redis.llen(queue.name)), (queue.name,))
            seconds = age_of_oldest(redis, queue.name, now)
            if seconds is not None:  # the message does not say when it was sent
                yield Sample("flowbeat_queue_oldest_message_seconds", seconds, (queue.name,))
        yield Sample("flowbeat_workers_alive", len(nodes.alive(redis)))
        yield Sample("flowbeat_scheduler_alive", bool(redis.exists(SCHEDULER)))
        for connection in self._settings.connections.values():
            yield from _of_quota(redis, connection)


def _of_quota(redis: "Redis", connection: Connection) -> Iterator[Sample]:
    """Yield how much of a quota is used; nothing where its token or Redis' answer to the limiter is missing."""
    try:
        state = limiter_of(redis, connection, connection.token(os.environ)).state()
    except (ConfigError, NoSlotError):
        return
    labels = (connection.name,)
    yield Sample("flowbeat_quota_used_ratio", state.used / connection.requests, labels)
    yield Sample("flowbeat_quota_waiting_requests", state.waiting, labels)
    yield Sample("flowbeat_quota_pause_seconds", state.paused_for, labels)
