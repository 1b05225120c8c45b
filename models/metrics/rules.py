"""A profile's rules made ready for reading thousands of issues, and the hashes that name them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from models.metrics.statuses import StatusStages
from models.names import fold_name
from models.records import DEFAULT_CATEGORIES, IssueHead, Rules, Status, digest

_EPIC: Final = "epic"
_SUBTASKS: Final = ("sub-task", "subtask")  # where nothing says whether a type is one


@dataclass(frozen=True, slots=True)
class Context:
    """A profile's rules made ready for reading many issues: names folded, statuses indexed, the zone opened."""

    rules: Rules
    stages: StatusStages
    zone: ZoneInfo
    categories: Mapping[str, str]
    ignored_types: frozenset[str] | None
    excluded_statuses: frozenset[str]
    blocked_statuses: frozenset[str]
    excluded_resolutions: frozenset[str]
    failure_values: frozenset[str]
    deployment_types: frozenset[str]
    deployment_statuses: frozenset[str]
    incident_types: frozenset[str]
    incident_priorities: frozenset[str]
    excluded_incidents: frozenset[str]
    facts_rules_hash: str

    @classmethod
    def of(cls, rules: Rules, statuses: Iterable[Status]) -> "Context":
        """Fold and index what each issue is held against; ``facts_rules_hash`` names all of it."""
        listed = tuple(statuses)
        deployments, incidents = rules.deployments, rules.incidents
        return cls(
            rules=rules,
            stages=StatusStages.of(listed, rules.workflow),
            zone=ZoneInfo(rules.timezone),
            categories=_category_by_type(rules.categories),
            ignored_types=None if rules.ignored_types is None else _folded(rules.ignored_types),
            excluded_statuses=_folded(rules.excluded_statuses),
            blocked_statuses=_folded(rules.blocked_statuses),
            excluded_resolutions=_folded(rules.excluded_resolutions),
            failure_values=_folded(rules.failure_values),
            deployment_types=_folded(deployments.types if deployments else ()),
            deployment_statuses=_folded(deployments.statuses if deployments else ()),
            incident_types=_folded(incidents.types if incidents else ()),
            incident_priorities=_folded(incidents.priorities if incidents else ()),
            excluded_incidents=_folded(incidents.excluded_resolutions if incidents else ()),
            facts_rules_hash=_facts_rules_hash(rules, listed),
        )

    @property
    def source(self) -> str | None:
        """Where the profile's deployments come from; None without a section."""
        return self.rules.deployments.source if self.rules.deployments else None

    @property
    def flagged(self) -> str | None:
        """The field that flags an issue as blocked; None where none is mapped."""
        return next(iter(self.rules.paths("flagged")), None)

    @property
    def special_types(self) -> frozenset[str]:
        """The types that deploy or are incidents: they are never ignored, and no work items."""
        return self.deployment_types | self.incident_types

    def is_ignored(self, head: IssueHead) -> bool:
        """Return whether an issue is left out of everything, because it holds work or is a part of it.

        - A list ``ignored_types`` of the profile says so by names.
        - Else the level of the issue's own type: any but 0. Without a level: a sub-task, or a type named Epic.
        """
        folded = fold_name(head.type)
        if folded in self.special_types:
            return False
        if self.ignored_types is not None:
            return folded in self.ignored_types
        if head.hierarchy_level is not None:
            return head.hierarchy_level != 0
        return folded == _EPIC or (folded in _SUBTASKS if head.subtask is None else head.subtask)


def rules_hash(rules: Rules) -> str:
    """Return names the rules that can change a value; how many weeks are computed changes none, and lists have no
    order.
    """
    return digest(
        [
            _rules_for_facts(rules),
            rules.time_period_days,
            {name: list(bounds) for name, bounds in rules.levels.items()},
            rules.deployments and rules.deployments.group_by,
            rules.service_level and [rules.service_level.days, rules.service_level.percent],
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
        incidents
        and [_sorted(names) for names in (incidents.types, incidents.priorities, incidents.excluded_resolutions)],
        None if rules.ignored_types is None else _sorted(rules.ignored_types),
        *(_sorted(names) for names in (rules.excluded_statuses, rules.excluded_resolutions, rules.failure_values)),
        rules.gone_issues,
        _sorted(rules.blocked_statuses),
    ]


def _folded(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(fold_name(text) for text in texts)


def _sorted(texts: Iterable[str]) -> list[str]:
    return sorted(_folded(texts))


def _category_by_type(categories: Mapping[str, Sequence[str]]) -> dict[str, str]:
    # Read backwards, so that a type named twice belongs to the first category that names it.
    ordered = [category for category in DEFAULT_CATEGORIES if category in categories]
    return {fold_name(name): category for category in reversed(ordered) for name in categories[category]}
