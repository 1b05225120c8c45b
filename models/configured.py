"""The names of statuses, issue types, priorities and resolutions that a profile's rules hold, by their keys."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from models.names import fold_name
from models.records import (
    DEFAULT_CATEGORIES,
    DEFAULT_EXCLUDED_INCIDENTS,
    DEFAULT_EXCLUDED_RESOLUTIONS,
    DEFAULT_IGNORED_TYPES,
    DeploymentRules,
    IncidentRules,
    Rules,
)

Kind = Literal["status", "issue type", "priority", "resolution"]
KINDS: Final[tuple[Kind, ...]] = ("status", "issue type", "priority", "resolution")


@dataclass(frozen=True, slots=True)
class NameList:
    """A list of names: its key below the profile, what it names, and which of its words Flowbeat itself suggests."""

    key: str
    kind: Kind
    words: tuple[str, ...]
    suggested: tuple[str, ...] = ()

    @property
    def own(self) -> tuple[str, ...]:
        """The words that a person chose: a site need not have those that Flowbeat suggests for any site."""
        suggested = {fold_name(word) for word in self.suggested}
        return tuple(word for word in self.words if fold_name(word) not in suggested)


def name_lists(rules: Rules) -> Iterator[NameList]:
    """Return every list of names of a profile, empty ones too."""
    deployments = rules.deployments or DeploymentRules("table")
    incidents = rules.incidents or IncidentRules((), excluded_resolutions=())
    yield from (NameList(f"workflow.{stage}", "status", words) for stage, words in rules.workflow.items())
    yield NameList("excluded_statuses", "status", rules.excluded_statuses)
    yield NameList("blocked.statuses", "status", rules.blocked_statuses)
    yield NameList("deployments.statuses", "status", deployments.statuses)
    yield NameList("deployments.types", "issue type", deployments.types)
    yield NameList("incidents.types", "issue type", incidents.types)
    yield NameList("incidents.priorities", "priority", incidents.priorities)
    excluded = incidents.excluded_resolutions
    yield NameList("incidents.excluded_resolutions", "resolution", excluded, DEFAULT_EXCLUDED_INCIDENTS)
    yield NameList("ignored_types", "issue type", rules.ignored_types or (), DEFAULT_IGNORED_TYPES)
    for name, words in rules.categories.items():
        yield NameList(f"categories.{name}", "issue type", words, DEFAULT_CATEGORIES.get(name, ()))
    yield NameList("excluded_resolutions", "resolution", rules.excluded_resolutions, DEFAULT_EXCLUDED_RESOLUTIONS)


def own_kinds(rules: Rules) -> list[Kind]:
    """Return the kinds of which a person named something, in the order of ``KINDS``."""
    named = {names.kind for names in name_lists(rules) if names.own}
    return [kind for kind in KINDS if kind in named]
