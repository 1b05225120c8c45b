"""Jira's JSON into records, without I/O: the one place that knows Jira's shapes.

People are left behind here: no author, assignee or reporter is read; user objects inside a mapped field are dropped.
A value that cannot be read raises ``ValueError`` for its own issue or history; the caller counts it and continues.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from models.names import fold_name
from models.records import EPOCH, Field, Issue, Status, Transition, Version

# The history kept beside the mapped fields: what the metrics read, and what explains a delivery.
_LARGEST_ID: Final = 2**63 - 1
TRACKED: Final = ("status", "resolution", "issuetype", "fixVersions")
# What every issue is asked for; summaries and mapped fields come on top.
BASE_FIELDS: Final = (
    "project",
    "issuetype",
    "status",
    "created",
    "updated",
    "resolution",
    "resolutiondate",
    "priority",
    "fixVersions",
    "versions",
    "issuelinks",
    "parent",
)
# Changelog items without a fieldId (all of Data Center's) name the field in words, and say whether it is Jira's own: a
# custom field may be called Status, too.
FieldNames = Mapping[tuple[str, str], str]
_FIELD_TYPES: Final = ("jira", "custom")
_NAMES: Final[FieldNames] = {
    ("jira", "status"): "status",
    ("jira", "resolution"): "resolution",
    ("jira", "issuetype"): "issuetype",
    ("jira", "fix version"): "fixVersions",
}
# Jira's id of a field → its name among the stored fields, where that is another one.
STORED_AS: Final = {"issuelinks": "links"}
_PEOPLE: Final = frozenset({"accountId", "emailAddress", "displayName", "avatarUrls"})
_MILLISECONDS_FROM: Final = 100_000_000_000  # as seconds: the year 5138; every smaller integer is seconds


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of every issue: the mapped fields (id → the site's name), and whether summaries are kept.

    ``levels``: whether the levels of issue types mean anything on this site, as they do on Cloud. ``flagged``: the id
    of the mapped field whose history is kept before that of all others. ``multi_valued``: the fields that may
    have several values (id → the name that JQL has for it), where these are asked for apart.
    """

    mapped: Mapping[str, str] = dataclass_field(default_factory=dict)
    summaries: bool = True
    levels: bool = True
    flagged: str | None = None
    multi_valued: Mapping[str, str] = dataclass_field(default_factory=dict)

    @property
    def plain_fields(self) -> list[str]:
        """The field ids to ask Jira for where an issue has nothing in the others."""
        return [name for name in self.fields if name not in self.multi_valued]

    @property
    def fields(self) -> list[str]:
        """The field ids to ask Jira for."""
        extra = [name for name in self.mapped if name not in BASE_FIELDS]
        return [*BASE_FIELDS, *(["summary"] if self.summaries else []), *extra]

    @property
    def tracked(self) -> list[str]:
        """The field ids whose history is kept: at most ten, for the bulk changelog takes no more."""
        most = 10
        first = [TRACKED[0], self.flagged] if self.flagged else []
        return list(dict.fromkeys([*first, *TRACKED, *self.mapped]))[:most]


def moment(value: object) -> datetime:
    """Return an instant of Jira: ISO 8601 with an offset, colon or not, or epoch seconds or milliseconds as an
    integer.
    """
    if isinstance(value, str) and value.lstrip("-").isdigit():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _from_epoch(value)
    if not isinstance(value, str):
        raise ValueError("not an instant: neither text nor a whole number")  # noqa: TRY004 - unreadable is ValueError
    parsed = datetime.fromisoformat(value)
    if parsed.tzinfo is None:
        raise ValueError("an instant without an offset")
    try:
        return parsed.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("an instant outside the years 1 to 9999") from error


def text(value: object) -> str | None:
    """Return a value as clean text; None stays None."""
    if value is None:
        return None
    if type(value) is str and value.isascii() and "\x00" not in value:  # as nearly every text is
        return value
    return clean(str(value))


def clean(value: str) -> str:
    """Text without NUL, which PostgreSQL refuses, and without halves of characters, which no database stores."""
    if value.isascii():
        return value.replace("\x00", "")
    return value.replace("\x00", "").encode("utf-8", "replace").decode()


