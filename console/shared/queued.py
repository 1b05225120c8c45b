"""Finds out why runs stay queued. The status command asks the workers only if a run has waited long."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from models.records import Run
from worker.database import Stored
from worker.settings import Settings

QUEUED_SECONDS: Final = 60.0  # a worker that is free takes a run within a second
_NO_WORKER: Final = "no worker answers; start one: flowbeat worker"


def reasons(current: Stored, runs: Sequence[Run], now: datetime, seconds: float = QUEUED_SECONDS) -> dict[str, str]:
    """Return by run id why runs have been queued for longer than ``seconds`` at ``now``; starts no server."""
    late = [run for run in runs if run.state == "queued" and now - _queued_since(current, run) >= _span(seconds)]
    return _ask(current.settings, late) if late else {}


def _span(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def _queued_since(current: Stored, run: Run) -> datetime:
    """Return the earliest instant since which no worker has had the run, according to its row.

    A run that was requeued had already been stalled for the time after which that happens.
    """
    if run.started_at is None:
        return run.requested_at
    stalled = _span(current.settings.stalled_runs.after_seconds if run.attempt > 1 else 0)
    return run.heartbeat_at - stalled


def _ask(configured: Settings, late: Sequence[Run]) -> dict[str, str]:
    from worker import embedded, runtime  # noqa: PLC0415 - status needs no queue while no run waits for one

    if not configured.redis_url and not embedded.is_running(configured.state_dir):
        return dict.fromkeys((run.run_id for run in late), _NO_WORKER)
    from console.shared import errors, nodes  # noqa: PLC0415 - the same

    asking = runtime.Runtime(configured)
    runtime.adopt(asking)
    try:
        asking.redis.ping()  # without a broker Celery would try again for ever
        return {run.run_id: nodes.why_queued(asking, run) or _NO_WORKER for run in late}
    except errors.EXPECTED as error:
        return dict.fromkeys((run.run_id for run in late), errors.sentence(error))
    finally:
        runtime.forget()
        asking.close()
