"""Checks of Flowbeat's English defaults against the names of this Jira.

The defaults are English names. Where this Jira has none of them, the numbers would look right and be wrong.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from console.check.local import Line
from console.check.names import Lists, Named, is_known, listed_names
from console.shared.cancelled_names import reads_cancelled
from models.configured import Kind
from models.metrics.statuses import StatusStages
from models.names import fold_name
from models.records import DEFAULT_EXCLUDED_RESOLUTIONS, Rules, Status
from models.wording import format_count
from worker.errors import FatalError
from worker.settings import Profile

# How many issues of the profile match a clause of JQL; None where that cannot be seen.
Count = Callable[[str], int | None]
_TELLING_CATEGORIES: Final = ("feature", "defect")


def defaults(lists: Lists, profile: Profile, count: Count) -> Iterator[Line]:
    """Yield a line for each rule that matches nothing in this Jira, with the names that it has.

    A list that is closed to this login is reported once.
    """
    compared: tuple[tuple[Kind, Callable[[list[Named]], Iterator[Line]]], ...] = (
        ("resolution", lambda known: _resolutions(profile, known)),
        ("issue type", lambda known: _types(profile, known)),
        ("status", lambda known: _statuses(profile, known, count)),
    )
    for kind, compare in compared:
        try:
            known = lists.of(kind)
        except FatalError as error:
            yield Line(f"profile {profile.name}", "warning", f"Jira's list of {kind} names cannot be read: {error}")
            continue
        yield from compare(known)


def _resolutions(profile: Profile, known: list[Named]) -> Iterator[Line]:
    """Yield a warning if no resolution is excluded, because then everything done counts as delivered."""
    rules, has = profile.rules, f"it has: {listed_names(known)}"
    if not known:
        return
    line = _line("excluded_resolutions", [named for named in known if reads_cancelled(named.name)])
    if rules.excluded_resolutions and not _any_known(rules.excluded_resolutions, known):
        message = f"no resolution of this Jira is excluded; {has}"
        yield _warning(profile, message, "name those that deliver nothing", "", line)
    elif rules.excluded_resolutions == DEFAULT_EXCLUDED_RESOLUTIONS:
        yield from _cancelled_resolutions(profile, known)
    words = rules.incidents.excluded_resolutions if rules.incidents else ()
    if words and not _any_known(words, known):
        message = f"no resolution of this Jira says that an incident was none; {has}"
        yield _warning(profile, message, "name those of false alarms", ".incidents", line)


def _cancelled_resolutions(profile: Profile, known: list[Named]) -> Iterator[Line]:
    """Yield a warning about resolutions that read like a cancellation and are not in the default list."""
    excluded = [named for named in known if is_known(named.name, "resolution", _as_named(DEFAULT_EXCLUDED_RESOLUTIONS))]
    odd = [named for named in known if named not in excluded and reads_cancelled(named.name)]
    if odd:
        message = f"what has a resolution that reads like a cancellation counts as delivered: {listed_names(odd)}"
        line = _line("excluded_resolutions", [*excluded, *odd])
        yield _warning(profile, message, "if nothing is delivered then", "", line)


def _types(profile: Profile, known: list[Named]) -> Iterator[Line]:
    rules = profile.rules
    by_names = all(kind.level is None for kind in known)
    if rules.ignored_types is None and known and by_names and not _any_known(("Epic",), known):
        message = f"no issue type of this Jira is named Epic; it has: {listed_names(known)}"
        yield _warning(profile, message, "if one of them holds others, name it", "", _line("ignored_types"))
    elif rules.ignored_types is None and (ignored := [kind for kind in known if _is_ignored(kind)]):
        message = f"issue types left out by Jira's hierarchy: {listed_names(ignored)}"
        yield Line(f"profile {profile.name}", "ok", message)
    yield from _categories(profile, known)


def _categories(profile: Profile, known: list[Named]) -> Iterator[Line]:
    """Yield warnings about types in no category, and about empty categories if such types exist."""
    rules = profile.rules
    work = [kind for kind in known if not _is_left_out(kind, rules)]
    named = [word for words in rules.categories.values() for word in words]
    unnamed = [kind for kind in work if not is_known(kind.name, "issue type", _as_named(named))]
    if not unnamed:
        return
    empty = [name for name in _TELLING_CATEGORIES if not _any_known(rules.categories.get(name, ()), work)]
    if len(unnamed) == len(work):
        message = f"no issue type of this Jira has a category; it has: {listed_names(unnamed)}"
    elif empty:
        message = f"no issue type of this Jira is a {' or a '.join(empty)}; without a category: {listed_names(unnamed)}"
    else:
        return
    yield _warning(profile, message, "name each in one", ".categories", _line((empty or ["feature"])[0]))


def _statuses(profile: Profile, known: list[Named], count: Count) -> Iterator[Line]:
    yield from _blocked(profile, known)
    yield from _cancelled(profile, known, count)


def _blocked(profile: Profile, known: list[Named]) -> Iterator[Line]:
    """Yield a warning about blocked statuses in which no time counts, because they are not in progress."""
    rules = profile.rules
    stages = StatusStages.of([Status(listed.number, listed.name, listed.category) for listed in known], rules.workflow)
    for status in known:
        stage, _ = stages.stage(status.number, status.name)
        if stage in {"todo", "done"} and _names(rules.blocked_statuses, status):
            message = f"time in the blocked status {status.name!r} does not count, because its stage is {stage}"
            line = _line("waiting", [status], rules.workflow.get("waiting", ()))
            yield _warning(profile, message, "if work is in progress there", ".workflow", line)


def _cancelled(profile: Profile, known: list[Named], count: Count) -> Iterator[Line]:
    """Yield a warning about done statuses whose names read like a cancellation, though they count as delivered."""
    rules = profile.rules
    stages = StatusStages.of([Status(listed.number, listed.name, listed.category) for listed in known], rules.workflow)
    done = [status for status in known if stages.stage(status.number, status.name)[0] == "done"]
    odd = [status for status in done if reads_cancelled(status.name) and not _names(rules.excluded_statuses, status)]
    if not odd:
        return
    number = count(f"status in ({', '.join(status.number for status in odd)})")
    issues = "" if number is None else f" (about {format_count(number, 'issue')} now)"
    message = f"what ends in a status that reads like a cancellation counts as delivered: {listed_names(odd)}{issues}"
    line = _line("excluded_statuses", odd, rules.excluded_statuses)
    yield _warning(profile, message, "if nothing is delivered there", "", line)


def _warning(profile: Profile, message: str, what: str, section: str, line: str) -> Line:
    """Return a warning whose advice is a line to write."""
    return Line(
        f"profile {profile.name}", "warning", message, f"{what}, under [profiles.{profile.name}{section}]: {line}"
    )


def _line(key: str, examples: Sequence[Named] = (), present: Sequence[str] = ()) -> str:
    """Return a line of the configuration, with dots for a value to choose; ``present`` is what the key has now."""
    names = list(dict.fromkeys([*present, *(example.name for example in examples)])) or ["…"]
    return f"{key} = {json.dumps(names, ensure_ascii=False)}"


def _any_known(words: Sequence[str], known: Sequence[Named]) -> bool:
    return any(is_known(word, "resolution", known) for word in words)


def _names(words: Sequence[str], status: Named) -> bool:
    return any(is_known(word, "status", [status]) for word in words)


def _as_named(words: Sequence[str]) -> list[Named]:
    return [Named("", word) for word in words]


def _is_ignored(kind: Named) -> bool:
    """Return whether Jira's hierarchy excludes a type."""
    return kind.level != 0 if kind.level is not None else kind.subtask or fold_name(kind.name) == "epic"


def _is_left_out(kind: Named, rules: Rules) -> bool:
    """Return whether issues of a type are left out as work items."""
    others = (
        *(rules.deployments.types if rules.deployments else ()),
        *(rules.incidents.types if rules.incidents else ()),
    )
    if _any_known(others, [kind]):
        return True
    return _is_ignored(kind) if rules.ignored_types is None else _any_known(rules.ignored_types, [kind])
