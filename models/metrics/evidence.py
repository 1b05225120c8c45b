"""What set the instants behind a number: the entry of an issue's history, a mapped field, or the issue's creation."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

from models.metrics import facts, lifecycle, mapped_fields
from models.metrics.contributions import INVALID_VALUE, NOT_DELIVERED, Contribution
from models.metrics.rules import Context
from models.metrics.statuses import IN_PROGRESS
from models.records import Issue, MappedInstant, Micros, Stage, Transition, micros, transition_key

Source = Literal["history", "field", "created", "version", "table", "incident"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What set an instant, or decided something: where it stands, and what stands there.

    ``at`` is the entry's own instant, also where it lies before the issue's creation; None where it has none.
    ``before`` and ``after`` are the names of the statuses (or values) left and entered; a field has but ``after``.
    """

    source: Source
    at: Micros | None
    key: str
    field: str
    before: str | None = None
    after: Any = None
    history_id: str = ""
    mapped_to: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An issue's entry into a status: when it counts, which stage that is, and what it stands on."""

    at: Micros
    stage: Stage
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Stay:
    """A stay of an issue in a status; the stays in a stage add up to the time it spent there."""

    status: str | None
    stage: Stage
    at: Micros
    until: Micros


@dataclass(frozen=True, slots=True)
class StoredDeployment:
    """A deployment as it is stored, as far as it says why it failed.

    ``at`` is when it happened; None where only its issue can tell (source ``issues``), or it has no instant.
    """

    deployment_id: str
    at: Micros | None
    failed: bool | None = None
    version_ids: frozenset[str] = frozenset()
    issue_ids: frozenset[str] = frozenset()
    linked_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LinkedIncident:
    """An incident as far as it can mark a deployment as failed: by an affected version, or by a link."""

    issue_id: str
    key: str
    created: Micros
    version_ids: frozenset[str] = frozenset()
    linked_ids: frozenset[str] = frozenset()


def set_by(part: Contribution, issue: Issue, context: Context, as_of: Micros) -> dict[str, Evidence]:
    """What set each instant of a part that is about an issue, and the reason why it was left out, by their names.

    A deployment's instant is not the issue's own, and not among them.
    """
    found = {name: _SETTERS[name](issue, context, as_of) for name, _ in part.instants if name in _SETTERS}
    if part.stage:
        found["stage"] = _entered(issue, context, as_of)
    if part.reason == NOT_DELIVERED:
        found["resolution"] = resolution(issue)
    if part.reason == INVALID_VALUE:
        begin = _BEGIN_OF[part.instants[-1][0]]
        found[begin] = mapped(issue, f"{begin}_at", context)
    return {name: evidence for name, evidence in found.items() if evidence is not None}


def entries(issue: Issue, context: Context, as_of: Micros) -> list[Entry]:
    """The statuses an issue entered before ``as_of``, in order; the first one at its creation."""
    changes = lifecycle.status_changes(issue)
    path = lifecycle.visits(issue, changes)
    told = [_birth(issue, path[0], context), *(_change(issue, change) for change in changes)]
    pairs = zip(path, told, strict=True)
    return [
        Entry(visit.at, context.stage_of.stage(visit.status_id, visit.name)[0], evidence)
        for visit, evidence in pairs
        if visit.at < as_of
    ]


def stays(issue: Issue, context: Context, as_of: Micros) -> list[Stay]:
    """The stays of an issue in its statuses up to ``as_of``."""
    found = entries(issue, context, as_of)
    untils = [*(entry.at for entry in found[1:]), as_of]
    return [
        Stay(entry.evidence.after, entry.stage, entry.at, until) for entry, until in zip(found, untils, strict=True)
    ]


def resolution(issue: Issue) -> Evidence:
    """The entry that set the present resolution, else the field alone."""
    changes = (change for change in issue.transitions if change.field == "resolution")
    for change in sorted(changes, key=transition_key, reverse=True):
        if change.to_name == issue.resolution:
            return _change(issue, change)
    return Evidence("field", None, issue.key, "resolution", after=issue.resolution)


def mapped(issue: Issue, role: str, context: Context, at: Micros | None = None) -> Evidence:
    """The mapped field of a role with the value it has in the issue."""
    values = {
        path: issue.fields.get(path, issue.fields.get(path.partition(".")[0])) for path in context.rules.paths(role)
    }
    mapping, value = next(
        ((path, value) for path, value in values.items() if not mapped_fields.is_empty(value)), ("", None)
    )
    mapping = mapping or next(iter(values), "")
    return Evidence("field", at, issue.key, role, after=value, mapped_to=mapping)


def entry_named(issue: Issue, history_id: str, position: str) -> Evidence | None:
    """The status change that a deployment of source ``status`` is."""
    for change in lifecycle.status_changes(issue):
        if (change.history_id, str(change.position)) == (history_id, position):
            return _change(issue, change)
    return None


def deployed(issue: Issue, context: Context, as_of: Micros) -> tuple[Micros, Evidence] | None:
    """When a deploying issue's deployment happened, and what says so; None where it has not happened."""
    if micros(issue.created) >= as_of:
        return None
    at = next((one.at for one in facts.read(issue, context).deployments), None)
    found = _mapped_or_done(issue, "deployed_at", at, context, as_of)
    return None if found is None or found[0] >= as_of else found


