"""Which engine for the columns: the central operation of the metrics in pure Python, NumPy, Polars and DuckDB.

Run: ``python benchmarks/bench_engines.py``. Facts of every item at an instant from the timelines in columns, then a
count and a median by week (``engines.py`` has the question and the four answers). It makes an environment of its own
for the engines, once. What was chosen, and why: docs/architecture.md.
"""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.environments import answer, environment
from benchmarks.measuring import heading, show

PACKAGES = ("numpy==2.4.6", "polars==2.1.0", "duckdb==2.0.0")
ENGINES = ("pure", "numpy", "polars", "duckdb")
SIZES = (5_000, 1_000_000)
ROUNDS = 5


def main() -> None:
    """Print a table per size."""
    heading("bench_engines")
    python = environment("engines", PACKAGES)
    if python is None:
        return
    with tempfile.TemporaryDirectory(prefix="flowbeat-bench-") as scratch:
        for items in SIZES:
            folder = Path(scratch) / str(items)
            folder.mkdir()
            answer(python, "engines.py", "make", folder, items)
            entries = (folder / "stage").stat().st_size
            print_size(items, entries, [answer(python, "engines.py", name, folder, ROUNDS) for name in ENGINES])


def print_size(items: int, entries: int, value: Sequence[dict[str, Any]]) -> None:
    """Print the engines side by side, and whether their answers agree."""
    rows = []
    reference = min(cpu for _, cpu in value[0]["rounds"])
    for name, entry in zip(ENGINES, value, strict=True):
        seconds, cpu = min(entry["rounds"])
        times = (
            f"{seconds * 1000:.0f}",
            f"{cpu * 1000:.0f}",
            f"{reference / cpu:.1f}",
            f"{entry['import'] * 1000:.0f}",
        )
        rows.append((name, *times, f"{entry['before']:.0f}", f"{entry['peak']:.0f}"))
    same = "yes" if len({_plain(item) for item in value}) == 1 else "NO"
    show(
        f"Facts of {items:,} items from {entries:,} entries, then count and median by week: which engine?",
        f"Milliseconds of the best of {ROUNDS} rounds; MB with the columns loaded, and at the peak. All say the same:"
        f" {same}. Reference: loops over the standard library's arrays (pure), by CPU.",
        ("engine", "ms", "CPU ms", "times faster", "import ms", "MB before", "MB peak"),
        rows,
    )


def _plain(value: dict[str, Any]) -> str:
    """Return an answer as text. The engines write a whole median as 5 or as 5.0."""
    weeks, *sums = value["answer"]
    return json.dumps([[[count, median and float(median)] for count, median in weeks], sums])


if __name__ == "__main__":
    main()
