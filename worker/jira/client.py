"""The only door to Jira's network: one request at a time through the limiter, tried again where that can help.

What comes back is JSON or one of our errors: RetryableError (later, perhaps), FatalError and its kinds (a person must
act). Messages name Jira's host and path, never a query, a body or a credential.
"""

import itertools
import logging
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth

from worker.errors import FatalError, RetryableError
from worker.limiter import Limiter
from worker.redact import redact
from worker.settings import Connection

log = logging.getLogger(__name__)

SHORT_WAIT: Final = 15.0  # a longer one gives the worker back, and how often that is done is for the task to count
LONGEST_WAIT: Final = 86_400.0  # whatever a header says
FIRST_BACKOFF: Final = 2.0
LAST_BACKOFF: Final = 30.0
USER_AGENT: Final = "flowbeat/0.1"
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_MISSING: Final = frozenset({404, 410})
_PAUSING: Final = frozenset({429, 503})  # these speak for every request of this login, not only for the one asked
_BUSY: Final = _PAUSING | {408, 425}
_SERVER_ERRORS: Final = 500
_CLIENT_ERRORS: Final = 400
_REDIRECTS: Final = 300


class RefusedError(FatalError):
    """Jira answered 400: it does not accept what was asked (a JQL, a field), and says why."""


class MissingError(FatalError):
    """Jira answered 404 or 410: what was asked for is not there, or not for this login."""


@dataclass(slots=True)
class Traffic:
    """What went over the wire since it was last taken: counted here, stored with the Fetch Operation."""

    calls: int = 0
    delays: int = 0
    lock: Lock = field(default_factory=Lock, repr=False)

    def add(self, *, calls: int = 0, delays: int = 0) -> None:
        """Count, from any thread."""
        with self.lock:
            self.calls += calls
            self.delays += delays

    def take(self) -> tuple[int, int]:
        """(calls, delays) since the last take."""
        with self.lock:
            taken = (self.calls, self.delays)
            self.calls = self.delays = 0
        return taken


