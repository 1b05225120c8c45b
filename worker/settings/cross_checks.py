"""What is right by itself and wrong beside another key."""

from collections.abc import Mapping
from typing import Any

from models.names import fold_name
from models.records import DEFAULT_CATEGORIES
from worker.config_schema import did_you_mean, profile_schema
from worker.settings import password_files
from worker.settings.configured import KeyPath
from worker.settings.validator import Validator

# For each source of deployments: the keys it cannot do without, and those it may have.
_SOURCE_KEYS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "issues": (frozenset({"types"}), frozenset({"group_by"})),
    "versions": (frozenset(), frozenset()),
    "status": (frozenset({"statuses"}), frozenset()),
    "table": (frozenset(), frozenset()),
}


def cross_check(walk: Validator, values: Mapping[str, Any]) -> None:
    """Report what is right by itself and wrong beside another key."""
    password_files.check(walk, values)
    connections = values.get("connections", {})
    for name, connection in connections.items():
        _check_login(walk, ("connections", name), connection)
    _check_notify(walk, values.get("notify", {}))
    _check_reports(walk, values.get("profiles", {}))
    for name, profile in values.get("profiles", {}).items():
        place = ("profiles", name)
        walk.require(profile, profile_schema(), place)
        _check_connection(walk, (*place, "connection"), profile.get("connection"), connections)
        _check_deployments(walk, (*place, "deployments"), profile.get("deployments", {}))
        _check_lists(walk, (*place, "workflow"), profile.get("workflow", {}), {})
        _check_lists(walk, (*place, "categories"), profile.get("categories", {}), DEFAULT_CATEGORIES)


def _check_reports(walk: Validator, profiles: Mapping[str, Mapping[str, Any]]) -> None:
    """Report pages that two profiles would write in turn."""
    first: dict[Any, str] = {}
    for name, profile in profiles.items():
        file = profile.get("report")
        if file is not None and first.setdefault(file, name) != name:
            walk.problem(
                ("profiles", name, "report"), f"names the file of profiles.{first[file]}.report; give each its own"
            )


def _check_notify(walk: Validator, section: Mapping[str, Any]) -> None:
    """Report a second way to notify: a failure of one would repeat the other."""
    ways = [name for name in ("command", "webhook_env", "webhook_file") if name in section]
    for name in ways[1:]:
        walk.problem(("notify", name), f"is set together with {ways[0]}; keep only one of them")


def _check_login(walk: Validator, place: KeyPath, connection: Mapping[str, Any]) -> None:
    if "token_env" in connection and "token_file" in connection:
        walk.problem((*place, "token_file"), "is set together with token_env; keep only one of them")
    if "email" in connection and not {"token_env", "token_file"} & connection.keys():
        walk.problem((*place, "email"), "needs a token beside it; add token_env or token_file, or remove it")


def _check_connection(walk: Validator, place: KeyPath, name: str | None, connections: Mapping[str, Any]) -> None:
    if name is None or name in connections:
        return
    guess = did_you_mean(name, connections) or f"; add a section [connections.{name}]"
    walk.problem(place, f"names {name!r}, which is not a connection in this file{guess}")


def _check_deployments(walk: Validator, place: KeyPath, section: Mapping[str, Any]) -> None:
    source = section.get("source")
    if source is None:
        return
    needed, allowed = _SOURCE_KEYS[source]
    for name in sorted(needed - section.keys()):
        if (*place, name) not in walk.wrong:
            walk.problem((*place, name), f"is missing; source {source!r} needs it")
    for name in sorted(section.keys() - {"source"} - needed - allowed):
        taken = ", ".join(sorted(needed | allowed)) or "no other key"
        walk.problem((*place, name), f"means nothing for source {source!r}, which takes {taken}")


def _check_lists(
    walk: Validator, place: KeyPath, lists: Mapping[str, tuple[str, ...]], defaults: Mapping[str, tuple[str, ...]]
) -> None:
    """Refuse a status of two stages and a type of two categories, default lists included."""
    standing = {name: words for name, words in defaults.items() if name not in lists}
    owners = {fold_name(word): name for name, words in standing.items() for word in words}
    for name, words in lists.items():
        for word in words:
            owner = owners.setdefault(fold_name(word), name)
            if owner != name:
                default = " by default" if owner in standing else ""
                walk.problem((*place, name), f"names {word!r}, as {owner} does{default}; keep it in one list only")
