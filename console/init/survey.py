"""What `flowbeat init` reads of a Jira: its lists, and the newest issues of the JQL with their histories."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from console.check.names import Lists
from console.check.versions import SEARCHES
from console.init.field_words import candidates, repeated_names
from console.init.records import Survey
from models.records import Field, Issue, Status, Version
from worker.errors import FatalError
from worker.jira import parse
from worker.jira.client import Client
from worker.jira.jql import combined
from worker.jira.pages import required, rows
from worker.jira.site import reader

SAMPLE: Final = 500
ANONYMOUS_SAMPLE: Final = 40  # each costs a request, because Jira Cloud has no bulk changelog for the anonymous
MAX_PROJECTS: Final = 3
_LISTS: Final = 4
_ISSUES_A_REQUEST: Final = {"cloud": 100, "datacenter": 50}
T = TypeVar("T")


def sample_size(client: Client, flavour: str, count: int) -> int:
    """Return how many issues to read of ``count``."""
    is_costly = client.anonymous and flavour == "cloud"
    return min(count, ANONYMOUS_SAMPLE if is_costly else SAMPLE)


def expected_requests(client: Client, flavour: str, size: int) -> int:
    """Return about how many requests a survey sends; long histories may need a few more."""
    pages = -(-size // _ISSUES_A_REQUEST[flavour])
    histories = 0 if flavour != "cloud" else size if client.anonymous else 1
    return _LISTS + MAX_PROJECTS + (1 + pages + histories if size else 0)


@dataclass(slots=True)
class _Careful:
    """Reads lists of which a login may see some only: what is closed is noted, and the rest is read."""

    closed: dict[str, str]

    def read(self, what: str, ask: Callable[[], list[T]]) -> list[T]:
        try:
            return ask()
        except FatalError as error:
            self.closed[what] = str(error)
            return []


def read_survey(client: Client, flavour: str, jql: str, size: int) -> Survey:
    """Return what a Jira has, by about ``expected_requests`` requests; raise as the client does for the issues."""
    careful = _Careful({})
    lists = Lists(client, f"/rest/api/{3 if flavour == 'cloud' else 2}")
    statuses = careful.read("statuses", lambda: lists.of("status"))
    types = careful.read("issue types", lambda: lists.of("issue type"))
    resolutions = careful.read("resolutions", lambda: lists.of("resolution"))
    listing = reader(client, flavour, parse.Wanted({}, summaries=False))
    known = careful.read("fields", listing.fields)
    fields = candidates(known)
    issues = _newest(client, flavour, jql, size, _wanted(fields)) if size else ()
    return Survey(
        statuses=tuple(Status(status.number, status.name, status.category) for status in statuses),
        types=tuple(kind.name for kind in types),
        resolutions=tuple(dict.fromkeys(resolution.name for resolution in resolutions)),
        fields=fields,
        repeated_fields=repeated_names(known),
        issues=issues,
        versions=_versions(client, flavour, issues, careful),
        closed=careful.closed,
    )


def _wanted(fields: Mapping[str, tuple[Field, ...]]) -> parse.Wanted:
    mapped = {known.field_id: known.name for named in fields.values() for known in named}
    flagged = next((known.field_id for known in fields.get("flagged", ())), None)
    return parse.Wanted(mapped, summaries=False, flagged=flagged)


def _newest(client: Client, flavour: str, jql: str, size: int, wanted: parse.Wanted) -> tuple[Issue, ...]:
    """Return the issues of a JQL that changed last, whole."""
    body = {"jql": combined(jql, order="updated DESC"), "fields": ["id"], "maxResults": size}
    ids = client.post(SEARCHES[flavour], body, read=_ids)
    return reader(client, flavour, wanted).issues(ids[:size]).issues


def _ids(page: Any) -> list[str]:
    return rows(required(page, "issues", list), lambda item: str(item["id"]), "issues")


def _versions(client: Client, flavour: str, issues: tuple[Issue, ...], careful: _Careful) -> tuple[Version, ...]:
    """Return the versions of the projects that most of the issues are in."""
    projects = Counter((issue.project_id or issue.project, issue.project) for issue in issues)
    asked = reader(client, flavour, parse.Wanted({}, summaries=False))
    return tuple(
        version
        for (number, key), _ in projects.most_common(MAX_PROJECTS)
        for version in careful.read(f"versions of {key}", _reading(asked.versions, number, key))
    )


def _reading(ask: Callable[[str, str], list[Version]], number: str, key: str) -> Callable[[], list[Version]]:
    return lambda: ask(number, key)
