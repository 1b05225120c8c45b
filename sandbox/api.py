"""The stand-in Jira itself: `Jira.handle(request)` answers as Jira would, without a socket.

Logins, the endpoints of each flavour and the log of requests are here; what the endpoints do is in `cloud`
and `datacenter`.
"""

import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qs, quote, unquote

from sandbox import cloud, datacenter
from sandbox.faults import Fault, Limit
from sandbox.language import translated
from sandbox.logins import Login, log_in
from sandbox.shapes import Json, millis
from sandbox.site import Site, wall_clock
from sandbox.wire import Call, Endpoint, Pages, Refused, Request, Response, refusal

_UNAUTHORIZED: Final = 401


@dataclass(frozen=True, slots=True)
class Seen:
    """A line of the log of requests: `endpoint` is the path's template, `asked` the arguments of query and body."""

    method: str
    endpoint: str
    asked: Json
    status: int
    returned: int
    at: str


@dataclass(slots=True, eq=False)
class Jira:
    """A stand-in Jira: a site, its clock, and the endpoints of its flavour under `context` (such as `/jira`).

    `anonymous`: its projects are published, except the site's `private_projects`. Nobody is refused on another site
    either, as on a real one: who is not logged in sees no project there.
    """

    site: Site
    clock: Callable[[], datetime] = wall_clock
    anonymous: bool = False
    context: str = ""
    log: list[Seen] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    limit: Limit | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)
    _pages: Pages = field(default_factory=Pages)

    def handle(self, request: Request) -> Response:
        """Answer a request, one at a time; never raise an error for what a client sent."""
        with self.lock:
            return self._handle(request)

    def _handle(self, request: Request) -> Response:
        now = self.clock()
        self.site.advance(millis(now))
        template, endpoint, path = self._endpoint(request)
        fault = next((item for item in self.faults if item.strikes(template, lambda: _wanted(request, path))), None)
        refused = self.limit.refusal() if self.limit else None
        instead = refused or (fault.instead if fault else None)
        asked, answer = self._answer(request, template, endpoint, path, instead)
        if fault and fault.damage and not refused:
            answer = fault.damage(answer)
        self.log.append(Seen(request.method, template, asked, answer.status, answer.returned, now.isoformat()))
        return replace(answer, headers={**self._headers(now), **answer.headers})

    def _answer(
        self, request: Request, template: str, endpoint: Endpoint, path: Mapping[str, str], instead: Response | None
    ) -> tuple[Json, Response]:
        asked: Json = {}
        try:
            asked = _arguments(request)
            login = instead or log_in(request, self.site.accounts, self.site.flavour, self.context)
            if isinstance(login, Response):
                return asked, login
            with self.site.without(self._hidden_from(login)):
                answer = self._open(endpoint, Call(self.site, self._pages, login.account, path, asked))
            answer = translated(answer, request, login.account, template)
            return asked, replace(answer, headers={**login.headers, **answer.headers})
        except Refused as refused:
            return asked, refusal(refused.status, *refused.messages)

    def _hidden_from(self, login: Login) -> Iterable[str]:
        """Return the keys of the projects that this login may not see."""
        if login.account is not None:
            return ()
        return self.site.private_projects if self.anonymous else self.site.project_keys()

    def _open(self, endpoint: Endpoint, call: Call) -> Response:
        try:
            return endpoint(call)
        except Refused as refused:
            if refused.status == _UNAUTHORIZED and self.site.flavour == "cloud":
                return _unauthorized(self.site, *refused.messages)
            return refusal(refused.status, *refused.messages)

    def _headers(self, now: datetime) -> Mapping[str, str]:
        says_limit = self.limit if self.site.flavour == "datacenter" else None
        return {
            "Content-Type": "application/json;charset=UTF-8",
            "Date": format_datetime(now.astimezone(UTC), usegmt=True),
            **(says_limit.headers() if says_limit else {}),
        }

    def _endpoint(self, request: Request) -> tuple[str, Endpoint, Mapping[str, str]]:
        endpoints = cloud.ENDPOINTS if self.site.flavour == "cloud" else datacenter.ENDPOINTS
        path = request.path.removeprefix(self.context)
        known = self.context == "" or request.path.startswith(f"{self.context}/")
        for (method, template), endpoint in endpoints.items():
            if known and method == request.method and (match := _pattern(template).fullmatch(path)):
                return template, endpoint, {name: unquote(value) for name, value in match.groupdict().items()}
        return request.path, _no_endpoint, {"path": request.path}


def _no_endpoint(call: Call) -> Response:
    raise Refused(404, f"null for uri: {call.path['path']}")


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template))


def _unauthorized(site: Site, message: str) -> Response:
    """Return Cloud's 401: plain text that is declared as HTML."""
    realm = f'OAuth realm="{quote(site.base_url, safe="")}"'
    return Response(
        _UNAUTHORIZED, message.encode(), {"Content-Type": "text/html;charset=UTF-8", "WWW-Authenticate": realm}
    )


def _wanted(request: Request, path: Mapping[str, str]) -> Json:
    """Return what a request names in its path, query and body; nothing if they cannot be read."""
    try:
        return {**path, **_arguments(request)}
    except Refused:
        return {**path}


def _arguments(request: Request) -> Json:
    """Return query and body as one object; values of a repeated name are joined with commas, as Jira reads lists."""
    asked: Json = {name: ",".join(values) for name, values in parse_qs(request.query).items()}
    if not request.body:
        return asked
    try:
        body: Any = json.loads(request.body)
    except ValueError as error:
        raise Refused(400, "Invalid request payload. Refer to the REST API documentation and try again.") from error
    if not isinstance(body, dict):
        raise Refused(400, "Invalid request payload. Refer to the REST API documentation and try again.")
    return asked | body
