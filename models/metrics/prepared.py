"""What the nine metrics share at one as-of: facts, deployments that have happened, and what they changed."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import attrgetter

import numpy as np

from models.metrics import lifecycle
from models.metrics.columns import (
    ACTIVE,
    DONE,
    NO_INSTANT,
    WAITING,
    Bools,
    Codes,
    Dataset,
    Ints,
    Items,
    decoded,
    segment_minima,
    segment_sums,
)
from models.metrics.lifecycle import Facts
from models.metrics.windows import windows
from models.records import INVALID, Deployment, Incident, MappedInstant, Micros, Rules, Window

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
    """An incident that exists at the as-of, and its facts then."""

    issue: Incident
    facts: Facts


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """``lifecycle.facts`` of every item at one as-of, as columns beside those of the items.

    NO_INSTANT stands for an item that has not started or is not done; of one that does not exist yet nothing else is
    true than that. ``started_by_line``: the first instant in progress, whenever that is.
    """

    exists: Bools
    started: Ints
    started_by_line: Ints
    done: Ints
    active: Ints
    waiting: Ints


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
    def facts(self) -> ItemFacts:
        """The facts of the work items."""
        return item_facts(self.dataset.items, self.as_of)

    @cached_property
    def delivered(self) -> Bools:
        """Which items are done, with a resolution that does not say that nothing came of it."""
        found: Bools = (self.facts.done != NO_INSTANT) & ~self.dataset.items.excluded
        return found

    @cached_property
    def done(self) -> Ints:
        """The rows of the done items, in the order of their being done."""
        rows = np.flatnonzero(self.facts.done != NO_INSTANT)
        return rows[np.argsort(self.facts.done[rows], kind="stable")]

    @cached_property
    def incidents(self) -> tuple[Known, ...]:
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
    def changes(self) -> tuple[Ints, Ints]:
        """The rows of the work items that were deployed, and of each the place of its earliest deployment.

        - Source ``status``: the item itself, done or not. Else the delivered items that share a fix version with the
          deployment, or that a row of the table names.
        """
        items, none = self.dataset.items, len(self.deployments)
        by_issue, by_version = _first_places(self.deployments)
        of_code = np.array([by_version.get(name, none) for name in decoded(items.vocabulary)], np.int64)
        places = segment_minima(of_code[items.version_codes], items.versions, none)
        rows, named = items.rows_of(np.array(list(by_issue), np.int64))
        places[rows] = np.minimum(places[rows], np.array(list(by_issue.values()), np.int64)[named])
        by_status = self.rules.deployments is not None and self.rules.deployments.source == "status"
        changed = np.flatnonzero((self.facts.exists if by_status else self.delivered) & (places < none))
        return changed, places[changed]

    @cached_property
    def open_spans(self) -> tuple[list[Micros], list[float]]:
        """When incidents began to be open and when they ceased to be, each ascending; infinity for those still open.

        An incident one of whose instants is no moment is in neither, for nobody knows.
        """
        spans = [span for span in (_open_span(incident, self.as_of) for incident in self.incidents) if span]
        return sorted(begin for begin, _ in spans), sorted(max(span) for span in spans)


def item_facts(items: Items, as_of: Micros | None) -> ItemFacts:
    """The facts of each item at ``as_of`` (None: just after its last change), by the rules of ``lifecycle.facts``."""
    begins = items.entries[:-1]
    past = np.ones(len(items.at), np.bool_) if as_of is None else items.at < as_of
    count = segment_sums(past, items.entries)
    exists = count > 0
    last = np.maximum(begins + count - 1, begins)
    spent = _spent(items, past, last[exists], as_of)
    first = _first_in_progress(items)
    started_by_line = np.append(items.at, NO_INSTANT)[first]
    return ItemFacts(
        exists=exists,
        started=np.where(first < begins + count, started_by_line, NO_INSTANT),
        started_by_line=started_by_line,
        done=np.where(exists & (items.stages[last] == DONE), items.at[last], NO_INSTANT),
        active=segment_sums(np.where(items.stages == ACTIVE, spent, 0), items.entries),
        waiting=segment_sums(np.where(items.stages == WAITING, spent, 0), items.entries),
    )


def _spent(items: Items, past: Bools, last: Ints, as_of: Micros | None) -> Ints:
    """How long each entry lasted, until the next one, the ``last`` of an item until the as-of; 0 of what is to come."""
    until = np.append(items.at[1:], 0)[: len(items.at)]
    until[last] = items.at[last] if as_of is None else as_of
    return np.where(past, until - items.at, 0)


def in_progress(stages: Codes) -> Bools:
    """Which entries are into an active or a waiting stage."""
    found: Bools = (stages == ACTIVE) | (stages == WAITING)
    return found


def _first_in_progress(items: Items) -> Ints:
    """Where the first active or waiting entry of each item lies; behind the last entry of all where it has none."""
    entries = np.append(np.flatnonzero(in_progress(items.stages)), len(items.at))
    first = entries[np.searchsorted(entries, items.entries[:-1])]
    return np.where(first < items.entries[1:], first, len(items.at))


def happened(mapped: MappedInstant, default: Micros | None, as_of: Micros) -> Micros | None:
    """A mapped instant before ``as_of``, else None; only where the issue has no value at all the default stands."""
    if mapped is None:
        return default
    return mapped if mapped != INVALID and mapped < as_of else None


def restored_at(incident: Known, as_of: Micros) -> Micros | None:
    """When an incident was over; None where it is not, or where its field is no moment."""
    return happened(incident.issue.restored_at, incident.facts.done_at, as_of)


def _open_span(incident: Known, as_of: Micros) -> tuple[Micros, float] | None:
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


def _first_places(deployments: Sequence[Deployed]) -> tuple[Mapping[int, int], Mapping[str, int]]:
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