def status(raw: Mapping[str, Any]) -> Status:
    """Return a status of the list endpoint; a category Jira does not send counts as undefined."""
    category = raw.get("statusCategory") or {}
    name = text(raw.get("name")) or str(raw["id"])
    return Status(status_id=str(raw["id"]), name=name, category=str(category.get("key") or "undefined"))


def name(raw: Mapping[str, Any]) -> str:
    """Return the name of a member of a list of types, priorities or resolutions."""
    return clean(str(raw["name"]))


def field(raw: Mapping[str, Any]) -> Field:
    """Return a field of the list endpoint; some have no schema."""
    schema = raw.get("schema") or {}
    return Field(
        field_id=str(raw["id"]),
        name=text(raw.get("name")) or str(raw["id"]),
        schema=str(schema.get("type") or ""),
        items=str(schema.get("items") or ""),
        custom=str(schema.get("custom") or ""),
    )


def version(raw: Mapping[str, Any], project: str) -> Version:
    """Return a version of a project; its release date is a day, and an unreadable day is none."""
    return Version(
        version_id=str(raw["id"]),
        project=project,
        name=text(raw.get("name")) or str(raw["id"]),
        released=bool(raw.get("released")),
        release_date=_day(raw.get("releaseDate")),
        archived=bool(raw.get("archived")),
    )


def type_level(raw: Mapping[str, Any]) -> tuple[int | None, bool | None]:
    """Return the level of an issue type in Jira's hierarchy and whether it is a sub-task, each None where not told."""
    level, subtask = raw.get("hierarchyLevel"), raw.get("subtask")
    is_level = isinstance(level, int) and not isinstance(level, bool)
    return level if is_level else None, subtask if isinstance(subtask, bool) else None


def issue(raw: Mapping[str, Any], wanted: Wanted, histories: Iterable[Any]) -> Issue:
    """Return an issue with its whole history.

    Raises ValueError or KeyError where the issue lacks what makes it one (id, key, type, status, created, updated).
    """
    fields = raw["fields"]
    changes, findings = transitions(histories, wanted)
    resolved = fields.get("resolutiondate")
    key, project = _required(raw["key"]), fields.get("project") or {}
    level, subtask = type_level(fields["issuetype"])
    return Issue(
        issue_id=_identity(raw["id"]),
        key=key,
        project=text(project.get("key")) or key.rpartition("-")[0],
        type=_required(fields["issuetype"]["name"]),
        status_id=str(fields["status"]["id"]),
        created=moment(fields["created"]),
        updated=moment(fields["updated"]),
        resolution=_name(fields.get("resolution")),
        resolved=moment(resolved) if resolved else None,
        summary=text(fields.get("summary")) if wanted.summaries else None,
        fields=_kept(fields, wanted),
        transitions=changes,
        findings=findings,
        hierarchy_level=level if wanted.levels else None,
        subtask=subtask,
        project_id=text(project.get("id")),
        parent=_parent(fields.get("parent")),
    )


def transitions(histories: Iterable[Any], wanted: Wanted) -> tuple[tuple[Transition, ...], dict[str, int]]:
    """Return the tracked items of histories in their true order, each once, and what was wrong (reason → count)."""
    tracked = set(wanted.tracked)
    names = _field_names(wanted.mapped)
    values: dict[tuple[str, str, int], Transition] = {}
    broken = 0
    for history in histories:
        try:
            read, bad = _items(history, tracked, names)
        except (ValueError, KeyError, TypeError, AttributeError):
            read, bad = [], 1
        for change in read:
            values[change.history_id, change.field, change.position] = change
        broken += bad
    return tuple(sorted(values.values())), {"broken_history": broken} if broken else {}


def _from_epoch(value: int) -> datetime:
    scale = 1_000 if abs(value) >= _MILLISECONDS_FROM else 1_000_000
    try:
        return EPOCH + timedelta(microseconds=value * scale)
    except OverflowError as error:
        raise ValueError("an instant outside the years 1 to 9999") from error


