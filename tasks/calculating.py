"""The tasks of a calculation, apart from it: a process imports NumPy and the metrics when it first calculates.

So a worker starts without them, and a child that only fetches does not have them in its memory.
"""

import logging
from typing import Any, Final

from models.records import METRIC_TYPES, CalculationCursor, Run
from tasks import steps
from worker.app import app
from worker.errors import CalculationError
from worker.runtime import Runtime
from worker.task import RunTask, StaleAttemptError

log = logging.getLogger(__name__)


@app.task(base=RunTask, name="tasks.calculate.facts", steps=("facts",))
def facts(current: Runtime, run: Run) -> None:
    """Bring facts up to date for about a minute, then enqueue the next slice or the chain of the metrics."""
    from tasks import calculate  # noqa: PLC0415 - as said above

    step = calculate.work(current, run)
    steps.enqueue(app, run, step)


def metric(current: Runtime, run: Run) -> None:
    """Calculate one metric. If other rules made the facts, send the run back to the facts and end this chain."""
    from tasks import calculate  # noqa: PLC0415 - as said above

    _end_chain(run, calculate.metric_step(current, run))


def _record_error(current: Runtime, run: Run, error: Exception) -> None:
    from tasks import calculate  # noqa: PLC0415 - as said above

    calculate.record_error(current, run, error)


def _metric_task(name: str) -> Any:
    own = f"tasks.calculate.{name}"
    return app.task(base=RunTask, name=own, steps=(name,), recover=staticmethod(_record_error))(metric)


METRIC_TASKS: Final = {name: _metric_task(name) for name in METRIC_TYPES}


@app.task(base=RunTask, name="tasks.calculate.recompute", steps=("recompute",))
def recompute_slice(current: Runtime, run: Run) -> None:
    """Make facts and results again for about a minute, then enqueue the next slice, the end or the facts."""
    from tasks import recompute  # noqa: PLC0415 - as said above

    steps.enqueue(app, run, *recompute.work(current, run))


@app.task(base=RunTask, name="tasks.calculate.finish", steps=("finish",))
def finish(current: Runtime, run: Run) -> None:
    """End the run: it has done all it was asked for, unless each of its metrics raised an error."""
    from tasks import calculate, recompute, report_file  # noqa: PLC0415 - as said above

    if {*CalculationCursor.from_json(run.cursor).failed} == {*METRIC_TYPES}:
        raise CalculationError("every metric raised an error; flowbeat logs --level ERROR shows where")
    if recompute.is_due(current, run):
        recompute.begin(current, run)
        steps.enqueue(app, run, "recompute")
        return
    with report_file.announced(current, run):
        _end_chain(run, calculate.finish_step(current, run))
        log.info("run completed", extra={"kind": run.kind})
        report_file.write(current, run.profile)


def _end_chain(run: Run, attempt: int | None) -> None:
    """Send a run that was put back to its facts there, in its new attempt; do nothing without one."""
    if attempt is not None:
        steps.enqueue(app, run, "facts", attempt)
        raise StaleAttemptError
