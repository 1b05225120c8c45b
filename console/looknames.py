"""What the check command compares by name: the statuses, types, priorities and resolutions configured, with Jira's.

A name that Jira does not have is no error anywhere else, for it may be that of a retired status; it counts nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final, Literal

from console.looks import Line
from models.records import (
    DEFAULT_CATEGORIES,
    DEFAULT_EXCLUDED_RESOLUTIONS,
    DEFAULT_IGNORED_TYPES,
    DeploymentRules,
    IncidentRules,
    Rules,
)
from worker.errors import FatalError
from worker.jira.client import Client
from worker.jira.pages import rows
from worker.settings import Profile

Kind = Literal["status", "issue type", "priority", "resolution"]

_PATHS: Final[Mapping[Kind, str]] = {
    "status": "status",
    "issue type": "issuetype",
    "priority": "priority",
    "resolution": "resolution",
}
# What Flowbeat itself names, for any site: a site that lacks one has nothing of the kind, and that is all.
_BUILT_IN: Final = frozenset(
    word.casefold()
    for words in (DEFAULT_IGNORED_TYPES, DEFAULT_EXCLUDED_RESOLUTIONS, *DEFAULT_CATEGORIES.values())
    for word in words
)
_MOST: Final = 12  # names listed where none is near


@dataclass(frozen=True, slots=True)
class Named:
    """One member of a list of Jira's."""

    number: str
    name: str
    subtask: bool = False


@dataclass(slots=True)
class Lists:
    """The lists of one site, each asked for once, when it is first needed; raises as the client does."""

    client: Client
    api: str
    _found: dict[Kind, list[Named]] = field(default_factory=dict)

    def of(self, kind: Kind) -> list[Named]:
        """Everything of a kind that this login may see."""
        if kind not in self._found:
            self._found[kind] = rows(self.client.get(f"{self.api}/{_PATHS[kind]}"), _named, f"{kind} names")
        return self._found[kind]


def unknown(lists: Lists, profile: Profile) -> Iterator[Line]:
    """Configured names that the site does not have, each with the nearest one that it has."""
    what = f"profile {profile.name}"
    compared = 0
    for key, kind, words in _configured(profile.rules):
        asked = [word for word in words if word.casefold() not in _BUILT_IN]
        if not asked:
            continue
        try:
            known = lists.of(kind)
        except FatalError as error:  # a list that is closed to this login is no reason to look no further
            yield Line(what, "warning", f"{key} cannot be compared with Jira's list: {error}")
            continue
        missing = [word for word in asked if not _is_known(word, kind, known)]
        compared += len(asked) - len(missing)
        yield from (_missing(profile, key, kind, word, known) for word in missing)
    if compared:
        yield Line(what, "ok", f"configured names that this Jira has: {compared}")


def uncounted_subtasks(lists: Lists, rules: Rules) -> list[Named]:
    """The sub-task types that would be work items of their own and that no list of the profile names."""
    named = {word.casefold() for _, kind, words in _configured(rules) if kind == "issue type" for word in words}
    by_name = {each.name.casefold(): each for each in lists.of("issue type") if each.subtask}
    return [each for name, each in sorted(by_name.items()) if name not in named]


def _configured(rules: Rules) -> Iterator[tuple[str, Kind, tuple[str, ...]]]:
    """(key below the profile, kind, words) of every list of names."""
    deployments = rules.deployments or DeploymentRules("table")
    incidents = rules.incidents or IncidentRules(())
    yield from ((f"workflow.{stage}", "status", words) for stage, words in rules.workflow.items())
    yield "deployments.statuses", "status", deployments.statuses
    yield "deployments.types", "issue type", deployments.types
    yield "incidents.types", "issue type", incidents.types
    yield "incidents.priorities", "priority", incidents.priorities
    yield "ignored_types", "issue type", rules.ignored_types or ()
    yield from ((f"categories.{name}", "issue type", words) for name, words in rules.categories.items())
    yield "excluded_resolutions", "resolution", rules.excluded_resolutions


def _named(raw: Mapping[str, Any]) -> Named:
    return Named(str(raw["id"]), str(raw["name"]), raw.get("subtask") is True)


def _is_known(word: str, kind: Kind, known: list[Named]) -> bool:
    """By name, ignoring case; statuses also by id."""
    return any(word.casefold() == each.name.casefold() or (kind == "status" and word == each.number) for each in known)


def _missing(profile: Profile, key: str, kind: Kind, word: str, known: list[Named]) -> Line:
    """What decides whether a deployment or an incident is one at all is broken; the rest may be a retired name."""
    decides = key in ("deployments.types", "incidents.types", "incidents.priorities")
    message = f"profiles.{profile.name}.{key}: this Jira has no {kind} {word!r}"
    return Line(f"profile {profile.name}", "bad" if decides else "warning", message, _advice(word, known))


def _advice(word: str, known: list[Named]) -> str:
    by_fold = {each.name.casefold(): each.name for each in known}
    near = get_close_matches(word.casefold(), by_fold, n=1)
    if near:
        return f"did you mean {by_fold[near[0]]!r}?"
    names = sorted(by_fold.values())
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"it has {', '.join(names[:_MOST])}{more}" if names else "its list is empty for this login"
