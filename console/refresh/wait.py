"""Waits for runs and shows their progress: a bar for each on a terminal, else a line for each step."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from console.refresh import progress
from console.shared import errors, nodes
from console.shared.queued import QUEUED_SECONDS
from models.records import Run
from models.store import runs as stored_runs
from tasks import maintain, report_file
from worker.errors import FatalError
from worker.runtime import Runtime

POLL_SECONDS: Final = 0.15
REQUEUE_SECONDS: Final = 10.0
STAYS: Final = "It is tried again. Ctrl-C stops waiting; the run stays queued for the next refresh or worker"


def until_ended(
    current: Runtime,
    run_ids: Sequence[str],
    console: Console,
    keep: Callable[[], None] = lambda: None,
    *,
    queued_seconds: float = QUEUED_SECONDS,
    page_seconds: float = report_file.PATIENCE_SECONDS,
) -> list[Run]:
    """Return the runs as they ended, in the order asked for. ``keep`` is called now and then, to keep a worker running.

    A run that stays queued for ``queued_seconds`` while workers answer is explained. A run has ended for the
    person once its report page is written too, or after ``page_seconds``.
    """
    bars = _Bars(console) if console.is_terminal else _Lines(console)
    requeued, queue = time.monotonic(), _QueueWatch(current, console, queued_seconds)
    pages = _PageWatch(current, page_seconds)
    with bars:
        while True:
            runs, now = _look(current, run_ids)
            at_work = [run for run in runs if run.live or pages.is_awaited(run)]
            for run in runs:
                if run.live or run not in at_work:
                    bars.show(run, now)
            if not at_work:
                return runs
            keep()
            queue.load_view(runs)
            if time.monotonic() - requeued > REQUEUE_SECONDS:  # beat may not run while somebody waits
                _requeue_stalled(current, console)
                requeued = time.monotonic()
            time.sleep(POLL_SECONDS)


def _requeue_stalled(current: Runtime, console: Console) -> None:
    """Requeue stalled runs. Without Redis, print the reason and wait: the run continues when Redis is back."""
    try:
        maintain.requeue_stalled(current)
    except (BrokerError, RedisError) as error:
        console.print(f"{errors.sentence(error)}; waiting for it; Ctrl-C stops waiting", highlight=False, markup=False)


def _look(current: Runtime, run_ids: Sequence[str]) -> tuple[list[Run], datetime]:
    """Return the present runs, and the time to compare them with."""
    with current.reads() as session:
        result = {run_id: stored_runs.load(session, run_id) for run_id in run_ids}
        now = current.clock(session)
    for run_id, run in result.items():
        if run is None:
            raise FatalError(f"run {run_id[:8]} was withdrawn by the command that requested it; run the command again")
    return [run for run in result.values() if run is not None], now


class _QueueWatch:
    """Reports why a run stays queued at a step, and again if the reason changes."""

    def __init__(self, current: Runtime, console: Console, seconds: float) -> None:
        """Look at a queued run at intervals."""
        self._current = current
        self._console = console
        self._seconds = seconds
        self._since: dict[tuple[str, str], float] = {}
        self._reasons: dict[tuple[str, str], str] = {}

    def load_view(self, runs: Sequence[Run]) -> None:
        """Record the present runs; called many times a minute."""
        queued = {(run.run_id, run.step): run for run in runs if run.state == "queued"}
        self._since = {key: self._since.get(key, time.monotonic()) for key in queued}
        for key, run in queued.items():
            if time.monotonic() - self._since[key] >= self._seconds:
                self._since[key] = time.monotonic()
                self._explain(key, run)

    def _explain(self, key: tuple[str, str], run: Run) -> None:
        try:
            reason = nodes.why_queued(self._current, run)
        except (BrokerError, RedisError):  # the next requeue_stalled reports it
            return
        if reason and self._reasons.get(key) != reason:
            self._reasons[key] = reason
            sentence = f"{run.profile}: still queued: {reason}."
            self._console.print(sentence, highlight=False, markup=False)


class _PageWatch:
    """Looks for the report page of each run that has ended, up to some seconds long."""

    def __init__(self, current: Runtime, seconds: float) -> None:
        """Wait for nothing yet."""
        self._current = current
        self._seconds = seconds
        self._until: dict[str, float] = {}

    def is_awaited(self, run: Run) -> bool:
        """Return whether the page of an ended run is still being written."""
        until = self._until.setdefault(run.run_id, time.monotonic() + self._seconds)
        return time.monotonic() < until and report_file.is_pending(self._current, run)


class _Bars:
    """Show a progress bar per run, and above them the reasons of pauses, which are too long for a bar."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: dict[str, str] = {}
        self._tasks: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.fields[profile]}"),
            BarColumn(bar_width=28),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
        )

    def __enter__(self) -> None:
        self._progress.start()

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, run: Run, now: datetime) -> None:
        if run.run_id not in self._tasks:
            self._tasks[run.run_id] = self._progress.add_task("", total=100, profile=run.profile)
        self._progress.update(
            self._tasks[run.run_id], completed=progress.percent(run), description=progress.brief(run, now)
        )
        if progress.is_paused(run, now) and self._told.get(run.run_id) != progress.reason(run):
            self._told[run.run_id] = progress.reason(run)
            self._console.print(f"{run.profile}: {progress.reason(run)}. {STAYS}.", highlight=False, markup=False)


class _Lines:
    """Prints a line whenever a run begins another step, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: dict[str, str] = {}
        self._told = False

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, run: Run, now: datetime) -> None:
        if run.state == "queued" and run.run_id in self._said:
            return  # between two steps
        # Each pause is news of its own.
        at_work = f"{progress.part_of(run)} {progress.is_silent(run, now)}"
        news = at_work if run.state == "running" else f"{run.state} {run.wait_until}"
        if self._said.get(run.run_id) == news:
            return
        self._said[run.run_id] = news
        self._console.print(f"{run.profile}: {progress.words(run, now)}", highlight=False, markup=False)
        if run.state == "paused" and not self._told:
            self._told = True
            self._console.print(f"{STAYS}.", highlight=False)
