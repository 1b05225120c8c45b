"""The values that JQL compares: ids, names, instants and sort values in an issue's fields."""

from collections.abc import Callable
from datetime import date, datetime, time
from operator import attrgetter
from typing import Any, Final
from zoneinfo import ZoneInfo

from sandbox.shapes import Json, millis, parse_stamp
from sandbox.site import Issue

Read = Callable[[Issue], list[Any]]

_NAMES: Final = ("id", "accountId", "key", "name", "displayName", "emailAddress", "value")


def ids(field: str) -> Read:
    """Return the ids of the objects in a field, or its plain values."""

    def read(issue: Issue) -> list[Any]:
        value = issue.fields.get(field)
        values = value if isinstance(value, list) else [] if value is None else [value]
        return [str(v["id"]) if isinstance(v, dict) and "id" in v else v for v in values]

    return read


def names(field: str) -> Read:
    """Return every name of a value, in lower case: a person's id, name or e-mail, an option's value, a label."""

    def read(issue: Issue) -> list[Any]:
        value = issue.fields.get(field)
        values = value if isinstance(value, list) else [] if value is None else [value]
        texts: list[str] = []
        for item in values:
            known = [item[name] for name in _NAMES if item.get(name)] if isinstance(item, dict) else [item]
            texts.extend(f"{name:g}" if isinstance(name, float) else str(name).lower() for name in known)
        return texts

    return read


def link_types(issue: Issue) -> list[Any]:
    """Return the names of the types of an issue's links, in lower case: of the type and of this side of it."""
    links = [
        (link["type"], "inward" if "inwardIssue" in link else "outward")
        for link in issue.fields.get("issuelinks") or ()
    ]
    return [str(kind[name]).lower() for kind, side in links for name in ("name", side)]


def category_of(issue: Issue) -> list[Any]:
    """Return the category of an issue's status, as a list of one."""
    return [category(issue.fields["status"])["id"]] if issue.fields.get("status") else []


def category(status: Json) -> Json:
    """Return a status's category by its key, because recorded ones have ids of other sites."""
    result = status.get("statusCategory") or {}
    return {"id": result.get("key", "undefined"), "name": result.get("name", "No Category")}


def instants(field: str, zone: ZoneInfo) -> Callable[[Issue], int | None]:
    """Return the epoch milliseconds of a date or date-time field; a day begins in the account's zone."""
    if field == "updated":
        return attrgetter("updated")

    def read(issue: Issue) -> int | None:
        value = issue.fields.get(field)
        if not isinstance(value, str):
            return None
        return parse_stamp(value) if "T" in value else _day(value, zone)

    return read


def _day(text: str, zone: ZoneInfo) -> int | None:
    try:
        return millis(datetime.combine(date.fromisoformat(text), time.min, zone))
    except ValueError:
        return None


def key_order(issue: Issue) -> tuple[str, int]:
    """Return the sort key of an issue key: by project, then by number."""
    project, _, digits = issue.key.rpartition("-")
    return project, int(digits)


def rank(value: Any) -> tuple[int, Any]:
    """Return a value's sort key: numbers and instants before texts, nothing last."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = value.get("name") or value.get("value") or value.get("displayName")
    if value is None:
        return 2, ""
    if isinstance(value, int | float):
        return 0, value
    at = parse_stamp(str(value))
    return (1, str(value).lower()) if at is None else (0, at)
