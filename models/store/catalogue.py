"""The lists that belong to a copy: statuses and versions, as they were at the last fetch."""

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from models.metrics.statuses import StatusRef, StatusStages
from models.names import fold_name
from models.records import Status, Version
from models.store.former_keys import load_former
from models.store.shared import among, change, load_all, replace_all, row_of, upsert
from models.tables.catalogue import StatusRow, VersionRow
from models.tables.issues import IssueRow

_ISSUES: Final = IssueRow.__table__.c
_STATUSES: Final = StatusRow.__table__.c


def save_statuses(session: Session, profile: str, statuses: Sequence[Status]) -> None:
    """Replace the list of the site's statuses; each keeps its stage until the next calculation, unlisted ones stay."""
    listed = (_STATUSES.profile == profile, _STATUSES.listed)
    stages = dict(session.execute(select(_STATUSES.status_id, _STATUSES.stage).where(*listed)).all())
    change(session, delete(StatusRow).where(*listed))
    own = {"profile": profile, "listed": True}
    by_id = {status.status_id: row_of(status) | own | {"stage": stages.get(status.status_id)} for status in statuses}
    upsert(session, StatusRow, list(by_id.values()))


def load_statuses(session: Session, profile: str) -> list[Status]:
    """Return the site's statuses as they were listed at the last fetch, by id."""
    query = select(_STATUSES.status_id, _STATUSES.name, _STATUSES.category)
    query = query.where(_STATUSES.profile == profile, _STATUSES.listed).order_by(_STATUSES.status_id)
    return [Status(*row) for row in session.execute(query)]


def note_visited(session: Session, profile: str, refs: Iterable[StatusRef], stages: StatusStages) -> None:
    """Store statuses that issues were in and that the site does not list, each name of an id by itself."""
    unlisted = {(ref.status_id or "", ref.name or "") for ref in refs if (ref.status_id or "") not in stages.names}
    own = {"profile": profile, "category": "undefined", "listed": False}
    rows = [
        {"status_id": number, "name": name, "stage": stages.stage(number or None, name or None)[0], **own}
        for number, name in sorted(unlisted)
    ]
    upsert(session, StatusRow, rows)


def stage_statuses(session: Session, profile: str, stages: StatusStages) -> None:
    """Give each stored status its stage by the rules of a calculation; one that the site lists now has one row."""
    rows = session.scalars(select(StatusRow).where(_STATUSES.profile == profile)).all()
    for row in rows:
        if not row.listed and row.status_id in stages.names:
            session.delete(row)
            continue
        row.stage = stages.stage(row.status_id or None, row.name or None)[0]


def save_versions(session: Session, profile: str, versions: Sequence[Version]) -> None:
    """Replace the profile's versions, each stored once by its id."""
    by_id = {version.version_id: version for version in versions}
    replace_all(session, VersionRow, profile, [row_of(version) for version in by_id.values()])


def load_versions(session: Session, profile: str) -> list[Version]:
    """Return the profile's versions."""
    return load_all(session, VersionRow, Version, profile)


def ids_of_versions(session: Session, profile: str) -> dict[str, tuple[str, ...]]:
    """Return folded name of a version → its ids, because two projects may share it."""
    ids: dict[str, tuple[str, ...]] = {}
    for version in load_versions(session, profile):
        name = fold_name(version.name)
        ids[name] = (*ids.get(name, ()), version.version_id)
    return ids


def ids_of_keys(session: Session, profile: str, keys: Iterable[str], *, present: bool = False) -> dict[str, str]:
    """Return folded issue key → id of the stored issue that has it or had it; with ``present`` of those not gone.

    Jira writes keys in upper case, people also otherwise. Where several have had a key, the one that has it now and is
    present counts, then a gone one, then one that had it before a move.
    """
    texts = sorted({text for key in keys for text in (key, fold_name(key).upper())})
    chosen = (_ISSUES.profile == profile, among(session, _ISSUES.key, texts))
    query = select(_ISSUES.key, _ISSUES.issue_id, _ISSUES.gone_at.is_(None)).where(*chosen)
    held = sorted(session.execute(query).all(), key=lambda row: bool(row[2]))
    rows = [*load_former(session, profile, texts), *held]
    return {fold_name(key): issue_id for key, issue_id, is_present in rows if is_present or not present}


def names_in(cell: object) -> list[str]:
    """Return the names in a JSON cell that people write with SQL: a list of texts or numbers, or one of these alone."""
    members = cell if isinstance(cell, list) else [cell]
    return [str(member) for member in members if isinstance(member, str | int) and not isinstance(member, bool)]
