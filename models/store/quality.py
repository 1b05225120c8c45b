"""Data-quality findings: what a reader of numbers should know about an issue behind them, or about a project."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.orm import Session

from models.store.departures import counted
from models.store.shared import among, change, insert_rows, upsert
from models.tables.issues import IssueRow
from models.tables.quality import DataQualityRow

_ISSUES: Final = IssueRow.__table__.c
_FINDINGS: Final = DataQualityRow.__table__.c

# In place of an issue's id, in a finding about the profile as a whole.
WHOLE_PROFILE: Final = ""
# The origin of findings about a project: its key is in place of an issue's id.
PROJECTS: Final = "projects"
# The origin of findings of a verification, and the reasons that a recomputation finds.
VERIFY: Final = "verify"
FACTS_DIFFERED: Final = "facts_differed"
RESULTS_DIFFERED: Final = "results_differed_"  # and the name of the metric, about the profile as a whole
RECOMPUTED: Final = (FACTS_DIFFERED,)
VERSIONS_REFUSED: Final = "versions_refused"
VERSIONS_UNANSWERED: Final = "versions_unanswered"
_IS_ABOUT_AN_ISSUE: Final = and_(_FINDINGS.issue_id != WHOLE_PROFILE, _FINDINGS.origin != PROJECTS)
# What the changelog's origin finds of an issue that could not be read: the next fetch tries again.
UNREAD: Final = ("unreadable_issue", "incomplete_history")


def save_findings(
    session: Session, profile: str, origin: str, value: Mapping[str, Mapping[str, int]], kept: Collection[str] = ()
) -> None:
    """Replace the findings of one origin (changelog, facts, verify) about these issues, except those of the reasons
    in ``kept``.
    """
    before = delete(DataQualityRow).where(
        _FINDINGS.profile == profile,
        _FINDINGS.origin == origin,
        among(session, _FINDINGS.issue_id, list(value)),
    )
    change(session, before.where(_FINDINGS.reason.not_in(kept)) if kept else before)
    rows = [
        {"profile": profile, "issue_id": issue_id, "origin": origin, "reason": reason, "count": count}
        for issue_id, reasons in value.items()
        for reason, count in reasons.items()
    ]
    insert_rows(session, DataQualityRow, rows)


def replace_finding(session: Session, profile: str, origin: str, reason: str, ids: Collection[str]) -> None:
    """Make ``ids`` the issues of which an origin finds its one reason; the rows of those that stay are not touched."""
    of_origin = (_FINDINGS.profile == profile, _FINDINGS.origin == origin)
    stored, wanted = set(session.scalars(select(_FINDINGS.issue_id).where(*of_origin))), set(ids)
    if stored - wanted:
        ended = among(session, _FINDINGS.issue_id, sorted(stored - wanted))
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
    of_projects = (_FINDINGS.profile == profile, _FINDINGS.origin == PROJECTS)
    query = select(_FINDINGS.issue_id, _FINDINGS.reason).where(*of_projects)
    return dict(session.execute(query.order_by(_FINDINGS.issue_id)).all())


def clear_findings(session: Session, profile: str, origin: str) -> None:
    """Forget what one origin found about all issues of a profile."""
    change(session, delete(DataQualityRow).where(_FINDINGS.profile == profile, _FINDINGS.origin == origin))


def clear_compared(session: Session, profile: str) -> None:
    """Forget which issues differed from Jira; what a recomputation found stays."""
    of_issues = (_FINDINGS.issue_id != WHOLE_PROFILE, _FINDINGS.reason.not_in(RECOMPUTED))
    chosen = (_FINDINGS.profile == profile, _FINDINGS.origin == VERIFY, *of_issues)
    change(session, delete(DataQualityRow).where(*chosen))


def clear_departed(session: Session, profile: str, before: datetime) -> None:
    """Forget which issues differed from Jira, of those that were marked gone before an instant: none is compared."""
    gone = select(_ISSUES.issue_id).where(_ISSUES.profile == profile, _ISSUES.gone_at < before)
    chosen = (_FINDINGS.profile == profile, _FINDINGS.origin == VERIFY, _FINDINGS.issue_id.in_(gone))
    change(session, delete(DataQualityRow).where(*chosen))


def clear_recomputed(session: Session, profile: str) -> None:
    """Forget what the last recomputation found."""
    found_by_it = or_(_FINDINGS.issue_id == WHOLE_PROFILE, _FINDINGS.reason.in_(RECOMPUTED))
    chosen = (_FINDINGS.profile == profile, _FINDINGS.origin == VERIFY, found_by_it)
    change(session, delete(DataQualityRow).where(*chosen))


def add_recomputed(session: Session, profile: str, ids: Collection[str], results: Mapping[str, int]) -> None:
    """Add findings of a recomputation: issues whose facts differed, and metric → how many of its results did."""
    row = {"profile": profile, "origin": VERIFY}
    of_issues = [{**row, "issue_id": issue_id, "reason": FACTS_DIFFERED, "count": 1} for issue_id in sorted(ids)]
    of_metrics = [
        {**row, "issue_id": WHOLE_PROFILE, "reason": f"{RESULTS_DIFFERED}{metric}", "count": count}
        for metric, count in results.items()
    ]
    upsert(session, DataQualityRow, [*of_issues, *of_metrics])


def load_recomputed(session: Session, profile: str) -> tuple[int, dict[str, int]]:
    """Return (number of issues whose facts differed, metric → how many of its results did) in the last one."""
    query = select(_FINDINGS.issue_id, _FINDINGS.reason, _FINDINGS.count)
    rows = session.execute(query.where(_FINDINGS.profile == profile, _FINDINGS.origin == VERIFY)).all()
    metrics = {
        reason.removeprefix(RESULTS_DIFFERED): count for _, reason, count in rows if reason.startswith(RESULTS_DIFFERED)
    }
    return sum(reason == FACTS_DIFFERED for _, reason, _ in rows), metrics


def unread_issues(session: Session, profile: str, ids: Sequence[str]) -> set[str]:
    """Return those of the ids whose issue could not be read whole when it was last asked for."""
    query = select(_FINDINGS.issue_id).where(
        _FINDINGS.profile == profile,
        _FINDINGS.reason.in_(UNREAD),
        among(session, _FINDINGS.issue_id, ids),
    )
    return set(session.scalars(query))


def forget_unread(session: Session, profile: str, kept: Collection[str]) -> None:
    """Forget which issues could not be read, those that are stored or in ``kept`` aside: the others are not there."""
    stored = select(_ISSUES.issue_id).where(_ISSUES.profile == profile)
    change(
        session,
        delete(DataQualityRow).where(
            _FINDINGS.profile == profile,
            _FINDINGS.reason.in_(UNREAD),
            _FINDINGS.issue_id.not_in(stored),
            ~among(session, _FINDINGS.issue_id, sorted(kept)),
        ),
    )


def count_findings(session: Session, profile: str) -> dict[str, int]:
    """Reason → number of issues it was found in, of those that count; one that could not be read counts too."""
    present = (_ISSUES.profile == _FINDINGS.profile) & (_ISSUES.issue_id == _FINDINGS.issue_id)
    query = (
        select(_FINDINGS.reason, func.count(_FINDINGS.issue_id.distinct()))
        .outerjoin(IssueRow.__table__, present)
        .where(_FINDINGS.profile == profile, counted(), _IS_ABOUT_AN_ISSUE)
        .group_by(_FINDINGS.reason)
        .order_by(_FINDINGS.reason)
    )
    return dict(session.execute(query).all())


def keys_with_findings(session: Session, profile: str) -> dict[str, list[str]]:
    """Return reason → keys of the issues it was found in, of those that count; "id 77, never read" without a copy."""
    present = (_ISSUES.profile == _FINDINGS.profile) & (_ISSUES.issue_id == _FINDINGS.issue_id)
    key = func.coalesce(_ISSUES.key, _FINDINGS.issue_id)
    query = (
        select(_FINDINGS.reason, key, _ISSUES.key.is_(None))
        .outerjoin(IssueRow.__table__, present)
        .where(_FINDINGS.profile == profile, counted(), _IS_ABOUT_AN_ISSUE)
        .group_by(_FINDINGS.reason, key, _ISSUES.key.is_(None))
        .order_by(_FINDINGS.reason, func.length(key), key)
    )
    values: dict[str, list[str]] = {}
    for reason, name, is_unread in session.execute(query):
        values.setdefault(reason, []).append(f"id {name}, never read" if is_unread else name)
    return values


def findings_of(session: Session, profile: str, ids: Sequence[str]) -> dict[str, list[str]]:
    """Issue id → reasons found about it, for those of the ids that have any."""
    values: dict[str, list[str]] = {}
    query = select(_FINDINGS.issue_id, _FINDINGS.reason).where(
        _FINDINGS.profile == profile, among(session, _FINDINGS.issue_id, ids)
    )
    for issue_id, reason in session.execute(query.order_by(_FINDINGS.reason)):
        values.setdefault(issue_id, []).append(reason)
    return values
