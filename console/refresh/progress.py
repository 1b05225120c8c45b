"""The progress of a run, as a share and in a few words."""

import math
from datetime import datetime, timedelta
from typing import Final

from models.records import METRIC_TYPES, Run, RunProgress
from report.words import in_words

# The shares of the bar that the parts of a run take: fetch, facts, metrics.
FETCH_SHARE: Final = 70
FACTS_SHARE: Final = 10
METRIC_SHARE: Final = 20
SILENCE: Final = timedelta(seconds=10)


def percent(run: Run) -> float:
    """Return the progress of a run in percent, from what is known; nothing is guessed."""
    if run.state == "completed":
        return 100.0
    part, share = part_of(run), _share(run.progress)
    if part == "fetch":
        return FETCH_SHARE * share
    if part == "facts":
        return FETCH_SHARE + FACTS_SHARE * share
    return FETCH_SHARE + FACTS_SHARE + METRIC_SHARE * _metric_share(run)


def is_silent(run: Run, now: datetime) -> bool:
    """Return whether a run has had no heartbeat for longer than a worker needs."""
    return bool(now - run.heartbeat_at > SILENCE)


def is_paused(run: Run, now: datetime) -> bool:
    """Return whether a run waits for a later time."""
    return run.state == "paused" and run.wait_until is not None and run.wait_until > now


def words(run: Run, now: datetime) -> str:
    """Return what a run does now, in a few words, and the reason of a pause."""
    return f"{brief(run, now)}: {reason(run)}" if is_paused(run, now) else brief(run, now)


def reason(run: Run) -> str:
    """Return why a run pauses."""
    return run.error or "Jira asked for it"


def brief(run: Run, now: datetime) -> str:
    """Return what a run does now, in the fewest words."""
    if run.state == "queued":
        return "waiting for a worker"
    if run.state == "paused":
        left = (run.wait_until - now).total_seconds() if run.wait_until else 0.0
        return f"paused for {math.ceil(left)} s" if is_paused(run, now) else "retrying soon"
    if not run.live:
        return run.state
    if is_silent(run, now):
        seconds = round((now - run.heartbeat_at).total_seconds())
        return f"its worker has not responded for {seconds} s; the run continues soon"
    return _at_work(run)


_LAST: Final = {"recompute": "comparing facts and results", "finish": "finishing"}


def part_of(run: Run) -> str:
    """Return the present part of a run: fetch, facts or metrics."""
    return run.step if run.step in ("fetch", "facts") else "metrics"


def _at_work(run: Run) -> str:
    done, total = run.progress.done, run.progress.total
    if part_of(run) == "fetch":
        return f"fetching issues {_of(done, total)}".rstrip()
    if part_of(run) == "facts":
        return f"computing facts {_of(done, total)}".rstrip()
    return _LAST.get(run.step) or f"calculating {in_words(run.step)}"


def _share(progress: RunProgress) -> float:
    done, total = progress.done, progress.total
    return min(1.0, done / total) if done and total else 0.0


def _metric_share(run: Run) -> float:
    if run.step not in METRIC_TYPES:
        return 1.0
    return METRIC_TYPES.index(run.step) / len(METRIC_TYPES)


def _of(done: int | None, total: int | None) -> str:
    if done is None:
        return ""
    return f"{done:,} of {total:,}" if total else f"{done:,}"
