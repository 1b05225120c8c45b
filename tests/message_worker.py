"""A worker in the test's own process: it takes messages of the real queues, and runs their tasks as Celery does.

Celery's own tracing runs a task, so that retries, chains and errors are Celery's. What is left out is the pool, the
event loop and the clock: where a real worker would wait, the driver lets the time pass.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from celery import Celery
from celery.app.trace import trace_task
from kombu import pools
from redis import Redis
from redis.exceptions import RedisError

from models.store import runs
from worker import runtime
from worker.runtime import Runtime

QUEUES: Final = ("maintain", "fetch", "calculate")
SWEEP: Final = "tasks.maintain.requeue_stalled"
SWEEP_AFTER: Final = timedelta(seconds=31)  # longer than a run may be silent
MAX_ROUNDS: Final = 60
_UNACKED: Final = "unacked"


def connect(app: Celery, broker_url: str, current: Runtime) -> None:
    """Let the Celery application use a broker, and the tasks a runtime; forget what was open before a fork."""
    runtime.adopt(current)
    app.loader.import_default_modules()
    app.conf.update(
        broker_url=broker_url,
        broker_transport_options={**app.conf.broker_transport_options, "socket_timeout": 1},
    )
    app.conf.task_publish_retry_policy = {"max_retries": 8, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    vars(Celery)["_after_fork"](app)
    pools.reset()


def run_message(app: Celery, message: Any) -> None:
    """Run the task of a message, as a child of a worker does."""
    args, kwargs, embedded = message.payload
    request = {**message.headers, **embedded, "delivery_info": message.delivery_info, "is_eager": False}
    request |= {"args": args, "kwargs": kwargs, "hostname": "worker@here", "called_directly": False}
    trace_task(app.tasks[message.headers["task"]], message.headers["id"], args, kwargs, request, app=app)


@dataclass(eq=False)
class Worker:
    """Takes messages until there is none, and lets time pass where a run waits; ``direct`` is Redis without faults."""

    app: Celery
    current: Runtime
    direct: Redis
    pass_time: Callable[[timedelta], None]
    passed: timedelta = timedelta()
    _waiting: list[tuple[timedelta, Any]] = field(default_factory=list)
    _channel: Any = None

    def until_quiet(self) -> None:
        """Work until no run is live: take each message, wait for pauses, and look for stalled runs."""
        for _ in range(MAX_ROUNDS):
            self._drain()
            if self._waiting:
                self._wait_for_next()
            elif self._live():
                self._wait(SWEEP_AFTER)
                self.app.send_task(SWEEP)
            else:
                return
        raise AssertionError(f"runs stay live: {self._live()}")

    def redeliver(self) -> None:
        """Work off what workers took and did not acknowledge: it comes back when its visibility ends."""
        channel = self._open()
        tags: Any = self.direct.hkeys(_UNACKED)
        for tag in tags:
            channel.qos.restore_by_tag(tag.decode())
        self.until_quiet()

    def _drain(self) -> None:
        while queue := next((name for name in QUEUES if self.direct.llen(name)), None):
            message = self._talk(partial(self._take, queue))
            if message is None:
                continue
            eta = message.headers.get("eta")
            if eta is None:
                self._run(message)
            else:  # counted from now on, by the clock that passes here
                self._waiting.append((self.passed + (datetime.fromisoformat(eta) - datetime.now(UTC)), message))

    def _take(self, queue: str) -> Any:
        return self._open().basic_get(queue)

    def _run(self, message: Any) -> None:
        run_message(self.app, message)
        self._talk(message.ack)

    def _talk(self, ask: Callable[[], Any]) -> Any:
        """Ask Redis as a consumer does: it connects again, and the messages it had come back later."""
        try:
            return ask()
        except RedisError:
            self._channel = None
            return None

    def _open(self) -> Any:
        if self._channel is None:
            self._channel = self.app.connection_for_read().channel()
        return self._channel

    def _wait_for_next(self) -> None:
        self._waiting.sort(key=lambda pair: pair[0])
        due, message = self._waiting.pop(0)
        self._wait(max(due - self.passed, timedelta()) + timedelta(seconds=1))
        self._run(message)

    def _wait(self, span: timedelta) -> None:
        self.passed += span
        self.pass_time(span)
        expire(self.direct, self.passed)

    def _live(self) -> list[str]:
        with self.current.reads() as session:
            return [f"{run.step} {run.state} {run.error}" for run in runs.live(session)]


def expire(redis: Redis, passed: timedelta) -> None:
    """Delete the keys that Redis would have deleted by itself had this time really passed."""
    until = (time.time() + passed.total_seconds()) * 1000
    for key in redis.scan_iter():
        if 0 < redis.pexpiretime(key) <= until:
            redis.delete(key)
