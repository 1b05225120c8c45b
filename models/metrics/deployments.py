"""Deployments as they have happened by an as-of: dated, grouped, and known to have failed or not."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from models.metrics import windows
from models.metrics.arrays import NO_INSTANT
from models.metrics.rules import Context
from models.metrics.timelines import Timelines, facts_at
from models.records import INVALID, Deployment, DeploymentRules, Incident, MappedInstant, Micros, Timeline, Version

_order = attrgetter("at", "deployment_id")


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment that has happened: grouped, dated, and known to have failed or not."""

    at: Micros
    deployment_id: str
    name: str
    failed: bool
    version_ids: frozenset[str]
    issue_ids: tuple[str, ...]
    linked_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """An incident that exists at the as-of, and when it was done; None where it is not."""

    issue: Incident
    done: Micros | None


def happened_deployments(
    deployments: Iterable[Deployment], incidents: Sequence[Known], rules: DeploymentRules, as_of: Micros
) -> tuple[Deployed, ...]:
    """Return the deployments of the profile's source that have happened, oldest first."""
    of_source = [deployment for deployment in deployments if deployment.source == rules.source]
    dones = done_at([deployment.timeline for deployment in of_source], as_of)
    dated = [_dated(deployment, done, as_of) for deployment, done in zip(of_source, dones, strict=True)]
    found = [deployed for deployed in dated if deployed is not None]
    if rules.group_by == "fixVersions":
        found = _grouped(found)
    mark = _marked_by_links if rules.source == "status" else _marked_by_versions
    return tuple(sorted(mark(found, incidents), key=_order))


def known_incidents(incidents: Sequence[Incident], as_of: Micros) -> tuple[Known, ...]:
    """Return the incidents that exist at ``as_of``."""
    dones = done_at([incident.timeline for incident in incidents], as_of)
    pairs = zip(incidents, dones, strict=True)
    return tuple(Known(incident, done) for incident, done in pairs if incident.created < as_of)


def done_at(lines: Sequence[Timeline], as_of: Micros) -> list[Micros | None]:
    """Return when each of these issues was done; None of one that is not done at ``as_of``, or has no timeline."""
    done = facts_at(Timelines.of(lines), as_of).done.tolist()
    return [None if at == NO_INSTANT else at for at in done]


def happened(mapped: MappedInstant, default: Micros | None, as_of: Micros) -> Micros | None:
    """A mapped instant before ``as_of``, else None; only where the issue has no value at all the default stands."""
    if mapped is None:
        return default
    return mapped if mapped != INVALID and mapped < as_of else None


def _dated(deployment: Deployment, done: Micros | None, as_of: Micros) -> Deployed | None:
    """The deployment at its instant; None where it has none before ``as_of``, or its issue did not exist yet."""
    if deployment.created is not None and deployment.created >= as_of:
        return None
    at = happened(deployment.at, done, as_of)
    if at is None:
        return None
    return Deployed(
        at=at,
        deployment_id=deployment.deployment_id,
        name=deployment.name,
        failed=bool(deployment.failed),
        version_ids=frozenset(deployment.version_ids),
        issue_ids=deployment.issue_ids,
        linked_ids=deployment.linked_ids,
    )


def _grouped(deployments: Sequence[Deployed]) -> list[Deployed]:
    """One deployment per fix version, at the earliest instant of its issues; an issue without one stays by itself."""
    groups: defaultdict[str, list[Deployed]] = defaultdict(list)
    for deployed in deployments:
        for version_id in deployed.version_ids:
            groups[version_id].append(deployed)
    alone = [deployed for deployed in deployments if not deployed.version_ids]
    return alone + [_group(version_id, members) for version_id, members in groups.items()]


def _group(version_id: str, members: Sequence[Deployed]) -> Deployed:
    return Deployed(
        at=min(member.at for member in members),
        deployment_id=f"version {version_id}",
        name=", ".join(sorted(member.name for member in members)),
        failed=any(member.failed for member in members),
        # "any fix version of its issues" (metrics.md), for its changes as for its failures.
        version_ids=frozenset[str]().union(*(member.version_ids for member in members)),
        issue_ids=(),
        linked_ids=(),
    )


def _marked_by_versions(deployments: Sequence[Deployed], incidents: Sequence[Known]) -> list[Deployed]:
    """Failed where an incident, earlier or later, names one of the deployment's versions as affected."""
    affected = frozenset(version_id for incident in incidents for version_id in incident.issue.version_ids)
    return [replace(d, failed=True) if d.version_ids & affected else d for d in deployments]


def _marked_by_links(deployments: Sequence[Deployed], incidents: Sequence[Known]) -> list[Deployed]:
    """Failed where an incident linked to the item was created from the deployment on and before the item's next one."""
    created = {incident.issue.issue_id: incident.issue.created for incident in incidents}
    linked: defaultdict[str, set[str]] = defaultdict(set)
    for incident in incidents:
        for issue_id in incident.issue.linked_ids:
            linked[issue_id].add(incident.issue.issue_id)
    by_item: defaultdict[str, list[Deployed]] = defaultdict(list)
    for deployed in sorted(deployments, key=_order):
        by_item[deployed.issue_ids[0]].append(deployed)
        linked[deployed.issue_ids[0]].update(deployed.linked_ids)
    marked: list[Deployed] = []
    for issue_id, own in by_item.items():
        marked += _marked_by_moments(own, [created[other] for other in linked[issue_id] if other in created])
    return marked


def _marked_by_moments(deployments: Sequence[Deployed], moments: Sequence[Micros]) -> Iterator[Deployed]:
    """The deployments of one item in their order, failed where a moment lies before the next one."""
    untils = [*(later.at for later in deployments[1:]), math.inf]
    for deployed, until in zip(deployments, untils, strict=True):
        failed = any(deployed.at <= moment < until for moment in moments)
        yield replace(deployed, failed=True) if failed else deployed


def first_places(deployments: Sequence[Deployed]) -> tuple[Mapping[int, int], Mapping[str, int]]:
    """Issue id → place of the first deployment that names it, and version id → place of the first that has it."""
    by_issue: dict[int, int] = {}
    by_version: dict[str, int] = {}
    for place, deployed in enumerate(deployments):
        for issue_id in deployed.issue_ids:
            if issue_id.isdecimal():
                by_issue.setdefault(int(issue_id), place)
        for version_id in deployed.version_ids:
            by_version.setdefault(version_id, place)
    return by_issue, by_version


def deployments_of_versions(
    versions: Iterable[Version], projects: Collection[str], context: Context
) -> tuple[Deployment, ...]:
    """One deployment per released and dated version of ``projects``, at its day's last second; for source ``versions``.

    ``projects`` are the project keys of the profile's present issues. Archived versions count.
    """
    if context.source != "versions":
        return ()
    released = [(v, v.release_date) for v in versions if v.released and v.release_date and v.project in projects]
    ends = {day: windows.last_second(day, context.zone) for _, day in released}
    return tuple(
        Deployment(
            deployment_id=version.version_id,
            source="versions",
            name=version.name,
            at=ends[day],
            version_ids=(version.version_id,),
        )
        for version, day in released
    )
