"""A folder of recorded Jira responses, read and checked: issues with their histories, lists, and other files.

A response that Jira could not have sent is refused with a ValueError whose message is a sentence.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sandbox.shapes import Json

_CHANGELOG: Final = re.compile(r"changelog_issue_(\d+).*\.json")
_KEY: Final = re.compile(r".+-\d+")
_NAMED: Final = 5  # issues or files in a note
# What tells the lists apart: a key that only their entries have, or how their file is called.
_KINDS: Final = (
    ("statuses", ("statusCategory",), "status"),
    ("fields", ("clauseNames", "schema"), "fields"),
    ("types", ("subtask",), "types"),
    ("projects", ("projectTypeKey",), "projects"),
    ("versions", ("released",), "versions"),
    ("resolutions", (), "resolution"),
    ("priorities", (), "priorit"),
)


@dataclass(slots=True)
class Recorded:
    """An issue from one or several responses; `total` is the largest count of histories in one of them.

    `has_histories`: a response had the list, which may be empty.
    """

    fields: Json
    key: str
    histories: list[Json] = field(default_factory=list)
    total: int = 0
    has_histories: bool = False


@dataclass(slots=True)
class Recordings:
    """The content of a folder's files; `strays` are histories of issues that were not recorded."""

    issues: dict[int, Recorded] = field(default_factory=dict)
    lists: dict[str, list[Json]] = field(default_factory=lambda: {kind: [] for kind, _, _ in _KINDS})
    strays: dict[int, list[Json]] = field(default_factory=dict)
    field_names: dict[str, str] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        """Return a sentence for each kind of content that is not served, or not served whole."""
        cut = [issue.key for issue in self.issues.values() if len(_by_id(issue.histories)) < issue.total]
        bare = [issue.key for issue in self.issues.values() if not issue.has_histories]
        notes = []
        if bare:
            notes.append(f"{_several(bare)}: recorded without histories. Record them with expand=changelog.")
        if cut:
            notes.append(
                f"The recorded histories of {_several(cut)} are cut short. Record them whole in "
                "changelog_issue_<issue id>.json files."
            )
        if self.unread:
            notes.append(f"Not served, because they hold no issues, list or histories: {_several(self.unread)}.")
        return notes


def read(folder: Path) -> Recordings:
    """Read all `*.json` of a folder; a ValueError says which of them cannot be served, and why."""
    recordings = Recordings()
    for path in sorted(folder.glob("*.json")):
        _take(recordings, path, _content(path))
    if not recordings.issues:
        raise ValueError(
            f"No recorded issue (a search result with 'issues', or an issue with 'fields') in {folder}{_below(folder)}."
        )
    for number in recordings.strays.keys() & recordings.issues.keys():
        recordings.issues[number].histories += recordings.strays.pop(number)
        recordings.issues[number].has_histories = True
    return recordings


def histories(issue: Recorded) -> list[Json]:
    """Return an issue's histories, each once."""
    return _by_id(issue.histories)


def _by_id(histories: list[Json]) -> list[Json]:
    """Return each history once; histories without an id are all kept."""
    named = {str(history["id"]): history for history in histories if "id" in history}
    return [*named.values(), *(history for history in histories if "id" not in history)]


def _take(recordings: Recordings, path: Path, body: Any) -> None:
    if match := _CHANGELOG.fullmatch(path.name):
        _take_changelog(recordings, path, int(match[1]), body)
        return
    issues = _issues(path, body)
    if issues is not None:
        for place, issue in enumerate(issues, start=1):
            _take_issue(recordings, f"{path.name}, issue {place}", issue)
        recordings.field_names |= _names(body)
    elif kind := _kind(path, body):
        recordings.lists[kind] += body
    else:
        recordings.unread.append(path.name)


def _kind(path: Path, body: Any) -> str | None:
    """Return the list of the site that a file holds; None if an entry lacks a key that every list has."""
    if not isinstance(body, list) or not all(isinstance(entry, dict) and _is_named(entry) for entry in body):
        return None
    for kind, keys, word in _KINDS:
        if kind == "projects" and not all(entry.get("key") for entry in body):
            continue
        if any(key in entry for entry in body for key in keys) or path.stem.lower().startswith(word):
            return kind
    return None


def _is_named(entry: Json) -> bool:
    return bool(entry.get("id") and entry.get("name"))


