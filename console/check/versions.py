"""The checks of versions: whether this login may read those of each project that the JQL finds."""

from collections.abc import Iterator
from typing import Any, Final

from console.check.local import Line
from tasks.fetch.versions import needs_versions
from worker.errors import FatalError
from worker.jira import parse
from worker.jira.client import Client
from worker.jira.faults import ForbiddenError, MissingError
from worker.jira.jql import combined
from worker.jira.pages import required
from worker.jira.site import reader
from worker.settings import Profile

MAX_PROJECTS: Final = 20  # each costs two requests
SEARCHES: Final = {"cloud": "/rest/api/3/search/jql", "datacenter": "/rest/api/2/search"}


def closed_versions(client: Client, flavour: str, profile: Profile) -> Iterator[Line]:
    """Yield a line for each project whose versions this login may not read, if a number needs versions."""
    if not needs_versions(profile):
        return
    what = f"profile {profile.name}"
    asked = reader(client, flavour, parse.Wanted({}, summaries=False))
    readable = 0
    for number, key in projects(client, flavour, profile.jql):
        try:
            asked.versions(number, key)
        except (ForbiddenError, MissingError) as error:
            message = f"the versions of {key} are closed to this account, so its releases are in no number ({error})"
            yield Line(what, "warning", message, "give it Browse Projects there, or leave the project out of jql")
        except FatalError as error:
            yield Line(what, "warning", f"the versions of {key} cannot be read: {error}")
        else:
            readable += 1
    if readable:
        yield Line(what, "ok", f"versions can be read of {readable} project{'s' if readable > 1 else ''}")


def projects(client: Client, flavour: str, jql: str) -> Iterator[tuple[str, str]]:
    """Yield (id, key) of the projects with issues of a JQL: each search leaves out the earlier ones."""
    known: list[str] = []
    while len(known) < MAX_PROJECTS:
        beyond = f"project not in ({','.join(known)})" if known else ""
        body = {"jql": combined(jql, beyond), "fields": ["project"], "maxResults": 1}
        issue = next(iter(client.post(SEARCHES[flavour], body, read=_issues)), None)
        project = issue["fields"]["project"] if issue else None
        if project is None or str(project["id"]) in known:
            return
        known.append(str(project["id"]))
        yield str(project["id"]), str(project["key"])


def _issues(page: Any) -> list[Any]:
    return list(required(page, "issues", list))
