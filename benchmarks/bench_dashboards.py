"""The panels of the Grafana dashboards: how long each one's SQL takes.

Run: ``python benchmarks/bench_dashboards.py [ISSUES …]``. The copies are those of big_copy.py, three years of issues in
SQLite, calculated over 52 weeks and read by one process.
"""

import argparse
import json
import sqlite3
import tempfile
from pathlib import Path
from typing import Final

from benchmarks import big_copy
from benchmarks.bench_metrics import calculated
from benchmarks.copies import IN_PROCESS, PROFILE, Site, flowbeat
from benchmarks.measuring import heading, in_child, show, timed
from console.dashboards.grafana import dashboards

SIZES: Final = (5_000, 50_000)
ROUNDS: Final = 3


def main() -> None:
    """Make the copies, ask each panel's SQL, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("issues", nargs="*", type=int, default=SIZES)
    sizes = parser.parse_args().issues
    heading("bench_dashboards")
    with tempfile.TemporaryDirectory(prefix="flowbeat-bench-") as scratch:
        for size in sizes:
            seconds = in_child(measured, Path(scratch), size)[0]
            rows = [(name, f"{1000 * value:,.1f}") for name, value in seconds.items()]
            show(
                f"How long does each panel of the dashboards ask, with {size:,} issues?",
                "Milliseconds of the best round; the budget is 1,000.",
                ("panel", "ms"),
                rows,
            )


def measured(folder: Path, issues: int) -> dict[str, float]:
    """Return panel → seconds of the best round, the slowest first."""
    place = folder / str(issues)
    place.mkdir()
    big_copy.fill(place, issues)
    with flowbeat(Site(IN_PROCESS), place) as current:
        calculated(current)
    connection = sqlite3.connect(place / "flowbeat.db")
    seconds = {name: _best(connection, sql) for name, sql in queries().items()}
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))


def queries() -> dict[str, str]:
    """Return dashboard and panel → its SQL, with the variables replaced as Grafana does."""
    values = {"profile:sqlstring": f"'{PROFILE}'", "metric:sqlstring": "'flow_velocity'"}
    values |= {"__from": "0", "__to": "9000000000000"}
    by_panel: dict[str, str] = {}
    for name, text in dashboards("sqlite").items():
        for panel in json.loads(text)["panels"]:
            sql: str = panel["targets"][0]["queryText"]
            for variable, value in values.items():
                sql = sql.replace(f"${{{variable}}}", value)
            by_panel[f"{name.removesuffix('.json').removeprefix('flowbeat-')}: {panel['title']}"] = sql
    return by_panel


def _best(connection: sqlite3.Connection, sql: str) -> float:
    return min(timed(lambda: connection.execute(sql).fetchall()) for _ in range(ROUNDS))


if __name__ == "__main__":
    main()
