"""The endpoints of Jira Cloud's REST v3, with its page rules, truncations and repeats."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Final

from sandbox import common, query, render
from sandbox.render import dumps
from sandbox.shapes import Json
from sandbox.wire import Call, Endpoints, Refused, Response, page

_BULK_NAMED_FIELDS: Final = 100
_MULTI_VALUED: Final = frozenset({"array", "comments-page"})
_BULK_CHANGELOGS: Final = 1_000
_BULK_HISTORIES: Final = 10_000
_BULK_FIELDS: Final = 10
_REMOVED: Final = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration guideline "
    "is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)

Row = tuple[int, int, int, bytes]


@dataclass(frozen=True, slots=True)
class _Reading:
    """The position in a bulk changelog: what is read, and the place of the page's first history."""

    asked: tuple[object, ...]
    rows: Sequence[Row]
    start: int


def search(call: Call) -> Response:
    """Answer `search/jql` in pages by token: up to 5,000 with ids alone, 100 with any field; without a total."""
    match = call.search(must_be_bounded=True)
    fields = common.asked_fields(call, call.args.get("fields", "id"))
    bounds = call.site.bounds
    most = bounds.page_with_fields if fields or common.expanded(call) else bounds.page_of_ids
    size = min(max(call.number("maxResults", 50), 1), most)
    start = _after(call, match)
    issues = match.issues[start : start + size]
    is_last = start + size >= len(match.issues)
    parts = common.rendered(call, issues, fields)
    token = b"" if is_last else b',"nextPageToken":' + dumps(_mark(call, match, start + size))
    return page(b'{"issues":[' + parts + b'],"isLast":' + dumps(is_last) + token + b"}", len(issues))


def _after(call: Call, value: query.Found) -> int:
    """Return where the next page begins: behind the last issue of the page before, at its present place."""
    if "nextPageToken" not in call.args:
        return 0
    jql, last = call.pages.at(call.text("nextPageToken"))
    if jql != call.text("jql"):
        raise Refused(400, "The provided next page token is invalid or expired.")
    return bisect_right(value.issues, last, key=value.key)


def _mark(call: Call, value: query.Found, stop: int) -> str:
    last = value.issues[stop - 1]
    return call.pages.mark((call.text("jql"), value.key(last)), call.text("jql"), last.id, call.site.revision)


def approximate_count(call: Call) -> Response:
    """Return how many issues a JQL finds."""
    return page({"count": len(call.search(must_be_bounded=True).issues)})


def bulk_fetch(call: Call) -> Response:
    """Return issues by id or key, in ascending id; an issue that is gone or hidden is left out.

    Up to 1,000 if every field is named, has one value and nothing is expanded; else up to 100.
    """
    names = call.texts("issueIdsOrKeys")
    most = call.site.bounds.bulk_plain_issues if _is_plain(call) else call.site.bounds.bulk_issues
    if not 1 <= len(names) <= most:
        raise Refused(400, f"The number of issue IDs or keys must be between 1 and {most}.")
    if isinstance(call.args.get("expand", []), str):
        raise Refused(400, "Invalid request payload: 'expand' must be an array of strings.")
    fields = common.asked_fields(call, call.args.get("fields", ["*navigable"]))
    issues = {issue.id: issue for name in names if (issue := call.site.find(name))}
    parts = common.rendered(call, [issues[number] for number in sorted(issues)], fields)
    return page(b'{"issues":[' + parts + b'],"issueErrors":[]}', len(issues))


def _is_plain(call: Call) -> bool:
    """Return whether a bulk fetch names from 1 to 100 fields, none of which has several values, and expands nothing.

    The rule of the OpenAPI text of October 2026; `names` and `schema` may be expanded.
    """
    wish = call.args.get("fields", ["*navigable"])
    named = [str(name) for name in wish if not str(name).startswith("-")] if isinstance(wish, list) else []
    kinds = {field["id"]: field.get("schema", {}).get("type") for field in call.site.catalogue.fields}
    expanded = set(call.args.get("expand", ())) - {"names", "schema"}
    is_named = 1 <= len(named) <= _BULK_NAMED_FIELDS and not any(name.startswith("*") for name in named)
    return is_named and not expanded and not any(kinds.get(name) in _MULTI_VALUED for name in named)


def bulk_changelogs(call: Call) -> Response:
    """Return histories of up to 1,000 issues by date, so that those of an issue are spread; none for anonymous callers.

    Each page but the first begins with the last history of the one before, as JRACLOUD-94906 tells.
    """
    if call.account is None:
        raise Refused(401, "Client must be authenticated to access this resource.")
    size = call.number("maxResults", 1_000)
    if not 1 <= size <= _BULK_HISTORIES:
        raise Refused(400, f"maxResults must be between 1 and {_BULK_HISTORIES}.")
    reading = _reading(call)
    stop = reading.start + size
    rows = reading.rows[max(reading.start - 1, 0) : stop]
    body: bytes = b'{"issueChangeLogs":[' + b",".join(_grouped(rows)) + b"]"
    if stop < len(reading.rows):
        token = call.pages.mark(_Reading(reading.asked, reading.rows, stop), *reading.asked, call.site.revision, stop)
        body += b',"nextPageToken":' + dumps(token)
    return page(body + b"}", len(rows))


