"""What the nine metrics share at one as-of: facts, deployments that have happened, changes, contributions."""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import attrgetter
from typing import Generic, TypeVar

from models.metrics import lifecycle
from models.metrics.lifecycle import Facts
from models.metrics.windows import windows
from models.records import INVALID, Dataset, Deployment, Incident, MappedInstant, Micros, Rules, Window, WorkItem

T = TypeVar("T")
_moment = attrgetter("at")
_order = attrgetter("at", "deployment_id")


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one issue or deployment adds to a metric, or why it was left out: the metric is computed from nothing else.

    ``at`` decides the window. ``value`` is what it adds (1, a duration in microseconds, whether it failed),
    ``base`` what that is held against in a ratio. ``instants`` are named moments; ``via`` is a change's deployment.
    """

    at: Micros
    subject_id: str
    key: str
    value: int = 1
    base: int = 1
    reason: str | None = None
    instants: tuple[tuple[str, Micros], ...] = ()
    category: str = ""
    stage: str = ""
    points: float | None = None
    via: str = ""


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
class Known(Generic[T]):
    """An issue that exists at the as-of, and its facts then."""

    issue: T
    facts: Facts


@dataclass(frozen=True)
class Prepared:
    """A dataset seen from one as-of; each part is worked out once, when the first metric asks for it."""

    dataset: Dataset
    rules: Rules
    as_of: Micros

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        """The period and the weeks, in the order of every result."""
        return windows(self.as_of, self.rules)

    @cached_property
    def items(self) -> tuple[Known[WorkItem], ...]:
        """The work items that exist, with their facts."""
        found = ((item, lifecycle.facts(item.timeline, self.as_of)) for item in self.dataset.items)
        return tuple(Known(item, facts) for item, facts in found if facts is not None)

    @cached_property
    def incidents(self) -> tuple[Known[Incident], ...]:
        """The incidents that exist, with their facts; none where the profile has no section for them."""
        if self.rules.incidents is None:
            return ()
        found = ((incident, lifecycle.facts(incident.timeline, self.as_of)) for incident in self.dataset.incidents)
        return tuple(Known(incident, facts) for incident, facts in found if facts is not None)

    @cached_property
    def deployments(self) -> tuple[Deployed, ...]:
        """The deployments that have happened, oldest first."""
        rules = self.rules.deployments
        if rules is None:
            return ()
        dated = [_dated(d, self.as_of) for d in self.dataset.deployments if d.source == rules.source]
        found = [deployed for deployed in dated if deployed is not None]
        if rules.group_by == "fixVersions":
            found = _grouped(found)
        mark = _marked_by_links if rules.source == "status" else _marked_by_versions
        return tuple(sorted(mark(found, self.incidents), key=_order))

    @cached_property
    def changes(self) -> tuple[tuple[Deployed, Known[WorkItem]], ...]:
        """Each work item that was deployed, with its earliest deployment.

        - Source ``status``: the item itself, done or not. Else the delivered items that share a fix version with the
          deployment, or that a row of the table names.
        """
        by_issue: dict[str, Deployed] = {}
        by_version: dict[str, Deployed] = {}
        for deployed in self.deployments:
            for issue_id in deployed.issue_ids:
                by_issue.setdefault(issue_id, deployed)
            for version_id in deployed.version_ids:
                by_version.setdefault(version_id, deployed)
        pairs = ((_earliest(item.issue, by_issue, by_version), item) for item in self._changeable())
        return tuple((deployed, item) for deployed, item in pairs if deployed is not None)

    @cached_property
    def open_spans(self) -> tuple[list[Micros], list[float]]:
        """When incidents began to be open and when they ceased to be, each ascending; infinity for those still open.

        An incident one of whose instants is no moment is in neither, for nobody knows.
        """
        spans = [span for span in (_open_span(incident, self.as_of) for incident in self.incidents) if span]
        return sorted(begin for begin, _ in spans), sorted(max(span) for span in spans)

    def _changeable(self) -> Iterable[Known[WorkItem]]:
        by_status = self.rules.deployments is not None and self.rules.deployments.source == "status"
        return (item for item in self.items if by_status or is_delivered(item))


def is_delivered(item: Known[WorkItem]) -> bool:
    """Whether an item is done and its resolution does not say that nothing came of it."""
    return item.facts.done_at is not None and not item.issue.excluded


def ordered(parts: Iterable[Contribution]) -> list[Contribution]:
    """Contributions by instant, then by id: the one order in which they are added up and shown."""
    return sorted(parts, key=lambda part: (part.at, part.subject_id))


def within(parts: Sequence[Contribution], windows: Iterable[Window]) -> list[Sequence[Contribution]]:
    """For each window the slice of ordered contributions whose instant lies in it, as far as it has run."""
    return [
        parts[bisect_left(parts, window.start, key=_moment) : bisect_left(parts, window.effective_end, key=_moment)]
        for window in windows
    ]


def happened(mapped: MappedInstant, default: Micros | None, as_of: Micros) -> Micros | None:
    """A mapped instant before ``as_of``, else None; only where the issue has no value at all the default stands."""
    if mapped is None:
        return default
    return mapped if mapped != INVALID and mapped < as_of else None


def restored_at(incident: Known[Incident], as_of: Micros) -> Micros | None:
    """When an incident was over; None where it is not, or where its field is no moment."""
    return happened(incident.issue.restored_at, incident.facts.done_at, as_of)


def _open_span(incident: Known[Incident], as_of: Micros) -> tuple[Micros, float] | None:
    detected = happened(incident.issue.detected_at, incident.issue.created, as_of)
    if detected is None or incident.issue.restored_at == INVALID:
        return None
    restored = restored_at(incident, as_of)
    return detected, math.inf if restored is None else restored


def _dated(deployment: Deployment, as_of: Micros) -> Deployed | None:
    """The deployment at its instant; None where it has none before ``as_of``, or its issue did not exist yet."""
    if deployment.created is not None and deployment.created >= as_of:
        return None
    facts = lifecycle.facts(deployment.timeline, as_of) if deployment.timeline else None
    at = happened(deployment.at, facts.done_at if facts else None, as_of)
    if at is None:
        return None
    return Deployed(
        at=at,
        deployment_id=deployment.deployment_id,
        name=deployment.name,
        failed=deployment.failed,
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


def _marked_by_versions(deployments: Sequence[Deployed], incidents: Sequence[Known[Incident]]) -> list[Deployed]:
    """Failed where an incident, earlier or later, names one of the deployment's versions as affected."""
    affected = frozenset(version_id for incident in incidents for version_id in incident.issue.version_ids)
    return [replace(d, failed=True) if d.version_ids & affected else d for d in deployments]


def _marked_by_links(deployments: Sequence[Deployed], incidents: Sequence[Known[Incident]]) -> list[Deployed]:
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


def _earliest(item: WorkItem, by_issue: Mapping[str, Deployed], by_version: Mapping[str, Deployed]) -> Deployed | None:
    versions = (by_version.get(version_id) for version_id in item.version_ids)
    found = [deployed for deployed in (by_issue.get(item.issue_id), *versions) if deployed is not None]
    return min(found, key=_order, default=None)
