"""Data-quality findings: what a reader of numbers should know about an issue behind them, or about a project."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import and_, delete, func, select
from sqlalchemy.orm import Session

from models.store.departures import counted
from models.store.shared import among, change, insert_rows
from models.tables.issues import IssueRow
from models.tables.quality import DataQualityRow

# In place of an issue's id, in a finding about the profile as a whole.
WHOLE_PROFILE: Final = ""
# The origin of findings about a project: its key is in place of an issue's id.
PROJECTS: Final = "projects"
VERSIONS_REFUSED: Final = "versions_refused"
VERSIONS_UNANSWERED: Final = "versions_unanswered"
_IS_ABOUT_AN_ISSUE: Final = and_(DataQualityRow.issue_id != WHOLE_PROFILE, DataQualityRow.origin != PROJECTS)
# What the changelog's origin finds of an issue that could not be read: the next fetch tries again.
UNREAD: Final = ("unreadable_issue", "incomplete_history")


def save_findings(session: Session, profile: str, origin: str, value: Mapping[str, Mapping[str, int]]) -> None:
    """Replace what one origin (changelog, facts, verify) found about these issues."""
    before = delete(DataQualityRow).where(
        DataQualityRow.profile == profile,
        DataQualityRow.origin == origin,
        among(session, DataQualityRow.issue_id, list(value)),
    )
    change(session, before)
    rows = [
        {"profile": profile, "issue_id": issue_id, "origin": origin, "reason": reason, "count": count}
        for issue_id, reasons in value.items()
        for reason, count in reasons.items()
    ]
    insert_rows(session, DataQualityRow, rows)


def replace_finding(session: Session, profile: str, origin: str, reason: str, ids: Collection[str]) -> None:
    """Make ``ids`` the issues of which an origin finds its one reason; the rows of those that stay are not touched."""
    of_origin = (DataQualityRow.profile == profile, DataQualityRow.origin == origin)
    stored, wanted = set(session.scalars(select(DataQualityRow.issue_id).where(*of_origin))), set(ids)
    if stored - wanted:
        ended = among(session, DataQualityRow.issue_id, sorted(stored - wanted))
        change(session, delete(DataQualityRow).where(*of_origin, ended))
    row = {"profile": profile, "origin": origin, "reason": reason, "count": 1}
    insert_rows(session, DataQualityRow, [{**row, "issue_id": issue_id} for issue_id in sorted(wanted - stored)])


def save_profile_findings(session: Session, profile: str, origin: str, value: Mapping[str, int]) -> None:
    """Replace what one origin found about a profile as a whole: reason → how often."""
    clear_findings(session, profile, origin)
    rows = [
        {"profile": profile, "issue_id": WHOLE_PROFILE, "origin": origin, "reason": reason, "count": count}
        for reason, count in value.items()
    ]
    insert_rows(session, DataQualityRow, rows)


def save_project_findings(session: Session, profile: str, reasons: Mapping[str, str]) -> None:
    """Replace what was found about the projects of a profile: project key → reason."""
    clear_findings(session, profile, PROJECTS)
    save_findings(session, profile, PROJECTS, {key: {reason: 1} for key, reason in reasons.items()})


def project_findings(session: Session, profile: str) -> dict[str, str]:
    """Return project key → what was found about it, for projects with a finding."""
    of_projects = (DataQualityRow.profile == profile, DataQualityRow.origin == PROJECTS)
    query = select(DataQualityRow.issue_id, DataQualityRow.reason).where(*of_projects)
    return dict(session.execute(query.order_by(DataQualityRow.issue_id)).all())


def clear_findings(session: Session, profile: str, origin: str) -> None:
    """Forget what one origin found about all issues of a profile."""
    change(session, delete(DataQualityRow).where(DataQualityRow.profile == profile, DataQualityRow.origin == origin))


def unread_issues(session: Session, profile: str, ids: Sequence[str]) -> set[str]:
    """Return those of the ids whose issue could not be read whole when it was last asked for."""
    query = select(DataQualityRow.issue_id).where(
        DataQualityRow.profile == profile,
        DataQualityRow.reason.in_(UNREAD),
        among(session, DataQualityRow.issue_id, ids),
    )
    return set(session.scalars(query))


def forget_unread(session: Session, profile: str, kept: Collection[str]) -> None:
    """Forget which issues could not be read, those that are stored or in ``kept`` aside: the others are not there."""
    stored = select(IssueRow.issue_id).where(IssueRow.profile == profile)
    change(
        session,
        delete(DataQualityRow).where(
            DataQualityRow.profile == profile,
            DataQualityRow.reason.in_(UNREAD),
            DataQualityRow.issue_id.not_in(stored),
            ~among(session, DataQualityRow.issue_id, sorted(kept)),
        ),
    )


def count_findings(session: Session, profile: str) -> dict[str, int]:
    """Reason → number of issues it was found in, of those that count; one that could not be read counts too."""
    present = (IssueRow.profile == DataQualityRow.profile) & (IssueRow.issue_id == DataQualityRow.issue_id)
    query = (
        select(DataQualityRow.reason, func.count(DataQualityRow.issue_id.distinct()))
        .outerjoin(IssueRow, present)
        .where(DataQualityRow.profile == profile, counted(), _IS_ABOUT_AN_ISSUE)
        .group_by(DataQualityRow.reason)
        .order_by(DataQualityRow.reason)
    )
    return dict(session.execute(query).all())


def keys_with_findings(session: Session, profile: str) -> dict[str, list[str]]:
    """Return reason → keys of the issues it was found in, of those that count; "id 77, never read" without a copy."""
    present = (IssueRow.profile == DataQualityRow.profile) & (IssueRow.issue_id == DataQualityRow.issue_id)
    key = func.coalesce(IssueRow.key, DataQualityRow.issue_id)
    query = (
        select(DataQualityRow.reason, key, IssueRow.key.is_(None))
        .outerjoin(IssueRow, present)
        .where(DataQualityRow.profile == profile, counted(), _IS_ABOUT_AN_ISSUE)
        .group_by(DataQualityRow.reason, key, IssueRow.key.is_(None))
        .order_by(DataQualityRow.reason, func.length(key), key)
    )
    values: dict[str, list[str]] = {}
    for reason, name, is_unread in session.execute(query):
        values.setdefault(reason, []).append(f"id {name}, never read" if is_unread else name)
    return values


def findings_of(session: Session, profile: str, ids: Sequence[str]) -> dict[str, list[str]]:
    """Issue id → reasons found about it, for those of the ids that have any."""
    values: dict[str, list[str]] = {}
    query = select(DataQualityRow.issue_id, DataQualityRow.reason).where(
        DataQualityRow.profile == profile, among(session, DataQualityRow.issue_id, ids)
    )
    for issue_id, reason in session.execute(query.order_by(DataQualityRow.reason)):
        values.setdefault(issue_id, []).append(reason)
    return values
