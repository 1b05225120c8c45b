"""Issues as JSON bytes, rendered once for each set of fields and cached until the issue changes."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from sandbox.shapes import Json, stamp
from sandbox.site import Event, Issue, Item, Site

EMBEDDED: Final = 40  # Cloud's expand=changelog shows the newest 40 histories of an issue and says the true total
EXPANDS: Final = frozenset({"changelog", "transitions"})
# Nobody's words are made up: every issue has no comments. The reader's account may move none either.
_NO_COMMENTS: Final[Json] = {"comments": [], "maxResults": 0, "total": 0, "startAt": 0}

Fields = tuple[str, ...]


def dumps(value: Any) -> bytes:
    """Return compact UTF-8 JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def issue(site: Site, value: Issue, fields: Fields, expanded: frozenset[str] = frozenset()) -> bytes:
    """Return an issue in the form of search and bulk fetch; `expanded` are some of EXPANDS."""
    key = (fields, expanded)
    if (ready := value.cache.get(key)) is None:
        ready = value.cache[key] = dumps(_issue(site, value, fields, expanded))
    return bytes(ready)


def changelog_rows(site: Site, value: Issue, fields: Fields) -> Sequence[tuple[int, int, int, bytes]]:
    """Yield `(created ms, issue id, place, history)` of an issue for the bulk changelog, items of `fields` only
    if any.
    """
    key = ("bulk", fields)
    if (ready := value.cache.get(key)) is None:
        ready = value.cache[key] = [
            (event.at, value.id, place, dumps(result | _created(event)))
            for place, event in enumerate(value.histories())
            if (result := _of_fields(site, event, fields))
        ]
    rows: Sequence[tuple[int, int, int, bytes]] = ready
    return rows


def history(site: Site, event: Event) -> Json:
    """Return a history as this site's flavour shows it; a recorded one as it was recorded."""
    if event.raw is not None:
        return event.raw
    return _history(site, event, event.items, stamp(event.at, site.zone))


def _history(site: Site, event: Event, items: Iterable[Item], created: str | int) -> Json:
    author = {"author": event.author} if event.author else {}
    return {"id": str(event.id), **author, "created": created, "items": [_item(site, item) for item in items]}


def _of_fields(site: Site, event: Event, fields: Fields) -> Json | None:
    if event.raw is not None:
        kept = [item for item in event.raw.get("items") or () if not fields or _may_mean(site, item, fields)]
        return {**event.raw, "items": kept} if kept or not fields else None
    items = [item for item in event.items if not fields or item.field_id in fields]
    return _history(site, event, items, event.at) if items else None


def _created(event: Event) -> Json:
    """Return `created` in the form of the bulk changelog; a recorded value that is not an instant stays."""
    return {} if event.raw is not None and not event.at else {"created": event.at}


def _may_mean(site: Site, item: Any, fields: Fields) -> bool:
    """Return whether a recorded item may change one of the fields; older Jiras send only the field's name."""
    if not isinstance(item, dict):
        return True  # damaged: shown, so that a reader can notice it
    if item.get("fieldId"):
        return item["fieldId"] in fields
    name = str(item.get("field")).casefold()
    kinds = (item["fieldtype"],) if item.get("fieldtype") else ("jira", "custom")
    return any(number in fields for kind in kinds for number in site.history_fields.get((kind, name), ()))


def _issue(site: Site, value: Issue, fields: Fields, expanded: frozenset[str]) -> Json:
    result: Json = {
        "expand": "operations,versionedRepresentations,editmeta,changelog,renderedFields",
        "id": str(value.id),
        "self": f"{site.base_url}/rest/api/{3 if site.flavour == 'cloud' else 2}/issue/{value.id}",
        "key": value.key,
    }
    if fields:
        result["fields"] = {name: value.fields.get(name) for name in fields}
    if "comment" in fields:
        result["fields"]["comment"] = value.fields.get("comment") or _NO_COMMENTS
    if "changelog" in expanded:
        result["changelog"] = _changelog(site, value)
    if "transitions" in expanded:
        result["transitions"] = []
    return result


def _changelog(site: Site, value: Issue) -> Json:
    events = value.histories()
    result = list(reversed(events))[:EMBEDDED] if site.flavour == "cloud" else events
    return {
        "startAt": 0,
        "maxResults": len(result),
        "total": len(events),
        "histories": [history(site, event) for event in result],
    }


def _item(site: Site, item: Item) -> Json:
    result = {"field": item.field, "fieldtype": item.kind}
    if site.flavour == "cloud" and item.field_id:
        result["fieldId"] = item.field_id
    values = {"from": item.old, "fromString": item.old_text, "to": item.new, "toString": item.new_text}
    return {**result, **values}
