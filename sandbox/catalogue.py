"""The lists of the made-up site before any issue: its statuses, types, fields and projects, with Jira's own ids."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from sandbox.shapes import Flavour, Json, named, status

NEW: Final[Json] = {"id": 2, "key": "new", "name": "To Do", "colorName": "blue-gray"}
MOVING: Final[Json] = {"id": 4, "key": "indeterminate", "name": "In Progress", "colorName": "yellow"}
FINISHED: Final[Json] = {"id": 3, "key": "done", "name": "Done", "colorName": "green"}

STATUSES: Final = {
    item["name"]: item
    for item in (
        status("10000", "To Do", NEW),
        status("3", "In Progress", MOVING),
        status("10011", "In Review", MOVING),
        status("10012", "Blocked", MOVING),
        status("10001", "Done", FINISHED),
        status("6", "Closed", FINISHED),
    )
}
TYPES: Final = {
    name: named(number, name, subtask=name == "Sub-task", description="")
    for number, name in (
        ("10000", "Epic"),
        ("10001", "Story"),
        ("10002", "Task"),
        ("10003", "Sub-task"),
        ("10004", "Bug"),
        ("10005", "Incident"),
        ("10006", "Technical Debt"),
        ("10007", "Security"),
        ("10008", "Deployment"),
    )
}
RESOLUTIONS: Final = {
    name: named(number, name, description="")
    for number, name in (
        ("10000", "Done"),
        ("10001", "Won't Do"),
        ("10002", "Duplicate"),
        ("10003", "Cannot Reproduce"),
    )
}
PRIORITIES: Final = {
    name: named(number, name)
    for number, name in (("1", "Highest"), ("2", "High"), ("3", "Medium"), ("4", "Low"), ("5", "Lowest"))
}
PAY: Final[Json] = {"id": "10000", "key": "PAY", "name": "Payments", "projectTypeKey": "software"}
OPS: Final[Json] = {"id": "10001", "key": "OPS", "name": "Operations", "projectTypeKey": "software"}

POINTS: Final = "customfield_10016"
RANK: Final = "customfield_10019"
SPRINT: Final = "customfield_10020"
FLAGGED: Final = "customfield_10021"
DEPLOYED_AT: Final = "customfield_10031"
COMMITTED_AT: Final = "customfield_10032"
DETECTED_AT: Final = "customfield_10033"
RESTORED_AT: Final = "customfield_10034"
CHANGE_FAILURE: Final = "customfield_10035"
DEPLOY_DAY: Final = "customfield_10036"
OWNER: Final = "customfield_10037"
LIGHT: Final = "customfield_10038"

_SYSTEM: Final = (
    ("summary", "Summary", "string", ("summary",)),
    ("issuetype", "Issue Type", "issuetype", ("issuetype", "type")),
    ("project", "Project", "project", ("project",)),
    ("status", "Status", "status", ("status",)),
    ("resolution", "Resolution", "resolution", ("resolution",)),
    ("resolutiondate", "Resolved", "datetime", ("resolutiondate", "resolved")),
    ("created", "Created", "datetime", ("created", "createdDate")),
    ("updated", "Updated", "datetime", ("updated", "updatedDate")),
    ("duedate", "Due date", "date", ("due", "duedate")),
    ("priority", "Priority", "priority", ("priority",)),
    ("labels", "Labels", "array:string", ("labels",)),
    ("components", "Components", "array:component", ("component",)),
    ("fixVersions", "Fix versions", "array:version", ("fixVersion",)),
    ("versions", "Affects versions", "array:version", ("affectedVersion",)),
    ("assignee", "Assignee", "user", ("assignee",)),
    ("reporter", "Reporter", "user", ("reporter",)),
    ("creator", "Creator", "user", ("creator",)),
    ("description", "Description", "string", ("description",)),
    ("issuelinks", "Linked Issues", "array:issuelinks", ()),
    ("comment", "Comment", "comments-page", ()),
)
_CUSTOM: Final = (
    (POINTS, "Story point estimate", "number", "com.pyxis.greenhopper.jira:jsw-story-points"),
    (RANK, "Rank", "any", "com.pyxis.greenhopper.jira:gh-lexo-rank"),
    (SPRINT, "Sprint", "array:json", "com.pyxis.greenhopper.jira:gh-sprint"),
    (FLAGGED, "Flagged", "array:option", "com.atlassian.jira.plugin.system.customfieldtypes:multicheckboxes"),
    (DEPLOYED_AT, "Deployed at", "datetime", "com.atlassian.jira.plugin.system.customfieldtypes:datetime"),
    (COMMITTED_AT, "Committed at", "datetime", "com.atlassian.jira.plugin.system.customfieldtypes:datetime"),
    (DETECTED_AT, "Detected at", "datetime", "com.atlassian.jira.plugin.system.customfieldtypes:datetime"),
    (RESTORED_AT, "Restored at", "datetime", "com.atlassian.jira.plugin.system.customfieldtypes:datetime"),
    (CHANGE_FAILURE, "Change failure", "option", "com.atlassian.jira.plugin.system.customfieldtypes:select"),
    (DEPLOY_DAY, "Deployed on", "date", "com.atlassian.jira.plugin.system.customfieldtypes:datepicker"),
    (OWNER, "Release owner", "user", "com.atlassian.jira.plugin.system.customfieldtypes:userpicker"),
)


# Cloud alone says on which level of the hierarchy a type lies.
_LEVELS: Final = {"Epic": 1, "Sub-task": -1}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The lists a site serves: `fields`, `statuses`, … as Jira's arrays of objects."""

    fields: list[Json]
    statuses: list[Json]
    types: list[Json]
    resolutions: list[Json]
    priorities: list[Json]
    projects: list[Json]


