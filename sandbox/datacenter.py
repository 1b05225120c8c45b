"""The endpoints of Jira Data Center's REST v2: pages by offset, a page limit, a limit of offsets, whole changelogs."""

from typing import Final

from sandbox import common
from sandbox.render import dumps
from sandbox.wire import Call, Endpoints, Refused, Response, page


def search(call: Call) -> Response:
    """Return the page of `search` that begins at `startAt` now; `maxResults` is cut to 1,000 and returned as such."""
    bounds = call.site.bounds
    start, size = call.number("startAt", 0), min(call.number("maxResults", 50), bounds.page_of_search)
    if start >= bounds.wall:
        raise Refused(500, f"Search limit exceeded. The requested startAt {start} must be lower than {bounds.wall}.")
    issues = call.search(is_strict=call.args.get("validateQuery", True) is not False).issues
    fields = common.asked_fields(call, call.args.get("fields", "*navigable"))
    result = issues[start : start + size]
    parts = common.rendered(call, result, fields)
    head = dumps({"expand": "schema,names", "startAt": start, "maxResults": size, "total": len(issues)})
    return page(head[:-1] + b',"issues":[' + parts + b"]}", len(result))


_V2: Final[Endpoints] = {
    ("GET", "/search"): search,
    ("POST", "/search"): search,
    ("GET", "/issue/{issue}"): common.issue,
    ("GET", "/field"): common.fields,
    ("GET", "/status"): common.statuses,
    ("GET", "/issuetype"): common.issue_types,
    ("GET", "/priority"): common.priorities,
    ("GET", "/resolution"): common.resolutions,
    ("GET", "/myself"): common.myself,
    ("GET", "/serverInfo"): common.server_info,
    ("GET", "/project/{project}/versions"): common.versions,
    ("GET", "/project/{project}/version"): common.version_page,
}
ENDPOINTS: Final[Endpoints] = {
    (method, f"/rest/api/{version}{path}"): endpoint
    for version in ("2", "latest")
    for (method, path), endpoint in _V2.items()
}
