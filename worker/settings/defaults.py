"""The ``[defaults]`` of all profiles, laid under the checked values of each."""

from collections.abc import Mapping
from typing import Any, Final

from models.names import fold_name
from worker.settings.configured import KeyPath
from worker.settings.validator import Validator

PLACE: Final[KeyPath] = ("defaults",)
# Sections whose lists share out names: a name is in one list only, and the profile's own word wins.
_SHARED_OUT: Final = ("workflow", "categories")


def lay_under(walk: Validator, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with the defaults in each profile, and without the section of defaults.

    - A key of the profile wins; sections are merged key by key.
    - A profile that names its own source of deployments takes no key of the defaults' section.
    - A status or type that the profile puts into a list leaves the lists of the defaults.
    """
    defaults = values.get("defaults", {})
    profiles = {
        name: _merged(walk, defaults, own, PLACE, ("profiles", name))
        for name, own in values.get("profiles", {}).items()
    }
    rest = {name: value for name, value in values.items() if name not in ("defaults", "profiles")}
    return {**rest, "profiles": profiles} if "profiles" in values else rest


def _merged(
    walk: Validator, defaults: Mapping[str, Any], own: Mapping[str, Any], origin: KeyPath, place: KeyPath
) -> dict[str, Any]:
    """Return the keys of a section with those of the defaults beneath; where each of these came from is recorded."""
    merged = dict(own)
    for name, value in _usable(defaults, own, place[-1]).items():
        if isinstance(value, dict):
            merged[name] = _merged(walk, value, own.get(name, {}), (*origin, name), (*place, name))
        elif name not in own and (*place, name) not in walk.wrong:
            merged[name] = value
            walk.origins[*place, name] = (*origin, name)
    return merged


def _usable(defaults: Mapping[str, Any], own: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    """Return the keys of the defaults' section that go with the profile's own."""
    if section == "deployments" and "source" in own:
        return {}
    if section not in _SHARED_OUT:
        return defaults
    taken = {fold_name(word) for words in own.values() for word in words}
    return {name: tuple(word for word in words if fold_name(word) not in taken) for name, words in defaults.items()}
