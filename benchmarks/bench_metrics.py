"""The nine metrics, the period and 52 weeks, from stored rows to stored rows: beside a naive reading, and as they grow.

Run: ``python benchmarks/bench_metrics.py``. A calculation here is what a worker does after a fetch, less Celery's
messages: facts of what changed, one loaded dataset, nine metrics, their rows. The machine's cores are shared: read the
ratios. What stands behind them: benchmarks/README.md.
"""

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

from benchmarks.copies import IN_PROCESS, PROFILE, Site, fetched, flowbeat, made_up
from benchmarks.measuring import heading, in_child, peak_megabytes, show
from models import store
from models.records import METRIC_TYPES, Run, Transition
from tasks import calculate, fetch, steps
from tests.naive_metrics import Naive, Team
from worker.runtime import Runtime

SMALL, MEDIUM, LARGE = 1_000, 5_000, 20_000
SIZES = (SMALL, MEDIUM, LARGE)
ROUNDS = 3
QUICK_ROUNDS = 5
COLD, SAME, ONE = "cold", "nothing changed", "one changed"
HEADS = ((COLD, "C"), (ONE, "1"))
STORE = "store, fences"
Values = dict[tuple[str, str, datetime], float | None]


@dataclass(frozen=True, slots=True)
class Steps:
    """Seconds of a calculation by step, in their order."""

    seconds: dict[str, float]

    @property
    def total(self) -> float:
        """Seconds of the whole."""
        return sum(self.seconds.values())


@dataclass(frozen=True, slots=True)
class Size:
    """All rounds of each kind of calculation over one number of issues, and memory in MB."""

    issues: int
    rounds: dict[str, list[Steps]]
    idle: float
    peak: float = 0.0

    def best(self, kind: str) -> Steps:
        """The quickest round."""
        return min(self.rounds[kind], key=lambda steps: steps.total)

    def median(self, kind: str) -> float:
        """Seconds of the middle round."""
        return statistics.median(steps.total for steps in self.rounds[kind])


def main() -> None:
    """Print the three tables."""
    heading("bench_metrics")
    with tempfile.TemporaryDirectory(prefix="flowbeat-bench-") as scratch:
        sizes = [measured(Path(scratch) / str(issues), issues) for issues in SIZES]
        (seconds, values, differing), _ = in_child(naive, Path(scratch) / str(SMALL))
    print_naive(sizes[0], seconds, values, differing)
    print_growth(sizes)
    print_steps(sizes)


def print_naive(size: Size, seconds: float, values: int, differing: int) -> None:
    """The smallest size beside the naive reading."""
    rows = [("naive", f"{seconds:.3f}", "", "1")]
    for kind in size.rounds:
        best = size.best(kind).total
        rows.append((kind, f"{best:.3f}", f"{size.median(kind):.3f}", f"{seconds / best:,.0f}"))
    show(
        f"All nine metrics of {size.issues:,} issues: how much faster than the plain reading?",
        f"Seconds, best of {ROUNDS} (cold) or {QUICK_ROUNDS}. Reference: tests/naive_metrics.py on the same issues in"
        " the same run, once, its issues in memory already and its results not stored."
        f" Of {values} values of both, {differing} differ.",
        ("calculation", "seconds", "median", "times faster"),
        rows,
    )


def print_growth(sizes: list[Size]) -> None:
    """Seconds and memory by size."""
    first, rows = sizes[0], []
    for size in sizes:
        for kind in size.rounds:
            best = size.best(kind).total
            growth = best / first.best(kind).total
            rows.append((f"{size.issues:,} {kind}", f"{best:.3f}", f"{size.median(kind):.3f}", f"{growth:.1f}"))
    show(
        "How does the time grow with the number of issues?",
        f"Seconds, best of {ROUNDS} (cold) or {QUICK_ROUNDS}. Reference of the growth: the same kind of calculation"
        f" over {first.issues:,} issues.",
        ("issues, calculation", "seconds", "median", "growth"),
        rows,
    )
    show(
        "How does the memory grow with the number of issues?",
        "All the calculations above in one process. Reference (idle): that process just before the first.",
        ("issues", "idle MB", "peak MB", "ratio"),
        [(f"{s.issues:,}", f"{s.idle:.0f}", f"{s.peak:.0f}", f"{s.peak / s.idle:.2f}") for s in sizes],
    )


def print_steps(sizes: list[Size]) -> None:
    """Where the time goes, cold and with one issue changed."""
    shown = [(size.best(kind), f"{name}, {size.issues // 1000}k") for kind, name in HEADS for size in sizes]
    rows = [(step, *(f"{1000 * best.seconds[step]:.0f}" for best, _ in shown)) for step in sizes[0].best(COLD).seconds]
    rows.append(("all", *(f"{1000 * best.total:.0f}" for best, _ in shown)))
    show(
        "Where does the time go?",
        "Milliseconds of the best round, cold (C) and with one issue changed (1), over so many thousand issues. The"
        " first metric that needs something shared (windows, facts at the as-of) pays for it. Reference: the last row.",
        ("step", *(head for _, head in shown)),
        rows,
    )


