"""From a stored issue and a profile's rules to what the metrics read: work items, deployments, incidents, findings."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from models.metrics import lifecycle, windows
from models.metrics.lifecycle import Finding, Place, StageOf, Visit
from models.metrics.parts import INVALID_VALUE
from models.records import (
    DEFAULT_CATEGORIES,
    INVALID,
    Deployment,
    Incident,
    Invalid,
    Issue,
    IssueHead,
    ItemHead,
    MappedInstant,
    Micros,
    Rules,
    Status,
    Timeline,
    Version,
    WorkItem,
    digest,
)

Head = Issue | IssueHead
UNMAPPED: Final = "unmapped"
# A day without a time is its first instant where something begins, its last second where something ends.
_BEGINNINGS: Final = ("committed_at", "detected_at")
_MOST_POINTS: Final = 1e12
# Stands for "the path leads nowhere in this value": parses as nothing, is no failure.
_ASTRAY: Final = object()


@dataclass(frozen=True, slots=True)
class Context:
    """A profile's rules made ready for reading many issues: names folded, statuses indexed, the zone opened."""

    rules: Rules
    stage_of: StageOf
    zone: ZoneInfo
    categories: Mapping[str, str]
    ignored: frozenset[str]
    excluded_resolutions: frozenset[str]
    failure_values: frozenset[str]
    deployment_types: frozenset[str]
    deployment_statuses: frozenset[str]
    incident_types: frozenset[str]
    incident_priorities: frozenset[str]
    facts_rules_hash: str

    @classmethod
    def of(cls, rules: Rules, statuses: Iterable[Status]) -> "Context":
        """Fold and index what each issue is held against; ``facts_rules_hash`` names all of it."""
        listed = tuple(statuses)
        deployments, incidents = rules.deployments, rules.incidents
        return cls(
            rules=rules,
            stage_of=StageOf.of(listed, rules.workflow),
            zone=ZoneInfo(rules.timezone),
            categories=_category_by_type(rules.categories),
            ignored=_folded(rules.ignored_types),
            excluded_resolutions=_folded(rules.excluded_resolutions),
            failure_values=_folded(rules.failure_values),
            deployment_types=_folded(deployments.types if deployments else ()),
            deployment_statuses=_folded(deployments.statuses if deployments else ()),
            incident_types=_folded(incidents.types if incidents else ()),
            incident_priorities=_folded(incidents.priorities if incidents else ()),
            facts_rules_hash=_facts_rules_hash(rules, listed),
        )

    @property
    def source(self) -> str | None:
        """Where the profile's deployments come from; None without a section."""
        return self.rules.deployments.source if self.rules.deployments else None


@dataclass(frozen=True, slots=True)
class IssueFacts:
    """What one issue is to the metrics: at most a work item, or a deploying issue, an incident, or both of these."""

    timeline: Timeline
    item: WorkItem | None
    incident: Incident | None
    deployments: tuple[Deployment, ...]
    findings: tuple[Finding, ...]


def read(issue: Issue, context: Context) -> IssueFacts:
    """Everything the metrics need of one issue; damage becomes a finding, never an exception.

    - Issues of ``ignored_types`` are left out of everything.
    - Those of a type named under deployments or incidents are no work items, whatever their priority.
    """
    changes = lifecycle.status_changes(issue)
    path = lifecycle.visits(issue, changes)
    line = lifecycle.timeline(path, context.stage_of)
    kind = issue.type.casefold()
    if kind in context.ignored:
        return IssueFacts(line, None, None, (), ())
    odd = lifecycle.findings(issue, changes, path, context.stage_of)
    if kind in context.deployment_types or kind in context.incident_types:
        deployments, incident = deploying(issue, line, context), incident_of(issue, line, context)
        return IssueFacts(line, None, incident, deployments, odd + invalid_ends(deployments, incident))
    head = head_of(issue, context)
    invalid = tuple(Finding(INVALID_VALUE, role) for role in invalid_roles(head))
    item = WorkItem(timeline=line, **head._asdict())
    return IssueFacts(line, item, None, _entries(issue, path, context), odd + invalid)


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


