"""The rules of a profile: how its issues are to be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

DEFAULT_CATEGORIES: Final[Mapping[str, tuple[str, ...]]] = {
    "feature": ("Story", "Task", "New Feature", "Improvement", "Feature"),
    "defect": ("Bug", "Defect"),
    "risk": ("Security", "Risk"),
    "debt": ("Technical Debt", "Chore", "Refactoring"),
}
CATEGORIES: Final = (*DEFAULT_CATEGORIES, "unmapped")
DEFAULT_IGNORED_TYPES: Final = ("Epic", "Sub-task", "Subtask")
DEFAULT_EXCLUDED_RESOLUTIONS: Final = (
    "Won't Do",
    "Won't Fix",
    "Duplicate",
    "Cannot Reproduce",
    "Invalid",
    "Declined",
    "Incomplete",
    "Not A Bug",
    "Abandoned",
)
DEFAULT_EXCLUDED_INCIDENTS: Final = ("Duplicate", "Cannot Reproduce", "Invalid", "Not A Bug")
DEFAULT_FAILURE_VALUES: Final = ("yes", "true", "failed", "failure")
# The bounds of elite, high and medium (DORA report 2023); which side is better is a property of the metric.
DEFAULT_LEVELS: Final[Mapping[str, tuple[float, float, float]]] = {
    "deployment_frequency": (1.0, 1 / 7, 1 / 30),
    "lead_time": (1.0, 7.0, 30.0),
    "cfr": (5.0, 10.0, 15.0),
    "mttr": (1.0, 24.0, 168.0),
}
FIELD_ROLES: Final = (
    "deployed_at",
    "committed_at",
    "change_failure",
    "detected_at",
    "restored_at",
    "points",
    "flagged",
    "rework",
)
DEPLOYMENT_SOURCES: Final = ("issues", "versions", "status", "table")
GONE_ISSUES: Final = ("drop", "keep_done")
# Where a role's value lies: a field id, a field name, or a dotted path below one; several are asked in turn.
FieldMapping = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeploymentRules:
    """The ``[deployments]`` section: where deployments come from."""

    source: Literal["issues", "versions", "status", "table"]
    types: tuple[str, ...] = ()
    group_by: Literal["fixVersions"] | None = None
    statuses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentRules:
    """The ``[incidents]`` section: which issues are incidents; no priorities means all of them.

    ``excluded_resolutions``: what an incident is resolved as that was none.
    """

    types: tuple[str, ...]
    priorities: tuple[str, ...] = ()
    excluded_resolutions: tuple[str, ...] = DEFAULT_EXCLUDED_INCIDENTS


@dataclass(frozen=True, slots=True)
class ServiceLevelRules:
    """The ``[service_level]`` section: a promised flow time, and the percentage of items that should keep it."""

    days: float
    percent: float = 85.0


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything of a profile that can change a value, by metrics.md; two profiles with equal rules share a hash.

    ``workflow`` maps a stage to status ids or names; ``fields`` maps a role of ``FIELD_ROLES`` to a field id, a field
    name, or a dotted path below one; ``points`` to one of these or to several. After the fields of the site are known,
    names are replaced by ids. ``flagged`` has no path below its field, because the field's history is read, too.
    ``ignored_types`` is None where Jira's own hierarchy decides.
    """

    timezone: str = "UTC"
    time_period_days: int = 30
    history_weeks: int = 52
    workflow: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(DEFAULT_CATEGORIES))
    levels: Mapping[str, tuple[float, float, float]] = field(default_factory=lambda: dict(DEFAULT_LEVELS))
    fields: Mapping[str, FieldMapping] = field(default_factory=dict)
    deployments: DeploymentRules | None = None
    incidents: IncidentRules | None = None
    ignored_types: tuple[str, ...] | None = None
    excluded_statuses: tuple[str, ...] = ()
    excluded_resolutions: tuple[str, ...] = DEFAULT_EXCLUDED_RESOLUTIONS
    failure_values: tuple[str, ...] = DEFAULT_FAILURE_VALUES
    gone_issues: Literal["drop", "keep_done"] = "drop"
    blocked_statuses: tuple[str, ...] = ()
    service_level: ServiceLevelRules | None = None

    def paths(self, role: str) -> tuple[str, ...]:
        """Return what a role is mapped to, in the order to ask; empty where it is not mapped."""
        mapping = self.fields.get(role, ())
        return (mapping,) if isinstance(mapping, str) else tuple(mapping)
