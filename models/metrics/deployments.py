"""Deployments as they have happened by an as-of: dated, grouped, and in one order."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from models.metrics import windows
from models.metrics.incidents import happened
from models.metrics.releases import id_order, released
from models.metrics.rules import Context
from models.metrics.timelines import done_at
from models.records import Deployment, DeploymentRules, Micros, Version

# What precedes the id of a version in the id of a group of deploying issues.
GROUP: Final = "version "
MarkedBy = Literal["versions", "links"]


@dataclass(frozen=True, slots=True)
class Mark:
    """An incident that marks a deployment as failed, and by what: ids of affected versions, or of linked changes."""

    incident_id: str
    by: MarkedBy
    shared: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment that has happened: grouped, dated, and known to have failed or not.

    ``own_mark`` is what its field or column says of a failure, ``own_rework`` of rework, None where it says nothing;
    ``failed_by`` is what incidents say of a failure.
    ``members`` are the stored deployments that it consists of, earliest first.
    """

    at: Micros
    deployment_id: str
    source: str
    name: str
    own_mark: bool | None
    own_rework: bool | None
    version_ids: frozenset[str]
    issue_ids: tuple[str, ...]
    members: tuple[Deployment, ...]
    failed_by: tuple[Mark, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether its own mark or an incident says so."""
        return bool(self.own_mark) or bool(self.failed_by)


def happened_deployments(
    deployments: Iterable[Deployment], rules: DeploymentRules, as_of: Micros
) -> tuple[Deployed, ...]:
    """Return the deployments of the profile's source that have happened, oldest first, before incidents mark any.

    Of several at one instant the one with the lowest id comes first.
    """
    of_source = [deployment for deployment in deployments if deployment.source == rules.source]
    dones = done_at([deployment.timeline for deployment in of_source], as_of)
    dated = [_dated(deployment, done, as_of) for deployment, done in zip(of_source, dones, strict=True)]
    past = [deployed for deployed in dated if deployed is not None]
    if rules.group_by == "fixVersions":
        past = _grouped(past)
    return tuple(sorted(past, key=_order))


def _order(deployed: Deployed) -> tuple[Any, ...]:
    """By instant, then by id: of a group its version's, of an entry those of the issue, the history and the item."""
    deployment_id = deployed.deployment_id.removeprefix(GROUP)
    is_entry = deployed.source == "status"
    return (deployed.at, *(id_order(part) for part in (deployment_id.split(".") if is_entry else (deployment_id,))))


def _dated(deployment: Deployment, done: Micros | None, as_of: Micros) -> Deployed | None:
    """Return the deployment at its instant; None where it has none before ``as_of``, or its issue did not exist yet."""
    if deployment.created is not None and deployment.created >= as_of:
        return None
    at = happened(deployment.at, done, as_of)
    if at is None:
        return None
    return Deployed(
        at=at,
        deployment_id=deployment.deployment_id,
        source=deployment.source,
        name=deployment.name,
        own_mark=deployment.failed,
        own_rework=deployment.rework,
        version_ids=frozenset(deployment.version_ids),
        issue_ids=deployment.issue_ids,
        members=(deployment,),
    )


def _grouped(deployments: Sequence[Deployed]) -> list[Deployed]:
    """Return one deployment per fix version, at the earliest instant of its issues; an issue without one stays by
    itself.
    """
    groups: defaultdict[str, list[Deployed]] = defaultdict(list)
    for deployed in sorted(deployments, key=_order):
        for version_id in deployed.version_ids:
            groups[version_id].append(deployed)
    alone = [deployed for deployed in deployments if not deployed.version_ids]
    return alone + [_group(version_id, members) for version_id, members in groups.items()]


def _group(version_id: str, members: Sequence[Deployed]) -> Deployed:
    """Return the deployment of one version; the members' other versions are not its own."""
    return Deployed(
        at=members[0].at,
        deployment_id=f"{GROUP}{version_id}",
        source=members[0].source,
        name=", ".join(sorted(member.name for member in members)),
        own_mark=any(member.own_mark for member in members),
        own_rework=_any_mark([member.own_rework for member in members]),
        version_ids=frozenset((version_id,)),
        issue_ids=(),
        members=tuple(deployment for member in members for deployment in member.members),
    )


def _any_mark(marks: Sequence[bool | None]) -> bool | None:
    """Return true if one is true, else false if one is false, else None."""
    known = [mark for mark in marks if mark is not None]
    return any(known) if known else None


def deployments_of_versions(
    versions: Iterable[Version], projects: Collection[str], context: Context
) -> tuple[Deployment, ...]:
    """Return one deployment per released and dated version of ``projects``, at its day's last second; for source
    ``versions``.

    ``projects`` are the project keys of the profile's present issues. Archived versions count.
    """
    if context.source != "versions":
        return ()
    dated = [(version, day) for version, day in released(versions, projects) if day is not None]
    ends = {day: windows.last_second(day, context.zone) for _, day in dated}
    return tuple(
        Deployment(
            deployment_id=version.version_id,
            source="versions",
            name=version.name,
            at=ends[day],
            version_ids=(version.version_id,),
        )
        for version, day in dated
    )
