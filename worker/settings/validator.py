"""One pass over the tables of the file and the environment: checks and converts every value, collects every error."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from worker.config_schema import KIND_WORDS, Key, Kind, Schema, did_you_mean, repeated, schema, unknown
from worker.settings.configured import CONFIG_VARIABLE, PREFIX, KeyPath, passwords


class Validator:
    """One pass over the tables: collects what is wrong, with the file or the variable it came from."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[str] = []
        self.wrong: set[KeyPath] = set()
        self.origins: dict[KeyPath, KeyPath] = {}
        """The place in ``[defaults]`` of each value of a profile that came from there."""
        self._variables: dict[KeyPath, str] = {}

    def problem(self, place: KeyPath, sentence: str) -> None:
        origin = self.origins.get(place)
        variable = self._variables.get(origin or place)
        source = f"environment variable {variable}" if variable else self.file
        named = f"{'.'.join(place)} (from {'.'.join(origin)})" if origin else ".".join(place)
        self._tell(f"{source}: {named} {sentence}")
        self.wrong.add(place)

    def _tell(self, line: str) -> None:
        """Add a problem; a line end or a terminal's escape code in a name is shown escaped."""
        self.problems.append("".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line))

    def overlay(self, tree: dict[str, Any], environ: Mapping[str, str]) -> None:
        """Lay the FLOWBEAT_* variables over the tables; an empty one counts as not set."""
        known = {_normal(PREFIX + "__".join(place)): (place, key) for place, key in _leaves(schema(), tree, ())}
        given = [name for name in sorted(environ) if _normal(name).startswith(PREFIX) and environ[name].strip()]
        for name in given:
            if _normal(name) in known:
                place, key = known[_normal(name)]
                _set_path(tree, place, _from_text(key.kind, environ[name]))
                self._variables[place] = name
        # Only now, because a variable may have changed which variable holds a token.
        for name in sorted(set(given) - {CONFIG_VARIABLE} - _token_variables(tree)):
            if _normal(name) not in known:
                names = [variable.removeprefix(PREFIX) for variable in (*known, CONFIG_VARIABLE)]
                guess = did_you_mean(_normal(name).removeprefix(PREFIX), names, PREFIX)
                self._tell(f"environment variable {name}: no setting has this name{guess or '; unset it'}")

    def table(self, raw: object, section: Schema, place: KeyPath) -> dict[str, Any]:
        """Return the checked values of one section; what is wrong or unknown is reported and left out."""
        if not isinstance(raw, dict):
            self.problem(place, f"must be a section with its own keys, not {_described(raw)}")
            return {}
        if "*" in section:
            return self._named(raw, section["*"], place)
        if place[:1] not in (("profiles",), ("defaults",)):  # what a profile lacks may be in the defaults
            self._require_keys(raw, section, place)
        checked = {name: self._entry(value, section, (*place, name)) for name, value in raw.items()}
        return {name: value for name, value in checked.items() if value is not None}

    def require(self, values: Mapping[str, Any], section: Schema, place: KeyPath) -> None:
        """Report the keys that a profile and the sections in it cannot do without."""
        self._require_keys(values, section, place)
        for name, inner in section.items():
            if not isinstance(inner, Key) and name in values:
                self.require(values[name], inner, (*place, name))

    def _require_keys(self, values: Mapping[str, Any], section: Schema, place: KeyPath) -> None:
        for name, key in section.items():
            in_defaults = ("defaults", *place[2:], name)  # of a profile's key; a wrong one was reported there
            is_reported = not self.wrong.isdisjoint({(*place, name), in_defaults})
            if isinstance(key, Key) and key.required and name not in values and not is_reported:
                self.problem((*place, name), "is missing; this section cannot do without it")

    def _named(self, raw: dict[str, Any], section: "Key | Schema", place: KeyPath) -> dict[str, Any]:
        """Return a section of sections whose names the user chooses; variables must be able to name them."""
        twice = repeated(_normal(name) for name in raw)
        if twice:
            self.problem(place, f"has two sections named {twice} (case, - and _ make no difference)")
        for name in raw:
            if "__" in _normal(name) or not re.fullmatch(r"\w([\w-]{0,62}\w)?", name):
                self.problem((*place, name), "has no usable name; take letters, digits and single - or _, at most 64")
        return {name: self._entry(value, {name: section}, (*place, name)) for name, value in raw.items()}

    def _entry(self, value: object, section: Schema, place: KeyPath) -> Any:
        expected = section.get(place[-1])
        if expected is None:
            return self.problem(place, unknown(place[-1], section))
        if not isinstance(expected, Key):
            return self.table(value, expected, place)
        if not _is_kind(expected.kind, value):
            return self.problem(place, f"must be {KIND_WORDS[expected.kind]}, not {_described(value)}")
        try:
            checked = expected.check(value)
        except ValueError as error:
            return self.problem(place, str(error))
        if place[-1] in {"database_url", "redis_url"} and place not in self._variables and any(passwords(checked)):
            return self.problem(place, f"must hold no password here; set the whole URL as {PREFIX}{place[-1].upper()}")
        return checked


