"""Recorded Jira responses as a site: whatever `*.json` of a folder it knows is served as it was recorded.

Known are search results (an object with `issues`), the list endpoints (arrays of statuses, fields, issue types or
projects) and `changelog_issue_<id>.json`, pages of one issue's histories. Anything else is left alone.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from sandbox.catalogue import Catalogue, made_up
from sandbox.shapes import Flavour, Json, parse_stamp, user
from sandbox.site import Account, Event, Issue, Site, Version
from sandbox.team import EMAIL, TOKEN

_CHANGELOG: Final = re.compile(r"changelog_issue_(\d+).*\.json")


def load(folder: Path, flavour: Flavour, zone: str = "Etc/UTC") -> Site:
    """The site of a folder's responses; ValueError where a file is no JSON or none is a search result."""
    contents = {path: _read(path) for path in sorted(folder.glob("*.json"))}
    issues = [issue for body in contents.values() if isinstance(body, dict) for issue in body.get("issues", ())]
    if not issues:
        raise ValueError(f"No recorded search result (an object with 'issues') in {folder}{_below(folder)}.")
    site = Site(flavour, ZoneInfo(zone), _catalogue(flavour, contents.values(), issues))
    profile = {**user(flavour, "Metrics Reader", 99, zone), "emailAddress": EMAIL}
    site.accounts.append(Account(EMAIL, TOKEN, zone, profile))
    extra = {int(found[1]): body["values"] for path, body in contents.items() if (found := _CHANGELOG.match(path.name))}
    site.add([_issue(issue, extra.get(int(issue["id"]), [])) for issue in issues], _versions(issues))
    site.strays |= {str(number): _stray(number, values) for number, values in extra.items()}
    return site


def _below(folder: Path) -> str:
    """The sub-folders that seem to hold one, for a person who named the folder above."""
    found = dict.fromkeys(
        str(path.parent) for path in sorted(folder.glob("*/*.json")) if b'"issues"' in path.read_bytes()
    )
    return f"; name one of {', '.join(found)}" if found else ""


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}.") from error


def _catalogue(flavour: Flavour, contents: Iterable[Any], issues: list[Json]) -> Catalogue:
    lists = [body for body in contents if isinstance(body, list) and body and isinstance(body[0], dict)]
    usual = made_up(flavour)
    fields = _merged(_lists_with(lists, "clauseNames", "schema"), _system_fields(usual.fields, issues))
    return Catalogue(
        fields=_merged(fields, _custom_fields(issues)),
        statuses=_merged(_lists_with(lists, "statusCategory"), _values(issues, "status")),
        types=_merged(_lists_with(lists, "subtask"), _values(issues, "issuetype")),
        resolutions=_merged([], _values(issues, "resolution")),
        priorities=_merged([], _values(issues, "priority")),
        projects=_merged(_lists_with(lists, "projectTypeKey"), _values(issues, "project")),
    )


def _lists_with(lists: list[list[Json]], *names: str) -> list[Json]:
    return [one for rows in lists for one in rows if any(name in one for name in names)]


def _merged(listed: list[Json], seen: Iterable[Json]) -> list[Json]:
    by_id = {str(one["id"]): one for one in listed}
    for one in seen:
        by_id.setdefault(str(one["id"]), one)
    return list(by_id.values())


def _values(issues: list[Json], field: str) -> Iterator[Json]:
    for issue in issues:
        value = issue["fields"].get(field)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and "id" in one:
                yield one


def _system_fields(usual: list[Json], issues: list[Json]) -> Iterator[Json]:
    used = {name for issue in issues for name in issue["fields"]} | {"issuekey"}
    return (field for field in usual if not field["custom"] and field["id"] in used)


def _custom_fields(issues: list[Json]) -> Iterator[Json]:
    """Fields seen in issues; their names are those of changelogs, where a changelog names them."""
    names = {
        item["fieldId"]: item["field"]
        for issue in issues
        for history in issue.get("changelog", {}).get("histories", ())
        for item in history.get("items", ())
        if "fieldId" in item
    }
    for number in dict.fromkeys(name for issue in issues for name in issue["fields"]):
        is_custom = number.startswith("customfield_")
        field = {"id": number, "key": number, "name": names.get(number, number), "custom": is_custom}
        clauses = [f"cf[{number.removeprefix('customfield_')}]", field["name"]] if is_custom else [number]
        yield {**field, "navigable": True, "orderable": True, "searchable": True, "clauseNames": clauses}


def _versions(issues: list[Json]) -> Iterator[Version]:
    met: set[str] = set()
    for issue in issues:
        project = issue["fields"].get("project") or {"key": issue["key"].rpartition("-")[0], "id": "0"}
        for name in ("fixVersions", "versions"):
            for body in issue["fields"].get(name) or ():
                if body["id"] not in met:
                    met.add(body["id"])
                    yield Version(project["key"], 0, {"projectId": int(project["id"]), **body})


def _issue(recorded: Json, extra: list[Json]) -> Issue:
    fields = recorded["fields"]
    histories = [*recorded.get("changelog", {}).get("histories", ()), *extra]
    updated = parse_stamp(fields.get("updated") or "") or 0
    return Issue(int(recorded["id"]), recorded["key"], 0, fields, _events(histories), updated=updated or 1)


def _stray(number: int, histories: list[Json]) -> Issue:
    """Histories without their issue: served under `issue/{id}/changelog` alone."""
    return Issue(number, str(number), 0, {}, _events(histories), seen=len(histories))


def _events(histories: list[Json]) -> list[Event]:
    by_id = {str(history["id"]): history for history in histories}
    events = [
        Event(parse_stamp(raw["created"]) or 0, int(number), raw=raw, touches=False) for number, raw in by_id.items()
    ]
    return sorted(events, key=_when)


def _when(event: Event) -> tuple[int, int]:
    return event.at, event.id