def rules_hash(rules: Rules) -> str:
    """Names the rules that can change a value; how many weeks are computed changes none, and lists have no order."""
    return digest(
        [
            _rules_for_facts(rules),
            rules.time_period_days,
            {name: list(bounds) for name, bounds in rules.levels.items()},
            rules.deployments and rules.deployments.group_by,
        ]
    )


def _facts_rules_hash(rules: Rules, statuses: Sequence[Status]) -> str:
    return digest([_rules_for_facts(rules), sorted([s.status_id, s.name, s.category] for s in statuses)])


def _rules_for_facts(rules: Rules) -> list[object]:
    deployments, incidents = rules.deployments, rules.incidents
    return [
        rules.timezone,
        {stage: _sorted(names) for stage, names in rules.workflow.items() if names},
        {category: _sorted(types) for category, types in rules.categories.items()},
        dict(rules.fields),
        deployments and [deployments.source, _sorted(deployments.types), _sorted(deployments.statuses)],
        incidents and [_sorted(incidents.types), _sorted(incidents.priorities)],
        *(_sorted(names) for names in (rules.ignored_types, rules.excluded_resolutions, rules.failure_values)),
    ]


# --- the three roles --------------------------------------------------------------------------------------------------


def head_of(issue: Head, context: Context) -> ItemHead:
    """What an issue is as a work item, beside its timeline."""
    return ItemHead(
        issue_id=issue.issue_id,
        key=issue.key,
        type=issue.type,
        category=context.categories.get(issue.type.casefold(), UNMAPPED),
        excluded=(issue.resolution or "").casefold() in context.excluded_resolutions,
        committed_at=mapped_instant(issue, "committed_at", context),
        points=points_of(issue, context),
        version_ids=ids_in(issue, "fixVersions"),
    )


def invalid_roles(head: ItemHead) -> tuple[str, ...]:
    """The roles that are mapped to values of a work item which are no moment or no number."""
    values = (("committed_at", head.committed_at), ("points", head.points))
    return tuple(role for role, value in values if value == INVALID)


def deploying(issue: Head, line: Timeline, context: Context) -> tuple[Deployment, ...]:
    """The deployment that an issue of such a type is, for source ``issues``."""
    if context.source != "issues" or issue.type.casefold() not in context.deployment_types:
        return ()
    deployment = Deployment(
        deployment_id=issue.issue_id,
        source="issues",
        name=issue.key,
        at=mapped_instant(issue, "deployed_at", context),
        created=line[0][0],
        timeline=line,
        failed=failed(issue, context),
        version_ids=ids_in(issue, "fixVersions"),
    )
    return (deployment,)


def _entries(issue: Issue, path: Sequence[Visit], context: Context) -> tuple[Deployment, ...]:
    """Source ``status``: each entry of a work item into one of the statuses from outside them."""
    if context.source != "status":
        return ()
    inside = [is_deployed(visit, context) for visit in path]
    entries = [visit for visit, was, now in zip(path[1:], inside, inside[1:], strict=False) if now and not was]
    return tuple(entry(issue, visit.at, visit.entry_id, context) for visit in entries)


def entry(issue: Head, at: Micros, entry_id: str, context: Context) -> Deployment:
    """The deployment that an entry of a history is, for source ``status``."""
    return Deployment(
        deployment_id=f"{issue.issue_id}.{entry_id}",
        source="status",
        name=issue.key,
        at=at,
        failed=failed(issue, context),
        issue_ids=(issue.issue_id,),
        linked_ids=ids_in(issue, "links"),
    )


def is_deployed(visit: Visit | Place, context: Context) -> bool:
    """Whether a visited status is one of those that deploy, by its id or the name it has today."""
    names = (visit.status_id, context.stage_of.named(visit.status_id, visit.name))
    return any((text or "").casefold() in context.deployment_statuses for text in names)


