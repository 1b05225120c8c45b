"""The keys that issues had before a move or the renaming of their project: deployments of users may still name them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.records import Issue
from models.store.shared import among, delete_of, upsert
from models.tables.histories import FormerKeyRow
from models.tables.issues import IssueRow

_ISSUES: Final = IssueRow.__table__.c
_FORMER: Final = FormerKeyRow.__table__.c


class Stored(NamedTuple):
    """What is stored of an issue; ``content_hash`` is None where it is gone, so that it is written when it is back."""

    content_hash: str | None
    key: str
    created: datetime


def load_stored(session: Session, profile: str, ids: Sequence[str]) -> dict[str, Stored]:
    """Return issue id → what is stored of it, for those of the ids that are."""
    query = select(_ISSUES.issue_id, _ISSUES.content_hash, _ISSUES.gone_at, _ISSUES.key, _ISSUES.created)
    rows = session.execute(query.where(_ISSUES.profile == profile, among(session, _ISSUES.issue_id, ids)))
    return {
        issue_id: Stored(None if gone_at else known, key, created) for issue_id, known, gone_at, key, created in rows
    }


def remember_keys(session: Session, profile: str, issues: Sequence[Issue], stored: Mapping[str, Stored]) -> None:
    """Remember the stored keys of issues that have another one now.

    Another instant of creation means another Jira, whose ids say nothing about the keys of this one.
    """
    known = [(issue, stored[issue.issue_id]) for issue in issues if issue.issue_id in stored]
    others = [issue.issue_id for issue, before in known if issue.created != before.created]
    if others:
        delete_of(session, FormerKeyRow, profile, others)
    rows = [
        {"profile": profile, "key": before.key, "issue_id": issue.issue_id}
        for issue, before in known
        if issue.created == before.created and issue.key != before.key
    ]
    upsert(session, FormerKeyRow, rows)


def load_former(session: Session, profile: str, keys: Sequence[str]) -> list[tuple[str, str, bool]]:
    """Return (former key, issue id, whether the issue is present) of those of the keys that an issue once had."""
    same = (_ISSUES.profile == _FORMER.profile) & (_ISSUES.issue_id == _FORMER.issue_id)
    query = select(_FORMER.key, _FORMER.issue_id, _ISSUES.gone_at.is_(None)).join(IssueRow.__table__, same)
    chosen = (_FORMER.profile == profile, among(session, _FORMER.key, keys))
    return [(key, issue_id, bool(is_present)) for key, issue_id, is_present in session.execute(query.where(*chosen))]
