"""The metrics, the period and 52 weeks, from stored rows to stored rows: beside a naive reading, and as they grow.

Run: ``python benchmarks/bench_metrics.py [--all]``. A calculation here is what a worker does after a fetch, less
Celery's messages: facts of what changed, one loaded dataset, the metrics, their rows. The machine's cores are shared:
read the ratios. benchmarks/README.md explains them.
"""

import argparse
import math
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from benchmarks import big_copy
from benchmarks.copies import IN_PROCESS, PROFILE, Site, fetched, flowbeat, made_up
from benchmarks.measuring import heading, in_child, peak_megabytes, show
from models.records import METRIC_TYPES, Issue, Run, Transition, micros
from models.store import catalogue, operations, results, runs
from models.store import issues as stored_issues
from models.tables.issues import IssueRow
from tasks import calculate, steps
from tasks.fetch.task import work
from worker.runtime import Runtime
from worker.view import load_view

# benchmarks/__init__.py makes it importable.
# isort: split
from reference.metrics import Reference
from reference.teams import Team

SMALL, MEDIUM = 1_000, 5_000
LARGE = (100_000, 1_000_000)
COLD, SAME, PART, ONE = "cold", "nothing changed", "1 % changed", "one changed"
KINDS = (COLD, SAME, PART, ONE)
STEPS_OF = ((COLD, "C"), (PART, "1 %"), (ONE, "1"))
# The aim in seconds, by (issues, kind).
AIMS = {
    (1_000, COLD): 0.1,
    (5_000, COLD): 0.3,
    (100_000, COLD): 3.0,
    (1_000_000, COLD): 30.0,
    (1_000_000, PART): 3.0,
}
CHANGED_AT_ONCE = 500
STORE = "store, fences"
Values = dict[tuple[str, str, datetime], float | None]


@dataclass(frozen=True, slots=True)
class Steps:
    """The seconds of each step of a calculation, in order, and the processor's seconds of the whole."""

    seconds: dict[str, float]
    cpu: float

    @property
    def total(self) -> float:
        """Return the seconds of the whole."""
        return sum(self.seconds.values())


@dataclass(frozen=True, slots=True)
class Kind:
    """All rounds of one kind of calculation in a process of its own, and the memory it held in MB."""

    rounds: tuple[Steps, ...]
    idle: float
    peak: float = 0.0

    @property
    def best(self) -> Steps:
        """Return the quickest round."""
        return min(self.rounds, key=lambda steps: steps.total)

    @property
    def median(self) -> float:
        """Return the seconds of the middle round."""
        return statistics.median(steps.total for steps in self.rounds)


Sizes = dict[int, dict[str, Kind]]