def incident_of(issue: Head, line: Timeline, context: Context) -> Incident | None:
    """The incident that an issue is by its type and priority."""
    if issue.type.casefold() not in context.incident_types:
        return None
    priority = issue.fields.get("priority")
    if context.incident_priorities and str(priority).casefold() not in context.incident_priorities:
        return None
    return Incident(
        issue_id=issue.issue_id,
        key=issue.key,
        timeline=line,
        detected_at=mapped_instant(issue, "detected_at", context),
        restored_at=mapped_instant(issue, "restored_at", context),
        version_ids=ids_in(issue, "versions"),
        linked_ids=ids_in(issue, "links"),
    )


def invalid_ends(deployments: Sequence[Deployment], incident: Incident | None) -> tuple[Finding, ...]:
    """The mapped fields of a deploying issue or an incident whose values are no moments."""
    values = [("deployed_at", deployment.at) for deployment in deployments]
    if incident is not None:
        values += [("detected_at", incident.detected_at), ("restored_at", incident.restored_at)]
    return tuple(Finding(INVALID_VALUE, role) for role, value in values if value == INVALID)


# --- mapped fields ----------------------------------------------------------------------------------------------------


def _mapped(issue: Head, role: str, context: Context) -> Any:
    """The value a role is mapped to: a field by its id, or what lies below it on a dotted path; None without one."""
    mapping = context.rules.fields.get(role)
    if mapping is None:
        return None
    if mapping in issue.fields:
        return issue.fields[mapping]
    field_id, *path = mapping.split(".")
    value = issue.fields.get(field_id)
    for name in path:
        value = _below(value, name)
    return value


def _below(value: Any, name: str) -> Any:
    if value is None:
        return None
    if isinstance(value, list):
        return [_below(member, name) for member in value]
    return value.get(name) if isinstance(value, Mapping) else _ASTRAY


def mapped_instant(issue: Head, role: str, context: Context) -> MappedInstant:
    """A moment for a time with an offset or a day, None for no value, ``invalid`` for anything else."""
    value = _mapped(issue, role, context)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        return INVALID
    try:
        if not windows.is_day(value):
            return windows.instant_of(value)
        day = date.fromisoformat(value)
    except ValueError:
        return INVALID
    edge = windows.start_of_day if role in _BEGINNINGS else windows.last_second
    return edge(day, context.zone)


def points_of(issue: Head, context: Context) -> float | Invalid | None:
    """The number that points are mapped to, None for no value, ``invalid`` for anything else."""
    value = _mapped(issue, "points", context)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return INVALID
    # Also false for NaN; and no sum of what passes can overflow.
    return float(value) if abs(value) <= _MOST_POINTS else INVALID


def failed(issue: Head, context: Context) -> bool:
    """Whether ``change_failure`` says so: true, a number but 0, or a failure word as text, option or list member."""
    value = _mapped(issue, "change_failure", context)
    if isinstance(value, bool | int | float):
        return value != 0
    members = value if isinstance(value, list) else [value]
    return any(_word(member).casefold() in context.failure_values for member in members)


def _word(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get("value", value.get("name"))
    return value if isinstance(value, str) else ""


def ids_in(issue: Head, name: str) -> tuple[str, ...]:
    """The ids that a field like ``fixVersions`` lists, each once."""
    value = issue.fields.get(name)
    if not value or not isinstance(value, list | tuple):
        return ()
    return tuple(sorted({str(member) for member in value if isinstance(member, str | int)}))


def _folded(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(text.casefold() for text in texts)


def _sorted(texts: Iterable[str]) -> list[str]:
    return sorted(_folded(texts))


def _category_by_type(categories: Mapping[str, Sequence[str]]) -> dict[str, str]:
    # Read backwards, so that a type named twice belongs to the first category that names it.
    ordered = [category for category in DEFAULT_CATEGORIES if category in categories]
    return {name.casefold(): category for category in reversed(ordered) for name in categories[category]}
