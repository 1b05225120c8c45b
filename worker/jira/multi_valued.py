"""Which fields of an issue may have several values, and how JQL finds the issues that have any. Pure.

Jira Cloud returns the fields with one value for 1,000 issues at a time, and the others for 100. That an issue has no
value in these is known from the search index, which is trusted only as far as it can be checked (``is_doubtful``).
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final

from models.records import Field, Issue

# Field id → the name that JQL has for it. Each issue is asked for the first three.
_ALWAYS: Final = {"fixVersions": "fixVersion", "versions": "affectedVersion", "issuelinks": "issueLinkType"}
_OWN: Final = {**_ALWAYS, "labels": "labels", "components": "component"}
_CUSTOM: Final = "customfield_"
# Apps decide themselves whether JQL finds the values of their fields; those of Jira's own types it finds.
_OWN_TYPES: Final = ("com.atlassian.jira.plugin.system.customfieldtypes:", "com.pyxis.greenhopper.jira:gh-sprint")
_ONE_VALUE: Final = frozenset(
    {
        "date",
        "datetime",
        "issuetype",
        "number",
        "option",
        "option-with-child",
        "priority",
        "project",
        "resolution",
        "status",
        "string",
        "version",
    }
)
MAX_FIELDS: Final = 100  # that a request for 1,000 issues may name


def searchable(mapped: Collection[str], fields: Iterable[Field]) -> dict[str, str]:
    """Return the fields to ask for apart: id → name in JQL. Empty if not all of the others surely have one value.

    ``mapped`` are the ids of the profile's fields, ``fields`` those that the site lists.
    """
    known = {entry.field_id: entry for entry in fields}
    names = dict(_ALWAYS)
    for field_id in mapped:
        if field_id in _OWN:
            names[field_id] = _OWN[field_id]
        elif field_id not in known or len(mapped) > MAX_FIELDS // 2:
            return {}
        elif _is_list(known[field_id]):
            names[field_id] = f"cf[{field_id.removeprefix(_CUSTOM)}]"
        elif known[field_id].schema not in _ONE_VALUE:
            return {}
    return names


def _is_list(field: Field) -> bool:
    return field.schema == "array" and field.field_id.startswith(_CUSTOM) and field.custom.startswith(_OWN_TYPES)


def has_value(names: Mapping[str, str], recent: str) -> str:
    """Return the clause that finds issues with a value in any of the fields, and those updated since an instant."""
    return f"({' OR '.join(f'{name} is not EMPTY' for name in names.values())} OR updated >= {recent})"


def is_doubtful(issue: Issue, fields: Collection[str], recent: datetime) -> bool:
    """Return whether an issue may have a value in one of the fields, although the search index says that it has none.

    The index may be late, so it proves nothing about an issue that changed at or after ``recent``. Beside it stands the
    history: what was added there and not removed may be a value still.
    """
    left: set[tuple[str, str]] = set()
    for change in issue.transitions:
        if change.at >= recent:
            return True
        if change.field in fields:
            left.discard((change.field, change.from_id or change.from_name or ""))
            left.add((change.field, change.to_id or change.to_name or ""))
    return issue.updated >= recent or any(value for _, value in left)