def made_up(flavour: Flavour) -> Catalogue:
    """Return the catalogue of the generated team's site."""
    return Catalogue(
        fields=_fields(flavour),
        # A site may rename its statuses: each has its own.
        statuses=deepcopy(list(STATUSES.values())),
        types=[type_of(name, flavour) for name in TYPES],
        resolutions=list(RESOLUTIONS.values()),
        priorities=list(PRIORITIES.values()),
        projects=[PAY, OPS],
    )


def type_of(name: str, flavour: Flavour) -> Json:
    """Return an issue type as a site of this flavour shows it."""
    return {**TYPES[name], "hierarchyLevel": _LEVELS.get(name, 0)} if flavour == "cloud" else TYPES[name]


def _fields(flavour: Flavour) -> list[Json]:
    field = [_system(*row) for row in _SYSTEM]
    if flavour == "cloud":
        field.append(_system("statuscategorychangedate", "Status Category Changed", "datetime", ()))
        field.append(_system("parent", "Parent", "issuelink", ("parent",)))
    # A real list has fields without a schema too.
    field.append(_field("issuekey", "Key", ("id", "issue", "issuekey", "key"), None))
    # Jira lets a custom field have the name of one of its own; JQL's word of that name means Jira's.
    light = _custom(LIGHT, "Status", "option", "com.atlassian.jira.plugin.system.customfieldtypes:select")
    light["clauseNames"] = light["clauseNames"][:1]
    return [*field, *(_custom(*row) for row in _CUSTOM), light]


def _system(number: str, name: str, kind: str, clauses: tuple[str, ...]) -> Json:
    return _field(number, name, clauses, {**_kind(kind), "system": number})


def _custom(number: str, name: str, kind: str, module: str) -> Json:
    digits = number.removeprefix("customfield_")
    schema = {**_kind(kind), "custom": module, "customId": int(digits)}
    return _field(number, name, (f"cf[{digits}]", name), schema)


def _kind(kind: str) -> Json:
    outer, _, inner = kind.partition(":")
    return {"type": outer, "items": inner} if inner else {"type": outer}


def _field(number: str, name: str, clauses: tuple[str, ...], schema: Json | None) -> Json:
    values: dict[str, Any] = {
        "id": number,
        "key": number,
        "name": name,
        "custom": number.startswith("customfield_"),
        "navigable": number not in {"issuelinks", "description", "comment"},
        "orderable": True,
        "searchable": bool(clauses),
        "clauseNames": list(clauses),
    }
    return values if schema is None else {**values, "schema": schema}
