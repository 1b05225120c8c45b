"""Turns stored issues into stored results: facts of what changed, then the metrics, each a task of a chain.

Facts are computed by slices, for the issues whose content or rules changed since (misses); all others stand (hits). The
tasks of the metrics share what a process loaded for their run. The rows of one metric are one transaction.
"""

import gc
import json
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Unpack

from sqlalchemy.orm import Session

from models.database_faults import DamagedFactsError
from models.metrics import issues
from models.metrics.calculate import calculate, windows_of, without_value
from models.metrics.deployments import deployments_of_versions
from models.metrics.releases import version_findings
from models.metrics.resolutions import disagreeing
from models.metrics.rules import rules_hash
from models.metrics.snapshot import Snapshot
from models.metrics.sub_tasks import unfinished
from models.metrics.windows import windows
from models.records import (
    METRIC_TYPES,
    OPEN_SUB_TASK,
    RESOLUTION_DISAGREES,
    CalculationCursor,
    CalculationPerformance,
    Deployment,
    Measurement,
    MetricResult,
    PerformanceThreshold,
    Run,
    RunProgress,
    Version,
    micros,
    without_retries,
)
from models.store import batches, caches, catalogue, columns, departures, operations, quality, results, runs
from models.store import facts as stored_facts
from models.store import issues as stored_issues
from models.store import sub_tasks as stored_sub_tasks
from models.store.runs import AdvanceChanges, HeartbeatChanges
from tasks import departed, run_rules, steps
from worker.runtime import Runtime
from worker.snapshots import load_snapshot
from worker.task import StaleAttemptError
from worker.timing import Timing, cached_with_invalidation, log_performance
from worker.view import View, load_view

SLICE_SECONDS: Final = 60.0
FACTS_AT_ONCE: Final = 5_000
# The metrics of several profiles take turns in a process: what they read is kept for this many runs, while it is small.
RUNS_KEPT: Final = 64
ISSUES_KEPT: Final = 20_000