class Client:
    """One connection to one Jira; threads may share it."""

    def __init__(
        self,
        connection: Connection,
        token: str | None,
        limiter: Limiter,
        *,
        session: requests.Session | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Bind a connection; nothing is sent yet."""
        self.connection = connection
        self.traffic = Traffic()
        self.anonymous = token is None
        self._limiter = limiter
        self._sleep = sleep
        self._session = session or open_session(connection.concurrency)
        self._auth = _auth(connection, token)
        url = urlsplit(connection.base_url)
        self._site = url.netloc + url.path.rstrip("/")

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON of a GET below the base URL."""
        return self._call("GET", path, params=params)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON of a POST that reads; no call of this client changes anything in Jira."""
        return self._call("POST", path, json=body)

    def _call(self, method: str, path: str, **content: Any) -> Any:
        """Short waits are slept; as each is twice the one before, it is never long until the worker is given back."""
        for tried in itertools.count(1):
            try:
                return self._send(method, path, **content)
            except RetryableError as error:
                wait = max(error.retry_after or 0.0, backoff(tried))
                if wait > SHORT_WAIT:
                    raise RetryableError(str(error), wait) from error
                log.warning("jira try again", extra={"path": path, "tried": tried, "wait": wait, "why": str(error)})
                self._sleep(wait)
        raise AssertionError("the loop above returns or raises")

    def _send(self, method: str, path: str, **content: Any) -> Any:
        with self._limiter.slot(max_wait=SHORT_WAIT) as slot:
            self.traffic.add(calls=1, delays=int(slot.delay > 0))
            started = time.monotonic()
            answer = self._exchange(method, path, **content)
        self._note(method, path, answer, time.monotonic() - started, slot.delay)
        return self._read(path, answer)

    def _exchange(self, method: str, path: str, **content: Any) -> requests.Response:
        url = self.connection.base_url.rstrip("/") + path
        try:
            return self._session.request(
                method,
                url,
                auth=self._auth,
                timeout=self.connection.timeout_seconds,
                allow_redirects=False,
                headers={"Accept": "application/json", "User-Agent": USER_AGENT},
                **content,
            )
        except (requests.ConnectionError, requests.Timeout) as error:
            raise RetryableError(f"{self._site} cannot be reached ({type(error).__name__})") from error
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError) as error:
            raise RetryableError(f"{self._site} broke off in the middle of an answer") from error
        except requests.RequestException as error:
            raise FatalError(
                f"{self._site}: the request could not be made ({type(error).__name__});"
                f" check base_url and token of connection {self.connection.name!r}"
            ) from error

    def _read(self, path: str, answer: requests.Response) -> Any:
        """The JSON of a good answer; every other status in the error of its consequence."""
        status = answer.status_code
        where = f"{self._site}{path}"
        if status in _BUSY or status >= _SERVER_ERRORS:
            wait = retry_after(answer.headers)
            if status in _PAUSING:
                self._limiter.pause(wait or FIRST_BACKOFF, answer.headers.get("RateLimit-Reason", str(status)))
            raise RetryableError(f"{where} answered {status}", wait)
        if status >= _CLIENT_ERRORS:
            raise self._refusal(status, where, answer)
        if status >= _REDIRECTS:
            raise FatalError(f"{where} answered with a redirect; check base_url of connection {self.connection.name!r}")
        try:
            return answer.json()
        except requests.exceptions.JSONDecodeError as error:
            raise RetryableError(f"{where} answered {status} with something that is not JSON") from error

    def _refusal(self, status: int, where: str, answer: requests.Response) -> FatalError:
        name = self.connection.name
        if status == _UNAUTHORIZED:
            return FatalError(f"{where} refused the login; check email and token of connection {name!r}")
        if status == _FORBIDDEN:
            return FatalError(f"{where} forbids this to the account of connection {name!r}; ask Jira's administrator")
        if status in _MISSING:
            return MissingError(
                f"{where} is not there ({status}){_words(answer)}; check base_url of connection {name!r}"
            )
        return RefusedError(f"{self._site} did not accept the request ({status}){_words(answer)}")

    def _note(self, method: str, path: str, answer: requests.Response, seconds: float, delay: float) -> None:
        facts = {"method": method, "path": path, "status": answer.status_code, "bytes": len(answer.content)}
        log.info("jira request", extra={**facts, "duration": round(seconds, 6), "delay": round(delay, 6)})


def open_session(connections: int) -> requests.Session:
    """A session whose pool holds one connection per parallel reader."""
    session = requests.Session()
    for prefix in ("https://", "http://"):
        session.mount(prefix, HTTPAdapter(pool_connections=1, pool_maxsize=connections))
    return session


def backoff(tried: int) -> float:
    """Seconds before the next try: doubled each time up to a cap, with jitter that only adds."""
    base: float = min(FIRST_BACKOFF * 2 ** (tried - 1), LAST_BACKOFF)
    return base + random.uniform(0, base / 4)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The wait an answer asks for in seconds, at most a day; None where it names none that can be read."""
    value = headers.get("Retry-After", "").strip()
    return min(float(value), LONGEST_WAIT) if re.fullmatch(r"\d{1,9}(\.\d+)?", value, re.ASCII) else None


class _Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Anonymous(AuthBase):
    """Says that there is no login: without it ``requests`` would take one from a .netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def _auth(connection: Connection, token: str | None) -> AuthBase:
    if token is None:
        return _Anonymous()
    return HTTPBasicAuth(connection.email.encode(), token.encode()) if connection.email else _Bearer(token)


def _words(answer: requests.Response) -> str:
    """Jira's own error messages, redacted, for they say best what is wrong; nothing where there are none."""
    try:
        body = answer.json()
    except requests.exceptions.JSONDecodeError:
        return ""
    if not isinstance(body, dict):
        return ""
    general, named = body.get("errorMessages"), body.get("errors")
    words = [*(general if isinstance(general, list) else ()), *(named.values() if isinstance(named, dict) else ())]
    said = " ".join(" ".join(map(str, words)).split())[:500]
    return f": {redact(said)}" if said else ""