def _reading(call: Call) -> _Reading:
    names, fields = tuple(call.texts("issueIdsOrKeys")), tuple(call.texts("fieldIds"))
    if not 1 <= len(names) <= _BULK_CHANGELOGS:
        raise Refused(400, f"The number of issue IDs or keys must be between 1 and {_BULK_CHANGELOGS}.")
    if len(fields) > _BULK_FIELDS or len(set(fields)) < len(fields):
        raise Refused(400, f"fieldIds must be unique, and at most {_BULK_FIELDS}.")
    if "nextPageToken" in call.args:
        reading = call.pages.at(call.text("nextPageToken"))
        if not isinstance(reading, _Reading) or reading.asked != (names, fields):
            raise Refused(400, "The provided next page token is invalid or expired.")
        return reading
    issues = {issue.id: issue for name in names if (issue := call.site.find(name))}
    rows = [row for issue in issues.values() for row in render.changelog_rows(call.site, issue, fields)]
    return _Reading((names, fields), sorted(rows), 0)


def _grouped(rows: Sequence[Row]) -> list[bytes]:
    by_issue = sorted(rows, key=itemgetter(1, 0, 2))
    return [
        b'{"issueId":"%d","changeHistories":[%s]}' % (number, b",".join(row[3] for row in group))
        for number, group in groupby(by_issue, key=itemgetter(1))
    ]


def changelog(call: Call) -> Response:
    """Return an issue's histories, oldest first, at most 100 a page."""
    issue = call.site.find(call.path["issue"]) or call.site.strays.get(call.path["issue"])
    if issue is None:
        raise common.no_issue()
    start, size = call.number("startAt", 0), min(call.number("maxResults", 100), 100)
    histories = issue.histories()
    result = [render.history(call.site, event) for event in histories[start : start + size]]
    path = f"{call.site.base_url}/rest/api/3/issue/{issue.id}/changelog?maxResults={size}&startAt="
    is_last = start + len(result) >= len(histories)
    body: Json = {
        "self": f"{path}{start}",
        **({} if is_last else {"nextPage": f"{path}{start + size}"}),
        "maxResults": size,
        "startAt": start,
        "total": len(histories),
        "isLast": is_last,
        "values": result,
    }
    return page(body, len(result))


def field_search(call: Call) -> Response:
    """Return the fields by pages of 50."""
    return page(
        common.paged(call.site.catalogue.fields, call.number("startAt", 0), min(call.number("maxResults", 50), 50))
    )


def projects(call: Call) -> Response:
    """Return the projects by pages of 50."""
    known = sorted(call.site.projects(), key=itemgetter("key"))
    return page(common.paged(known, call.number("startAt", 0), min(call.number("maxResults", 50), 50)))


def removed(_call: Call) -> Response:
    """Refuse a search by the endpoint that Cloud has removed."""
    raise Refused(410, _REMOVED)


_V3: Final[Endpoints] = {
    ("GET", "/search/jql"): search,
    ("POST", "/search/jql"): search,
    ("POST", "/search/approximate-count"): approximate_count,
    ("POST", "/changelog/bulkfetch"): bulk_changelogs,
    ("POST", "/issue/bulkfetch"): bulk_fetch,
    ("GET", "/issue/{issue}"): common.issue,
    ("GET", "/issue/{issue}/changelog"): changelog,
    ("GET", "/field"): common.fields,
    ("GET", "/field/search"): field_search,
    ("GET", "/status"): common.statuses,
    ("GET", "/issuetype"): common.issue_types,
    ("GET", "/priority"): common.priorities,
    ("GET", "/resolution"): common.resolutions,
    ("GET", "/myself"): common.myself,
    ("GET", "/serverInfo"): common.server_info,
    ("GET", "/project/search"): projects,
    ("GET", "/project/{project}/versions"): common.versions,
    ("GET", "/project/{project}/version"): common.version_page,
    ("GET", "/search"): removed,
    ("POST", "/search"): removed,
}
# Cloud has all of v2 too; these are what others that read Jira ask for there.
_ALSO_V2: Final = (
    ("GET", "/search/jql"),
    ("POST", "/search/jql"),
    ("GET", "/search"),
    ("POST", "/search"),
    ("GET", "/myself"),
    ("GET", "/serverInfo"),
    ("GET", "/project/search"),
    ("GET", "/project/{project}/version"),
)
ENDPOINTS: Final[Endpoints] = {
    **{(method, f"/rest/api/3{path}"): endpoint for (method, path), endpoint in _V3.items()},
    **{(method, f"/rest/api/2{path}"): _V3[method, path] for method, path in _ALSO_V2},
}
