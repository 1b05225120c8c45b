"""Checks of the configured statuses, types, priorities and resolutions against Jira's lists.

A name that Jira does not have is accepted everywhere else, because it may be that of a retired status.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from console.check.local import Line
from models.configured import Kind, NameList, name_lists
from models.names import fold_name
from models.records import Rules
from worker.errors import FatalError
from worker.jira import parse
from worker.jira.client import Client
from worker.jira.pages import rows
from worker.jira.reader import LISTS
from worker.settings import Profile

# What decides whether a deployment or an incident is one at all.
_DECISIVE: Final = ("deployments.types", "incidents.types", "incidents.priorities")
_LISTED_NAMES: Final = 12


@dataclass(frozen=True, slots=True)
class Named:
    """A member of one of Jira's lists, with the category of a status, or the level of a type and whether it is a sub-
    task.
    """

    number: str
    name: str
    category: str = ""
    level: int | None = None
    subtask: bool = False


@dataclass(slots=True)
class Lists:
    """The lists of one site, each read when it is first needed."""

    client: Client
    api: str
    _known: dict[Kind, list[Named]] = field(default_factory=dict)
    _closed: dict[Kind, FatalError] = field(default_factory=dict)

    def of(self, kind: Kind) -> list[Named]:
        """Return all members of a list that this login may see; raise as the client does."""
        if kind in self._closed:
            raise self._closed[kind]
        if kind not in self._known:
            try:
                answer = self.client.get(f"{self.api}/{LISTS[kind]}")
            except FatalError as error:
                self._closed[kind] = error
                raise
            self._known[kind] = rows(answer, self._named, f"{kind} names")
        return self._known[kind]

    def _named(self, raw: Mapping[str, Any]) -> Named:
        """Return a member of a list; only Cloud has levels, and its API is version 3."""
        status = parse.status({**raw, "name": str(raw["name"])})
        level, subtask = parse.type_level(raw)
        return Named(
            status.status_id, status.name, status.category, level if "/3" in self.api else None, subtask is True
        )


def unknown(lists: Lists, profile: Profile, in_histories: Callable[[str], bool]) -> Iterator[Line]:
    """Yield a line for each configured name that the site does not have, with the nearest one.

    ``in_histories`` says whether the copy's histories hold a status of a name: then it is a retired one, and counts.
    """
    what = f"profile {profile.name}"
    compared = 0
    for names in name_lists(profile.rules):
        if not names.own:
            continue
        try:
            known = lists.of(names.kind)
        except FatalError as error:  # a list that is closed to this login is not a reason to look no further
            yield Line(what, "warning", f"{names.key} cannot be compared with Jira's list: {error}")
            continue
        missing = [word for word in names.own if not is_known(word, names.kind, known)]
        if names.kind == "status":
            missing = [word for word in missing if not in_histories(word)]
        compared += len(names.own) - len(missing)
        yield from (_missing(profile, names, word, known) for word in missing)
    if compared:
        yield Line(what, "ok", f"configured names that this Jira has or had: {compared}")


def uncounted_subtasks(lists: Lists, rules: Rules) -> list[Named]:
    """Return the sub-task types that would be work items of their own and that no list of the profile names."""
    lists_of_types = (names for names in name_lists(rules) if names.kind == "issue type")
    named = {fold_name(word) for names in lists_of_types for word in names.words}
    by_name = {fold_name(kind.name): kind for kind in lists.of("issue type") if kind.subtask}
    return [kind for name, kind in sorted(by_name.items()) if name not in named]


def is_known(word: str, kind: Kind, known: Sequence[Named]) -> bool:
    """Return whether a word names a member: by name, or a status also by id."""
    folded = fold_name(word)
    return any(folded == fold_name(item.name) or (kind == "status" and folded == item.number) for item in known)


def listed_names(known: Sequence[Named]) -> str:
    """Return the first names of a list in order, each once, and how many more there are."""
    names = list({fold_name(item.name): item.name for item in known}.values())
    more = f" and {len(names) - _LISTED_NAMES} more" if len(names) > _LISTED_NAMES else ""
    return f"{', '.join(names[:_LISTED_NAMES])}{more}"


def _missing(profile: Profile, names: NameList, word: str, known: Sequence[Named]) -> Line:
    """Return what is said of a name; what decides what counts is broken, the rest may be a retired name."""
    message = f"profiles.{profile.name}.{names.key}: this Jira has no {names.kind} {word!r}"
    state: Any = "bad" if names.key in _DECISIVE else "warning"
    return Line(f"profile {profile.name}", state, message, _advice(word, known))


def _advice(word: str, known: Sequence[Named]) -> str:
    by_fold = {fold_name(item.name): item.name for item in known}
    near = get_close_matches(fold_name(word), by_fold, n=1)
    if near:
        return f"did you mean {by_fold[near[0]]!r}?"
    return f"it has {listed_names(known)}" if known else "its list is empty for this login"
