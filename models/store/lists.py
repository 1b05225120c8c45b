"""The lists that belong to a copy: statuses and versions, as they were at the last fetch."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from models.records import Status, Version
from models.store.shared import load_all, replace_all, row_of
from models.tables import StatusRow, VersionRow


def save_statuses(session: Session, profile: str, statuses: Sequence[Status]) -> None:
    """Replace the profile's status list."""
    replace_all(session, StatusRow, profile, [row_of(status) for status in statuses])


def load_statuses(session: Session, profile: str) -> list[Status]:
    """The profile's status list."""
    return load_all(session, StatusRow, Status, profile)


def save_versions(session: Session, profile: str, versions: Sequence[Version]) -> None:
    """Replace the profile's versions, each stored once by its id."""
    by_id = {version.version_id: version for version in versions}
    replace_all(session, VersionRow, profile, [row_of(version) for version in by_id.values()])


def load_versions(session: Session, profile: str) -> list[Version]:
    """The profile's versions."""
    return load_all(session, VersionRow, Version, profile)


def ids_of_versions(session: Session, profile: str) -> dict[str, tuple[str, ...]]:
    """A version's name → its ids, for two projects may share it."""
    found: dict[str, tuple[str, ...]] = {}
    for version in load_versions(session, profile):
        found[version.name] = (*found.get(version.name, ()), version.version_id)
    return found
