"""The endpoints of both flavours: lists, versions, the account, server info, single issues."""

from typing import Final

from sandbox import render
from sandbox.shapes import Json, stamp
from sandbox.site import Issue
from sandbox.wire import Call, Refused, Response, page

_HIDDEN_BY_DEFAULT: Final = frozenset({"description", "issuelinks", "comment"})


def fields(call: Call) -> Response:
    """Return every field of the site, as a plain array."""
    return page(call.site.catalogue.fields)


def statuses(call: Call) -> Response:
    """Return every status of the site, as a plain array."""
    return page(call.site.catalogue.statuses)


def issue_types(call: Call) -> Response:
    """Return every issue type of the site, as a plain array."""
    return page(call.site.catalogue.types)


def priorities(call: Call) -> Response:
    """Return every priority of the site, as a plain array."""
    return page(call.site.catalogue.priorities)


def resolutions(call: Call) -> Response:
    """Return every resolution of the site, as a plain array."""
    return page(call.site.catalogue.resolutions)


def myself(call: Call) -> Response:
    """Return the account of a request; `timeZone` is the time zone of its JQL dates."""
    if call.account is None:
        raise Refused(401, "Client must be authenticated to access this resource.")
    return page({**call.account.profile, "locale": call.account.locale, "timeZone": call.account.zone})


def server_info(call: Call) -> Response:
    """Return flavour and clock; without a login too, but then Data Center leaves out the time."""
    site = call.site
    is_cloud = site.flavour == "cloud"
    values = {
        "baseUrl": site.base_url,
        "version": "1001.0.0-SNAPSHOT" if is_cloud else "10.3.2",
        "deploymentType": "Cloud" if is_cloud else "DataCenter",
        "serverTitle": "Jira",
    }
    if is_cloud or call.account is not None:
        values |= {"serverTime": stamp(site.now, site.zone), "serverTimeZone": site.zone.key}
    return page(values)


def versions(call: Call) -> Response:
    """Return a project's versions, as a plain array."""
    return page(call.site.versions_of(project(call)))


def version_page(call: Call) -> Response:
    """Return a project's versions, by pages."""
    every = call.site.versions_of(project(call))
    start, size = call.number("startAt", 0), min(call.number("maxResults", 50), 50)
    return page(paged(every, start, size))


def project(call: Call) -> Json:
    """Return the project that the path names; 404 if the site has no such project."""
    if result := call.site.project(call.path["project"]):
        return result
    raise Refused(404, f"No project could be found with key '{call.path['project']}'.")


def issue(call: Call) -> Response:
    """Return one issue by id or key (a former key too)."""
    result = one_issue(call)
    names = asked_fields(call, call.args.get("fields", "*all"))
    return page(render.issue(call.site, result, names, expanded(call)), 1)


def one_issue(call: Call) -> Issue:
    """Return the issue the path names; 404 if it is gone or hidden."""
    if result := call.site.find(call.path["issue"]):
        return result
    raise no_issue()


def no_issue() -> Refused:
    """Return Jira's answer for an issue that is gone, hidden or never existed, which does not say which."""
    return Refused(404, "Issue does not exist or you do not have permission to see it.")


def rendered(call: Call, issues: list[Issue], names: tuple[str, ...]) -> bytes:
    """Return the issues of a page. The index may be late, but issues are read from the database: deleted ones are left
    out.

    Where neither a field nor the key is asked for, the id is all there is.
    """
    live = (call.site.issues[issue.id] for issue in issues)
    more = expanded(call)
    is_bare = not names and not more and "key" not in call.args.get("fields", "id")
    result = (
        b'{"id":"%d"}' % item.id if is_bare else render.issue(call.site, item, names, more)
        for item in live
        if call.site.is_shown(item)
    )
    return b",".join(result)


def paged(values: list[Json], start: int, size: int) -> Json:
    """Return Jira's page by offset of a list."""
    result = values[start : start + size]
    return {
        "maxResults": size,
        "startAt": start,
        "total": len(values),
        "isLast": start + len(result) >= len(values),
        "values": result,
    }


def expanded(call: Call) -> frozenset[str]:
    """Return the names in `expand` (comma-separated string or array) that are in `render.EXPANDS`; ignore others."""
    expand = call.args.get("expand", "")
    names = expand.split(",") if isinstance(expand, str) else expand
    return render.EXPANDS & {str(name).strip() for name in names}


def asked_fields(call: Call, wish: object) -> tuple[str, ...]:
    """Return the ids of the fields asked for: ids, `*all`, `*navigable`, `-id`; unknown ones are ignored, as
    Jira does.
    """
    names = wish.split(",") if isinstance(wish, str) else list(wish) if isinstance(wish, list) else []
    known = [field["id"] for field in call.site.catalogue.fields if field["id"] not in {"issuekey", "thumbnail"}]
    known += [] if "parent" in known else ["parent"]  # Data Center does not list it, and shows it where it is asked for
    chosen: dict[str, None] = {}
    for name in (str(name).strip() for name in names):
        if name == "*all":
            chosen.update(dict.fromkeys(known))
        elif name == "*navigable":
            chosen.update(dict.fromkeys(f for f in known if f not in _HIDDEN_BY_DEFAULT))
        elif name.startswith("-"):
            chosen.pop(name[1:], None)
        elif name in known:
            chosen[name] = None
    return tuple(chosen)
