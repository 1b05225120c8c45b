"""What the check command asks each Jira: is it there, who are we to it, does it take our JQL, has it our fields."""

import re
import socket
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from console.looks import Line
from worker.errors import FatalError
from worker.jira import fields, parse
from worker.jira.client import Client
from worker.jira.jql import without_order
from worker.jira.pages import required
from worker.jira.site import identify, reader
from worker.runtime import Runtime
from worker.settings import Connection, Profile

CONNECT_SECONDS: Final = 5.0
# A quoted or bare "-30d", and what means another day tomorrow or other issues after the next sprint.
_MOVING: Final = re.compile(
    r"(?<![\w.])[-+]\d+\s?[yMwdhm]\b"
    r"|\b(?i:now|(?:start|end)of(?:day|week|month|year)|(?:open|closed|future)sprints|currentlogin|lastlogin)\s*\("
)


def connection(current: Runtime, found: Connection) -> Iterator[Line]:
    """One Jira, and the profiles that use it; raises where it cannot be reached or refuses the login."""
    what = f"Jira {found.name}"
    client = current.client(found)
    _reach(found)
    current.redis.ping()  # no request is sent without the limiter, and the client would wait for it
    site = identify(client)
    yield Line(what, "ok", f"{urlsplit(found.base_url).netloc} answers ({site.flavour})")
    yield from _login(client, what, site.flavour)
    for profile in current.settings.profiles.values():
        if profile.connection == found.name:
            yield from _profile(client, site.flavour, profile)


def moving(jql: str) -> str | None:
    """The first part of a JQL whose meaning moves with time; None where there is none."""
    found = _MOVING.search(jql)
    return found.group().rstrip("( ") if found else None


def _reach(found: Connection) -> None:
    """A quick look, for the client behind it is patient; raises FatalError where nobody listens."""
    parts = urlsplit(found.base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        why = error.strerror or str(error) or type(error).__name__
        raise FatalError(
            f"{parts.hostname}:{port} cannot be reached ({why}); check base_url of connection {found.name!r} and the "
            "network"
        ) from error


def _login(client: Client, what: str, flavour: str) -> Iterator[Line]:
    if client.anonymous:
        yield Line(what, "warning", "asked without a login", "name a token with token_env, unless that is meant")
        return
    account = client.get(f"/rest/api/{3 if flavour == 'cloud' else 2}/myself")
    zone = account.get("timeZone") if isinstance(account, dict) else None
    yield Line(what, "ok", f"logged in; the account's time zone is {zone or 'not told'}")


def _profile(client: Client, flavour: str, profile: Profile) -> Iterator[Line]:
    yield from _jql(client, flavour, profile)
    yield from _fields(client, flavour, profile)


def _jql(client: Client, flavour: str, profile: Profile) -> Iterator[Line]:
    what = f"profile {profile.name}"
    moves = moving(profile.jql)
    if moves:
        advice = "leave it out, or its past will shrink: issues that drop out count for no day"
        yield Line(what, "warning", f"jql holds {moves}, which means something else every day", advice)
    try:
        count = _count(client, flavour, profile.jql)
    except FatalError as error:
        yield Line(what, "bad", f"its JQL was refused: {error}", f"correct profiles.{profile.name}.jql")
        return
    if count:
        yield Line(what, "ok", f"its JQL finds about {count:,} issues")
    else:
        advice = "check the project and what this account may see"
        yield Line(what, "warning", "its JQL finds no issue", advice)


def _count(client: Client, flavour: str, jql: str) -> int:
    plain = without_order(jql)
    if flavour == "cloud":
        return int(required(client.post("/rest/api/3/search/approximate-count", {"jql": plain}), "count", int))
    found = client.post("/rest/api/2/search", {"jql": plain, "maxResults": 0, "fields": ["id"]})
    return int(required(found, "total", int))


def _fields(client: Client, flavour: str, profile: Profile) -> Iterator[Line]:
    if not profile.rules.fields:
        return
    what = f"profile {profile.name}"
    known = reader(client, flavour, parse.Wanted({}, summaries=False)).fields()
    try:
        found = fields.resolved(profile.rules, known, profile.name).fields
    except FatalError as error:
        yield Line(what, "bad", str(error))
        return
    yield Line(what, "ok", f"fields found: {', '.join(f'{role} is {path}' for role, path in found.items())}")
