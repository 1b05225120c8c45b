"""What past work left behind: performance and Fetch Operations; and its deletion by age."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, case, delete, insert, select, update
from sqlalchemy.orm import Session

from models.records import (
    LIVE_STATES,
    METRIC_TYPES,
    CalculationPerformance,
    FetchOperation,
    PerformanceThreshold,
)
from models.store.shared import change, columns, insert_rows, record, row_of, upsert
from models.tables.fetches import FetchOperationRow
from models.tables.performance import CalculationPerformanceRow, PerformanceThresholdRow
from models.tables.runs import RunRow

_RUN: Final = RunRow.__table__.c
_FETCHES: Final = FetchOperationRow.__table__.c
_CALCULATIONS: Final = CalculationPerformanceRow.__table__.c
_THRESHOLDS: Final = PerformanceThresholdRow.__table__.c


def save_performance(session: Session, performance: CalculationPerformance, threshold: PerformanceThreshold) -> None:
    """Store how long a metric took and the target it was held to; a repeated task replaces its own row."""
    table = CalculationPerformanceRow.metadata.tables["calculation_performance"]
    own = (table.c.run_id == performance.run_id, table.c.metric_type == performance.metric_type)
    change(session, delete(table).where(*own))
    number = session.scalar(insert(table).values(row_of(performance)).returning(table.c.id))
    insert_rows(session, PerformanceThresholdRow, [{"performance_id": number, **row_of(threshold)}])


def load_performance(
    session: Session, limit: int, *, failed: bool = False
) -> list[tuple[CalculationPerformance, PerformanceThreshold]]:
    """Return the newest Calculation Performance rows with their thresholds; ``failed``: only those that missed the
    target.
    """
    query = select(CalculationPerformanceRow, PerformanceThresholdRow).join(
        PerformanceThresholdRow, _THRESHOLDS.performance_id == _CALCULATIONS.id
    )
    # A newer version may have stored other metrics.
    query = query.where(_CALCULATIONS.metric_type.in_(METRIC_TYPES))
    if failed:
        query = query.where(_THRESHOLDS.threshold_status == "fail")
    rows = session.execute(query.order_by(_CALCULATIONS.start_time.desc()).limit(limit))
    return [(record(CalculationPerformance, item), record(PerformanceThreshold, two)) for item, two in rows]


def unknown_performance(session: Session) -> list[str]:
    """Return the metric types of stored Calculation Performance that this program does not have."""
    kind = _CALCULATIONS.metric_type
    return sorted(session.scalars(select(kind).where(kind.not_in(METRIC_TYPES)).distinct()))


def save_fetch(session: Session, operation: FetchOperation) -> None:
    """Store a Fetch Operation, or bring its row up to date."""
    upsert(session, FetchOperationRow, [row_of(operation)])


def find_fetch(session: Session, request_id: str) -> FetchOperation | None:
    """Return the Fetch Operation of that id."""
    return _fetch(session, select(*columns(FetchOperationRow)).where(_FETCHES.request_id == request_id))


def fetch_of(session: Session, run_id: str) -> FetchOperation | None:
    """Return the newest Fetch Operation of a run, None where it has none."""
    query = select(*columns(FetchOperationRow)).where(_FETCHES.run_id == run_id)
    return _fetch(session, query.order_by(_FETCHES.start_time.desc()).limit(1))


def count_fetch(session: Session, request_id: str, added: Mapping[str, int]) -> None:
    """Add to the counts of a Fetch Operation; one that has not ended is in progress from now on."""
    counts = {name: _FETCHES[name] + number for name, number in added.items()}
    state = case((_FETCHES.end_time.is_(None), "in_progress"), else_=_FETCHES.state)
    change(
        session,
        update(FetchOperationRow).where(_FETCHES.request_id == request_id).values(**counts, state=state),
    )


def complete_fetch(session: Session, request_id: str, now: datetime) -> None:
    """End a Fetch Operation well."""
    operation = find_fetch(session, request_id)
    if operation is not None:
        save_fetch(session, replace(operation, state="completed", **_end(operation.start_time, now)))


def fail_fetch_of(session: Session, run_id: str, now: datetime, error: str) -> FetchOperation | None:
    """End the run's Fetch Operation as failed with the reason; None where it has none, or one that has ended."""
    operation = fetch_of(session, run_id)
    if operation is None or operation.end_time is not None:
        return None
    failed = replace(operation, state="failed", error=error, **_end(operation.start_time, now))
    save_fetch(session, failed)
    return failed


def list_fetches(session: Session, limit: int) -> list[FetchOperation]:
    """Return the newest Fetch Operations."""
    rows = session.scalars(select(FetchOperationRow).order_by(_FETCHES.start_time.desc()).limit(limit))
    return [record(FetchOperation, row) for row in rows]


def delete_before(session: Session, kind: str, before: datetime) -> int:
    """Remove ended runs, fetch operations or performance rows older than ``before``; returns how many."""
    ended = {
        "runs": delete(RunRow).where(_RUN.requested_at < before, _RUN.state.not_in(LIVE_STATES)),
        "fetch_operations": delete(FetchOperationRow).where(_FETCHES.start_time < before),
        "performance": delete(CalculationPerformanceRow).where(_CALCULATIONS.start_time < before),
    }
    return change(session, ended[kind])


def _fetch(session: Session, query: Select[Any]) -> FetchOperation | None:
    row = session.execute(query).mappings().first()
    return None if row is None else FetchOperation(**row)


def _end(start: datetime, now: datetime) -> dict[str, Any]:
    """Return a clock that was set back makes no negative duration."""
    end = max(now, start)
    return {"end_time": end, "duration_seconds": (end - start).total_seconds()}
