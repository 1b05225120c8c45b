"""The base of every task of a run: context for the logs, the fence against old messages, and what an error leads to.

A message names a run and an attempt. It is honoured only while the run is live, of that attempt, and at the task's
step; else it ends at once and takes the rest of its chain with it. A passing fault makes the run wait and go on later;
any other error ends the run with one sentence, unless the task knows how to record it and go on (the nine metrics do).
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from celery import Task
from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy.exc import OperationalError

from models import store
from models.records import Run
from worker import logs, runtime
from worker.errors import FlowbeatError, RetryableError
from worker.measure import log_fetch
from worker.redact import redact
from worker.runtime import Runtime

log = logging.getLogger(__name__)

RESUME: Final = "tasks.maintain.resume"
LONGEST_COUNTDOWN: Final = 120.0
LEAST_WAIT: Final = 1.0
# Not ours, but passing all the same: a slice that ran out of time, a database that restarts or is locked for long.
PASSING: Final = (SoftTimeLimitExceeded, OperationalError)
MAX_TROUBLE: Final = 8  # waits in a row without any progress between them


class MovedOnError(Exception):
    """The run is no longer ours: it ended, or another attempt or step has it. Whoever sees this stops at once."""


class RunTask(Task):  # type: ignore[type-arg]  # Celery's own class takes no parameters at run time
    """A task whose arguments are (run_id, attempt); ``steps`` names the steps it may be at, in the task's options."""

    abstract = True
    steps: tuple[str, ...] = ()
    recover: Callable[[Runtime, Run, Exception], None] | None = None
    """Records an error of its own work so that the run can go on; None: the error ends the run."""

    def __call__(self, run_id: str, attempt: int) -> Any:
        """Run the body inside the log context and turn its errors into the state of the run."""
        current = runtime.current()
        with logs.bind(**self._context(run_id)):
            try:
                run = self._take(current, run_id, attempt)
                with logs.bind(profile=run.profile):
                    self._guarded(current, run)
            except MovedOnError:
                log.info("run has moved on", extra={"run_id": run_id, "attempt": attempt})
                self._stop_chain()

    def _guarded(self, current: Runtime, run: Run) -> None:
        try:
            self.run(current, run)
        except MovedOnError:
            raise
        except RetryableError as error:
            self._wait(current, run, error)
        except PASSING as error:
            self._wait(current, run, RetryableError(f"the step was interrupted ({type(error).__name__})"))
        except Exception as error:
            log.exception("task failed")
            if self.recover is not None and not isinstance(error, FlowbeatError):
                type(self).recover(current, run, error)  # type: ignore[misc]  # checked above
                return
            self._fail(current, run, sentence(error))

    def _take(self, current: Runtime, run_id: str, attempt: int) -> Run:
        with current.sessions.begin() as session:
            run = store.take_run(session, run_id, attempt, self.steps, current.now())
        if run is None:
            raise MovedOnError
        return run

    def _wait(self, current: Runtime, run: Run, error: RetryableError) -> None:
        """Give the worker back: the run says why it waits and until when, and a message brings it back then."""
        self._stop_chain()
        with current.sessions.begin() as session:
            latest = store.load_run(session, run.run_id)
        trouble = int(latest.cursor.get("trouble", 0)) + 1 if latest else 1
        if latest is None or trouble > MAX_TROUBLE:
            self._fail(current, run, f"{sentence(error)}; given up after {MAX_TROUBLE} waits without progress")
            return
        wait = max(error.retry_after or LEAST_WAIT, LEAST_WAIT)
        until = current.now() + timedelta(seconds=wait)
        changes = {"state": "waiting", "wait_until": until, "error": sentence(error)}
        cursor = {**latest.cursor, "trouble": trouble}
        beat(current, run, cursor=cursor, **changes)
        log.warning("run waits", extra={"until": until, "why": sentence(error)})
        self.app.send_task(RESUME, (run.run_id, run.attempt), countdown=min(wait, LONGEST_COUNTDOWN))

    def _fail(self, current: Runtime, run: Run, why: str) -> None:
        self._stop_chain()
        with current.sessions.begin() as session:
            now = current.now()
            failed = store.fail_fetch_of(session, run.run_id, now, why)
            store.end_run(session, run.run_id, run.attempt, now, error=why)
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


def beat(current: Runtime, run: Run, **changes: Any) -> datetime:
    """A sign of life and whatever changed, in its own transaction; raises MovedOnError where the run is not ours."""
    now = current.now()
    with current.sessions.begin() as session:
        if not store.beat_run(session, run.run_id, run.attempt, now, **changes):
            raise MovedOnError
    return now


def sentence(error: BaseException) -> str:
    """One redacted sentence for the run's row: ours as it is, any other by its type, for its text may hold data."""
    if isinstance(error, FlowbeatError):
        return str(redact(str(error)))
    return f"unexpected {type(error).__name__}; the log has the details (flowbeat logs --level ERROR)"