@contextmanager
def uncollected() -> Iterator[None]:
    """Switch off the search for reference cycles, because it took a fifth of a calculation and found none."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


# --- steps ----------------------------------------------------------------------------------------------------------


def record_error(current: Runtime, run: Run, error: Exception) -> None:
    """Store a metric that raised as calculation_error in every window; the chain continues."""
    with current.reads() as session:
        view = view_of(current, session, run)
    message = f"the calculation raised {type(error).__name__}; flowbeat logs --level ERROR shows where"
    without_values = [
        without_value(run.step, window, "calculation_error", message)
        for window in windows_of(run.step, windows(micros(view.as_of), view.rules))
    ]
    before = CalculationCursor.from_json(run.cursor)
    cursor = replace(before, failed=(*before.failed, run.step)).replaced_in(run.cursor)
    _advance(current, run, to_results(current, run, view, without_values), cursor=cursor)


def metric_step(current: Runtime, run: Run) -> int | None:
    """Calculate the run's current metric over all windows, and store its rows.

    Returns None, or the new attempt of a run that was put back to its facts because other rules made them.
    """
    try:
        measured = measure(current, run, run.step)
    except run_rules.OtherRulesError:
        return run_rules.return_to_facts(current, run)
    _advance(current, run, measured.rows, measured.performance)
    return None


def finish_step(current: Runtime, run: Run) -> int | None:
    """Store what is odd at present about the issues behind the metrics, and end the run in the same transaction.

    Returns as ``metric_step``.
    """
    try:
        odd = _odd_now(current, run)
    except run_rules.OtherRulesError:
        return run_rules.return_to_facts(current, run)
    with current.sessions.begin() as session:
        if odd is not None:
            for origin, (reason, ids) in odd.items():
                quality.replace_finding(session, run.profile, origin, reason, ids)
        if not runs.end(session, run.run_id, run.attempt, current.clock(session)):
            raise StaleAttemptError
    return None


@uncollected()
def _odd_now(current: Runtime, run: Run) -> dict[str, tuple[str, list[str]]] | None:
    """Return origin → (reason, ids of issues) of what depends on the instant; None for a past day, which does not
    change findings.
    """
    loaded = load(current, run.run_id, run.attempt)
    with current.reads() as session:
        cache = caches.find(session, run.profile)
        sub_tasks = stored_sub_tasks.load(session, run.profile)
    if cache is None or cache.data_as_of != loaded.view.as_of:
        return None
    dataset, as_of = loaded.snapshot.dataset, loaded.snapshot.as_of
    parts = (dataset.items, dataset.others)
    too_early = unfinished(parts, sub_tasks, loaded.view.context.stages, as_of)
    return {
        "resolutions": (RESOLUTION_DISAGREES, disagreeing(*parts, as_of)),
        "sub_tasks": (OPEN_SUB_TASK, list(too_early)),
    }


# --- facts ----------------------------------------------------------------------------------------------------------


def view_of(current: Runtime, session: Session, run: Run) -> View:
    """Return the view of a run; raises FatalError without data, or without data as late as requested."""
    return load_view(current, session, run.profile, run.as_of)


def work(current: Runtime, run: Run, seconds: float = SLICE_SECONDS) -> str:
    """Compute facts until the time is up or none is missing; return the run's step then.

    Facts that cannot be read are discarded, and the next slice makes them again.
    """
    try:
        return _work(current, run, seconds)
    except DamagedFactsError as error:
        run_rules.discard_damaged(current, run, error)
        return "facts"


def _work(current: Runtime, run: Run, seconds: float) -> str:
    with current.reads() as session:
        view = view_of(current, session, run)
    until = time.monotonic() + seconds
    counted = run_rules.bind(current, run, view)
    while True:
        with current.reads() as session:
            stale = stored_facts.stale(session, run.profile, FACTS_AT_ONCE)
        if not stale:
            break
        if time.monotonic() >= until:
            return "facts"
        counted = replace(counted, misses=counted.misses + len(stale))
        _facts_of(current, run, view, stale, counted)
    if not _departed(current, run, view, until):
        return "facts"
    _versions(current, run, view, counted)
    return steps.after("facts")


@uncollected()
def _facts_of(current: Runtime, run: Run, view: View, stale: dict[str, str], counted: CalculationCursor) -> None:
    with current.reads() as session:
        batch = batches.load(session, run.profile, list(stale), view.context.flagged)
    batch_facts = issues.read(batch, view.context)
    with current.sessions.begin() as session:
        stored_facts.save(session, run.profile, view.context.facts_rules_hash, stale, batch_facts)
        catalogue.note_visited(session, run.profile, batch.histories.refs, view.context.stages)
        cursor, progress = _without_retries(run, counted), RunProgress(counted.misses)
        moved: HeartbeatChanges = {"cursor": cursor, "progress": progress, "restarts": 0}
        if not runs.heartbeat(session, run.run_id, run.attempt, current.clock(session), **moved):
            raise StaleAttemptError


def _without_retries(run: Run, counted: CalculationCursor) -> dict[str, Any]:
    """Return the run's cursor with what was counted; progress was made, so that earlier retries no longer count."""
    return without_retries(counted.replaced_in(run.cursor))


def _departed(current: Runtime, run: Run, view: View, until: float) -> bool:
    """Work out what departed issues were, some at a time; return whether all are done in time."""
    while True:
        with current.sessions.begin() as session:
            gone = departures.stale(session, run.profile, FACTS_AT_ONCE)
            if gone:
                departed.save(session, run.profile, view.context, gone)
            if not runs.heartbeat(session, run.run_id, run.attempt, current.clock(session)):
                raise StaleAttemptError
        if len(gone) < FACTS_AT_ONCE:
            return True
        if time.monotonic() >= until:
            return False


def _versions(current: Runtime, run: Run, view: View, counted: CalculationCursor) -> None:
    """Turn versions into deployments each time, because a release date does not move an issue's ``updated``."""
    with current.sessions.begin() as session:
        items = stored_issues.count(session, run.profile) + departures.count_kept(session, run.profile)
        columns.compact_items(session, run.profile, items)
        present = stored_issues.projects(session, run.profile)
        versions = catalogue.load_versions(session, run.profile)
        deployed: tuple[Deployment, ...] = deployments_of_versions(versions, present, view.context)
        stored_facts.replace_version_deployments(session, run.profile, deployed)
        catalogue.stage_statuses(session, run.profile, view.context.stages)
        if run.as_of is None:  # a finding is about now, not about the past that somebody asked for
            _save_version_findings(session, run.profile, view, versions, present)
        now, to, cursor = current.clock(session), steps.after("facts"), _without_retries(run, counted)
        if not runs.advance(session, run.run_id, run.attempt, now, to=to, cursor=cursor, as_of=view.as_of):
            raise StaleAttemptError


