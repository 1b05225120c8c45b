"""Waits for runs and shows how they move: a bar each on a terminal, a line per step elsewhere."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from console import faults
from models import store
from models.records import METRIC_TYPES, Run
from tasks import maintain
from worker.runtime import Runtime

POLL_SECONDS: Final = 0.15
SWEEP_SECONDS: Final = 10.0
# The shares of the bar that the parts of a run take: fetch, facts, metrics.
FETCH_SHARE: Final = 70
FACTS_SHARE: Final = 10
METRIC_SHARE: Final = 20
SILENCE: Final = timedelta(seconds=10)


def until_ended(
    current: Runtime, run_ids: Sequence[str], console: Console, keep: Callable[[], None] = lambda: None
) -> list[Run]:
    """The runs as they ended, in the order asked for. ``keep`` is called now and then, to keep a worker running."""
    shown = _Bars(console) if console.is_terminal else _Lines(console)
    swept = time.monotonic()
    with shown:
        while True:
            runs = _look(current, run_ids)
            for run in runs:
                shown.show(run, current.now())
            if not any(run.live for run in runs):
                return runs
            keep()
            if time.monotonic() - swept > SWEEP_SECONDS:  # beat may not run while somebody waits
                _sweep(current, console)
                swept = time.monotonic()
            time.sleep(POLL_SECONDS)


def _sweep(current: Runtime, console: Console) -> None:
    """Without its queue a run only waits: it goes on when the server is back, its own or the one redis_url names."""
    try:
        maintain.pick_up_silent(current)
    except (BrokerError, RedisError) as error:
        console.print(f"{faults.sentence(error)}; waiting for it, Ctrl-C leaves", highlight=False)


def _look(current: Runtime, run_ids: Sequence[str]) -> list[Run]:
    with current.reads() as session:
        found = [store.find_run(session, run_id) for run_id in run_ids]
    return [run for run in found if run is not None]


class _Bars:
    """A progress bar per run."""

    def __init__(self, console: Console) -> None:
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
        self._progress.update(self._tasks[run.run_id], completed=percent(run), description=words(run, now))


class _Lines:
    """A line whenever a run begins another step: for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: dict[str, str] = {}

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, run: Run, now: datetime) -> None:
        if run.state == "queued" and run.run_id in self._said:
            return  # between two steps
        # Each pause is news of its own.
        part = f"{run.state} {run.wait_until}" if run.state != "running" else f"{_part(run)} {_is_silent(run, now)}"
        if self._said.get(run.run_id) != part:
            self._said[run.run_id] = part
            self._console.print(f"{run.profile}: {words(run, now)}", highlight=False)


def percent(run: Run) -> float:
    """How far a run is, of 100: what is known is shown, what is not is not guessed."""
    if run.state == "completed":
        return 100.0
    part, share = _part(run), _share(run.progress)
    if part == "fetch":
        return FETCH_SHARE * share
    if part == "facts":
        return FETCH_SHARE + FACTS_SHARE * share
    return FETCH_SHARE + FACTS_SHARE + METRIC_SHARE * _metric_share(run)


def _is_silent(run: Run, now: datetime) -> bool:
    """A worker at work beats every few seconds."""
    return bool(now - run.heartbeat_at > SILENCE)


def words(run: Run, now: datetime) -> str:
    """What a run is doing, in a few words."""
    if run.state == "queued":
        return "waiting for a worker"
    if run.state == "waiting" and run.wait_until is not None:
        left = max(0, round((run.wait_until - now).total_seconds()))
        return f"paused for {left} s: {run.error or 'Jira asked for it'}"
    if not run.live:
        return run.state
    if _is_silent(run, now):
        seconds = round((now - run.heartbeat_at).total_seconds())
        return f"no sign of its worker for {seconds} s, taken up again soon"
    return _at_work(run)


def _at_work(run: Run) -> str:
    done, total = run.progress.get("done"), run.progress.get("total")
    if _part(run) == "fetch":
        return f"fetching issues {_of(done, total)}".rstrip()
    if _part(run) == "facts":
        return f"working out facts {_of(done, total)}".rstrip()
    return f"calculating {run.step.replace('_', ' ')}"


def _part(run: Run) -> str:
    return run.step if run.step in ("fetch", "facts") else "metrics"


def _share(progress: Mapping[str, Any]) -> float:
    done, total = progress.get("done"), progress.get("total")
    return min(1.0, done / total) if done and total else 0.0


def _metric_share(run: Run) -> float:
    if run.step not in METRIC_TYPES:
        return 1.0
    return METRIC_TYPES.index(run.step) / len(METRIC_TYPES)


def _of(done: Any, total: Any) -> str:
    if done is None:
        return ""
    return f"{done:,} of {total:,}" if total else f"{done:,}"
