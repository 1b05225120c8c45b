"""Beside others: what tap-jira and dlt take to read the very same stand-in Jira and to keep up, and what they miss.

Run: ``python benchmarks/bench_rivals.py``. Each of them is installed, once, into an environment of its own below the
user's cache folder. How to read the figures: benchmarks/README.md.
"""

import json
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from benchmarks.copies import Site, asked, deleted, fetched, fresh, made_up, moved, now, served
from benchmarks.environments import environment
from benchmarks.measuring import heading, in_child, show
from models.tables.issues import IssueRow
from sandbox import render
from sandbox.api import Jira
from sandbox.catalogue import POINTS
from sandbox.common import asked_fields
from sandbox.render import EMBEDDED
from sandbox.shapes import millis
from sandbox.site import Clock
from sandbox.team import EMAIL, TOKEN
from sandbox.wire import Call, Pages
from worker.jira.parse import Wanted
from worker.runtime import Runtime

ISSUES: Final = 5_000
RIVALS: Final = {"tap-jira": ("tap-jira==2.6.0",), "dlt": ("dlt[duckdb]==1.31.0", "duckdb==2.0.0")}
# What each requests of an issue: tap-jira everything, dlt what is configured, which is what Flowbeat requests.
ASKS: Final = {
    "tap-jira": ("*all", frozenset({"changelog", "transitions"})),
    "dlt": (",".join(Wanted({POINTS: "Story point estimate"}).fields), frozenset({"changelog"})),
}
PATIENCE: Final = 900  # seconds for one reading
# What happens ahead of each reading.
CHANGES: Final[dict[str, Callable[[Jira], object]]] = {
    "everything": now,
    "nothing changed": now,
    "1 in 100 changed": partial(moved, one_in=100),
    "1 in 200 deleted": partial(deleted, first=1),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading: seconds, requests as Jira counted them, issues it brought, issues in the copy and in Jira then."""

    seconds: float
    requests: int
    issues: int
    held: int | None
    there: int


Read = Callable[[], tuple[float, int, int | None]]


def main() -> None:
    """Print the table and what is missed."""
    heading("bench_rivals")
    pythons = {name: environment(name, packages) for name, packages in RIVALS.items()}
    readings = {"Flowbeat": in_child(_flowbeat)[0]}
    readings |= {name: _rival(name, python) for name, python in pythons.items() if python}
    print_readings(readings)
    print_missed()


def print_readings(readings: dict[str, list[Reading]]) -> None:
    """Print the cost of a full reading for each of them, then of the next readings."""
    rows = []
    for number, change in enumerate(CHANGES):
        for name, every in readings.items():
            result = every[number]
            stale = "-" if result.held is None else f"{result.held - result.there:,}"
            rows.append((change, name, f"{result.requests:,}", f"{result.seconds:.2f}", f"{result.issues:,}", stale))
    show(
        f"What does it take to read {readings['Flowbeat'][0].issues:,} issues with their histories, and to keep up?",
        "Over HTTP without latency, limit off. The time to start a program is left out for all three. Stale: issues in"
        " the copy that Jira no longer has; tap-jira keeps no copy, it writes lines for another program to store.",
        ("reading", "who", "requests", "seconds", "read", "stale"),
        rows,
    )


def print_missed() -> None:
    """Print how many histories are outside those that a search embeds, which are all that the others read."""
    jira = made_up(ISSUES)
    jira.site.advance(millis(now(jira)))
    histories = [len(entry.histories()) for entry in jira.site.indexed]
    cut = [count - EMBEDDED for count in histories if count > EMBEDDED]
    print(
        f"\n{len(cut):,} issues have more than the {EMBEDDED} histories that a search embeds. A program\n"
        f"that reads only these, as tap-jira and dlt do here, misses {sum(cut):,} of {sum(histories):,} histories."
    )


def _flowbeat() -> list[Reading]:
    with served(ISSUES) as site:
        with fresh(site) as current:
            fetched(current)  # the stand-in Jira makes the JSON of every issue once
        with fresh(site) as current:
            return _readings(site, partial(_refreshed, site, current))


def _refreshed(site: Site, current: Runtime) -> tuple[float, int, int]:
    current.now = Clock(site.order(now))
    seconds, operation = fetched(current)
    with current.reads() as session:
        held = session.scalar(select(func.count()).select_from(IssueRow).where(IssueRow.gone_at.is_(None)))
    return seconds, operation.data_volume_fetched, held or 0


def _rival(name: str, python: Path) -> list[Reading]:
    script = Path(__file__).parent / "rivals" / f"read_with_{name.replace('-', '_')}.py"
    fields, expanded = ASKS[name]
    with served(ISSUES) as site, tempfile.TemporaryDirectory(prefix="flowbeat-bench-") as folder:
        site.order(partial(_rendered, fields=fields, expanded=expanded))
        words = [str(python), str(script), site.url, EMAIL, TOKEN, folder]
        return _readings(site, partial(_run, [*words, fields] if name == "dlt" else words))


def _rendered(jira: Jira, fields: str, expanded: frozenset[str]) -> None:
    """Render the JSON of every issue once, so that no reader waits for it."""
    jira.site.advance(millis(now(jira)))
    call = Call(jira.site, Pages(), None, {}, {"fields": fields})
    names = asked_fields(call, fields)
    for issue in jira.site.indexed:
        render.issue(jira.site, issue, names, expanded)


def _run(words: list[str]) -> tuple[float, int, int | None]:
    """Return the last line that a script prints. The rest of its output is shown only if it fails."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode:
        raise SystemExit(f"{Path(words[1]).name} failed:\n{done.stderr[-2_000:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    return said["seconds"], said["issues"], said["held"]


def _readings(site: Site, read: Read) -> list[Reading]:
    collected = []
    for change in CHANGES.values():
        site.order(change)
        site.order(asked)
        seconds, issues, held = read()
        collected.append(Reading(seconds, site.order(asked), issues, held, site.order(_there)))
    return collected


def _there(jira: Jira) -> int:
    return len(jira.site.indexed)


if __name__ == "__main__":
    main()
