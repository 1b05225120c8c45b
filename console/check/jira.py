"""The checks of each Jira: its address, the login, the JQL, and the configured names."""

import json
import re
import socket
import ssl
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from requests.exceptions import SSLError
from requests.utils import get_environ_proxies

from console.check import clocks, defaults, histories, names, versions
from console.check.local import Line
from models.wording import format_count
from worker.errors import FatalError, RetryableError
from worker.jira import fields, parse
from worker.jira.client import Client
from worker.jira.jql import combined, without_order
from worker.jira.pages import required
from worker.jira.reader import Site
from worker.jira.site import identify, reader
from worker.runtime import Runtime
from worker.settings import Connection, Profile

CONNECT_SECONDS: Final = 5.0
LONGEST_ANSWER: Final = 10.0
# As if it had been tried this often: the next back-off is too long to sleep, so the first fault is reported.
IMPATIENT: Final = 3
# A quoted or bare "-30d", and what means another day tomorrow or other issues after the next sprint.
_MOVING: Final = re.compile(
    r"(?<![\w.])[-+]\d+\s?[yMwdhm]\b"
    r"|\b(?i:now|(?:start|end)of(?:day|week|month|year)|(?:open|closed|future)sprints|currentlogin|lastlogin)\s*\("
)


def connection(current: Runtime, value: Connection) -> Iterator[Line]:
    """Yield the lines of one Jira and its profiles; raise if it cannot be reached or refuses the login."""
    what = f"Jira {value.name}"
    client = current.client(replace(value, timeout_seconds=min(value.timeout_seconds, LONGEST_ANSWER)), IMPATIENT)
    reach(value)
    current.redis.ping()  # no request is sent without the limiter, and the client would wait for it
    before, site = current.now(), identify_site(client, value)
    host = urlsplit(value.base_url).netloc
    if site.reported and site.reported != site.flavour:  # requests to the wrong API would fail with misleading reasons
        advice = f"leave out connections.{value.name}.flavour"
        yield Line(what, "bad", f"{host} says it is {site.reported}, and flavour says {site.flavour}", advice)
        return
    yield Line(what, "ok", f"{host} answers ({site.flavour})")
    yield from clocks.compare(what, site.now, before, current.now())
    yield from _login(client, what, site.flavour)
    lists = names.Lists(client, api_of(site.flavour))
    for profile in current.settings.profiles.values():
        if profile.connection == value.name:
            yield from _profile(current, client, site.flavour, profile, lists)


def moving(jql: str) -> str | None:
    """Return the first part of a JQL whose meaning moves with time; None where there is none."""
    match = _MOVING.search(jql)
    return match.group().rstrip("( ") if match else None


def reach(value: Connection) -> None:
    """Check the address and TLS; raise FatalError if the port is closed or the server does not use TLS."""
    if get_environ_proxies(value.base_url):
        return  # it is the proxy that reaches it
    parts = urlsplit(value.base_url)
    is_tls = parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    advice = f"check base_url of connection {value.name!r}"
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=CONNECT_SECONDS) as plain:
            if is_tls and not _uses_tls(plain, str(parts.hostname)):
                raise FatalError(f"{parts.hostname}:{port} answers, but not by https; {advice}, is it http?")
    except OSError as error:
        why = error.strerror or str(error) or type(error).__name__
        raise FatalError(f"{parts.hostname}:{port} cannot be reached ({why}); {advice} and the network") from error


def _uses_tls(plain: socket.socket, host: str) -> bool:
    """Return whether a TLS handshake succeeds; the client checks the certificate later."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        context.wrap_socket(plain, server_hostname=host).close()
    except OSError:  # ssl.SSLError is one; plain HTTP answers in clear, hangs up, or waits for the end of a line
        return False
    return True


def identify_site(client: Client, value: Connection) -> Site:
    """Connect as the client does; report an untrusted certificate at once, because a retry changes nothing."""
    try:
        return identify(client)
    except RetryableError as error:
        if not isinstance(error.__cause__, SSLError):
            raise
        raise FatalError(
            f"{urlsplit(value.base_url).netloc} shows a certificate that is not trusted here; name your company's "
            "authorities with REQUESTS_CA_BUNDLE=file"
        ) from error


def api_of(flavour: str) -> str:
    """Return the path of a flavour's interface."""
    return f"/rest/api/{3 if flavour == 'cloud' else 2}"


