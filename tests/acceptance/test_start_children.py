"""What the processes of a real worker import: NumPy only where something is calculated."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from world import World, eventually

# Every import of the process and of its children is a line of the output.
WORKER: Final = (sys.executable, "-X", "importtime", "-m", "celery", "-A", "worker.app", "worker", "-c", "1")


def test_a_child_imports_numpy_when_it_first_calculates(make_world: Callable[..., World]) -> None:
    """The parent and the child of a worker that fetched have no NumPy; those of one that calculated have it."""
    world = make_world(issues=60)
    world.spawn("fetcher", *WORKER, "-n", "fetcher@host", "-Q", "fetch,maintain")
    assert world.run("refresh", "--no-wait").returncode == 0
    eventually(lambda: world.rows("SELECT step FROM runs") == [("facts",)])
    assert "tasks.fetch.plan" in imported(world.folder / "fetcher.out")
    assert "numpy" not in imported(world.folder / "fetcher.out")
    world.spawn("calculator", *WORKER, "-n", "calculator@host", "-Q", "calculate")
    eventually(lambda: world.rows("SELECT state FROM runs") == [("completed",)])
    assert "numpy" in imported(world.folder / "calculator.out")
    assert "numpy" not in imported(world.folder / "fetcher.out")


def imported(output: Path) -> set[str]:
    """Return the modules that a process and its children imported."""
    lines = output.read_text(encoding="utf-8", errors="replace").splitlines()
    return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}
