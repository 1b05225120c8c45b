"""The language of an answer: Jira translates the names of its own lists for accounts in other languages than English.

Histories keep the names that were written into them. Names a person gave (a project, a version, a field) stay.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from sandbox.render import dumps
from sandbox.site import Account
from sandbox.wire import Request, Response

GERMAN: Final[Mapping[str, str]] = {
    "To Do": "Zu erledigen",
    "In Progress": "In Arbeit",
    "Done": "Fertig",
    "Closed": "Geschlossen",
    "Epic": "Epos",
    "Story": "Anforderung",
    "Task": "Aufgabe",
    "Sub-task": "Unteraufgabe",
    "Bug": "Fehler",
    "Incident": "Vorfall",
    "Deployment": "Auslieferung",
    "Highest": "Am höchsten",
    "High": "Hoch",
    "Medium": "Mittel",
    "Low": "Niedrig",
    "Lowest": "Am niedrigsten",
    "Won't Do": "Wird nicht erledigt",
    "Duplicate": "Duplikat",
    "Cannot Reproduce": "Nicht reproduzierbar",
}
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {"de": GERMAN}
_LISTED: Final = frozenset({"status", "issuetype", "priority", "resolution", "statusCategory"})


def translated(answer: Response, request: Request, account: Account | None, endpoint: str) -> Response:
    """Return the answer in the account's language, unless the request insists on English."""
    words = _WORDS.get((account.locale if account else "en").partition("_")[0])
    if words is None or _insists_on_english(request) or not answer.body.startswith((b"{", b"[")):
        return answer
    is_list = endpoint.rpartition("/")[2] in _LISTED
    return replace(answer, body=dumps(_walk(json.loads(answer.body), words, named=is_list)))


def _insists_on_english(request: Request) -> bool:
    """Return whether both headers require English; `Accept-Language` alone does not."""
    headers = {name.lower(): value.lower() for name, value in request.headers.items()}
    return headers.get("x-force-accept-language") == "true" and headers.get("accept-language", "").startswith("en")


def _walk(node: Any, words: Mapping[str, str], *, named: bool) -> Any:
    """Return the node with translated names of Jira's lists, each with its original name."""
    if isinstance(node, list):
        return [_walk(item, words, named=named) for item in node]
    if not isinstance(node, dict):
        return node
    walked = {key: _walk(value, words, named=key in _LISTED) for key, value in node.items()}
    if named and node.get("name") in words:
        walked |= {"name": words[node["name"]], "untranslatedName": node["name"]}
    return walked
