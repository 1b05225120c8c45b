"""The values of the fields that a profile maps: moments, numbers, failure marks, and the ids that a list names."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from models.metrics import windows
from models.metrics.rules import Context
from models.names import fold_name
from models.records import INVALID, Invalid, IssueHead, MappedInstant

# A day without a time is its first instant where something begins, its last second where something ends.
_BEGINNINGS: Final = ("committed_at", "detected_at")
_MOST_POINTS: Final = 1e12
_REWORK_VALUES: Final = ("yes", "true")
# Stands for "the path leads nowhere in this value": parses as nothing and marks no failure.
_ASTRAY: Final = object()


def _mapped(issue: IssueHead, role: str, context: Context) -> Any:
    """Return the value a role is mapped to; None without one."""
    paths = context.rules.paths(role)
    return _value_at(issue, paths[0]) if paths else None


def _value_at(issue: IssueHead, mapping: str, below: Callable[[Any, str], Any] | None = None) -> Any:
    """Return the value of a field by its id, or the value below it on a dotted path."""
    if mapping in issue.fields:
        return issue.fields[mapping]
    field_id, *path = mapping.split(".")
    value = issue.fields.get(field_id)
    for name in path:
        value = (below or _below)(value, name)
    return value


def _below(value: Any, name: str) -> Any:
    if value is None:
        return None
    if isinstance(value, list):
        return [_below(member, name) for member in value]
    return _below_mapping(value, name)


def _below_mapping(value: Any, name: str) -> Any:
    if value is None:
        return None
    return value.get(name) if isinstance(value, Mapping) else _ASTRAY


def mapped_instant(issue: IssueHead, role: str, context: Context) -> MappedInstant:
    """Return a moment for a time with an offset or a day, None for no value, ``invalid`` for anything else."""
    value = _mapped(issue, role, context)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        return INVALID
    try:
        if not windows.is_day(value):
            return windows.instant_of(value)
        day = date.fromisoformat(value)
    except ValueError:
        return INVALID
    edge = windows.start_of_day if role in _BEGINNINGS else windows.last_second
    return edge(day, context.zone)


def points_of(issue: IssueHead, context: Context) -> float | Invalid | None:
    """Return the points of an issue: None without any, ``invalid`` where they are not a number.

    The first of the mapped fields that is not empty counts, whatever is in it.
    """
    values = (_value_at(issue, path) for path in context.rules.paths("points"))
    value = next((value for value in values if not is_empty(value)), None)
    return None if value is None else _number(value)


def is_empty(value: Any) -> bool:
    """Return whether a field has no value; 0 is one."""
    return value is None or value in ("", [])


def _number(value: Any) -> float | Invalid:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return INVALID
    # Also false for NaN; and no sum of what passes can overflow.
    return float(value) if abs(value) <= _MOST_POINTS else INVALID


def failed(issue: IssueHead, context: Context) -> bool:
    """Return whether ``change_failure`` says so: true, a number but 0, or a failure word as text, option or list
    member.
    """
    value = _mapped(issue, "change_failure", context)
    if isinstance(value, bool | int | float):
        return value != 0
    members = value if isinstance(value, list) else [value]
    return any(fold_name(_word(member)) in context.failure_values for member in members)


def rework(issue: IssueHead, context: Context) -> bool | None:
    """Return what the mapped ``rework`` says; None for no value, and for a path that leads nowhere.

    A path leads nowhere in a list.
    """
    paths = context.rules.paths("rework")
    value = _value_at(issue, paths[0], _below_mapping) if paths else None
    if is_empty(value) or value is _ASTRAY:
        return None
    if isinstance(value, bool | int | float):
        return value != 0
    members = value if isinstance(value, list) else [value]
    return any(fold_name(_word(member)) in _REWORK_VALUES for member in members)


def _word(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get("value", value.get("name"))
    return value if isinstance(value, str) else ""


def ids_in(issue: IssueHead, name: str) -> tuple[str, ...]:
    """Return the ids that a field like ``fixVersions`` lists, each once."""
    value = issue.fields.get(name)
    if not value or not isinstance(value, list | tuple):
        return ()
    return tuple(sorted({str(member) for member in value if isinstance(member, str | int)}))
