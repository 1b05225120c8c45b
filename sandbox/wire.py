"""The messages between a caller and the stand-in Jira: request, answer, refusal, and the call of an endpoint."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from zoneinfo import ZoneInfo

from sandbox import query
from sandbox.jql import JqlError
from sandbox.render import dumps
from sandbox.shapes import MINUTE, Json
from sandbox.site import Account, Asker, Site

Endpoint = Callable[["Call"], "Response"]
Endpoints = Mapping[tuple[str, str], Endpoint]

_TOKENS: Final = 2_000
_SEARCHES: Final = 8


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request; `path` without query, `query` as it stood after the question mark."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer; `returned` is the number of issues (or histories) in it, for the log.

    The rest is for faults: seconds it comes late, bytes of the body after which it breaks off, a reset instead of it.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    returned: int = 0
    delay: float = 0.0
    cut: int | None = None
    is_reset: bool = False


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """Raised by an endpoint: answer with this status and these `errorMessages`."""

    def __init__(self, status: int, *messages: str) -> None:
        super().__init__(status, *messages)
        self.status = status
        self.messages = messages


@dataclass(slots=True)
class Pages:
    """What a Jira stores between the pages of one answer: cursors by token, and the last searches.

    A token may be used again (a client retries), and is forgotten when many newer ones were given out.
    """

    cursors: dict[str, Any] = field(default_factory=dict)
    searches: dict[tuple[Any, ...], query.Found] = field(default_factory=dict)

    def mark(self, cursor: Any, *name: Any) -> str:
        """Store a cursor; its token follows from `name`, so that the same reading gives the same tokens."""
        digest = hashlib.sha256(repr(name).encode()).digest()
        token = base64.urlsafe_b64encode(digest[:24]).decode()
        self.cursors[token] = cursor
        _shorten(self.cursors, _TOKENS)
        return token

    def at(self, token: str) -> Any:
        """Return the cursor of a token; raise a 400 for an unknown one."""
        if token not in self.cursors:
            raise Refused(400, "The provided next page token is invalid or expired.")
        return self.cursors[token]

    def found(self, site: Site, text: str, asker: Asker, *, must_be_bounded: bool) -> query.Found:
        """Return a search, evaluated once as long as nothing changes (a relative date changes with the minute)."""
        key = (
            text,
            asker.zone.key,
            id(asker.user),
            asker.is_strict,
            asker.takes_epoch,
            site.revision,
            must_be_bounded,
            asker.now // MINUTE,
        )
        if key not in self.searches:
            self.searches[key] = query.search(site, text, asker, must_be_bounded=must_be_bounded)
            _shorten(self.searches, _SEARCHES)
        return self.searches[key]


def _shorten(memory: dict[Any, Any], most: int) -> None:
    while len(memory) > most:
        memory.pop(next(iter(memory)))


@dataclass(frozen=True, slots=True)
class Call:
    """The arguments of an endpoint: site, account (None: anonymous), variables of the path, and what was sent."""

    site: Site
    pages: "Pages"
    account: Account | None
    path: Mapping[str, str]
    args: Json

    @property
    def asker(self) -> Asker:
        """Return the account and instant for the dates and `currentUser()` of a JQL."""
        if self.account is None:
            return Asker(self.site.zone, self.site.now, None, takes_epoch=self.site.takes_epoch)
        zone = ZoneInfo(self.account.zone)
        return Asker(zone, self.site.now, self.account.profile, takes_epoch=self.site.takes_epoch)

    def text(self, name: str, default: str = "") -> str:
        """Return a text argument of query or body."""
        value = self.args.get(name, default)
        if not isinstance(value, str):
            raise Refused(400, f"Invalid request payload: '{name}' must be a string.")
        return value

    def number(self, name: str, default: int) -> int:
        """Return a number argument of query or body, not below 0."""
        value = self.args.get(name, default)
        if isinstance(value, bool) or not str(value).isdecimal():
            raise Refused(400, f"Invalid request payload: '{name}' must be a number not below 0.")
        return int(value)

    def texts(self, name: str) -> list[str]:
        """Return a list argument of a body: an array of strings."""
        value = self.args.get(name, [])
        if not isinstance(value, list) or not all(isinstance(entry, str | int) for entry in value):
            raise Refused(400, f"Invalid request payload: '{name}' must be an array of strings.")
        return [str(item) for item in value]

    def search(self, *, must_be_bounded: bool = False, is_strict: bool = True) -> query.Found:
        """Return the issues of the JQL; it is refused in Jira's words."""
        asker = replace(self.asker, is_strict=is_strict)
        text = self.text("jql")
        try:
            return self.pages.found(self.site, text, asker, must_be_bounded=must_be_bounded)
        except JqlError as error:
            raise Refused(400, *error.args) from error


def page(body: Any, returned: int = 0) -> Response:
    """Return a 200 answer."""
    return Response(200, body if isinstance(body, bytes) else dumps(body), returned=returned)


def refusal(status: int, *messages: str) -> Response:
    """Return an error in Jira's form."""
    return Response(status, dumps({"errorMessages": list(messages), "errors": {}}))