def _issues(path: Path, body: Any) -> list[Any] | None:
    """Return the issues of a search result, of a list of issues, or of the response for one issue; else None."""
    if isinstance(body, dict) and "issues" in body:
        return _list(body["issues"], f"{path.name}: 'issues'")
    if isinstance(body, dict) and "fields" in body:
        return [body]
    if isinstance(body, list) and any(isinstance(entry, dict) and "fields" in entry for entry in body):
        return body
    return None


def _names(body: Any) -> dict[str, str]:
    """Return field id → name from `expand=names`."""
    names = body.get("names") if isinstance(body, dict) else None
    return {str(number): str(name) for number, name in names.items()} if isinstance(names, dict) else {}


def _take_issue(recordings: Recordings, place: str, body: Any) -> None:
    issue = _object(body, place)
    key = str(issue.get("key"))
    if not str(issue.get("id")).isdecimal() or not _KEY.fullmatch(key):
        raise ValueError(f"{place}: an issue needs a numeric 'id' and a 'key' such as ABC-1.")
    place = f"{place} ({key})"
    fields = _fields(place, key, issue)
    changelog = _object(issue.get("changelog") or {}, f"{place}: 'changelog'")
    recorded = recordings.issues.setdefault(int(issue["id"]), Recorded({}, key))
    is_older = str(fields.get("updated")) < str(recorded.fields.get("updated"))
    recorded.fields = {**fields, **recorded.fields} if is_older else {**recorded.fields, **fields}
    recorded.key = recorded.key if is_older else key
    listed = changelog.get("histories", changelog.get("values"))  # "values": as Jira's pages of histories have it
    recorded.histories += _histories(listed, place)
    recorded.has_histories |= listed is not None
    if isinstance(total := changelog.get("total"), int):
        recorded.total = max(recorded.total, total)


def _fields(place: str, key: str, issue: Json) -> Json:
    """Return an issue's fields; without a recorded project, with the project of its key."""
    fields = _object(issue.get("fields"), f"{place}: 'fields'")
    for name in ("status", "issuetype"):
        _object(fields.get(name) or {}, f"{place}: '{name}'")
    for name in ("fixVersions", "versions"):
        if not all(isinstance(entry, dict) and _is_named(entry) for entry in _list(fields.get(name) or [], place)):
            raise ValueError(f"{place}: a version in '{name}' needs an 'id' and a 'name'.")
    project = {"id": "0", "key": key.rpartition("-")[0], "name": key.rpartition("-")[0]}
    given = _object(fields.get("project") or {}, f"{place}: 'project'")
    if not str(given.get("id", "0")).isdecimal():
        raise ValueError(f"{place}: 'project' needs a numeric 'id'.")
    return {**fields, "project": project | given}


def _take_changelog(recordings: Recordings, path: Path, number: int, body: Any) -> None:
    page = _object(body, path.name)
    recordings.strays.setdefault(number, []).extend(_histories(page.get("values"), path.name))


def _histories(histories: Any, place: str) -> list[Json]:
    listed = _list(histories or [], f"{place}: the list of histories")
    return [_object(history, f"{place}: a history") for history in listed]


def _object(value: Any, place: str) -> Json:
    if not isinstance(value, dict):
        raise ValueError(f"{place} is not an object. Remove it, or record it again.")  # noqa: TRY004 - the file is wrong
    return value


def _list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{place} is not a list. Remove it, or record it again.")  # noqa: TRY004 - the file is wrong
    return value


def _content(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}.") from error
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error


def _below(folder: Path) -> str:
    """Return sub-folders that seem to hold issues, because the folder above may have been named by mistake."""
    held = dict.fromkeys(str(path.parent) for path in sorted(folder.glob("*/*.json")) if _seems_held(path))
    return f"; name one of {', '.join(held)}" if held else ""


def _seems_held(path: Path) -> bool:
    return path.is_file() and any(word in path.read_bytes() for word in (b'"issues"', b'"fields"'))


def _several(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def each_field_of_history(histories: list[Json]) -> Iterator[tuple[str, str]]:
    """Yield (field id, field name) of each history item that has both."""
    for history in histories:
        for item in history.get("items") or ():
            if isinstance(item, dict) and item.get("fieldId"):
                yield str(item["fieldId"]), str(item.get("field") or item["fieldId"])
