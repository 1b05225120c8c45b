"""The only door to Jira's network: one request at a time through the limiter, tried again where that can help.

What comes back is JSON or one of our errors: RetryableError (later, perhaps), FatalError and its kinds (a person must
act). Messages name Jira's host and path, never a query, a body or a credential.

Short waits are slept, a long one gives the worker back; the run takes the number of tries along and ends them (see
``worker.task``). A Jira that not even a connection leads to, and that the run has not heard of before, gives it back
at once: whoever waits for the run reads the reason there.

A login that Jira does not accept is refused whatever the status: many answers come with 200 and fewer issues then.

A wait that Jira names is kept in full. Whatever it says of limits holds all requests of this login, of any worker: it
has limits for one path and for the whole site, and with one pause for both a burst costs seconds.
"""

import itertools
import logging
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from threading import Lock
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.exceptions import NewConnectionError, ProxyError

from worker.errors import FatalError, RetryableError
from worker.jira import faults, refusals, waits
from worker.jira.faults import BusyError, NoAnswerError, UnreachedError
from worker.limiter import Limiter, NoSlotError
from worker.redact import Redactor, redact
from worker.settings import Connection

log = logging.getLogger(__name__)

SHORT_WAIT: Final = 15.0  # a longer one gives the worker back
LONGEST_SLOT_WAIT: Final = 75.0  # a slice has to end before its time limit
FIRST_BACKOFF: Final = 2.0
LAST_BACKOFF: Final = 120.0
CONNECT_SECONDS: Final = 10.0  # three packets nobody answers: so long the first try, for a person waits
# Jira translates the names of its own types, priorities, resolutions and statuses into the account's language, unless
# it is told not to: the first header names the language, the second makes it win over the account's.
HEADERS: Final = {
    "Accept": "application/json",
    "Accept-Language": "en",
    "X-Force-Accept-Language": "true",
    "User-Agent": "flowbeat/0.1",
}
_PAUSING: Final = frozenset({429, 503})  # these speak for every request of this login, not only for the one asked
_BUSY: Final = _PAUSING | {408, 425}
_SERVER_ERRORS: Final = 500
_REDIRECTS: Final = 300
# What OpenSSL says of a certificate that cannot be verified, and of a server that speaks plain HTTP.
_LASTING_TLS_FAULTS: Final = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER")


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
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        tried: int = 0,
        heard: bool = False,
    ) -> None:
        """Bind a connection; nothing is sent yet.

        ``tried`` is how often the run tried in vain before, with no progress since; who sees progress sets it to 0.
        ``heard``: this Jira has answered the run before.
        """
        self.connection = connection
        self.tried = tried
        self.traffic = Traffic()
        self.anonymous = token is None
        self._limiter = limiter
        self._sleep = sleep
        self.now = now
        self._session = session or open_session(connection.concurrency)
        self._auth = _auth(connection, token)
        self._heard = heard
        self._private = [secret for secret in (connection.email, token) if secret]
        self.jira_time: datetime | None = None
        """Jira's clock in the ``Date`` header of its last answer; None before the first."""
        url = urlsplit(connection.base_url)
        self._site = url.netloc + url.path.rstrip("/")

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON of a GET below the base URL."""
        return self._call("GET", path, params=params)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON of a POST that reads; no call of this client changes anything in Jira."""
        return self._call("POST", path, json=body)

    def _call(self, method: str, path: str, **content: Any) -> Any:
        """Each back-off is twice the one before, so it is not long until the worker is given back."""
        before = self.tried
        for tried in itertools.count(before + 1):
            try:
                return self._send(method, path, **content)
            except NoSlotError as error:
                self.traffic.add(delays=int(error.retry_after is not None))
                error.tries += tried - 1 - before
                raise
            except RetryableError as error:
                wait = self._wait_after(error, tried)
                if wait > SHORT_WAIT or (isinstance(error, UnreachedError) and not self._heard):
                    error.retry_after, error.tries = wait, tried - before
                    raise
                log.warning("jira try again", extra={"path": path, "tried": tried, "wait": wait, "why": str(error)})
                self._sleep(wait)
        raise AssertionError("the loop above returns or raises")

    def _wait_after(self, error: RetryableError, tried: int) -> float:
        """Seconds until the next try; everyone waits that long where Jira's answer was meant for everyone."""
        wait = max(error.retry_after or 0.0, backoff(tried))
        if isinstance(error, BusyError) and error.reason:
            self.traffic.add(delays=1)
            self._limiter.pause(wait, error.reason)
        return wait

    def _send(self, method: str, path: str, **content: Any) -> Any:
        with self._limiter.slot(max_wait=slot_wait(self.connection)) as slot:
            self.traffic.add(calls=1, delays=int(slot.delay > 0))
            answer = self._noted(method, path, slot.delay, **content)
        return self._read(path, answer)

    def _noted(self, method: str, path: str, delay: float, **content: Any) -> requests.Response:
        """Exchange and log it, whatever came of it."""
        query = redact(dict(content.get("params") or {}) | _jql(content.get("json")))
        facts: dict[str, Any] = {"method": method, "path": path, "query": query, "delay": round(delay, 6)}
        started = time.monotonic()
        try:
            answer = self._exchange(method, path, **content)
        except (RetryableError, FatalError) as error:
            facts |= {"duration": round(time.monotonic() - started, 6), "error": type(error.__cause__).__name__}
            log.warning("jira request", extra=facts)
            raise
        facts |= {"duration": round(time.monotonic() - started, 6)}
        log.info("jira request", extra={**facts, "status": answer.status_code, "bytes": len(answer.content)})
        return answer

    def _exchange(self, method: str, path: str, **content: Any) -> requests.Response:
        url = self.connection.base_url.rstrip("/") + path
        patience = self.connection.timeout_seconds
        is_first = not self._heard and not self.tried  # its time to connect is that of a handshake too: only once
        try:
            answer = self._session.request(
                method,
                url,
                auth=self._auth,
                timeout=(min(CONNECT_SECONDS, patience) if is_first else patience, patience),
                allow_redirects=False,
                headers=HEADERS,
                **content,
            )
        except requests.exceptions.SSLError as error:
            raise self._untrusted(error) from error
        except (requests.ConnectionError, requests.Timeout) as error:
            kind = UnreachedError if _took_long(error) else NoAnswerError
            way = "the proxy to " if isinstance(error, requests.exceptions.ProxyError) else ""
            raise kind(f"{way}{self._site} cannot be reached ({_reason(error)})") from error
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError) as error:
            raise RetryableError(f"{self._site} broke off in the middle of an answer") from error
        except requests.RequestException as error:
            raise FatalError(
                f"{self._site}: the request could not be made ({type(error).__name__});"
                f" check base_url and token of connection {self.connection.name!r}"
            ) from error
        self._heard = True
        self.jira_time = waits.date(answer.headers.get("Date", "")) or self.jira_time
        return answer

    def _untrusted(self, error: requests.exceptions.SSLError) -> RetryableError | FatalError:
        """A certificate that is not trusted stays so however often it is asked; a broken handshake passes."""
        if any(lasting in str(error) for lasting in _LASTING_TLS_FAULTS):
            return FatalError(
                f"{self._site} offers no encryption that this machine trusts; check base_url of connection"
                f" {self.connection.name!r}, or name its certificate authority in REQUESTS_CA_BUNDLE"
            )
        return NoAnswerError(f"{self._site} cannot be reached ({type(error).__name__})")

    def _read(self, path: str, answer: requests.Response) -> Any:
        """The JSON of a good answer; every other status in the error of its consequence."""
        status = answer.status_code
        where = f"{self._site}{path}"
        if status in _BUSY or status >= _SERVER_ERRORS:
            raise self._busy(status, where, answer)
        slow = waits.slowing(answer.headers)
        if slow:
            self._limiter.pause(slow, "Jira's limit is nearly used up")
        login_fault = "" if self.anonymous else refusals.login_fault(answer.headers)
        if status >= _REDIRECTS or login_fault:
            raise faults.refusal(self.connection, where, answer, self._clean, login_fault)
        try:
            return answer.json()
        except requests.exceptions.JSONDecodeError as error:
            raise faults.not_json(self.connection, where, answer, self._clean) from error

    @cached_property
    def _clean(self) -> Callable[[str], str]:
        return Redactor(self._private).text

    def _busy(self, status: int, where: str, answer: requests.Response) -> BusyError:
        """A server error that names no wait is that request's own; all else is said to everyone."""
        wait = waits.asked(answer.headers, self.now())
        reason = answer.headers.get("RateLimit-Reason")
        error = BusyError(f"{where} answered {status}{f' ({_word(reason)})' if reason else ''}", wait)
        if status in _PAUSING or wait:
            error.reason = _word(reason) if reason else str(status)
        return error


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


def slot_wait(connection: Connection) -> float:
    """Seconds a request may wait for its slot: a whole window and a little more, or much of the quota is never used."""
    return min(max(SHORT_WAIT, connection.per_seconds * 1.25), LONGEST_SLOT_WAIT)


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


def _took_long(error: requests.RequestException) -> bool:
    """Whether nobody was there, or no answer came in time; a reset comes at once, from somebody."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    below = reason.original_error if isinstance(reason, ProxyError) else reason
    return isinstance(error, requests.Timeout) or isinstance(below, NewConnectionError)


def _reason(error: BaseException) -> str:
    """The system's own word for it, from the bottom of the chain (Connection refused), else the error's name."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError) and below.strerror:
            return below.strerror
        below = below.__cause__ or below.__context__
    return type(error).__name__


def _word(reason: str) -> str:
    """Jira's name for a limit: any word it may come to use, and nothing a proxy may put in its place."""
    return reason if re.fullmatch(r"[\w.-]{1,80}", reason, re.ASCII) else "unnamed limit"


def _jql(body: Mapping[str, Any] | None) -> dict[str, Any]:
    """The only part of a body that is logged."""
    return {"jql": body["jql"]} if body and "jql" in body else {}
