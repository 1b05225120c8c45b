"""Changes that a team makes to its Jira while it is read: a function for each, with its instant.

Something done at an instant shows at the first request at or after it, on the sandbox's clock. What is `silent`
leaves `updated` alone, as workflow migrations and release dates do on a real site.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sandbox import catalogue as c
from sandbox.shapes import Json, millis, stamp
from sandbox.shapes import version as a_version
from sandbox.site import Event, Issue, Item, Sets, Site, Version

_FIRST_HISTORY: Final = 10_000_000_000


def create(site: Site, at: datetime, *, project: str, kind: str = "Story", **fields: Any) -> Issue:
    """Return a new issue in To Do, under the next id and key."""
    number = max(site.issues, default=10_000) + 1
    home = _known(site, project)
    key = _free_key(site, home["key"])
    values = {
        "summary": f"{kind} {number}",
        "issuetype": next(item for item in site.catalogue.types if item["name"] == kind),
        "project": home,
        "status": _status(site, "To Do"),
        "created": stamp(millis(at), site.zone),
        **{name: [] for name in ("labels", "components", "fixVersions", "versions", "issuelinks")},
    }
    issue = Issue(number, key, millis(at), values | fields)
    site.keys[key] = number
    site.add([issue])
    return issue


def transition(
    site: Site, issue: Issue, status: str, at: datetime, *, resolution: str | None = None, silent: bool = False
) -> None:
    """Move an issue to a status, with a resolution or without one."""
    before, after = _latest(site, issue, "status"), _status(site, status)
    items = [Item("status", "jira", "status", before["id"], before["name"], after["id"], after["name"])]
    old, new = _latest(site, issue, "resolution"), c.RESOLUTIONS[resolution] if resolution else None
    if old != new:
        items.append(Item("resolution", "jira", "resolution", *_pair(old), *_pair(new)))
    resolved = stamp(millis(at), site.zone) if new else None
    sets = (("status", after), ("resolution", new), ("resolutiondate", resolved))
    _note(site, issue, at, sets, *items, silent=silent)


def edit(site: Site, issue: Issue, field: str, value: Any, at: datetime, *, silent: bool = False) -> None:
    """Set a field by id to a value in Jira's shape."""
    known = next(entry for entry in site.catalogue.fields if entry["id"] == field)
    old, new = _text(_latest(site, issue, field)), _text(value)
    item = Item(known["name"], "custom" if known["custom"] else "jira", field, old, old, new, new)
    _note(site, issue, at, ((field, value),), item, silent=silent)


def comment(site: Site, issue: Issue, at: datetime) -> None:
    """Touch an issue without a history."""
    _note(site, issue, at, ())


def delete(site: Site, issue: Issue, at: datetime) -> None:
    """Delete or hide the issue: from outside it is the same."""
    _note(site, issue, at, (("shown", False),), silent=True)


def reveal(site: Site, issue: Issue, at: datetime) -> None:
    """Show a hidden issue again."""
    _note(site, issue, at, (("shown", True),), silent=True)


def move(site: Site, issue: Issue, project: str, at: datetime) -> str:
    """Move an issue to another project; its new key. The id stays, and the old key still finds it."""
    old, new = _latest(site, issue, "project"), _known(site, project)
    before = _latest(site, issue, "key")
    key = _free_key(site, new["key"])
    site.keys[key] = issue.id
    items = (
        Item("Key", "jira", None, None, before, None, key),
        Item("project", "jira", "project", *_pair(old), *_pair(new)),
    )
    _note(site, issue, at, (("key", key), ("project", new), ("fixVersions", [])), *items)
    return key


def migrate(site: Site, issues: Iterable[Issue], at: datetime, statuses: Mapping[str, str] | None = None) -> None:
    """Change the workflow silently: add a Workflow history to each issue, and replace the statuses in `statuses`."""
    for issue in issues:
        before = _latest(site, issue, "status")
        after = _status(site, (statuses or {}).get(before["name"], before["name"]))
        items = [Item("Workflow", "jira", None, "10100", "Old workflow", "10200", "New workflow")]
        if after["id"] != before["id"]:
            items.append(Item("status", "jira", "status", *_pair(before), *_pair(after)))
        _note(site, issue, at, (("status", after),), *items, silent=True)


def plan_version(site: Site, project: str, name: str, at: datetime) -> Version:
    """Return a new version, not released."""
    number = max((int(version.body["id"]) for version in site.versions), default=0) + 1
    home = _known(site, project)
    made = Version(home["key"], millis(at), a_version(number, name, home))
    site.add(versions=[made])
    return made


