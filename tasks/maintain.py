"""Nightly requests, stalled runs, and the deletion of old rows and logs."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from kombu.exceptions import OperationalError as QueueError
from sqlalchemy.exc import SQLAlchemyError

from models.records import Run
from models.store import caches, operations, runs
from tasks import notices, steps
from worker import logs, runtime, view
from worker.app import app
from worker.runtime import Runtime
from worker.task import LONGEST_COUNTDOWN, RESUME, sentence
from worker.timing import log_fetch

log = logging.getLogger(__name__)

KILLED: Final = "killed"  # the kind of error of a run whose step never ended
WAIT_SECONDS: Final = 5  # until a scheduled refresh is requested again
FAULT_WAIT_SECONDS: Final = 60  # the same after a fault of the database or of Redis
LONGEST_WAIT: Final = 86_400  # by then the next night has its own
MAX_RESTARTS: Final = 5  # of one step without any progress: then something kills it every time


@app.task(name="tasks.maintain.nightly", bind=True, max_retries=LONGEST_WAIT // WAIT_SECONDS)
def nightly(self: Any, profile: str, due: str | None = None) -> str | None:
    """Request the refresh of a profile that is due at an instant, else now; None where a run answers it already."""
    with _trying_again(self, due):
        return _answer(self, profile, runtime.current().run_time() if due is None else datetime.fromisoformat(due))


@app.task(name="tasks.maintain.missed", bind=True, max_retries=LONGEST_WAIT // WAIT_SECONDS)
def missed(self: Any, profile: str, due: str) -> str | None:
    """Request the refresh that was due while everything was down; None where nothing was missed.

    A profile that has no copy from before that instant has missed nothing.
    """
    current, due_at = runtime.current(), datetime.fromisoformat(due)
    with _trying_again(self, due):
        with current.reads() as session:
            copy = caches.find(session, profile)
        if copy is None or copy.creation_timestamp >= due_at:
            return None
        return _answer(self, profile, due_at)


@contextmanager
def _trying_again(task: Any, due: str | None) -> Iterator[None]:
    """Send the task again, for a day, after a fault of the database or Redis: otherwise its night would be lost."""
    try:
        yield
    except (SQLAlchemyError, QueueError) as error:
        current = runtime.current()
        if due is not None and current.now() - datetime.fromisoformat(due) > timedelta(seconds=LONGEST_WAIT):
            raise
        log.warning("scheduled refresh not requested yet", extra={"due": due, "why": sentence(error)})
        raise task.retry(countdown=FAULT_WAIT_SECONDS) from error


def _answer(task: Any, profile: str, due_at: datetime) -> str | None:
    """Request the refresh that is due at an instant, unless one answers it already.

    A live refresh takes its place. A live calculation does not ask Jira, so the refresh is requested after it.
    """
    current = runtime.current()
    with current.reads() as session:
        if runs.answers(session, profile, due_at):
            return None
    rules = view.configured_rules_hash(current, profile)
    run, new = steps.request(current.sessions, profile, "refresh", current.run_time(), rules=rules, due_at=due_at)
    if new:
        steps.enqueue(app, run, run.step)
    elif run.kind != "refresh":
        log.info("scheduled refresh waits", extra={"run_id": run.run_id, "profile": profile, "kind": run.kind})
        raise task.retry(countdown=WAIT_SECONDS)
    log.info("scheduled refresh", extra={"run_id": run.run_id, "profile": profile, "due": due_at, "new": new})
    return run.run_id


@app.task(name=RESUME)
def resume(run_id: str, attempt: int) -> None:
    """Continue a run whose pause is over; a pause that is longer than a countdown is enqueued again."""
    current = runtime.current()
    with current.reads() as session:
        run, now = runs.load(session, run_id), current.clock(session)
    if run is None or run.attempt != attempt or run.state != "paused":
        return
    left = (run.wait_until - now).total_seconds() if run.wait_until else 0.0
    if left > 1:
        queue = steps.queue_of(run.step)
        app.send_task(RESUME, (run_id, attempt), countdown=min(left, LONGEST_COUNTDOWN), queue=queue)
        return
    steps.enqueue(app, run, run.step)


@app.task(name="tasks.maintain.requeue_stalled")
def requeue() -> int:
    """Requeue the stalled runs; return how many."""
    return requeue_stalled(runtime.current())


@app.task(name="tasks.maintain.notify", soft_time_limit=90, time_limit=100)
def notify() -> int:
    """Notify the operator of refreshes that failed, are overdue, or are well again; return how many notices."""
    return notices.look(runtime.current())


@app.task(name="tasks.maintain.clean")
def clean() -> dict[str, Any]:
    """Delete rows of past work and log archives that are older than their retention."""
    return delete_old(runtime.current())


def requeue_stalled(current: Runtime) -> int:
    """Give each stalled run a new attempt at its step, or fail it if that step has ended too many workers."""
    with current.reads() as session:
        before = current.clock(session) - timedelta(seconds=current.settings.stalled_runs.after_seconds)
        silent = runs.stalled(session, before)
    return sum(_pick_up(current, run) for run in silent if not waits_its_turn(current, run))


def waits_its_turn(current: Runtime, run: Run) -> bool:
    """Return whether a run is queued behind others: its message is lost only if its queue is empty."""
    return run.state == "queued" and current.redis.llen(steps.queue_of(run.step)) > 0


def delete_old(current: Runtime) -> dict[str, Any]:
    """Delete by age, each kind by its own retention, but never issues or metric results; return the counts."""
    now, keep = current.now(), current.settings.retention
    days = {
        "runs": keep.runs_days,
        "fetch_operations": keep.fetch_operations_days,
        "performance": keep.performance_days,
    }
    with current.sessions.begin() as session:
        deleted: dict[str, Any] = {
            kind: operations.delete_before(session, kind, now - timedelta(days=count)) for kind, count in days.items()
        }
    deleted["logs"] = len(logs.clean(current.settings.log_dir, now, timedelta(days=keep.logs_days)))
    log.info("old rows and logs deleted", extra={"deleted": deleted})
    return deleted


def _pick_up(current: Runtime, run: Run) -> bool:
    with current.sessions.begin() as session:
        restarts = runs.requeue(session, run, current.clock(session))
    if restarts is None:
        return False
    with logs.bind(run_id=run.run_id, profile=run.profile):
        if restarts > MAX_RESTARTS:
            _give_up(current, run, restarts)
            return False
        log.warning("silent run picked up", extra={"step": run.step, "restarts": restarts, "pid": os.getpid()})
        steps.enqueue(app, run, run.step, run.attempt + 1)
        return True


def _give_up(current: Runtime, run: Run, restarts: int) -> None:
    why = (
        f"step {run.step} was begun {restarts} times without progress, and each time its worker was killed or lost; "
        "see flowbeat logs --level ERROR"
    )
    with current.sessions.begin() as session:
        now = current.clock(session)
        failed = operations.fail_fetch_of(session, run.run_id, now, why)
        runs.end(session, run.run_id, run.attempt + 1, now, error=why, error_kind=KILLED)
    if failed is not None:
        log_fetch(failed)
    log.error("run failed", extra={"why": why, "step": run.step, "last_sign": run.heartbeat_at})
