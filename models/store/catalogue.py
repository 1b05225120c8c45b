"""The lists that belong to a copy: statuses and versions, as they were at the last fetch."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.names import fold_name
from models.records import Status, Version
from models.store.former_keys import load_former
from models.store.shared import among, load_all, replace_all, row_of
from models.tables import IssueRow, StatusRow, VersionRow


def save_statuses(session: Session, profile: str, statuses: Sequence[Status]) -> None:
    """Replace the profile's status list."""
    replace_all(session, StatusRow, profile, [row_of(status) for status in statuses])


def load_statuses(session: Session, profile: str) -> list[Status]:
    """Return the profile's status list."""
    return load_all(session, StatusRow, Status, profile)


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
    chosen = (IssueRow.profile == profile, among(session, IssueRow.key, texts))
    query = select(IssueRow.key, IssueRow.issue_id, IssueRow.gone_at.is_(None)).where(*chosen)
    held = sorted(session.execute(query).all(), key=lambda row: bool(row[2]))
    rows = [*load_former(session, profile, texts), *held]
    return {fold_name(key): issue_id for key, issue_id, is_present in rows if is_present or not present}


def names_in(cell: object) -> list[str]:
    """Return the names in a JSON cell that people write with SQL: a list of texts or numbers, or one of these alone."""
    members = cell if isinstance(cell, list) else [cell]
    return [str(member) for member in members if isinstance(member, str | int) and not isinstance(member, bool)]
