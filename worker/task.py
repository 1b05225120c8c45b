"""The base of every task of a run: context for the logs, the fence against old messages, and what an error leads to.

A message names a run and an attempt. It is honoured only while the run is live, of that attempt, and at the task's
step; otherwise it exits and cancels the rest of its chain. After a temporary fault the run waits and continues later;
any other error ends the run with one sentence, unless the task records it and continues (the metrics do).
"""

import contextvars
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, Unpack

from celery import Task
from celery.exceptions import SoftTimeLimitExceeded
from kombu.exceptions import OperationalError as QueueError
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from models.database_faults import UnusableDatabaseError
from models.records import Retries, Run
from models.store import operations, runs
from models.store.runs import HeartbeatChanges
from worker import alive, logs, nodes, queues, runtime
from worker.errors import UNEXPECTED, FlowbeatError, RetryableError
from worker.jira.client import backoff
from worker.redact import redact
from worker.runtime import Runtime
from worker.timing import log_fetch

log = logging.getLogger(__name__)

RESUME: Final = "tasks.maintain.resume"
LONGEST_COUNTDOWN: Final = 120.0
LEAST_WAIT: Final = 1.0
HEARTBEAT_SECONDS: Final = 2.0
# Not ours, but passing all the same: a slice that ran out of time, a database that restarts or is locked for long.
PASSING: Final = (SoftTimeLimitExceeded, OperationalError)
# Without progress a run fails after this many tries of a request (their back-offs add up to five minutes), or after
# this many seconds of work in vain; waits between them, such as an hour that Jira names, do not count.
MAX_TRIES: Final = 8
LONGEST_TROUBLE: Final = 600.0
# A message whose run is not in this database may be meant for another worker: it is put back up to this many times.
MAX_RETURNS: Final = 10
RETURN_SECONDS: Final = 0.3
_TWO_DATABASES: Final = (
    "it was withdrawn by the command that asked for it, or another installation has this redis_url and another "
    "database_url; give each its own Redis"
)


class StaleAttemptError(Exception):
    """The run ended, or another attempt or step has it. The task that raises this stops at once."""


class RunTask(Task):  # type: ignore[type-arg]  # Celery's own class takes no parameters at run time
    """A task whose arguments are (run_id, attempt); ``steps`` names the steps it may be at, in the task's options."""

    abstract = True
    argument_types: tuple[type, ...] = (str, int)
    default_retry_delay = 1  # seconds until Celery sends the step of a killed child again; its own default is 180
    steps: tuple[str, ...] = ()
    recover: Callable[[Runtime, Run, Exception], None] | None = None
    """Records an error of its own work so that the run can continue; None: the error ends the run."""

    def __call__(self, run_id: str, attempt: int) -> Any:
        """Run the body inside the log context and turn its errors into the state of the run."""
        current = runtime.current()
        with logs.bind(**self._context(run_id)):
            try:
                run = self._take(current, run_id, attempt)
                with logs.bind(profile=run.profile):
                    self._guarded(current, run)
            except StaleAttemptError:
                log.info("run has moved on", extra={"run_id": run_id, "attempt": attempt})
                self._stop_chain()
            except QueueError as error:  # the work is committed: the row says where to continue
                log.warning(
                    "next message not sent; the run continues once it counts as stalled", extra={"why": str(error)}
                )
                self._stop_chain()
            except (
                SQLAlchemyError
            ) as error:  # the row stands as it was; requeue_stalled or the next refresh continues from it
                trace = None if isinstance(error, UnusableDatabaseError) else error
                log.exception("state of the run not stored", extra={"why": sentence(error)}, exc_info=trace)
                self._stop_chain()

    def _guarded(self, current: Runtime, run: Run) -> None:
        try:
            with heartbeating(current, run):
                self.run(current, run)
        except (StaleAttemptError, QueueError):
            raise
        except RetryableError as error:
            self._wait(current, run, error)
        except PASSING as error:
            self._wait(current, run, RetryableError(f"the step was interrupted ({type(error).__name__})"))
        except (
            FlowbeatError,
            UnusableDatabaseError,
        ) as error:  # its sentence says all: a person's slip needs no traceback
            self._fail(current, run, sentence(error), error.kind)
        except Exception as error:
            log.exception("task failed")
            if self.recover is not None:
                type(self).recover(current, run, error)  # type: ignore[misc]  # checked above
                return
            self._fail(current, run, sentence(error), UNEXPECTED)

    def _take(self, current: Runtime, run_id: str, attempt: int) -> Run:
        with current.sessions.begin() as session:
            run = runs.claim(session, run_id, attempt, self.steps, current.clock(session))
            is_unknown = run is None and runs.load(session, run_id) is None
        if is_unknown:
            self._return_message(current, run_id)
        if run is None:
            raise StaleAttemptError
        return run

    def _return_message(self, current: Runtime, run_id: str) -> None:
        """Put back a message of a run that is not in this database, by raising Celery's Retry; in the end give up.

        The pause leaves the message to another worker: while it lasts, this one takes none in its place.
        """
        nodes.report_unknown_run(current.redis, run_id, current.node or "a worker")
        if self.request.retries < MAX_RETURNS:
            time.sleep(RETURN_SECONDS)
            raise self.retry(countdown=0, max_retries=MAX_RETURNS)
        log.warning("run is not in this database", extra={"run_id": run_id, "why": _TWO_DATABASES})

    def _wait(self, current: Runtime, run: Run, error: RetryableError) -> None:
        """Give the worker back: the run says why it waits and until when, and a message brings it back then.

        Progress drops the retries from the cursor; without any the tries come to an end, and with them the run.
        """
        self._stop_chain()
        with current.reads() as session:
            latest, now = runs.load(session, run.run_id) or run, current.clock(session)
        tried = tries(latest) + error.tries
        before, at_work = Retries.from_json(latest.cursor), _seconds_at_work(run, now)
        spent = before.seconds + at_work
        since = before.since or now - timedelta(seconds=at_work)
        wait = max(error.retry_after or backoff(tried), LEAST_WAIT)
        is_hopeless = tried > 1 and _would_outlast(error, now - since, wait + at_work)
        if is_hopeless or tried >= MAX_TRIES or spent >= LONGEST_TROUBLE:
            why = ", because nothing has ever answered there" if is_hopeless else ""
            sentences = f"{sentence(error)}; given up after {tried} tries{why}: flowbeat check looks closer"
            self._fail(current, run, sentences, error.kind)
            return
        until = now + timedelta(seconds=wait)
        cursor = {**latest.cursor, **Retries(tried, spent, since, sentence(error)).to_json()}
        changes: HeartbeatChanges = {"state": "paused", "wait_until": until, "error": sentence(error)}
        changes |= {"cursor": cursor, "error_kind": error.kind}
        record_heartbeat(current, run, **changes)
        log.warning("run waits", extra={"until": until, "why": sentence(error)})
        # To the queue of the step: a worker that takes the step also continues it.
        queue, seconds = queues.queue_of(self.name), min(wait, LONGEST_COUNTDOWN)
        self.app.send_task(RESUME, (run.run_id, run.attempt), countdown=seconds, queue=queue)

    def _fail(self, current: Runtime, run: Run, why: str, kind: str) -> None:
        self._stop_chain()
        with current.sessions.begin() as session:
            now = current.clock(session)
            failed = operations.fail_fetch_of(session, run.run_id, now, why)
            runs.end(session, run.run_id, run.attempt, now, error=why, error_kind=kind)
        if failed is not None:
            log_fetch(failed)
        log.error("run failed", extra={"why": why})

    def _stop_chain(self) -> None:
        self.request.chain = None

    def _context(self, run_id: str) -> dict[str, Any]:
        request = self.request
        return {
            "task_id": request.id,
            "task_name": self.name,
            "run_id": run_id,
            "request_id": (request.headers or {}).get("request_id") or request.get("request_id") or run_id,
        }


