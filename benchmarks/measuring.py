"""What the benchmarks share: a case in a process of its own with its time and peak memory, and a table per question."""

import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import TypeVar

from rich import box
from rich.console import Console
from rich.table import Table

R = TypeVar("R")
WIDTH = 80
_MEGABYTE = 1_000_000


def heading(name: str) -> None:
    """One line to quote with any figure: what ran, when, and on what."""
    version, cores = platform.python_version(), os.cpu_count()
    print(f"{name}, {datetime.now(UTC):%Y-%m-%d}, Python {version}, {cores} cores, {platform.system()}")


def show(question: str, reference: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a question, its table, and one sentence about the reference of the ratios."""
    console = Console(width=WIDTH, color_system=None, highlight=False)
    table = Table(box=box.SIMPLE)
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print("", question, table, reference, sep="\n")


def timed(call: Callable[[], object]) -> float:
    """Return seconds that a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def in_child(function: Callable[..., R], *args: object) -> tuple[R, float]:
    """Return the result of a module's function in a new process, and that process's peak memory in MB.

    The caller must stay small: on Linux a new process begins with its parent's memory at that moment as its peak.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_with_peak, function, args).result()


def peak_megabytes() -> float:
    """Return the most memory this process has held so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / _MEGABYTE  # bytes on macOS, KiB on Linux


def _with_peak(function: Callable[..., R], args: tuple[object, ...]) -> tuple[R, float]:
    return function(*args), peak_megabytes()