def _field_names(mapped: Mapping[str, str]) -> FieldNames:
    """Return (fieldtype, folded name) → id of the fields to keep the history of; Jira's own are named by id, too."""
    names: dict[tuple[str, str], str] = {}
    for field_id, name in mapped.items():
        kind = "custom" if field_id.startswith("customfield_") else "jira"
        names[kind, fold_name(name)] = field_id
        names[kind, fold_name(field_id)] = field_id
    return {**names, **_NAMES}


def _field_id(item: Mapping[str, Any], names: FieldNames) -> str:
    """Return the id of an item's field, empty where it is not one that is kept.

    Without a type, as in old recordings, Jira's own field goes before a custom one of that name.
    """
    if item.get("fieldId"):
        return str(item["fieldId"])
    kind, name = item.get("fieldtype"), fold_name(str(item.get("field", "")))
    kinds = (kind,) if kind in _FIELD_TYPES else _FIELD_TYPES
    return next((names[kind, name] for kind in kinds if (kind, name) in names), "")


def _items(history: Mapping[str, Any], tracked: set[str], names: FieldNames) -> tuple[list[Transition], int]:
    """Return the tracked items and how many cannot be read.

    Positions count a history's items of one field, so that asking for fewer fields changes no position.
    """
    seen: dict[str, int] = {}
    result: list[Transition] = []
    items = history.get("items") or ()
    whole = [item for item in items if isinstance(item, dict)]
    for item in whole:
        field_id = _field_id(item, names)
        if field_id not in tracked:
            continue
        seen[field_id] = position = seen.get(field_id, -1) + 1
        result.append(_transition(history, item, field_id, position))
    return result, len(items) - len(whole)


def _transition(history: Mapping[str, Any], item: Mapping[str, Any], field_id: str, position: int) -> Transition:
    number = int(history["id"])
    return Transition(
        moment(history["created"]),
        number,
        position,
        field_id,
        str(number),
        text(item.get("from")),
        text(item.get("fromString")),
        text(item.get("to")),
        text(item.get("toString")),
    )


def _kept(value: Mapping[str, Any], wanted: Wanted) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "priority": _name(value.get("priority")),
        "fixVersions": _ids(value.get("fixVersions")),
        "versions": _ids(value.get("versions")),
        STORED_AS["issuelinks"]: _linked(value.get("issuelinks")),
    }
    return kept | {name: _value(value.get(name)) for name in wanted.mapped if name not in kept}


def _value(value: Any) -> Any:
    """Return the value of a mapped field. An empty list means null: which of them Jira sends depends on the field."""
    return None if isinstance(value, list) and not value else without_people(value)


def without_people(value: Any) -> Any:
    """Return a JSON value less every user object in it, and as every database takes it: clean text, finite numbers."""
    if isinstance(value, Mapping):
        if _PEOPLE & value.keys():
            return None
        return {clean(str(key)): without_people(inner) for key, inner in value.items() if key != "self"}
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Sequence):
        return [without_people(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _linked(links: Any) -> list[str]:
    sides = (link.get(side) or {} for link in links or () for side in ("inwardIssue", "outwardIssue"))
    return sorted({str(side["id"]) for side in sides if side.get("id")})


def _ids(values: Any) -> list[str]:
    return sorted({str(value["id"]) for value in values or ()})


def _name(value: Any) -> str | None:
    return text(value.get("name")) if isinstance(value, Mapping) else text(value)


def _identity(value: Any) -> str:
    """Return Jira's numeric id, as it writes it; what no column of ids can hold is none."""
    number = int(value)
    if not 0 <= number <= _LARGEST_ID:
        raise ValueError("an id that is not a number")
    return str(number)


def _parent(value: Any) -> str | None:
    """Return the id of the issue above; None without one, and of an id that no issue can have."""
    number = text(value.get("id")) if isinstance(value, Mapping) else None
    return number if number and number.isdecimal() and int(number) <= _LARGEST_ID else None


def _required(value: Any) -> str:
    result = text(value)
    if not result:
        raise ValueError("a name or key that is empty")
    return result


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None
