"""Records for the tests of the store, each valid and with fields changed by keyword."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from models.metrics.columns import columns_of
from models.metrics.issues import BatchFacts, Findings
from models.records import (
    Deployment,
    FetchOperation,
    Incident,
    Issue,
    ItemHead,
    MetricResult,
    Run,
    Transition,
    WorkItem,
)

T0: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
PROFILE: Final = "payments"


def after(days: float) -> datetime:
    """Return the instant ``days`` days after T0."""
    return T0 + timedelta(days=days)


def run(**changes: Any) -> Run:
    """Return a queued refresh of ``payments``."""
    new = Run(str(uuid.uuid4()), PROFILE, "refresh", "queued", "fetch", 1, T0, T0)
    return replace(new, **changes)


def issue(number: int, **changes: Any) -> Issue:
    """Return an issue in progress with one status change."""
    plain = Issue(
        issue_id=str(number),
        key=f"PAY-{number}",
        project="PAY",
        type="Story",
        status_id="3",
        created=T0,
        updated=after(1),
        resolution=None,
        resolved=None,
        summary="Retry refunds",
        fields={"priority": "High", "fixVersions": [], "versions": [], "links": []},
        transitions=(transition(number),),
    )
    return replace(plain, **changes)


def transition(history: int, **changes: Any) -> Transition:
    """Return a change from To Do to In Progress."""
    plain = Transition(after(1), history, 0, "status", str(history), "10000", "To Do", "3", "In Progress")
    return plain._replace(**changes)


def operation(**changes: Any) -> FetchOperation:
    """Return a Fetch Operation that has just begun."""
    return replace(FetchOperation(str(uuid.uuid4()), "project = PAY", T0, run_id="r", profile=PROFILE), **changes)


def result(as_of: float, value: float | None = 5.0, **changes: Any) -> MetricResult:
    """Return a complete week's value at an as-of of ``as_of`` days after T0."""
    start = datetime(2026, 2, 16, tzinfo=UTC)
    plain = MetricResult(
        profile=PROFILE,
        metric_type="flow_velocity",
        window_kind="week",
        window_start=start,
        window_end=start + timedelta(days=7),
        rules_hash="a" * 32,
        as_of=after(as_of),
        confirmed_as_of=after(as_of),
        value=value,
        unit="per_week",
        level=None,
        state="success" if value is not None else "no_data",
        message=None if value is not None else "nothing was done",
        n_used=5,
        n_excluded=1,
        exclusions={"not_delivered": 1},
        details={"count": 5, "by_category": {"feature": 5}},
        complete=True,
        run_id="r",
        calculated_at=after(as_of),
    )
    return replace(plain, **changes)


def facts_found(
    *items: WorkItem,
    incidents: Sequence[Incident] = (),
    deployments: Sequence[tuple[str, Deployment]] = (),
    findings: Findings | None = None,
) -> BatchFacts:
    """Return facts as a calculation gives them to the store; deployments have their issue's id beside them."""
    heads = [ItemHead(*(getattr(item, name) for name in ItemHead._fields)) for item in items]
    return BatchFacts(heads, columns_of(items), columns_of(()), incidents, deployments, findings or {})
