"""A profile's field mappings, in a person's words, resolved to the ids of one site."""

from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from typing import Final

from models.names import fold_name
from models.records import Field, FieldMapping, Rules
from worker.errors import FatalError

_PEOPLE: Final = frozenset({"user", "users"})


def resolved(rules: Rules, fields: Iterable[Field], profile: str) -> Rules:
    """Return the rules with every mapping as ``id`` or ``id.path``; raises FatalError for a name the site does not
    know.
    """
    known = list(fields)
    return replace(rules, fields={role: _resolved(known, rules, profile, role) for role in rules.fields})


def roots(rules: Rules) -> tuple[str, ...]:
    """Return the field ids that resolved mappings read, each once, in order."""
    return tuple(sorted({path.partition(".")[0] for role in rules.fields for path in rules.paths(role)}))


def flag(rules: Rules) -> str | None:
    """Return the id of the field that ``flagged`` is resolved to; None where it is not mapped."""
    return next(iter(rules.paths("flagged")), None)


def _resolved(known: list[Field], rules: Rules, profile: str, role: str) -> FieldMapping:
    """Return one path for one, several for several; a field named twice, by its name and its id, is asked once."""
    paths = tuple(dict.fromkeys(_resolve(known, text, profile, role) for text in rules.paths(role)))
    return paths[0] if len(paths) == 1 else paths


def _resolve(known: list[Field], text: str, profile: str, role: str) -> str:
    """Return the longest head of the text that is a field, id before name, and the rest as a path below it."""
    parts = text.split(".")
    for length in range(len(parts), 0, -1):
        head, path = ".".join(parts[:length]), parts[length:]
        named = _named(known, head)
        if len(named) > 1:
            ids = ", ".join(entry.field_id for entry in named)
            raise FatalError(
                f"profiles.{profile}.fields.{role}: {len(named)} fields are called {head!r}; use one id: {ids}"
            )
        if named:
            _refuse_path_of_flag(path, named[0], profile, role)
            return ".".join([_not_a_person(named[0], profile, role), *path])
    near = get_close_matches(text, [item.name for item in known], n=1)
    advice = f"did you mean {near[0]!r}?" if near else "see its fields with: flowbeat check --names"
    raise FatalError(f"profiles.{profile}.fields.{role}: this Jira has no field {text!r}; {advice}")


def _named(known: list[Field], head: str) -> list[Field]:
    wanted = fold_name(head)
    by_id = [entry for entry in known if fold_name(entry.field_id) == wanted]
    return by_id or [item for item in known if fold_name(item.name) == wanted]


def _refuse_path_of_flag(path: list[str], field: Field, profile: str, role: str) -> None:
    """Raise where ``flagged`` leads below a field: its history is of the whole field."""
    if path and role == "flagged":
        raise FatalError(
            f"profiles.{profile}.fields.flagged: {'.'.join(path)!r} is a path below the field {field.name!r}; "
            f"name the field alone: {field.field_id}"
        )


def _not_a_person(field: Field, profile: str, role: str) -> str:
    if field.schema in _PEOPLE or field.items in _PEOPLE:
        raise FatalError(f"profiles.{profile}.fields.{role}: {field.name!r} holds people, and people are not stored")
    return field.field_id
