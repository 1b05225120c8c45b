"""The deployments that users put into the table themselves: the one thing in the database that Jira does not know."""

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.names import fold_name
from models.records import TableDeployment
from models.store.catalogue import ids_of_keys, load_versions, names_in
from models.store.shared import columns, row_of, upsert
from models.tables.facts import DeploymentRow

_DEPLOYMENTS: Final = DeploymentRow.__table__.c


def load_table(session: Session, profile: str) -> dict[str, TableDeployment]:
    """Return the profile's rows of source ``table`` by id; one without an instant, which a person can write, is left
    out.
    """
    query = select(*columns(DeploymentRow)).where(
        _DEPLOYMENTS.profile == profile, _DEPLOYMENTS.source == "table", _DEPLOYMENTS.deployed_at.is_not(None)
    )
    return {
        row["deployment_id"]: TableDeployment(
            deployment_id=row["deployment_id"],
            name=row["name"],
            deployed_at=row["deployed_at"],
            failed=row["failed"],
            rework=row["rework"],
            issue_keys=tuple(names_in(row["issue_keys"])),
            versions=tuple(names_in(row["versions"])),
        )
        for row in session.execute(query).mappings()
    }


def save_table(session: Session, profile: str, deployments: Sequence[TableDeployment]) -> None:
    """Store rows of source ``table`` in place of those of the same id; no other row is touched."""
    own = {"profile": profile, "source": "table", "invalid": False}
    upsert(session, DeploymentRow, [row_of(deployment) | own for deployment in deployments])


def unknown_keys(session: Session, profile: str, keys: Iterable[str]) -> list[str]:
    """Return those of the issue keys that no present issue of the profile has, in their order."""
    wanted = list(dict.fromkeys(keys))
    known = ids_of_keys(session, profile, wanted, present=True)
    return [key for key in wanted if fold_name(key) not in known]


def unknown_versions(session: Session, profile: str, versions: Iterable[str]) -> list[str]:
    """Return those of the version names or ids that no version of the profile has, in their order."""
    stored = load_versions(session, profile)
    known = {fold_name(version.name) for version in stored} | {version.version_id for version in stored}
    return [name for name in dict.fromkeys(versions) if fold_name(name) not in known]
