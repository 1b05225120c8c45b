"""Recorded Jira responses as a site: the known `*.json` files of a folder are served as they were recorded.

Known are search results (an object with `issues`), responses for one issue (an object with `fields`), the list
endpoints (arrays of statuses, fields, issue types, projects, versions, resolutions, priorities) and
`changelog_issue_<id>.json`, pages of one issue's histories. `Site.notes` says what else is there.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from sandbox import recordings
from sandbox.catalogue import Catalogue, made_up
from sandbox.recordings import Recorded, Recordings
from sandbox.shapes import Flavour, Json, parse_stamp, user
from sandbox.site import Account, Event, Issue, Site, Version
from sandbox.team import EMAIL, TOKEN

# What a history calls fields that the list of fields calls otherwise.
_NAMES_IN_HISTORIES: Final = {"fixVersions": "Fix Version", "versions": "Version", "components": "Component"}
_LATEST: Final = 253_402_300_800_000  # milliseconds: the year 10000


def load(folder: Path, flavour: Flavour, zone: str = "Etc/UTC") -> Site:
    """Return the site of a folder's responses; raise ValueError with a sentence if they cannot be served."""
    recorded = recordings.read(folder)
    site = Site(flavour, ZoneInfo(zone), _catalogue(flavour, recorded))
    profile = {**user(flavour, "Metrics Reader", 99, zone), "emailAddress": EMAIL}
    site.accounts.append(Account(EMAIL, TOKEN, zone, profile))
    site.history_fields = _history_fields(site.catalogue.fields)
    versions = _versions(recorded, site.catalogue.projects)
    site.add([_issue(number, issue) for number, issue in recorded.issues.items()], versions)
    site.strays |= {str(number): _stray(number, values) for number, values in recorded.strays.items()}
    site.notes = recorded.notes()
    return site


def _catalogue(flavour: Flavour, recorded: Recordings) -> Catalogue:
    lists, issues = recorded.lists, list(recorded.issues.values())
    fields = _merged(lists["fields"], _system_fields(made_up(flavour).fields, issues))
    return Catalogue(
        fields=_merged(fields, _custom_fields(recorded)),
        statuses=_merged(lists["statuses"], _values(issues, "status")),
        types=_merged(lists["types"], _values(issues, "issuetype")),
        resolutions=_merged(lists["resolutions"], _values(issues, "resolution")),
        priorities=_merged(lists["priorities"], _values(issues, "priority")),
        projects=_merged(lists["projects"], _values(issues, "project")),
    )


def _merged(listed: list[Json], seen: Iterable[Json]) -> list[Json]:
    by_id = {str(entry["id"]): entry for entry in listed}
    for entry in seen:
        by_id.setdefault(str(entry["id"]), entry)
    return list(by_id.values())


def _values(issues: list[Recorded], field: str) -> Iterator[Json]:
    for issue in issues:
        value = issue.fields.get(field)
        if isinstance(value, dict) and value.get("id") and value.get("name"):
            yield value


def _system_fields(usual: list[Json], issues: list[Recorded]) -> Iterator[Json]:
    used = {name for issue in issues for name in issue.fields} | {"issuekey"}
    return (field for field in usual if not field["custom"] and field["id"] in used)


def _custom_fields(recorded: Recordings) -> Iterator[Json]:
    """Yield the fields of issues, with the names in a response or a changelog."""
    issues = recorded.issues.values()
    names = {
        number: name for issue in issues for number, name in recordings.each_field_of_history(issue.histories)
    } | recorded.field_names
    for number in dict.fromkeys(name for issue in issues for name in issue.fields):
        is_custom = number.startswith("customfield_")
        field = {"id": number, "key": number, "name": names.get(number, number), "custom": is_custom}
        clauses = [f"cf[{number.removeprefix('customfield_')}]", field["name"]] if is_custom else [number]
        yield {**field, "navigable": True, "orderable": True, "searchable": True, "clauseNames": clauses}


def _history_fields(fields: list[Json]) -> dict[tuple[str, str], frozenset[str]]:
    """Return the ids of the fields that a history item without a `fieldId` may mean: (fieldtype, folded name) → ids."""
    ids: dict[tuple[str, str], set[str]] = {}
    for field in fields:
        number = str(field["id"])
        kind = "custom" if number.startswith("customfield_") else "jira"
        names = {str(field["name"]), _NAMES_IN_HISTORIES.get(number, number)} if kind == "jira" else {field["name"]}
        for name in names:
            ids.setdefault((kind, str(name).casefold()), set()).add(number)
    return {name: frozenset(numbers) for name, numbers in ids.items()}


def _versions(recorded: Recordings, projects: list[Json]) -> Iterator[Version]:
    """Yield the versions in lists and issues, each once; versions of an unknown project are left out."""
    keys = {str(project["id"]): str(project["key"]) for project in projects if project.get("key")}
    bodies = {str(body["id"]): body for body in recorded.lists["versions"] if str(body.get("projectId")) in keys}
    for issue in recorded.issues.values():
        project = issue.fields["project"]
        for name in ("fixVersions", "versions"):
            for body in issue.fields.get(name) or ():
                bodies.setdefault(str(body["id"]), {"projectId": int(project["id"]), **body})
    for body in bodies.values():
        yield Version(keys.get(str(body["projectId"]), ""), 0, body)


def _issue(number: int, recorded: Recorded) -> Issue:
    events = _events(recordings.histories(recorded))
    return Issue(
        number, recorded.key, 0, recorded.fields, events, updated=_milliseconds(recorded.fields, "updated") or 1
    )


def _stray(number: int, histories: list[Json]) -> Issue:
    """Return histories without their issue, which are served only by `issue/{id}/changelog`."""
    events = _events(recordings.histories(Recorded({}, str(number), histories)))
    return Issue(number, str(number), 0, {}, events, seen=len(events))


def _events(histories: list[Json]) -> list[Event]:
    """Return the histories in order; one without a readable instant or number comes first, unchanged."""
    events = [Event(_milliseconds(raw, "created"), _number(raw.get("id")), raw=raw, touches=False) for raw in histories]
    return sorted(events, key=_when)


def _milliseconds(body: Json, name: str) -> int:
    """Return epoch milliseconds from text or a number; 0 if there are none."""
    value = body.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 < value < _LATEST else 0
    return parse_stamp(str(value)) or 0


def _number(value: object) -> int:
    return int(str(value)) if str(value).isdecimal() else 0


def _when(event: Event) -> tuple[int, int]:
    return event.at, event.id
