"""The reading commands over a copy of 5,000 issues, each as a person starts it, beside ``flowbeat results``.

Run: ``python benchmarks/bench_commands.py [ISSUES]``. The copy, on SQLite, is fetched from the stand-in Jira.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.bench_metrics import calculated, calculating, fill
from benchmarks.copies import PROFILE
from benchmarks.measuring import heading, in_child, show
from models.metrics.flow import time_contributions
from worker.snapshots import load_snapshot
from worker.view import load_view

ISSUES: Final = 5_000
ROUNDS: Final = 5
FIRST: Final = "results"
PROGRAM: Final = (sys.executable, "-c", "from console.cli import main; main()")


def main() -> None:
    """Print the table."""
    issues = int(sys.argv[1]) if len(sys.argv) > 1 else ISSUES
    heading("bench_commands")
    with tempfile.TemporaryDirectory(prefix="flowbeat-bench-") as scratch:
        folder = Path(scratch)
        in_child(fill, folder, issues)
        key, _ = in_child(calculated_key, folder)
        commands = {
            "--version": ("--version",),
            FIRST: (FIRST,),
            "aging": ("aging",),
            "issue": ("issue", key),
            "overview": ("overview",),
            "explain": ("explain", PROFILE, "flow_time"),
        }
        best = measured(folder, commands)
    rows = [
        (name, f"{seconds:.2f}", f"{cpu:.2f}", f"{cpu / best[FIRST][1]:.2f}") for name, (seconds, cpu) in best.items()
    ]
    show(
        f"How long does a question about {issues:,} issues take?",
        "Seconds of the best of five rounds in turn, the start of Python included, which --version shows alone. CPU: of"
        " the processor. Reference: the CPU of flowbeat results.",
        ("flowbeat", "seconds", "CPU", "times results"),
        rows,
    )


def calculated_key(folder: Path) -> str:
    """Calculate the copy in a folder, and return the key of the item that was done last."""
    with calculating(folder) as current:
        calculated(current)
        with current.reads() as session:
            snapshot = load_snapshot(session, PROFILE, load_view(current, session, PROFILE, None))
    return snapshot.dataset.items.key(int(time_contributions(snapshot).rows[-1]))


def measured(folder: Path, commands: dict[str, tuple[str, ...]]) -> dict[str, tuple[float, float]]:
    """Return the least seconds of each command, and of its processor; one round of all after the other."""
    rounds = [{name: _run(folder, words) for name, words in commands.items()} for _ in range(ROUNDS)]
    return {
        name: (min(times[name][0] for times in rounds), min(times[name][1] for times in rounds)) for name in commands
    }


def _run(folder: Path, words: tuple[str, ...]) -> tuple[float, float]:
    """Return the seconds that a command takes, and those of the processor."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    own = {"FLOWBEAT_CONFIG": str(folder / "flowbeat.toml"), "COLUMNS": "120", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run((*PROGRAM, *words), cwd=folder, env={**os.environ, **own}, stdout=subprocess.DEVNULL, check=True)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
