"""The seeds of the metrics' speed, each measured with and without it. The program has those that pay.

Run: ``python benchmarks/bench_seeds.py [--issues N]``. Each seed is a small experiment over the same copy, with the
program's own functions; only the seed differs. benchmarks/README.md explains the figures.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from benchmarks import big_copy
from benchmarks.bench_metrics import calculated, calculating
from benchmarks.copies import PROFILE
from benchmarks.measuring import heading, in_child, show
from models.metrics.calculate import calculate
from models.metrics.columns import Dataset, Items, columns_of
from models.metrics.snapshot import Snapshot
from models.records import METRIC_TYPES, Field, Issue, Micros, Rules, Stage, Timeline, WorkItem, iso, micros
from models.store import dataset as stored_dataset
from models.store import issues as stored_issues
from models.store.columns import load_columns
from models.tables.facts import WorkItemRow
from worker.jira import fields, parse
from worker.runtime import Runtime
from worker.view import load_view

ISSUES: Final = 20_000
SOME: Final = 2_000  # issues of a fetch: the cost of each is the same
ROUNDS: Final = 5
FIELDS_OF_A_SITE: Final = 300
NEEDS_A_SECTION: Final = ("deployment_frequency", "lead_time", "cfr", "mttr")
Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Seed:
    """Best milliseconds of the processor with it and without it, and whether the program has it."""

    name: str
    used: bool
    on: float
    off: float


@dataclass(frozen=True, slots=True)
class View:
    """A loaded copy, from which the metrics are computed."""

    dataset: Dataset
    rules: Rules
    as_of: Micros

    def snapshot(self) -> Snapshot:
        """Load the dataset as the metrics take it, without facts."""
        return Snapshot(self.dataset, self.rules, self.as_of)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--issues", type=int, default=ISSUES)
    issues = parser.parse_args().issues
    heading("bench_seeds")
    with tempfile.TemporaryDirectory(prefix="flowbeat-bench-") as scratch:
        in_child(filled, Path(scratch), issues)
        result, _ = in_child(seeds, Path(scratch))
    rows = [
        (item.name, f"{item.on:.1f}", f"{item.off:.1f}", f"{item.off / item.on:.1f}", "yes" if item.used else "no")
        for item in result
    ]
    show(
        f"What does each seed of speed bring, over {issues:,} issues?",
        f"Milliseconds of the processor, best of {ROUNDS}; the first two over {SOME:,} issues of a fetch. Reference:"
        " the same work without the seed; gain is how many times longer that takes.",
        ("seed", "with", "without", "gain", "in use"),
        rows,
    )


def filled(folder: Path, issues: int) -> None:
    """Fill a copy with all facts."""
    big_copy.fill(folder, issues)
    with calculating(folder) as current:
        calculated(current)


def seeds(folder: Path) -> list[Seed]:
    """Measure all seeds."""
    with calculating(folder) as current:
        return [*_of_the_fetch(current), *_of_the_calculation(current)]


def _of_the_fetch(current: Runtime) -> Iterator[Seed]:
    with current.reads() as session:
        ids = sorted(stored_issues.hashes(session, PROFILE))[:SOME]
        issues = stored_issues.load(session, PROFILE, ids)
    # As Jira sends them: an instant for the issue's own dates, and one for each item of its history.
    texts = [iso(at) for item in issues for at in (item.created, item.updated, *(t.at for t in item.transitions))]
    cached = _best(lambda: _dates(lru_cache(4096)(parse.moment), texts))
    yield Seed("cache of parsed dates", used=False, on=cached, off=_best(lambda: _dates(parse.moment, texts)))
    known = [Field(f"customfield_{n}", f"Field {n}", "number", "") for n in range(10_000, 10_000 + FIELDS_OF_A_SITE)]
    rules = replace(current.profile(PROFILE).rules, fields={"points": known[-1].name})
    once = _best(lambda: _values(issues, fields.resolved(rules, known, PROFILE)))
    always = _best(lambda: [_values([issue], fields.resolved(rules, known, PROFILE)) for issue in issues])
    yield Seed("index of fields", used=True, on=once, off=always)


def _of_the_calculation(current: Runtime) -> Iterator[Seed]:
    with current.reads() as session:
        view = _loaded(current, session)
        shared = _best(lambda: _nine(_loaded(current, session).snapshot()))
        best = _best(lambda: [calculate(metric, _loaded(current, session).snapshot()) for metric in METRIC_TYPES])
        yield Seed("shared dataset", used=True, on=shared, off=best)
        rows, columns = _best(lambda: _from_rows(session)), _best(lambda: load_columns(session, PROFILE))
        yield Seed("columns, not rows", used=True, on=columns, off=rows)
    together = _best(lambda: _nine(view.snapshot()))
    apart = _best(lambda: [calculate(metric, view.snapshot()) for metric in METRIC_TYPES])
    yield Seed("shared filters", used=True, on=together, off=apart)
    bare = replace(view, rules=replace(view.rules, deployments=None, incidents=None))
    refused = _best(lambda: [calculate(metric, bare.snapshot()) for metric in NEEDS_A_SECTION])
    wasted = _best(lambda: [calculate(metric, view.snapshot()) for metric in NEEDS_A_SECTION])
    yield Seed("validation first", used=True, on=refused, off=wasted)


def _best(call: Call) -> float:
    return 1000 * min(_busy(call) for _ in range(ROUNDS))


def _busy(call: Call) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started


def _dates(moment: Callable[[str], datetime], texts: Iterable[str]) -> list[datetime]:
    return [moment(text) for text in texts]


def _values(issues: Iterable[Issue], rules: Rules) -> list[object]:
    return [issue.fields.get(rules.paths("points")[0]) for issue in issues]


def _loaded(current: Runtime, session: Session) -> View:
    view = load_view(current, session, PROFILE, None)
    return View(stored_dataset.load(session, PROFILE, "versions"), view.rules, micros(view.as_of))


def _nine(snapshot: Snapshot) -> None:
    for metric in METRIC_TYPES:
        calculate(metric, snapshot)


def _from_rows(session: Session) -> Items:
    """Return the columns made from the readable rows, without the stored columns."""
    row = WorkItemRow
    wanted = (row.issue_id, row.key, row.type, row.category, row.excluded, row.timeline, row.points, row.version_ids)
    answer = session.execute(select(*wanted).where(row.profile == PROFILE).execution_options(yield_per=2_000))
    return columns_of(
        WorkItem(
            item.issue_id,
            item.key,
            item.type,
            item.category,
            item.excluded,
            _timeline(item.timeline),
            points=item.points,
            version_ids=tuple(item.version_ids),
        )
        for item in answer
    )


def _timeline(value: Iterable[tuple[str, Stage]]) -> Timeline:
    return tuple((micros(datetime.fromisoformat(at)), stage) for at, stage in value)


if __name__ == "__main__":
    main()