def release(site: Site, version: Version, at: datetime, day: str | None) -> None:
    """Release a version on a day (`2026-03-01`) or without one; `updated` of its issues stays."""
    site.change(version, millis(at), (("released", True), ("releaseDate", day)))


def set_fix_version(site: Site, issue: Issue, version: Version, at: datetime, *, silent: bool = False) -> None:
    """Add a version to an issue; silently, as a merge of versions does."""
    item = Item("Fix Version", "jira", "fixVersions", None, None, version.body["id"], version.body["name"])
    versions = [*_latest(site, issue, "fixVersions"), version.body]
    _note(site, issue, at, (("fixVersions", versions),), item, silent=silent)


def link(site: Site, cause: Issue, incident: Issue, at: datetime) -> None:
    """Link an incident to the issue that caused it: a link and a history on both sides."""
    kind = {"id": "10003", "name": "Problem/Incident", "inward": "is caused by", "outward": "causes"}
    number = str(site.next_number())
    for entry, side, other in ((cause, "outwardIssue", incident), (incident, "inwardIssue", cause)):
        values = {"id": number, "type": kind, side: {"id": str(other.id), "key": other.key}}
        words = f"This issue {kind[side.removesuffix('Issue')]} {other.key}"
        item = Item("Link", "jira", None, None, None, other.key, words)
        _note(site, entry, at, (("issuelinks", [*_latest(site, entry, "issuelinks"), values]),), item)


def rename_status(site: Site, status: str, name: str) -> None:
    """Rename a status at once; histories keep the old name."""
    _status(site, status)["name"] = name
    site.forget()


def recategorise_status(site: Site, status: str, category: Json) -> None:
    """Give a status another category (`catalogue.NEW`, …), at once and without a trace in any history."""
    _status(site, status)["statusCategory"] = category
    site.forget()


def rename_field(site: Site, field: str, name: str) -> None:
    """Rename a field at once."""
    known = next(item for item in site.catalogue.fields if item["id"] == field)
    known.update(name=name, clauseNames=[*known["clauseNames"][:1], name])
    site.renew()


def rename_project(site: Site, old: str, new: str) -> None:
    """Change a project's key at once; `updated` of its issues stays, and old keys are still found."""
    site.rename_project(old, new)


def forget_project_key(site: Site, old: str) -> None:
    """Forget a project's former key."""
    del site.former_projects[old]
    site.keys = {key: number for key, number in site.keys.items() if not key.startswith(f"{old}-")}
    site.renew()


def lose_project(site: Site, project: str) -> None:
    """Hide a project from all accounts at once."""
    site.closed_projects.add(project)
    site.forget()


def regain_project(site: Site, project: str) -> None:
    """Show the project again."""
    site.closed_projects.discard(project)
    site.forget()


def _note(site: Site, issue: Issue, at: datetime, sets: Sets, *items: Item, silent: bool = False) -> None:
    author = issue.fields.get("reporter")
    number = _FIRST_HISTORY + site.next_number()
    site.happen(issue, Event(millis(at), number, sets, items, author, touches=not silent))


def _latest(site: Site, issue: Issue, name: str) -> Any:
    """Return a field's value after everything that is planned for the issue."""
    issue = site.issues[issue.id]
    for event in reversed(issue.events[issue.seen :]):
        for changed, value in event.sets:
            if changed == name:
                return value
    return issue.key if name == "key" else issue.fields.get(name)


def _status(site: Site, name: str) -> Json:
    return next(status for status in site.catalogue.statuses if name in (status["id"], status["name"]))


def _known(site: Site, project: str) -> Json:
    """Return the project of a key, a former one too, whether its readers may see it or not."""
    number = site.former_projects.get(project)
    return next(item for item in site.catalogue.projects if item["key"] == project or item["id"] == number)


def _free_key(site: Site, project: str) -> str:
    """Return a number that no key has in any project, also of later issues."""
    keys = [*site.keys, *(issue.key for issue in site.issues.values())]
    return f"{project}-{max((int(key.rpartition('-')[2]) for key in keys), default=0) + 1}"


def _pair(value: Json | None) -> tuple[str | None, str | None]:
    return (value["id"], value["name"]) if value else (None, None)


def _text(value: Any) -> str | None:
    if isinstance(value, dict):
        return str(value.get("name") or value.get("value") or value.get("displayName"))
    if isinstance(value, list):
        return " ".join(str(_text(item)) for item in value)
    return None if value is None else str(value)