def _save_version_findings(
    session: Session, profile: str, view: View, versions: Sequence[Version], present: Sequence[str]
) -> None:
    is_source = view.context.source == "versions"
    findings = version_findings(versions, present, micros(view.as_of), view.rules.timezone) if is_source else {}
    quality.save_profile_findings(
        session, profile, "versions", {reason: len(which) for reason, which in findings.items()}
    )


# --- metrics --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Measured:
    """The rows of one metric and the size of what they were computed from."""

    rows: list[MetricResult]
    issues: int
    hits: int
    misses: int
    performance: CalculationPerformance | None = None


def measure(current: Runtime, run: Run, metric: str) -> Measured:
    """Return the rows of one metric with the time they took, from stored facts."""
    kept: list[CalculationPerformance] = []

    def record(timing: Timing, measured: Measured) -> dict[str, Any]:
        kept.append(_performance(run, metric, timing, measured))
        return asdict(kept[0])

    timed = log_performance("calculation", record)(_measure)
    return replace(timed(current, run, metric), performance=kept[0] if kept else None)


@uncollected()
def _measure(current: Runtime, run: Run, metric: str) -> Measured:
    loaded = load(current, run.run_id, run.attempt)
    misses = CalculationCursor.from_json(run.cursor).misses
    rows = to_results(current, run, loaded.view, calculate(metric, loaded.snapshot))
    return Measured(rows, loaded.issues, max(0, loaded.issues - misses), misses)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The input of a calculation in this process, which the tasks of a run share."""

    view: View
    snapshot: Snapshot
    issues: int


def _weight(loaded: Loaded) -> int:
    return loaded.issues


@cached_with_invalidation(RUNS_KEPT, weight=_weight, heaviest=ISSUES_KEPT)
def load(current: Runtime, run_id: str, attempt: int) -> Loaded:
    """Return the input of a run's metrics, read once in each process: it stands while the attempt does.

    Raises OtherRulesError where the stored facts are of other rules than those of this process, or cannot be read.
    """
    with current.reads() as session:
        run = runs.load(session, run_id)
        if run is None or run.attempt != attempt:
            raise StaleAttemptError
        view = view_of(current, session, run)
        run_rules.require_same(session, run, view)
        try:
            snapshot = load_snapshot(session, run.profile, view)
        except DamagedFactsError as error:
            damage = error
        else:
            return Loaded(view, snapshot, stored_issues.count(session, run.profile))
    run_rules.discard_damaged(current, run, damage)
    raise run_rules.OtherRulesError


def _performance(run: Run, metric: str, timing: Timing, measured: Measured) -> CalculationPerformance:
    # Not asdict, which copies every value: that took longer than most metrics take.
    rows = [[getattr(row, field.name) for field in fields(row)] for row in measured.rows]
    return CalculationPerformance(
        metric_type=metric,
        start_time=timing.start,
        end_time=timing.end,
        duration_seconds=timing.seconds,
        input_data_size=measured.issues,
        result_data_size=len(json.dumps(rows, default=str)),
        cache_hits=measured.hits,
        cache_misses=measured.misses,
        run_id=run.run_id,
        profile=run.profile,
    )


def to_results(current: Runtime, run: Run, view: View, measurements: Iterable[Measurement]) -> list[MetricResult]:
    """Return measurements as rows of this run."""
    named, now = rules_hash(view.rules), current.now()
    return [
        MetricResult.of(
            measured, profile=run.profile, as_of=view.as_of, rules_hash=named, run_id=run.run_id, calculated_at=now
        )
        for measured in measurements
    ]


def _advance(
    current: Runtime,
    run: Run,
    rows: list[MetricResult],
    performance: CalculationPerformance | None = None,
    **changes: Unpack[AdvanceChanges],
) -> None:
    """Store a metric's rows, its performance and the next step in one transaction."""
    done = METRIC_TYPES.index(run.step) + 1
    changes["progress"] = RunProgress(done, len(METRIC_TYPES))
    with current.sessions.begin() as session:
        results.save(session, rows)
        if performance is not None:
            _save_performance(session, performance)
        now, to = current.clock(session), steps.after(run.step)
        if not runs.advance(session, run.run_id, run.attempt, now, to=to, **changes):
            raise StaleAttemptError


def _save_performance(session: Any, performance: CalculationPerformance) -> None:
    threshold = PerformanceThreshold.of(performance)
    operations.save_performance(session, performance, threshold)
    if threshold.threshold_status != "pass":
        logging.getLogger("flowbeat.performance").warning("threshold missed", extra=asdict(threshold))
