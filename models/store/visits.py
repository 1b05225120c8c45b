"""Which statuses the issues of a copy were in, by what their histories say."""

from typing import Final

from sqlalchemy import Select, Text, cast, func, null, or_, select, union
from sqlalchemy.orm import Session

from models.store.departures import counted
from models.tables.histories import TransitionRow
from models.tables.issues import IssueRow
from models.tables.quality import DataQualityRow

_ISSUES: Final = IssueRow.__table__.c
_CHANGES: Final = TransitionRow.__table__.c
_FINDINGS: Final = DataQualityRow.__table__.c

Visited = tuple[str | None, str | None]


def visited_statuses(session: Session, profile: str) -> set[Visited]:
    """Return (status id, name) of every side of a status change; reads all of a profile's changes."""
    visits: set[Visited] = set()
    for status_id, name in (
        (_CHANGES.from_id, _CHANGES.from_name),
        (_CHANGES.to_id, _CHANGES.to_name),
    ):
        query = select(status_id, name).where(_CHANGES.profile == profile, _CHANGES.field == "status")
        visits.update((row[0], row[1]) for row in session.execute(query.distinct()))
    return visits


def present_statuses(session: Session, profile: str) -> set[Visited]:
    """Return (status id, name) of every side of a status change of the present issues; reads all of their changes."""
    visited: set[Visited] = set()
    present = select(_ISSUES.issue_id).where(_ISSUES.profile == profile, _ISSUES.gone_at.is_(None))
    for status_id, name in (
        (_CHANGES.from_id, _CHANGES.from_name),
        (_CHANGES.to_id, _CHANGES.to_name),
    ):
        query = select(status_id, name).where(
            _CHANGES.profile == profile, _CHANGES.field == "status", _CHANGES.issue_id.in_(present)
        )
        visited.update((row[0], row[1]) for row in session.execute(query.distinct()))
    return visited


def was_visited(session: Session, profile: str, word: str) -> bool:
    """Return whether a side of a status change has exactly this id or name; of one that has, it is soon found."""
    sides = (_CHANGES.from_id, _CHANGES.from_name, _CHANGES.to_id, _CHANGES.to_name)
    query = select(_CHANGES.issue_id).where(
        _CHANGES.profile == profile, _CHANGES.field == "status", or_(*(side == word for side in sides))
    )
    return session.execute(query.limit(1)).first() is not None


def unmapped_statuses(session: Session, profile: str) -> dict[Visited, int]:
    """Return (status id, name) → number of issues that count and were in it, of issues with one nobody can place."""
    odd = (
        select(_FINDINGS.issue_id)
        .join(IssueRow.__table__, (_ISSUES.profile == _FINDINGS.profile) & (_ISSUES.issue_id == _FINDINGS.issue_id))
        .where(_FINDINGS.profile == profile, _FINDINGS.reason == "unmapped_status", counted())
    )
    sides: list[Select[str, str | None, str | None]] = [
        select(_CHANGES.issue_id, status_id.label("status_id"), name.label("name")).where(
            _CHANGES.profile == profile, _CHANGES.field == "status", _CHANGES.issue_id.in_(odd)
        )
        for status_id, name in (
            (_CHANGES.from_id, _CHANGES.from_name),
            (_CHANGES.to_id, _CHANGES.to_name),
        )
    ]
    now = select(_ISSUES.issue_id, _ISSUES.status_id, cast(null(), Text)).where(
        _ISSUES.profile == profile, _ISSUES.issue_id.in_(odd)
    )
    once = union(*sides, now).subquery()
    query = select(once.c.status_id, once.c.name, func.count()).group_by(once.c.status_id, once.c.name)
    return {(status_id, name): number for status_id, name, number in session.execute(query)}
