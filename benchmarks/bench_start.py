"""How much processor time a command takes, from its start to its end, beside the bare imports of its libraries.

Run: ``python benchmarks/bench_start.py``. The copy is that of big_copy.py, 1,000 issues with their results in SQLite.
Every command is a process of its own; commands take turns, so that a busy minute of the machine meets all alike. The
least of the rounds is shown. ``sqlite3`` is Python's own module, in a process that prints the newest results.
"""

import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path
from subprocess import DEVNULL
from typing import Final

from benchmarks import big_copy
from benchmarks.bench_metrics import calculated
from benchmarks.copies import IN_PROCESS, Site, flowbeat, served
from benchmarks.measuring import heading, show
from worker import embedded

ROUNDS: Final = 7
STARTS: Final = 3
LIBRARIES: Final = (sys.executable, "-c", "import sqlalchemy.orm, click, rich.table")
PROGRAM: Final = (sys.executable, "-c", "from console.cli import main; main()")
QUERY: Final = """import sqlite3
for row in sqlite3.connect("flowbeat.db").execute("SELECT * FROM latest_results"): print(row)"""
COMMANDS: Final = {
    "imports": LIBRARIES,
    "sqlite3": (sys.executable, "-c", QUERY),
    "results --window weeks": (*PROGRAM, "results", "--window", "weeks"),
    "results": (*PROGRAM, "results"),
    "status": (*PROGRAM, "status"),
    "overview": (*PROGRAM, "overview"),
    "performance": (*PROGRAM, "performance"),
    "explain payments lead_time": (*PROGRAM, "explain", "payments", "lead_time"),
    "aging": (*PROGRAM, "aging"),
}


def main() -> None:
    """Measure and print."""
    heading("bench_start")
    with tempfile.TemporaryDirectory(prefix="flowbeat-bench-") as folder:
        print_reading(Path(folder))
    with tempfile.TemporaryDirectory(prefix="flowbeat-bench-") as folder, served(200) as site:
        with flowbeat(site, Path(folder)):
            pass  # the configuration and the schema
        alone = [one_off(Path(folder)) for _ in range(STARTS)]
        beside = beside_a_worker(Path(folder))
    print_refreshes(alone, beside)


def print_reading(place: Path) -> None:
    """Print the processor time of the commands that read."""
    big_copy.fill(place, 1_000)
    with flowbeat(Site(IN_PROCESS), place) as current:
        calculated(current)
    least = dict.fromkeys(COMMANDS, float("inf"))
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            least[name] = min(least[name], processor_seconds(place, *command))
    base, query = least["imports"], least["sqlite3"]
    rows = [(name, f"{took:.2f}", f"{took / base:.2f}", f"{took / query:.1f}") for name, took in least.items()]
    head = ("process", "CPU s", "÷ imports", "÷ sqlite3")
    show("How much processor time does a command take?", f"The least of {ROUNDS} rounds.", head, rows)


def processor_seconds(place: Path, *command: str) -> float:
    """Return the processor time of a process and its children."""
    before = _children()
    done = subprocess.run(command, cwd=place, env=_environment(place), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return _children() - before


def one_off(place: Path) -> float:
    """Return the seconds from a refresh without a worker until its own worker begins the run."""
    started = time.time()
    processor_seconds(place, *PROGRAM, "refresh")
    return _last_run(place)[0] - started


def beside_a_worker(place: Path) -> tuple[float, float]:
    """Return the processor time of a refresh with a worker running, and the seconds that it lasts beyond its run."""
    with closing(embedded.ensure(place / ".flowbeat")):  # so that the queue outlives each command
        worker = subprocess.Popen(
            (*PROGRAM, "worker", "-c", "1"), cwd=place, env=_environment(place), stdout=DEVNULL, stderr=DEVNULL
        )
        try:
            processor_seconds(place, *PROGRAM, "refresh")  # the worker has started when this ends
            took = processor_seconds(place, *PROGRAM, "refresh")
            return took, time.time() - _last_run(place)[1]
        finally:
            worker.terminate()
            worker.wait()


def print_refreshes(alone: list[float], beside: tuple[float, float]) -> None:
    """Print what a refresh takes besides its run."""
    rows = [
        ("without a worker, until its own begins the run", f"{min(alone):.2f}", ""),
        ("with a worker, after the end of its run", f"{beside[1]:.2f}", f"{beside[0]:.2f}"),
    ]
    head = ("refresh", "seconds", "CPU s")
    show("What does a refresh take besides its run?", f"The first is the least of {STARTS}.", head, rows)


def _environment(place: Path) -> dict[str, str]:
    root = str(Path(__file__).parents[1])
    return {**os.environ, "FLOWBEAT_CONFIG": str(place / "flowbeat.toml"), "PYTHONPATH": root}


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _last_run(place: Path) -> tuple[float, float]:
    """Return when the newest run was begun and ended, in seconds since 1970."""
    query = "SELECT started_at, ended_at FROM runs ORDER BY requested_at DESC LIMIT 1"
    with closing(sqlite3.connect(place / "flowbeat.db")) as connection:
        started, ended = connection.execute(query).fetchone()
    return _seconds(started), _seconds(ended)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


if __name__ == "__main__":
    main()