def measured(folder: Path, issues: int) -> Size:
    """Fill a copy in one process, calculate in another."""
    folder.mkdir()
    in_child(fill, folder, issues)
    size, peak = in_child(calculations, folder)
    return replace(size, peak=peak)


def fill(folder: Path, issues: int) -> None:
    """A copy of so many issues, fetched, without any fact."""
    with flowbeat(Site(IN_PROCESS, made_up(issues)), folder) as current:
        fetched(current)


def calculations(folder: Path) -> Size:
    """Cold calculations, each on a new copy of the database; on the last one those with little to do."""
    idle = peak_megabytes()
    cold = [_cold(folder, number) for number in range(ROUNDS)]
    with _calculating(folder / str(ROUNDS - 1)) as current:
        same = [calculated(current) for _ in range(QUICK_ROUNDS)]
        one = [_after_a_change(current, number) for number in range(QUICK_ROUNDS)]
        with current.reads() as session:
            issues = store.count_issues(session, PROFILE)
    return Size(issues, {COLD: cold, SAME: same, ONE: one}, idle)


def _after_a_change(current: Runtime, number: int) -> Steps:
    change_one(current, number)
    return calculated(current)


def _cold(folder: Path, number: int) -> Steps:
    with _calculating(_copied(folder, str(number))) as current:
        return calculated(current)


def _copied(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    shutil.copy(folder / "flowbeat.db", folder / name)
    return folder / name


@contextmanager
def _calculating(folder: Path) -> Iterator[Runtime]:
    """A Flowbeat whose Jira is not there: nothing here may ask it."""
    with flowbeat(Site(IN_PROCESS), folder) as current:
        yield current


def calculated(current: Runtime) -> Steps:
    """Calculate from the copy as it is: facts, the shared load, each metric with its fence and its rows."""
    asked, _ = steps.request(current.sessions, PROFILE, "calculate", current.now())
    fetch.work(current, asked)  # a cache hit: the copy is valid, and no Jira is asked
    started = time.perf_counter()
    calculate.work(current, _taken(current, asked, "facts"), math.inf)
    facts = time.perf_counter()
    calculate.load(current, asked.run_id)
    loaded = time.perf_counter()
    for metric in METRIC_TYPES:
        calculate.METRIC_TASKS[metric].run(current, _taken(current, asked, metric))
    whole = time.perf_counter() - started
    own = _own_seconds(current, asked)
    seconds = {"facts": facts - started, "load": loaded - facts, **own}
    return Steps({**seconds, STORE: whole - sum(seconds.values())})


def _taken(current: Runtime, asked: Run, step: str) -> Run:
    """The run as a task of that step takes it."""
    with current.sessions.begin() as session:
        run = store.take_run(session, asked.run_id, asked.attempt, (step,), current.now())
    if run is None:
        raise AssertionError(f"the run is not at {step}")
    return run


def _own_seconds(current: Runtime, asked: Run) -> dict[str, float]:
    """What each metric took by itself, as its Calculation Performance row says; the run ends with this."""
    with current.sessions.begin() as session:
        store.end_run(session, asked.run_id, asked.attempt, current.now())
        rows = [row for row, _ in store.load_performance(session, 100) if row.run_id == asked.run_id]
    own = {row.metric_type: row.duration_seconds for row in rows}
    return {metric: own[metric] for metric in METRIC_TYPES}


def change_one(current: Runtime, number: int) -> None:
    """Give one issue one more entry in its history, as a fetch would have found it."""
    with current.sessions.begin() as session:
        (issue_id, *_) = sorted(store.issue_hashes(session, PROFILE))[number:]
        (issue,) = store.load_issues(session, PROFILE, [issue_id])
        at = issue.updated + timedelta(hours=1)
        entry = Transition(at, 10**9 + number, 0, "status", str(10**9 + number), to_id=issue.status_id)
        store.save_issues(session, PROFILE, [replace(issue, updated=at, transitions=(*issue.transitions, entry))])


def naive(folder: Path) -> tuple[float, int, int]:
    """The plain reading of the same issues: seconds, values, and how many of them our stored ones differ from."""
    with _calculating(_copied(folder, "naive")) as current:
        calculated(current)
        with current.reads() as session:
            view = calculate.look(current, session, PROFILE, None)
            issues = store.load_issues(session, PROFILE, sorted(store.issue_hashes(session, PROFILE)))
            statuses, versions = store.load_statuses(session, PROFILE), store.load_versions(session, PROFILE)
            rows = [row for kind in ("period", "week") for row in store.load_results(session, kind=kind)]
    plain = Naive(Team(tuple(issues), tuple(statuses), tuple(versions)), view.rules, view.as_of)
    started = time.perf_counter()
    answers = {metric: plain.answers(metric) for metric in METRIC_TYPES}
    seconds = time.perf_counter() - started
    told: Values = {(m, one.span.kind, one.span.start): one.value for m, found in answers.items() for one in found}
    ours: Values = {(row.metric_type, row.window_kind, row.window_start): row.value for row in rows}
    return seconds, len(told | ours), sum(told.get(key) != ours.get(key) for key in told | ours)


if __name__ == "__main__":
    main()