def main() -> None:
    """Print the tables of the sizes that were asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="also 100,000 and 1,000,000 issues: some minutes, 5 GB")
    parser.add_argument(
        "--issues", type=int, nargs="+", default=[SMALL, MEDIUM], help="other sizes than 1,000 and 5,000"
    )
    asked = parser.parse_args()
    wanted = sorted({SMALL, *asked.issues, *(LARGE if asked.all else ())})
    heading("bench_metrics")
    with tempfile.TemporaryDirectory(prefix="flowbeat-bench-") as scratch:
        sizes = {issues: measured(Path(scratch) / str(issues), issues) for issues in wanted}
        (seconds, values, differing), _ = in_child(naive, Path(scratch) / str(SMALL))
        (_, more, wrong), _ = in_child(naive_big, Path(scratch), SMALL)
    print_naive(sizes[SMALL], seconds, values, differing)
    print(f"Of {more} values of as many issues of big_copy.py, {wrong} differ.")
    print_growth(sizes)
    print_memory(sizes)
    print_steps(sizes)


def print_naive(kinds: dict[str, Kind], seconds: float, values: int, differing: int) -> None:
    """Print the smallest size beside the naive reading."""
    rows = [("naive", f"{seconds:.3f}", "", "1")]
    for name, kind in kinds.items():
        best = kind.best.total
        rows.append((name, f"{best:.3f}", f"{kind.median:.3f}", f"{seconds / best:,.0f}"))
    show(
        f"All metrics of {SMALL:,} issues: how much faster than the plain reading?",
        "Seconds, best round. Reference: tests/reference/ on the same issues in the same run, once, its issues in"
        " memory already and its results not stored."
        f" Of {values} values of both, {differing} differ.",
        ("calculation", "seconds", "median", "times faster"),
        rows,
    )


def print_growth(sizes: Sizes) -> None:
    """Print the seconds by size."""
    rows = []
    for issues, kinds in sizes.items():
        for name, kind in kinds.items():
            best, aim = kind.best, AIMS.get((issues, name))
            growth = best.cpu / sizes[SMALL][name].best.cpu
            texts = (f"{best.total:.3f}", f"{kind.median:.3f}", f"{best.cpu:.3f}", f"{growth:.1f}")
            rows.append((f"{issues:,} {name}", *texts, f"{aim:.1f}" if aim else ""))
    show(
        "How does the time grow with the number of issues?",
        "Seconds of the best round; CPU: the processor's seconds in it, which other work on the machine stretches less."
        f" Reference of the growth: CPU of the same kind of calculation over {SMALL:,} issues.",
        ("issues, calculation", "seconds", "median", "CPU", "growth", "aim"),
        rows,
    )


def print_memory(sizes: Sizes) -> None:
    """Print the memory by size."""
    rows = [
        (f"{issues:,} {name}", f"{kind.idle:.0f}", f"{kind.peak:.0f}", f"{kind.peak / kind.idle:.2f}")
        for issues, kinds in sizes.items()
        for name, kind in kinds.items()
    ]
    show(
        "How does the memory grow with the number of issues?",
        "Each kind in a process of its own. Reference (idle): that process just before the first calculation.",
        ("issues, calculation", "idle MB", "peak MB", "ratio"),
        rows,
    )


def print_steps(sizes: Sizes) -> None:
    """Print the share of each step in the second and the largest size."""
    few = sorted({MEDIUM if MEDIUM in sizes else SMALL, max(sizes)})
    bests = [(sizes[n][kind].best, f"{name} {_thousands(n)}") for n in few for kind, name in STEPS_OF]
    rows = [(step, *(f"{1000 * best.seconds[step]:.0f}" for best, _ in bests)) for step in bests[0][0].seconds]
    rows.append(("all", *(f"{1000 * best.total:.0f}" for best, _ in bests)))
    show(
        "Where does the time go?",
        "Milliseconds of the best round, cold (C), with one issue in a hundred (1 %) and with one (1) changed. The"
        " first metric that needs something shared (the load, the windows, facts at the as-of) pays for it. Reference:"
        " the last row.",
        ("step", *(head for _, head in bests)),
        rows,
    )


def _thousands(issues: int) -> str:
    return f"{issues // 1000}k" if issues < 1_000_000 else f"{issues // 1_000_000}M"


def measured(folder: Path, issues: int) -> dict[str, Kind]:
    """Fill a copy in one process; measure each kind of calculation in another, the last three on the last cold copy."""
    folder.mkdir()
    in_child(fill if issues <= MEDIUM else big_copy.fill, folder, issues)
    values = {}
    for name in KINDS:
        kind, peak = in_child(rounds, folder, name, issues)
        values[name] = replace(kind, peak=peak)
    return values


def fill(folder: Path, issues: int) -> None:
    """Fill a copy with this many fetched issues without facts."""
    with flowbeat(Site(IN_PROCESS, made_up(issues)), folder) as current:
        fetched(current)


def rounds(folder: Path, name: str, issues: int) -> Kind:
    """Return all rounds of one kind."""
    number = 1 if issues > LARGE[0] else 3 if name == COLD else 5
    idle = peak_megabytes()
    if name == COLD:
        return Kind(tuple(_cold(folder, left) for left in reversed(range(number))), idle)
    with calculating(folder / "0") as current:
        return Kind(tuple(_after_changes(current, name, issues) for _ in range(number)), idle)


def _cold(folder: Path, left: int) -> Steps:
    """Return the steps on a new copy of the database. The last round uses the database itself, to save a large copy."""
    own = folder / str(left)
    own.mkdir()
    (shutil.copy if left else shutil.move)(folder / "flowbeat.db", own)
    with calculating(own) as current:
        return calculated(current)


def _after_changes(current: Runtime, name: str, issues: int) -> Steps:
    change(current, {SAME: 0, PART: issues // 100, ONE: 1}[name])
    return calculated(current)


@contextmanager
def calculating(folder: Path) -> Iterator[Runtime]:
    """Yield a Flowbeat without a Jira: no calculation may send a request."""
    with flowbeat(Site(IN_PROCESS), folder) as current:
        yield current


def calculated(current: Runtime) -> Steps:
    """Calculate on the present copy: facts, then each metric with its fence and its rows."""
    asked, _ = steps.request(current.sessions, PROFILE, "calculate", current.now())
    work(current, asked)  # a cache hit: the copy is valid, and no Jira is asked
    started, busy = time.perf_counter(), time.process_time()
    calculate.work(current, _taken(current, asked, "facts"), math.inf)
    facts = time.perf_counter()
    for metric in METRIC_TYPES:
        calculate.metric_step(current, _taken(current, asked, metric))
    calculate.finish_step(current, _taken(current, asked, "finish"))
    whole, cpu = time.perf_counter() - started, time.process_time() - busy
    own = _own_seconds(current, asked)
    seconds = {"facts": facts - started, **own}
    return Steps({**seconds, STORE: whole - sum(seconds.values())}, cpu)


def _taken(current: Runtime, asked: Run, step: str) -> Run:
    """Return the run as a task claims it at that step."""
    with current.sessions.begin() as session:
        run = runs.claim(session, asked.run_id, asked.attempt, (step,), current.now())
    if run is None:
        raise AssertionError(f"the run is not at {step}")
    return run


def _own_seconds(current: Runtime, asked: Run) -> dict[str, float]:
    """Return the seconds of each metric from its Calculation Performance row."""
    with current.reads() as session:
        rows = [row for row, _ in operations.load_performance(session, 100) if row.run_id == asked.run_id]
    own = {row.metric_type: row.duration_seconds for row in rows}
    return {metric: own[metric] for metric in METRIC_TYPES}


def change(current: Runtime, issues: int) -> None:
    """Add one entry to the history of this many issues, as a fetch of changed issues would."""
    scattered = select(IssueRow.issue_id).where(IssueRow.profile == PROFILE).order_by(IssueRow.content_hash)
    with current.reads() as session:
        rows = session.scalars(scattered.limit(issues)).all()
    for start in range(0, issues, CHANGED_AT_ONCE):
        with current.sessions.begin() as session:
            stored = stored_issues.load(session, PROFILE, rows[start : start + CHANGED_AT_ONCE])
            stored_issues.save(session, PROFILE, [_longer(issue) for issue in stored])


def _longer(issue: Issue) -> Issue:
    at = issue.updated + timedelta(hours=1)
    entry = micros(at)  # an id that no other entry has, also after several calls
    added = Transition(at, entry, 0, "status", str(entry), to_id=issue.status_id)
    return replace(issue, updated=at, transitions=(*issue.transitions, added))


def naive_big(scratch: Path, issues: int) -> tuple[float, int, int]:
    """Return the same for this many issues, which are inserted into the database."""
    folder = scratch / "big"
    folder.mkdir()
    big_copy.fill(folder, issues)
    _cold(folder, 0)
    return naive(folder)


def naive(folder: Path) -> tuple[float, int, int]:
    """Return the plain reading of the same issues: seconds, values, and how many of them our stored ones differ
    from.
    """
    with calculating(folder / "0") as current:
        calculated(current)
        with current.reads() as session:
            view = load_view(current, session, PROFILE, None)
            issues = stored_issues.load(session, PROFILE, sorted(stored_issues.hashes(session, PROFILE)))
            statuses, versions = catalogue.load_statuses(session, PROFILE), catalogue.load_versions(session, PROFILE)
            rows = [row for kind in ("period", "week") for row in results.load(session, kind=kind)]
    plain = Reference(Team(tuple(issues), tuple(statuses), tuple(versions)), view.rules, view.as_of)
    started = time.perf_counter()
    answers = {metric: plain.answers(metric) for metric in METRIC_TYPES}
    seconds = time.perf_counter() - started
    values: Values = {
        (m, item.span.kind, item.span.start): item.value for m, answer in answers.items() for item in answer
    }
    ours: Values = {(row.metric_type, row.window_kind, row.window_start): row.value for row in rows}
    return seconds, len(values | ours), sum(values.get(key) != ours.get(key) for key in values | ours)


if __name__ == "__main__":
    main()
