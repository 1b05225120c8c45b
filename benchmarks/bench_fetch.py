"""Fetching: what a faithful copy costs beside its bare requests, what an incremental fetch saves, and the memory.

Run: ``python benchmarks/bench_fetch.py``. The stand-in Jira answers without latency and shares the machine's cores, so
read the ratios. What stands behind them: benchmarks/README.md.
"""

import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass

import requests

from benchmarks.copies import (
    IN_PROCESS,
    SQLITE,
    Recorder,
    Site,
    empty,
    fetched,
    fresh,
    made_up,
    moved,
    postgres,
    served,
)
from benchmarks.measuring import heading, in_child, peak_megabytes, show, timed
from models.records import FetchOperation
from sandbox.api import Jira
from sandbox.site import Clock
from worker.runtime import Runtime

ISSUES, MANY = 5_000, 20_000
ROUNDS = 3
BARE_ROUNDS = 3  # in each round: so short a time needs more tries to be a quiet one
CHANGED = 100  # one issue in so many is moved between two fetches


@dataclass(frozen=True, slots=True)
class Full:
    """Seconds of full fetches and of their bare requests, round by round, and what a fetch counted."""

    seconds: tuple[float, ...]
    bare: tuple[float, ...]
    operation: FetchOperation


@dataclass(frozen=True, slots=True)
class Refresh:
    """Seconds of one kind of fetch, round by round, and what the last one counted."""

    seconds: tuple[float, ...]
    operation: FetchOperation


def main() -> None:
    """Print the three tables."""
    heading("bench_fetch")
    print_full()
    print_incremental()
    print_memory()


def print_full() -> None:
    """A full fetch beside its bare requests: in one process, over HTTP, and into PostgreSQL."""
    rows = []
    for name, case in (
        ("in one process, SQLite", full_in_process),
        ("over HTTP, SQLite", full_over_http),
        ("over HTTP, PostgreSQL", full_into_postgres),
    ):
        found, _ = in_child(case)
        best, bare = min(found.seconds), min(found.bare)
        median = statistics.median(found.seconds)
        asked = f"{found.operation.api_calls_made:,}"
        rows.append((name, asked, f"{bare:.2f}", f"{best:.2f}", f"{median:.2f}", f"{best / bare:.1f}"))
    show(
        f"What does a faithful copy of {found.operation.data_volume_fetched:,} issues cost?",
        f"Seconds, best of {ROUNDS}. Reference (bare): the very same requests sent one after the other by a plain"
        " requests.Session, each answer read as JSON, nothing kept.",
        ("full fetch", "requests", "bare", "fetch", "median", "ratio"),
        rows,
    )


def print_incremental() -> None:
    """Fetches of a copy that is there already, beside the full one."""
    found, _ = in_child(incremental)
    whole = min(found["full"].seconds)
    rows = []
    for name, one in found.items():
        seen, best = one.operation, min(one.seconds)
        counts = (f"{seen.api_calls_made:,}", f"{seen.data_volume_fetched:,}", f"{seen.issues_changed:,}")
        rows.append((name, *counts, f"{best:.3f}", f"{best / whole:.3f}"))
    show(
        f"What does the next fetch of {found['full'].operation.data_volume_fetched:,} issues cost?",
        f"In one process, SQLite; seconds, best of {ROUNDS}. Reference: the full fetch in the same process.",
        ("fetch", "requests", "read", "changed", "seconds", "of full"),
        rows,
    )


def print_memory() -> None:
    """Peak memory of the fetching process; the stand-in Jira has its own."""
    rows = []
    for issues in (ISSUES, MANY):
        (idle, read, seconds), peak = in_child(memory, issues)
        rows.append((f"{read:,} issues", f"{seconds:.1f}", f"{idle:.0f}", f"{peak:.0f}", f"{peak / idle:.2f}"))
    show(
        "How much memory does a full fetch need?",
        "Over HTTP into SQLite, one fetch in a new process. Reference (idle): the same process just before the fetch.",
        ("full fetch", "seconds", "idle MB", "peak MB", "ratio"),
        rows,
    )


def full_in_process() -> Full:
    """The stand-in Jira answers in the same process: no socket, one interpreter for both."""
    return _full(Site(IN_PROCESS, made_up(ISSUES)))


def full_over_http() -> Full:
    """The stand-in Jira answers over loopback from a process of its own."""
    with served(ISSUES) as site:
        return _full(site)


def full_into_postgres() -> Full:
    """The same into a private PostgreSQL server, emptied before every round."""
    with served(ISSUES) as site, postgres() as database:
        return _full(site, database, before=lambda: empty(database))


def incremental() -> dict[str, Refresh]:
    """A full fetch, then fetches with nothing changed, then each time with one issue in a hundred moved."""
    jira = made_up(ISSUES)
    site = Site(IN_PROCESS, jira)
    _fresh_fetch(site)  # the stand-in Jira renders every issue once
    whole = [_fresh_fetch(site) for _ in range(ROUNDS - 1)]
    with fresh(site) as current:
        whole.append(fetched(current))
        same = [fetched(current) for _ in range(ROUNDS)]
        edited = [_after_edits(current, jira, number) for number in range(ROUNDS)]
    kinds = {"full": whole, "nothing changed": same, "1 in 100 changed": edited}
    return {name: Refresh(tuple(s for s, _ in rounds), rounds[-1][1]) for name, rounds in kinds.items()}


def memory(issues: int) -> tuple[float, int, float]:
    """Memory before a fetch in MB, issues read, and seconds."""
    with served(issues) as site, fresh(site) as current:
        idle = peak_megabytes()
        seconds, operation = fetched(current)
        return idle, operation.data_volume_fetched, seconds


def _full(site: Site, database: str = SQLITE, before: Callable[[], None] = lambda: None) -> Full:
    """Reference and fetch in turns; a first round warms the stand-in Jira and tells which requests a fetch sends."""
    sent = _requests_of(site, database, before)
    seconds: list[float] = []
    bare: list[float] = []
    for _ in range(ROUNDS):
        bare.extend(timed(lambda: _send(site, sent)) for _ in range(BARE_ROUNDS))
        before()
        one, operation = _fresh_fetch(site, database)
        seconds.append(one)
    return Full(tuple(seconds), tuple(bare), operation)


def _requests_of(site: Site, database: str, before: Callable[[], None]) -> list[requests.PreparedRequest]:
    recorder = Recorder()
    before()
    with fresh(site, database) as current:
        current.open_session = lambda _: site.mounted(recorder)
        fetched(current)
    return recorder.sent


def _send(site: Site, sent: list[requests.PreparedRequest]) -> None:
    """The bare minimum: one session, one request after the other, the answer read as JSON and let go."""
    with site.mounted(requests.Session()) as session:
        for request in sent:
            json.loads(session.send(request, timeout=60).content)


def _fresh_fetch(site: Site, database: str = SQLITE) -> tuple[float, FetchOperation]:
    with fresh(site, database) as current:
        return fetched(current)


def _after_edits(current: Runtime, jira: Jira, number: int) -> tuple[float, FetchOperation]:
    """Move one issue in a hundred, each round others, and fetch an hour later."""
    current.now = Clock(moved(jira, CHANGED, number))
    return fetched(current)


if __name__ == "__main__":
    main()
