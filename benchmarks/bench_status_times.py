"""The reading of the view ``status_times``, beside a plain scan of the transitions that it is made from.

Run: ``python benchmarks/bench_status_times.py [ISSUES]``. The copy is made up, once on SQLite and once on
PostgreSQL, and read by one process.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from benchmarks.big_copy import SQLITE, fill
from benchmarks.copies import postgres
from benchmarks.measuring import heading, in_child, show
from models.database import open_engine

ISSUES: Final = 100_000
ROUNDS: Final = 3
QUERIES: Final = {
    "all transitions": "SELECT * FROM transitions",
    "all stays": "SELECT * FROM status_times",
    "one issue": "SELECT * FROM status_times WHERE profile = 'payments' AND issue_id = '10000001'",
    "time by status": "SELECT status_id, stage, sum(seconds) FROM status_times GROUP BY status_id, stage",
}


def main() -> None:
    """Print the table of each database."""
    issues = int(sys.argv[1]) if len(sys.argv) > 1 else ISSUES
    heading("bench_status_times")
    with tempfile.TemporaryDirectory(prefix="flowbeat-bench-") as scratch:
        in_child(fill, Path(scratch), issues)
        file = Path(scratch) / SQLITE.rpartition("/")[2]
        print_table(issues, "SQLite", "Seconds of the processor", f"sqlite:///{file}", time.process_time)
    with postgres() as database, tempfile.TemporaryDirectory(prefix="flowbeat-bench-") as scratch:
        in_child(fill, Path(scratch), issues, 1, database)
        print_table(issues, "PostgreSQL", "Seconds of waiting", database, time.perf_counter)


def print_table(issues: int, name: str, unit: str, database: str, clock: Callable[[], float]) -> None:
    """Read each query in a process of its own, and print what it took."""
    seconds = {query: in_child(best, database, sql, clock)[0] for query, sql in QUERIES.items()}
    scan = seconds["all transitions"]
    show(
        f"How long does it take to read the stays of {issues:,} issues from {name}?",
        f"{unit} in the best round, and times a plain scan of all transitions.",
        ("read", "seconds", "times the scan"),
        [(query, f"{value:.3f}", f"{value / scan:.3f}") for query, value in seconds.items()],
    )


def best(database: str, sql: str, clock: Callable[[], float]) -> float:
    """Return the seconds, by a clock, of the quickest of some reads of all rows of a query."""
    engine = open_engine(database)
    try:
        return min(_seconds(engine, sql, clock) for _ in range(ROUNDS))
    finally:
        engine.dispose()


def _seconds(engine: Engine, sql: str, clock: Callable[[], float]) -> float:
    with engine.connect() as connection:
        cursor = connection.connection.cursor()  # the driver's, because SQLAlchemy's rows would be measured too
        started = clock()
        cursor.execute(sql)
        if not cursor.fetchall():
            raise AssertionError(f"no row: {sql}")
        return clock() - started


if __name__ == "__main__":
    main()