def record_heartbeat(current: Runtime, run: Run, **changes: Unpack[HeartbeatChanges]) -> datetime:
    """Store a heartbeat and what changed, in one transaction; raise StaleAttemptError where the run is not ours."""
    with current.sessions.begin() as session:
        now = current.clock(session)
        if not runs.heartbeat(session, run.run_id, run.attempt, now, **changes):
            raise StaleAttemptError
    return now


@contextmanager
def heartbeating(current: Runtime, run: Run, every: float = HEARTBEAT_SECONDS) -> Iterator[None]:
    """Signs of life from a thread of its own while the block works: one answer of Jira may take longer than silence."""
    over = threading.Event()
    work = (_beat_until, over, current, run, every)
    alive.touch(alive.folder_of(current.settings.state_dir))
    thread = threading.Thread(target=contextvars.copy_context().run, args=work, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _beat_until(over: threading.Event, current: Runtime, run: Run, every: float) -> None:
    folder = alive.folder_of(current.settings.state_dir)
    while not over.wait(every):
        alive.touch(folder)
        try:
            record_heartbeat(current, run)
        except StaleAttemptError:  # the work sees it too, at its next commit
            return
        except SQLAlchemyError as error:  # the work itself meets the same database, and says so better
            log.warning("no sign of life could be written", extra={"why": type(error).__name__})


def tries(run: Run) -> int:
    """Return how often the run tried in vain, over all its slices, since it last made progress."""
    return Retries.from_json(run.cursor).tries


def _would_outlast(error: RetryableError, past: timedelta, ahead: float) -> bool:
    """Return whether another try, ``ahead`` seconds from now, would end after the error's patience."""
    return error.patience is not None and past.total_seconds() + ahead > error.patience


def last_fault(run: Run) -> str:
    """Return what was wrong the last time, while nothing has gone well since; empty where all went well."""
    return Retries.from_json(run.cursor).why


def _seconds_at_work(taken: Run, now: datetime) -> float:
    """Since the step was taken."""
    return (now - (taken.heartbeat_at or now)).total_seconds()


def sentence(error: BaseException) -> str:
    """Return a redacted sentence: Flowbeat's errors by their text, others by type, because their text may hold data."""
    if isinstance(error, FlowbeatError | UnusableDatabaseError):
        return str(redact(str(error)))
    return f"unexpected {type(error).__name__}; the log has the details (flowbeat logs --level ERROR)"
