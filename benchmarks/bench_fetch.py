"""Fetching: what a faithful copy costs beside its bare requests, and the memory it takes.

Run: ``python benchmarks/bench_fetch.py``. The stand-in Jira answers without latency and shares the machine's cores, so
read the ratios. benchmarks/README.md explains them.
"""

import json
import statistics
import time
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
    postgres,
    served,
)
from benchmarks.measuring import heading, in_child, peak_megabytes, show, timed
from models.records import FetchOperation

ISSUES, MANY = 5_000, 50_000
ROUNDS = 3
BARE_ROUNDS = 3  # in each round: such short times vary more


@dataclass(frozen=True, slots=True)
class Full:
    """Seconds of full fetches and of their bare requests, round by round, and what a fetch counted.

    ``processor``: seconds that the processor worked for each fetch in this process.
    """

    seconds: tuple[float, ...]
    bare: tuple[float, ...]
    processor: tuple[float, ...]
    operation: FetchOperation


def main() -> None:
    """Print the two tables."""
    heading("bench_fetch")
    print_full()
    print_memory()


def print_full() -> None:
    """Print a full fetch beside its bare requests: in one process, over HTTP, and into PostgreSQL."""
    rows = []
    for name, case in (
        ("in one process, SQLite", full_in_process),
        ("over HTTP, SQLite", full_over_http),
        ("over HTTP, PostgreSQL", full_into_postgres),
    ):
        result, _ = in_child(case)
        best, bare = min(result.seconds), min(result.bare)
        median = statistics.median(result.seconds)
        asked = f"{result.operation.api_calls_made:,}"
        per_issue = f"{min(result.processor) / result.operation.data_volume_fetched * 1000:.2f}"
        rows.append((name, asked, f"{bare:.2f}", f"{best:.2f}", f"{median:.2f}", f"{best / bare:.1f}", per_issue))
    show(
        f"What does a faithful copy of {result.operation.data_volume_fetched:,} issues cost?",
        f"Seconds, best of {ROUNDS}. Reference (bare): the very same requests sent one after the other by a plain"
        " requests.Session, each answer read as JSON, nothing kept. Processor: milliseconds an issue in this process,"
        " which in the first row is the stand-in's too.",
        ("full fetch", "requests", "bare", "fetch", "median", "ratio", "processor"),
        rows,
    )


def print_memory() -> None:
    """Print the peak memory of the fetching process. The stand-in Jira has a process of its own."""
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
    """Return a stand-in Jira in the same process, without a socket."""
    return _full(Site(IN_PROCESS, made_up(ISSUES)))


def full_over_http() -> Full:
    """Return a stand-in Jira in a process of its own, over loopback."""
    with served(ISSUES) as site:
        return _full(site)


def full_into_postgres() -> Full:
    """Return the same for a private PostgreSQL server, which is emptied before every round."""
    with served(ISSUES) as site, postgres() as database:
        return _full(site, database, before=lambda: empty(database))


def memory(issues: int) -> tuple[float, int, float]:
    """Return the memory before a fetch in MB, the issues read, and the seconds."""
    with served(issues) as site, fresh(site) as current:
        idle = peak_megabytes()
        seconds, operation = fetched(current)
        return idle, operation.data_volume_fetched, seconds


def _full(site: Site, database: str = SQLITE, before: Callable[[], None] = lambda: None) -> Full:
    """Run reference and fetch in turns; a first round warms the stand-in Jira and tells which requests a fetch
    sends.
    """
    sent = _requests_of(site, database, before)
    seconds: list[float] = []
    bare: list[float] = []
    processor: list[float] = []
    for _ in range(ROUNDS):
        bare.extend(timed(lambda: _send(site, sent)) for _ in range(BARE_ROUNDS))
        before()
        (result, operation), worked = _fresh_fetch(site, database)
        seconds.append(result)
        processor.append(worked)
    return Full(tuple(seconds), tuple(bare), tuple(processor), operation)


def _requests_of(site: Site, database: str, before: Callable[[], None]) -> list[requests.PreparedRequest]:
    recorder = Recorder()
    before()
    with fresh(site, database) as current:
        current.open_session = lambda _: site.mounted(recorder)
        fetched(current)
    return recorder.sent


def _send(site: Site, sent: list[requests.PreparedRequest]) -> None:
    """Send the bare requests, one after the other in one session, and read each answer as JSON."""
    with site.mounted(requests.Session()) as session:
        for request in sent:
            json.loads(session.send(request, timeout=60).content)


def _fresh_fetch(site: Site, database: str = SQLITE) -> tuple[tuple[float, FetchOperation], float]:
    with fresh(site, database) as current:
        before = time.process_time()
        return fetched(current), time.process_time() - before


if __name__ == "__main__":
    main()
