"""Refreshes: requests and seconds by what changed, by size, by latency, and under a limit.

Run: ``python benchmarks/bench_refresh.py``, with ``--all`` for 50,000 issues too (about 15 minutes).
benchmarks/README.md explains the figures.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks.copies import Quota, Site, asked, fetched, fresh, hampered, moved, now, refused, served
from benchmarks.measuring import heading, in_child, show
from sandbox.site import Clock
from worker.runtime import Runtime

FEW: Final = 5_000
MANY: Final = 50_000
LATENCIES: Final = (0.0, 0.2)
QUOTAS: Final = (None, Quota(100, 10))
# Before a refresh, one issue in this many is moved; 0: none.
KINDS: Final = {"full": 0, "unchanged": 0, "1 % changed": 100, "10 % changed": 10}


@dataclass(frozen=True, slots=True)
class Cell:
    """One refresh: requests as Jira counted them, those of them it refused, issues read, seconds."""

    requests: int
    refused: int
    issues: int
    seconds: float


def main() -> None:
    """Print a table for each size."""
    heading("bench_refresh")
    for issues in (FEW, MANY) if "--all" in sys.argv[1:] else (FEW,):
        result, peak = in_child(refreshes, issues)
        print_refreshes(result, peak)


def print_refreshes(value: list[dict[str, Cell]], peak: float) -> None:
    """Print a row for each kind of refresh, a column of seconds for each latency and limit."""
    settings = [_said(latency, quota) for quota in QUOTAS for latency in LATENCIES]
    rows = []
    for kind in KINDS:
        cells = [cells[kind] for cells in value]
        fewer = 1 - cells[0].requests / value[0]["full"].requests
        counts = (f"{cells[0].requests:,}", f"{fewer:.0%}", f"{cells[0].issues:,}")
        rows.append((kind, *counts, *(f"{cell.seconds:.2f}" for cell in cells)))
    turned_away = sum(cell.refused for cells in value for cell in cells.values())
    show(
        f"What does a refresh of {value[0]['full'].issues:,} issues cost?",
        "Seconds, each once, over HTTP into SQLite, by latency of an answer. *: under 100 requests in 10 s, of which"
        f" {turned_away} were refused. Fewer: requests saved beside the full refresh. Peak memory of the process that"
        f" made them all: {peak:.0f} MB.",
        ("refresh", "requests", "fewer", "read", *settings),
        rows,
    )


def refreshes(issues: int) -> list[dict[str, Cell]]:
    """Return each kind of refresh under each limit and latency."""
    with served(issues) as site:
        with fresh(site) as current:
            fetched(current)  # the stand-in Jira makes the JSON of every issue once
        return [dict(_kinds(site, latency, quota)) for quota in QUOTAS for latency in LATENCIES]


def _kinds(site: Site, latency: float, quota: Quota | None) -> Iterator[tuple[str, Cell]]:
    """Yield a full refresh of a new copy, then the others of the same copy."""
    with fresh(site, quota=quota) as current:
        for number, (kind, one_in) in enumerate(KINDS.items()):
            if one_in:
                site.order(partial(moved, one_in=one_in, first=number))
            current.redis.flushall()  # earlier requests no longer count
            site.order(partial(hampered, latency=latency, quota=quota))
            yield kind, _refreshed(site, current)


def _refreshed(site: Site, current: Runtime) -> Cell:
    site.order(asked)
    current.now = Clock(site.order(now))
    seconds, operation = fetched(current)
    return Cell(site.order(asked), site.order(refused), operation.data_volume_fetched, seconds)


def _said(latency: float, quota: Quota | None) -> str:
    return f"{latency * 1000:.0f} ms{'*' if quota else ''}"


if __name__ == "__main__":
    main()