def _login(client: Client, what: str, flavour: str) -> Iterator[Line]:
    if client.anonymous:
        yield Line(what, "warning", "works without a login", "set token_env, unless that is intended")
        return
    account = client.get(f"{api_of(flavour)}/myself")
    zone = account.get("timeZone") if isinstance(account, dict) else None
    yield Line(what, "ok", f"logged in; the account's time zone is {zone or 'not told'}")


def _profile(current: Runtime, client: Client, flavour: str, profile: Profile, lists: names.Lists) -> Iterator[Line]:
    result = yield from _jql(client, flavour, profile)
    yield from _fields(client, flavour, profile)
    yield from names.unknown(lists, profile, lambda word: histories.is_in_histories(current, profile.name, word))

    def count(clause: str) -> int | None:
        try:
            return count_issues(client, flavour, combined(profile.jql, clause)) if result else None
        except FatalError:  # the other lines are shown all the same
            return None

    yield from defaults.defaults(lists, profile, count)
    if result:
        yield from versions.closed_versions(client, flavour, profile)
    if result and profile.rules.ignored_types is not None:  # Jira's own hierarchy decides
        yield from _subtasks(client, flavour, profile, lists)


def _jql(client: Client, flavour: str, profile: Profile) -> Generator[Line, None, int]:
    """Yield the lines about the JQL, and return how many issues it finds, 0 if it was refused."""
    what = f"profile {profile.name}"
    moves = moving(profile.jql)
    if moves:
        advice = "remove it: issues that fall out of the range disappear from past results"
        yield Line(what, "warning", f"jql contains the relative date {moves}", advice)
    try:
        count = count_issues(client, flavour, profile.jql)
    except FatalError as error:
        yield Line(what, "bad", f"its JQL was refused: {error}", f"correct profiles.{profile.name}.jql")
        return 0
    if count:
        yield Line(what, "ok", f"its JQL finds about {format_count(count, 'issue')}")
    else:
        advice = "check the project and what this account may see"
        yield Line(what, "warning", "its JQL finds no issue", advice)
    return count


def count_issues(client: Client, flavour: str, jql: str) -> int:
    """Return about how many issues a JQL finds: one request."""
    plain = without_order(jql)
    if flavour == "cloud":
        return int(required(client.post("/rest/api/3/search/approximate-count", {"jql": plain}), "count", int))
    response = client.post("/rest/api/2/search", {"jql": plain, "maxResults": 0, "fields": ["id"]})
    return int(required(response, "total", int))


def _subtasks(client: Client, flavour: str, profile: Profile, lists: names.Lists) -> Iterator[Line]:
    """Yield a warning about sub-tasks that the JQL finds and no list names, because their work would count twice."""
    what = f"profile {profile.name}"
    try:
        types = names.uncounted_subtasks(lists, profile.rules)
        numbers = ", ".join(entry.number for entry in types)
        count = count_issues(client, flavour, combined(profile.jql, f"issuetype in ({numbers})")) if types else 0
    except FatalError as error:
        yield Line(what, "warning", f"whether sub-tasks count twice cannot be seen: {error}")
        return
    if not count:
        return
    type_names = [item.name for item in types]
    line = json.dumps([*(profile.rules.ignored_types or ()), *type_names], ensure_ascii=False)
    yield Line(
        what,
        "warning",
        f"about {count:,} sub-tasks count as work beside their parents ({', '.join(type_names)})",
        f"to leave them out, write under [profiles.{profile.name}]: ignored_types = {line}",
    )


def _fields(client: Client, flavour: str, profile: Profile) -> Iterator[Line]:
    if not profile.rules.fields:
        return
    what = f"profile {profile.name}"
    known = reader(client, flavour, parse.Wanted({}, summaries=False)).fields()
    try:
        resolved = fields.resolved(profile.rules, known, profile.name).fields
    except FatalError as error:
        yield Line(what, "bad", str(error))
        return
    yield Line(what, "ok", f"fields found: {', '.join(f'{role} is {path}' for role, path in resolved.items())}")
