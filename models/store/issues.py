"""Issues with their histories: stored when they differ, loaded whole, counted and compared by content hash."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Text, cast, func, select, update
from sqlalchemy.orm import Session

from models.records import Issue, Transition
from models.store.departures import counted
from models.store.former_keys import load_stored, remember_keys
from models.store.quality import save_findings
from models.store.shared import among, bound, change, delete_of, insert_columns, upsert_columns
from models.tables.histories import TransitionRow
from models.tables.issues import IssueRow

_OWN: Final = (
    "issue_id",
    "key",
    "project",
    "type",
    "status_id",
    "created",
    "updated",
    "resolution",
    "resolved",
    "summary",
)
_LATER: Final = ("hierarchy_level", "subtask", "project_id", "parent")
# An issue that is stored again is there, and its facts are not of this content.
_UNSET: Final = ("gone_at", "gone_reason", "gone_done_at", "gone_delivered", "gone_counts", "facts_hash")
_ISSUES: Final = IssueRow.__table__.c
_CHANGES: Final = TransitionRow.__table__.c
# In the order of the records' fields, which they are made from.
_ISSUE: Final = [_ISSUES[name] for name in (*_OWN, "fields", *_LATER)]
_CHANGE: Final = [
    _CHANGES[name]
    for name in ("at", "history_id", "position", "field", "history_id", "from_id", "from_name", "to_id", "to_name")
]
_IN_ORDER: Final = itemgetter(0, 1, 2, 3)


def save(session: Session, profile: str, issues: Sequence[Issue], unequal: Collection[str] = ()) -> int:
    """Store issues with their whole history; returns how many are new or differ from what was stored.

    A gone issue that comes back is revived. An issue whose content hash stands is left alone, except those in
    ``unequal``, whose stored rows are known to differ.
    """
    latest = {issue.issue_id: issue for issue in issues}
    hashes = {issue_id: issue.content_hash() for issue_id, issue in latest.items()}
    stored = load_stored(session, profile, list(latest))
    changed = [
        issue
        for number, issue in latest.items()
        if number not in stored or number in unequal or stored[number].content_hash != hashes[number]
    ]
    remember_keys(session, profile, changed, stored)
    delete_of(session, TransitionRow, profile, [item.issue_id for item in changed if item.issue_id in stored])
    upsert_columns(session, IssueRow, _issue_columns(session, profile, changed, hashes))
    insert_columns(session, TransitionRow, _transition_columns(session, profile, changed))
    save_findings(session, profile, "changelog", {issue.issue_id: issue.findings for issue in latest.values()})
    return len(changed)


def clear_summaries(session: Session, profile: str) -> None:
    """Forget every stored summary, those of gone issues too."""
    kept = (_ISSUES.profile == profile, _ISSUES.summary.is_not(None))
    change(session, update(IssueRow).where(*kept).values(summary=None))


def count(session: Session, profile: str) -> int:
    """Return how many issues the copy of a profile holds, gone ones left out."""
    return session.scalar(select(func.count()).where(_ISSUES.profile == profile, _ISSUES.gone_at.is_(None))) or 0


def first_created(session: Session, profile: str) -> datetime | None:
    """Return when the oldest issue of a profile that counts was created: what was before, the copy cannot know."""
    first: datetime | None = session.scalar(
        select(func.min(_ISSUES.created)).where(_ISSUES.profile == profile, counted())
    )
    return first


def data_size(session: Session, profile: str) -> int:
    """About how many bytes of text the copy holds: its issues' fields and summaries."""
    size = func.length(func.coalesce(_ISSUES.summary, "")) + func.length(cast(_ISSUES.fields, Text))
    return session.scalar(select(func.coalesce(func.sum(size), 0)).where(_ISSUES.profile == profile)) or 0


def projects(session: Session, profile: str) -> list[str]:
    """Return the keys of the projects of the profile's present issues."""
    query = select(_ISSUES.project).where(_ISSUES.profile == profile, _ISSUES.gone_at.is_(None))
    return sorted(session.scalars(query.distinct()))


def known_projects(session: Session, profile: str) -> dict[str, str]:
    """Return what names each project of the present issues to Jira (its id, else its key) → its key.

    Where the issues of a project disagree about its key, that of most of them counts: a rename was read in part.
    """
    columns = (_ISSUES.project_id, _ISSUES.project)
    query = select(*columns).where(_ISSUES.profile == profile, _ISSUES.gone_at.is_(None)).group_by(*columns)
    rows = session.execute(query.order_by(func.count(), _ISSUES.project)).all()
    by_id = {number: key for number, key in rows if number is not None}
    return by_id | {key: key for number, key in rows if number is None and key not in by_id.values()}


def load(session: Session, profile: str, ids: Sequence[str]) -> list[Issue]:
    """Return issues with their histories, in the order of the ids; ids that are not stored are left out."""
    histories = load_histories(session, profile, ids)
    query = select(*_ISSUE).where(_ISSUES.profile == profile, among(session, _ISSUES.issue_id, ids))
    result: dict[str, Issue] = {}
    for row in session.execute(query).all():
        values: tuple[Any, ...] = (*row[: -len(_LATER)], histories.get(row[0], ()), {}, *row[-len(_LATER) :])
        result[row[0]] = Issue(*values)
    return [result[issue_id] for issue_id in ids if issue_id in result]


def load_histories(session: Session, profile: str, ids: Sequence[str]) -> dict[str, tuple[Transition, ...]]:
    """Issue id → its history in order, for those of the ids that have one."""
    query = select(_CHANGES.issue_id, *_CHANGE)
    query = query.where(_CHANGES.profile == profile, among(session, _CHANGES.issue_id, ids))
    values: dict[str, list[Transition]] = {}
    for issue_id, at, history_id, *others in session.execute(query).all():
        values.setdefault(issue_id, []).append(Transition(at, int(history_id), *others))
    return {issue_id: tuple(sorted(changes, key=_IN_ORDER)) for issue_id, changes in values.items()}


def hashes(session: Session, profile: str) -> dict[str, str]:
    """Issue id → content hash of every present issue: what two copies are compared by."""
    query = select(_ISSUES.issue_id, _ISSUES.content_hash).where(_ISSUES.profile == profile, _ISSUES.gone_at.is_(None))
    return dict(session.execute(query).all())


def _issue_columns(
    session: Session, profile: str, issues: Sequence[Issue], hashes: Mapping[str, str]
) -> dict[str, Sequence[Any]]:
    columns: dict[str, Sequence[Any]] = {
        name: [getattr(issue, name) for issue in issues] for name in (*_OWN, *_LATER, "fields")
    }
    columns |= dict.fromkeys(_UNSET, [None] * len(issues))
    columns["profile"] = [profile] * len(issues)
    columns["content_hash"] = [hashes[issue.issue_id] for issue in issues]
    return {name: bound(session, _ISSUES[name], values) for name, values in columns.items()}


def _transition_columns(session: Session, profile: str, issues: Sequence[Issue]) -> dict[str, Sequence[Any]]:
    changes = [change for issue in issues for change in issue.transitions]
    at, _, position, field, history_id, *names = (
        zip(*changes, strict=True) if changes else [()] * len(Transition._fields)
    )
    return {
        "profile": [profile] * len(changes),
        "issue_id": [issue.issue_id for issue in issues for _ in issue.transitions],
        "history_id": history_id,
        "field": field,
        "position": position,
        "at": bound(session, _CHANGES["at"], at),
        **dict(zip(("from_id", "from_name", "to_id", "to_name"), names, strict=True)),
    }
