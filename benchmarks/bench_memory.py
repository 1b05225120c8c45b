"""How much memory the child of a real worker holds: while it fetches, and after many refreshes in a row.

Run: ``python benchmarks/bench_memory.py``. The stand-in Jira has a process of its own. The worker has one child, which
is never renewed here (celeryconfig.py renews one after 500 tasks), so that a leak would show.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL
from typing import Final

from benchmarks.copies import PROFILE, flowbeat, served
from benchmarks.measuring import heading, in_child, show
from models.records import RunOptions
from models.store import runs
from tasks import steps
from worker import runtime, settings
from worker.app import app
from worker.runtime import Runtime

SIZES: Final = (5_000, 50_000)
TEAM: Final = 200
REFRESHES: Final = 200
SHOWN: Final = (1, 10, 50, 100, 150, 200)
WORKER: Final = (sys.executable, "-m", "console", "worker", "-c", "1", "-l", "WARNING", "--max-tasks-per-child=1000000")
LOOK_SECONDS: Final = 0.02
PATIENCE_SECONDS: Final = 900.0


@dataclass
class Child:
    """The one child of a worker, and the most memory that it was seen with, in MB."""

    current: Runtime
    worker: int
    peak: float = field(default=0.0)

    def resident(self) -> float:
        """Return the resident size now; 0.0 before the child is there."""
        lines = subprocess.run(("ps", "-axo", "ppid=,rss="), capture_output=True, text=True, check=True).stdout
        pairs = (line.split() for line in lines.splitlines())
        now = max(
            (int(kilobytes) * 1024 / 1e6 for parent, kilobytes in pairs if int(parent) == self.worker), default=0.0
        )
        self.peak = max(self.peak, now)
        return now

    def is_there(self) -> bool:
        """Return whether the worker has started it."""
        return self.resident() > 0

    def request(self, options: RunOptions = steps.NO_OPTIONS) -> str:
        """Request a refresh and return the id of its run."""
        now = self.current.run_time()
        run, _ = steps.request(self.current.sessions, PROFILE, "refresh", now, options=options)
        steps.enqueue(app, run, run.step)
        return run.run_id

    def wait_for(self, run_id: str, step: str) -> None:
        """Return once a run has reached a step; the last one must have ended."""
        wait(lambda: bool(self.resident()) and self._is_at(run_id, step))

    def _is_at(self, run_id: str, step: str) -> bool:
        """Return whether a run has reached a step; raise RuntimeError if it failed."""
        with self.current.reads() as session:
            run = runs.load(session, run_id)
        if run is None or run.state == "failed":
            raise RuntimeError(run and run.error)
        return run.step == step and (step != "finish" or run.state == "completed")


def main() -> None:
    """Print the two tables."""
    heading("bench_memory")
    print_fetches()
    print_refreshes()


def print_fetches() -> None:
    """Print what a child holds while it reads a whole project."""
    rows = []
    for issues in SIZES:
        (idle, peak), _ = in_child(fetch, issues)
        rows.append((f"{issues:,} issues", f"{idle:.0f}", f"{peak:.0f}"))
    head = ("full fetch", "idle MB", "peak MB")
    show("How much memory does the child of a worker hold that only fetches?", "Over HTTP into SQLite.", head, rows)


def fetch(issues: int) -> tuple[float, float]:
    """Return the memory of a child before its first task, and the most during a full fetch."""
    with child_of(issues, "-Q", "fetch,maintain") as child:
        wait(child.is_there)
        idle = child.resident()
        child.wait_for(child.request(), "facts")
        return idle, child.peak


def print_refreshes() -> None:
    """Print what a child holds after many refreshes, each of which reads all issues and calculates all metrics."""
    sizes, _ = in_child(refreshes)
    show(
        f"How much memory does the child of a worker hold after many refreshes of {TEAM} issues?",
        "Each refresh reads all issues again and calculates all metrics.",
        ("refreshes", "MB"),
        [(f"{number}", f"{size:.0f}") for number, size in sizes],
    )


def refreshes() -> list[tuple[int, float]]:
    """Return (number of refreshes, memory of the child after them)."""
    sizes = []
    with child_of(TEAM) as child:
        for number in range(1, REFRESHES + 1):
            child.wait_for(child.request(RunOptions(full=True)), "finish")
            if number in SHOWN:
                sizes.append((number, child.resident()))
    return sizes


@contextmanager
def child_of(issues: int, *options: str) -> Iterator[Child]:
    """Yield the child of a new worker beside a stand-in Jira with a number of issues."""
    with tempfile.TemporaryDirectory(prefix="flowbeat-bench-") as scratch, served(issues) as site:
        place = Path(scratch)
        with flowbeat(site, place):
            pass  # the configuration and the schema
        environment = {
            **os.environ,
            "FLOWBEAT_CONFIG": str(place / "flowbeat.toml"),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        with closing(Runtime(settings.load(place / "flowbeat.toml", {}))) as current:
            runtime.adopt(current)
            current.redis.ping()
            worker = subprocess.Popen((*WORKER, *options), cwd=place, env=environment, stdout=DEVNULL, stderr=DEVNULL)
            try:
                yield Child(current, worker.pid)
            finally:
                worker.terminate()
                worker.wait()


def wait(over: Callable[[], bool]) -> None:
    """Return once a condition holds; raise TimeoutError if it takes too long."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not over():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