def failed_by(
    members: Sequence[StoredDeployment], until: Micros | None, accusers: Iterable[LinkedIncident], *, by_links: bool
) -> list[LinkedIncident]:
    """The incidents that mark a deployment (its members, where it is a group) as failed, oldest first.

    - By versions: an incident that names one of them as affected.
    - By links: one linked to the item, created from the deployment on and before the item's next one (``until``).
    """
    if by_links:
        found = [one for one in accusers for member in members if _is_linked(one, member, until)]
    else:
        versions = versions_of(members)
        found = [one for one in accusers if one.version_ids & versions]
    return sorted(found, key=lambda one: (one.created, one.issue_id))


def versions_of(members: Iterable[StoredDeployment]) -> frozenset[str]:
    """The versions a deployment carries: those of all its members."""
    return frozenset[str]().union(*(member.version_ids for member in members))


def next_of(entry: StoredDeployment, candidates: Iterable[StoredDeployment]) -> Micros | None:
    """When the next deployment of the same item happened, for source ``status``."""
    same = [one for one in candidates if one.issue_ids == entry.issue_ids and one.at is not None]
    own = sorted(same, key=lambda one: (one.at, one.deployment_id))
    return next((after.at for one, after in pairwise(own) if one == entry), None)


# --- the instants -----------------------------------------------------------------------------------------------------


def _started(issue: Issue, context: Context, as_of: Micros) -> Evidence | None:
    found = (entry for entry in entries(issue, context, as_of) if entry.stage in IN_PROGRESS)
    return next((entry.evidence for entry in found), None)


def _finished(issue: Issue, context: Context, as_of: Micros) -> Evidence | None:
    found = _done(issue, context, as_of)
    return None if found is None else found[1]


def _done(issue: Issue, context: Context, as_of: Micros) -> tuple[Micros, Evidence] | None:
    known = list(_stage_changes(entries(issue, context, as_of)))
    return (known[-1].at, known[-1].evidence) if known and known[-1].stage == "done" else None


def _entered(issue: Issue, context: Context, as_of: Micros) -> Evidence | None:
    """The entry into the status the issue is in, which may be a later one than that into its stage."""
    known = entries(issue, context, as_of)
    return known[-1].evidence if known else None


def _committed(issue: Issue, context: Context, as_of: Micros) -> Evidence | None:
    item = facts.read(issue, context).item
    if item is None or item.committed_at is None:
        return _started(issue, context, as_of)
    return mapped(issue, "committed_at", context, _moment(item.committed_at))


def _detected(issue: Issue, context: Context, _as_of: Micros) -> Evidence | None:
    incident = facts.read(issue, context).incident
    if incident is None or incident.detected_at is None:
        return Evidence("created", micros(issue.created), issue.key, "created")
    return mapped(issue, "detected_at", context, _moment(incident.detected_at))


def _restored(issue: Issue, context: Context, as_of: Micros) -> Evidence | None:
    incident = facts.read(issue, context).incident
    at = incident.restored_at if incident else None
    found = _mapped_or_done(issue, "restored_at", at, context, as_of)
    return None if found is None else found[1]


_SETTERS: Final[Mapping[str, Callable[[Issue, Context, Micros], Evidence | None]]] = {
    "started": _started,
    "done": _finished,
    "committed": _committed,
    "detected": _detected,
    "restored": _restored,
}
# What begins the span that ends so: the field that is no moment where one was left out for it.
_BEGIN_OF: Final[Mapping[str, str]] = {"deployed": "committed", "restored": "detected"}


def _mapped_or_done(
    issue: Issue, role: str, at: MappedInstant, context: Context, as_of: Micros
) -> tuple[Micros, Evidence] | None:
    """A mapped moment; only where the issue has no value at all, when it was done."""
    if at is None:
        return _done(issue, context, as_of)
    moment = _moment(at)
    return None if moment is None else (moment, mapped(issue, role, context, moment))


def _moment(at: MappedInstant) -> Micros | None:
    return at if isinstance(at, int) else None


def _stage_changes(found: Iterable[Entry]) -> Iterator[Entry]:
    before: Stage | None = None
    for entry in found:
        if entry.stage != before:
            yield entry
        before = entry.stage


def _birth(issue: Issue, visit: lifecycle.StatusVisit, context: Context) -> Evidence:
    name = visit.name or context.stage_of.named(visit.status_id, None) or visit.status_id
    return Evidence("created", micros(issue.created), issue.key, "status", after=name)


def _change(issue: Issue, change: Transition) -> Evidence:
    return Evidence(
        "history",
        micros(change.at),
        issue.key,
        change.field,
        before=change.from_name or change.from_id,
        after=change.to_name or change.to_id,
        history_id=change.history_id,
    )


def _is_linked(accuser: LinkedIncident, entry: StoredDeployment, until: Micros | None) -> bool:
    linked = accuser.issue_id in entry.linked_ids or bool(accuser.linked_ids & entry.issue_ids)
    since = entry.at is not None and entry.at <= accuser.created
    return linked and since and (until is None or accuser.created < until)
