"""The steps of a run in order, and the messages that continue it from any of them.

One run a night has one more step, ``recompute``, between the last metric and the end.
"""

import uuid
from datetime import datetime
from typing import Any, Final

from celery import Celery, chain

from models.database import Sessions
from models.records import METRIC_TYPES, Run, RunOptions
from models.store import runs
from worker import logs, queues

NO_OPTIONS: Final = RunOptions()
STEPS: Final = ("fetch", "facts", *METRIC_TYPES, "finish")
TASKS: Final[dict[str, str]] = {
    "fetch": "tasks.fetch.slice",
    "facts": "tasks.calculate.facts",
    **{metric: f"tasks.calculate.{metric}" for metric in METRIC_TYPES},
    "finish": "tasks.calculate.finish",
    "recompute": "tasks.calculate.recompute",
}
_ALONE: Final = ("fetch", "facts", "recompute")  # their messages begin no chain


def request(
    sessions: Sessions,
    profile: str,
    kind: Any,
    now: datetime,
    *,
    as_of: datetime | None = None,
    rules: str | None = None,
    options: RunOptions = NO_OPTIONS,
    due_at: datetime | None = None,
) -> tuple[Run, bool]:
    """Ask for a run: returns (the run, whether it is new); a live run of the profile prevents another.

    ``rules`` is the hash of the rules configured where the run is requested, their field names as written.
    """
    run = Run(
        run_id=str(uuid.uuid4()),
        profile=profile,
        kind=kind,
        state="queued",
        step=STEPS[0],
        attempt=1,
        requested_at=now,
        heartbeat_at=now,
        as_of=as_of,
        options=options,
        requested_rules_hash=rules,
        due_at=due_at,
    )
    with sessions.begin() as session:
        return runs.request(session, run)


def enqueue(app: Celery, run: Run, step: str, attempt: int | None = None) -> None:
    """Send the message of a step. From the first metric on, it includes the rest as a chain.

    Those who watch the queue read the profile beside the run.
    """
    args = (run.run_id, attempt or run.attempt)
    label: dict[str, Any] = {"argsrepr": f"({run.profile!r}, run {run.run_id[:8]}, attempt {args[1]})"}
    with logs.bind(request_id=logs.context().get("request_id") or run.run_id):
        if step in _ALONE:
            app.send_task(TASKS[step], args, **label)
            return
        rest = STEPS[STEPS.index(step) :]
        chain(*[app.signature(TASKS[later], args, immutable=True, **label) for later in rest]).apply_async()


def queue_of(step: str) -> str:
    """Return the queue that the messages of a step go to."""
    return queues.queue_of(TASKS[step])


def after(step: str) -> str:
    """Return the step that follows."""
    return STEPS[STEPS.index(step) + 1]