def _leaves(section: Schema, tree: object, place: KeyPath) -> Iterator[tuple[KeyPath, Key]]:
    """Yield every key that can be set, with the names of connections and profiles taken from the file."""
    inner = tree if isinstance(tree, dict) else {}
    for name, expected in section.items():
        for known in inner if name == "*" else (name,):
            if isinstance(expected, Key):
                yield (*place, known), expected
            else:
                yield from _leaves(expected, inner.get(known), (*place, known))


def _set_path(tree: dict[str, Any], place: KeyPath, value: object) -> None:
    inner: Any = tree
    for section in place[:-1]:
        inner = inner.setdefault(section, {})
        if not isinstance(inner, dict):
            return  # the walk reports the section that is none
    inner[place[-1]] = value


def _from_text(kind: Kind, text: str) -> object:
    """Return a variable's text as a TOML value; other text stays text, and is refused later."""
    bare = not text.lstrip().startswith("[")
    if kind == "text" or (kind == "fields" and bare):
        return text
    if kind == "texts" and bare:
        return text.split(",")
    written = f"[{text}]" if kind == "numbers" and bare else text.lower() if kind == "flag" else text
    try:
        return tomllib.loads(f"value = {written}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _token_variables(tree: Mapping[str, Any]) -> set[str]:
    """Return the names given as token_env or webhook_env: they may begin with FLOWBEAT_ without being a setting."""
    connections, notify = tree.get("connections"), tree.get("notify")
    tables = connections.values() if isinstance(connections, dict) else ()
    webhook = {str(notify.get("webhook_env"))} if isinstance(notify, dict) else set()
    return webhook | {str(table.get("token_env")) for table in tables if isinstance(table, dict)}


def _is_kind(kind: Kind, value: object) -> bool:
    if isinstance(value, bool) or kind == "flag":  # in Python a bool is an int, in TOML it is not
        return kind == "flag" and isinstance(value, bool)
    if kind == "text":
        return isinstance(value, str)
    if kind == "whole":
        return isinstance(value, int)
    if kind == "number":
        return isinstance(value, int | float)
    if kind == "fields" and isinstance(value, str):
        return True
    inner: Kind = "number" if kind == "numbers" else "text"
    return isinstance(value, list) and all(_is_kind(inner, member) for member in value)


def _described(value: object) -> str:
    words = {bool: "true or false", str: "text", int: "a whole number", float: "a number", dict: "a section"}
    if isinstance(value, list):
        return f"a list that holds {' and '.join(sorted({_described(element) for element in value})) or 'nothing'}"
    return words.get(type(value), "a date or time")


def _normal(name: str) -> str:
    return name.replace("-", "_").upper()
