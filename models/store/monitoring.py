"""What a monitor asks of the database: counts and instants of all profiles, in few statements."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session

from models.tables.cache import CacheMetadataRow
from models.tables.fetches import FetchOperationRow
from models.tables.quality import DataQualityRow
from models.tables.runs import RunRow

_RUN: Final = RunRow.__table__.c
_FETCH: Final = FetchOperationRow.__table__.c
_FINDING: Final = DataQualityRow.__table__.c
_CACHE: Final = CacheMetadataRow.__table__.c


@dataclass(frozen=True, slots=True)
class EndedRun:
    """The run of a profile and a kind that ended last."""

    profile: str
    kind: str
    state: str
    started_at: datetime | None
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class FetchCounts:
    """The requests of a Fetch Operation, and how many of them waited for the limit."""

    request_id: str
    profile: str
    requests: int
    delays: int


def limit_statements(session: Session, seconds: float) -> None:
    """Let PostgreSQL end each statement of this transaction that takes longer."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SET LOCAL statement_timeout = {int(seconds * 1000)}"))


def data_instants(session: Session) -> dict[str, datetime]:
    """Return profile → the instant up to which its copy is complete, for profiles with a copy."""
    query = select(_CACHE.profile, _CACHE.data_as_of).where(_CACHE.data_as_of.is_not(None))
    return dict(session.execute(query).all())


def count_runs(session: Session) -> dict[str, int]:
    """Return state → number of runs, for states that a run has."""
    return dict(session.execute(select(_RUN.state, func.count()).group_by(_RUN.state)).all())


def last_ended_runs(session: Session) -> list[EndedRun]:
    """Return for each profile and kind the run that ended last, well or not."""
    last = (
        select(_RUN.profile, _RUN.kind, func.max(_RUN.ended_at).label("ended_at"))
        .where(_RUN.ended_at.is_not(None))
        .group_by(_RUN.profile, _RUN.kind)
        .subquery()
    )
    is_last = (_RUN.profile == last.c.profile) & (_RUN.kind == last.c.kind) & (_RUN.ended_at == last.c.ended_at)
    query = select(_RUN.profile, _RUN.kind, _RUN.state, _RUN.started_at, _RUN.ended_at).join(last, is_last)
    runs = [EndedRun(*row) for row in session.execute(query)]
    return list({(run.profile, run.kind): run for run in runs}.values())  # two may have ended at one instant


def fetch_counts(session: Session, since: datetime) -> list[FetchCounts]:
    """Return the counts of the Fetch Operations that have not ended, or ended at ``since`` or later."""
    recent = or_(_FETCH.end_time.is_(None), _FETCH.end_time >= since)
    query = select(_FETCH.request_id, _FETCH.profile, _FETCH.api_calls_made, _FETCH.rate_limit_delays)
    return [FetchCounts(*row) for row in session.execute(query.where(recent))]


def verify_differences(session: Session) -> dict[str, int]:
    """Return profile → number of issues whose copy differed from Jira when they were last compared.

    A verification, or a night's share, that has not completed may not have compared all of its issues yet: without a
    difference it says nothing.
    """
    has_compared = or_(_FETCH.kind == "verify", _FETCH.issues_verified > 0)
    states = select(_FETCH.profile, _FETCH.state).where(has_compared).order_by(_FETCH.start_time)
    newest = dict(session.execute(states).all())
    numbers = (
        select(_FINDING.profile, func.count(_FINDING.issue_id.distinct()))
        .where(_FINDING.origin == "verify")
        .group_by(_FINDING.profile)
    )
    return {profile: 0 for profile, state in newest.items() if state == "completed"} | dict(
        session.execute(numbers).all()
    )
