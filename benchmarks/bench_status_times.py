"""The reading of the view ``status_times``, beside a plain scan of the transitions that it is made from.

Run: ``python benchmarks/bench_status_times.py [ISSUES]``. The copy is made up, on SQLite, and read by one process.
"""

import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.big_copy import fill
from benchmarks.measuring import heading, in_child, show

ISSUES: Final = 100_000
ROUNDS: Final = 3
SCAN: Final = "SELECT * FROM transitions"
QUERIES: Final = {
    "all transitions": SCAN,
    "all stays": "SELECT * FROM status_times",
    "one issue": "SELECT * FROM status_times WHERE profile = 'payments' AND issue_id = '10000001'",
    "time by status": "SELECT status_id, stage, sum(seconds) FROM status_times GROUP BY status_id, stage",
}


def main() -> None:
    """Print the table."""
    issues = int(sys.argv[1]) if len(sys.argv) > 1 else ISSUES
    heading("bench_status_times")
    with tempfile.TemporaryDirectory(prefix="flowbeat-bench-") as scratch:
        in_child(fill, Path(scratch), issues)
        seconds = {name: in_child(best, Path(scratch), query)[0] for name, query in QUERIES.items()}
    scan = seconds["all transitions"]
    rows = [(name, f"{value:.3f}", f"{value / scan:.3f}") for name, value in seconds.items()]
    show(
        f"How long does it take to read the stays of {issues:,} issues?",
        "Seconds of the processor in the best round, and times a plain scan of all transitions.",
        ("read", "seconds", "times the scan"),
        rows,
    )


def best(folder: Path, query: str) -> float:
    """Return the processor's seconds of the quickest of some reads of all rows of a query."""
    connection = sqlite3.connect(folder / "flowbeat.db")
    return min(_seconds(connection, query) for _ in range(ROUNDS))


def _seconds(connection: sqlite3.Connection, query: str) -> float:
    started = time.process_time()
    rows = sum(1 for _ in connection.execute(query))
    if not rows:
        raise AssertionError(f"no row: {query}")
    return time.process_time() - started


if __name__ == "__main__":
    main()
