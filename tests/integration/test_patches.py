"""The corrections of Celery's pool, with a real child that is killed, and of its channels to Redis."""

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
from celery.concurrency.asynpool import AsynPool
from celery.concurrency.prefork import TaskPool
from kombu import Connection
from kombu.asynchronous import Hub
from redis import Redis

from worker import patches

SECONDS = 30


@pytest.fixture
def pool() -> Iterator[Any]:
    """Yield a pool of one child."""
    patches.apply()
    made = AsynPool(processes=1, synack=False, threads=False)
    yield made
    made.terminate()


def test_a_reconnect_skips_a_child_whose_exit_was_seen(pool: Any) -> None:
    """Without the correction Celery raises "file descriptor is None" here, and the worker ends; the pool recovers."""
    pool.register_with_event_loop(hub := Hub())
    (child,) = pool._pool
    os.kill(child.pid, signal.SIGKILL)
    pool._untrack_child_process(child, hub)
    pool.register_with_event_loop(Hub())
    until = time.monotonic() + SECONDS
    while pool._pool == [child] and time.monotonic() < until:
        pool.maintain_pool()
        time.sleep(0.01)
    (other,) = pool._pool
    assert other.pid != child.pid


def test_a_reconnect_watches_the_living_children(pool: Any) -> None:
    """The correction skips no other child: the new event loop learns of their exit."""
    pool.register_with_event_loop(Hub())
    pool.register_with_event_loop(hub := Hub())
    (child,) = pool._pool
    assert child._sentinel_poll in hub.readers


def test_a_pool_that_was_stopped_has_no_process(pool: Any) -> None:
    """Without the correction a worker that is terminated while a message arrives ends with an error and exit code 1."""
    owner: Any = TaskPool(1)
    owner._pool = pool
    assert owner.num_processes == 1
    owner.terminate()
    assert owner.num_processes == 0


def test_a_message_is_sent_again_through_a_channel_that_was_closed(redis_client: Redis, redis_url: str) -> None:
    """Without the correction kombu raises AttributeError, and a run fails because of it."""
    patches.mend_channel()
    with Connection(redis_url.replace("unix://", "redis+socket://")) as connection:
        producer: Any = connection.Producer()
        producer.publish({}, routing_key="first")
        producer.channel.close()
        producer.publish({}, routing_key="second", retry=True, retry_policy={"max_retries": 2, "interval_start": 0})
    assert redis_client.llen("first") == redis_client.llen("second") == 1
