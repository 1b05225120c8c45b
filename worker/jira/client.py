"""Every request to Jira: one at a time through the limiter, tried again where that can help.

What comes back is JSON or one of our errors: RetryableError (later, perhaps), FatalError and its kinds (a person must
act). Messages name Jira's host and path, never a query, a body or a credential.

Short waits are slept, a long one gives the worker back; the run takes the number of tries along and ends them (see
``worker.task``). A Jira that not even a connection leads to, and that the run has not heard of before, gives it back
at once: the reason is then visible to a waiting command.

A login that Jira does not accept is refused whatever the status: many answers come with 200 and fewer issues then.

An answer that is the same each time is not a passing fault: where Jira answers another question meanwhile, this
one is at fault. With a ``Control`` that is found out soon (``UnansweredError``: the caller may ask for less),
else after a pause. A wait that a server error names, or a connection that breaks, has to come three times.

A wait that Jira names is kept in full. Whatever it says of limits holds all requests of this login, of any worker: it
has limits for one path and for the whole site, and with one pause for both a burst costs seconds.
"""

import itertools
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib import metadata
from typing import Any, Final, TypeVar, overload
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from worker.errors import AnswerError, FatalError, RetryableError, UnansweredError
from worker.jira import faults, refusals, waits
from worker.jira.auth import auth_of
from worker.jira.faults import (
    AstrayError,
    BusyError,
    ForbiddenError,
    LateError,
    LoginError,
    MissingError,
    NoAnswerError,
    RefusedError,
    UnreachedError,
)
from worker.jira.traffic import Traffic
from worker.limiter import NoSlotError, RequestLimiter
from worker.redact import Redactor, redact
from worker.settings import Connection

log = logging.getLogger(__name__)
T = TypeVar("T")

SHORT_WAIT: Final = 15.0  # a longer one gives the worker back
LONGEST_SLOT_WAIT: Final = 75.0  # a slice has to end before its time limit
FIRST_BACKOFF: Final = 2.0
LAST_BACKOFF: Final = 120.0
CONNECT_SECONDS: Final = 10.0  # three packets nobody answers: so long the first try, for a person waits
# Jira translates the names of its own types, priorities, resolutions and statuses into the account's language, unless
# two headers prevent that: the first header names the language, the second makes it win over the account's.
HEADERS: Final = {
    "Accept": "application/json",
    "Accept-Language": "en",
    "X-Force-Accept-Language": "true",
}
_WHO_AM_I: Final = f"/rest/api/2{faults.WHO_AM_I}"
SERVER_INFO: Final = "/rest/api/2/serverInfo"  # a question that both flavours answer, to anybody
_REPEATED: Final = 2  # faults in a row of one question: another one shows that waiting changes nothing
_REDIRECTS: Final = 300
# What OpenSSL says of a certificate that cannot be verified, and of a server that uses plain HTTP.
_LASTING_TLS_FAULTS: Final = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER")


def _as_it_is(body: Any) -> Any:
    return body


@dataclass(frozen=True, slots=True)
class Control:
    """A question like another, but without what it names: where Jira answers it, the other's fault is in what it names.

    With a ``body`` it is a POST, else a GET; a ``path`` that is empty is that of the question. ``is_batch``: the
    question names many things, so a refusal of it (400) may be their fault too, and an answer that is late is not
    waited for twice.
    """

    body: Mapping[str, Any] | None = None
    path: str = ""
    is_batch: bool = False


class Client:
    """One connection to one Jira; threads may share it."""

    def __init__(
        self,
        connection: Connection,
        token: str | None,
        limiter: RequestLimiter,
        *,
        session: requests.Session | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        tried: int = 0,
        fault: str = "",
        heard: bool = False,
    ) -> None:
        """Bind a connection; nothing is sent yet.

        ``tried`` is how often the run tried in vain before, with no progress since; who sees progress sets it to 0.
        ``fault`` is what was wrong the last time, before the run paused.
        ``heard``: this Jira has answered the run before.
        """
        self.connection = connection
        self.tried = tried
        self._fault = fault
        self.traffic = Traffic()
        self.anonymous = token is None
        self._limiter = limiter
        self._sleep = sleep
        self.now = now
        self._session = session or open_session(connection.concurrency)
        self._auth = auth_of(connection, token)
        self._heard = heard
        self._private = [secret for secret in (connection.email, token) if secret]
        self.jira_time: datetime | None = None
        """Jira's clock in the ``Date`` header of its last answer; None before the first."""
        url = urlsplit(connection.base_url)
        self._site = url.netloc + url.path.rstrip("/")

    @overload
    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any: ...

    @overload
    def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        read: Callable[[Any], T],
        control: Control | None = None,
    ) -> T: ...

    def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        read: Callable[[Any], Any] = _as_it_is,
        control: Control | None = None,
    ) -> Any:
        """Return what ``read`` makes of the JSON of a GET below the base URL.

        An AnswerError of ``read`` is one of the answer, and the question is asked again. With a ``control`` the same
        wrong answer twice is enough for an UnansweredError, if Jira answers the control.
        """
        return self._call("GET", path, read, control, params=params)

    @overload
    def post(self, path: str, body: Mapping[str, Any]) -> Any: ...

    @overload
    def post(
        self, path: str, body: Mapping[str, Any], *, read: Callable[[Any], T], control: Control | None = None
    ) -> T: ...

    def post(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        read: Callable[[Any], Any] = _as_it_is,
        control: Control | None = None,
    ) -> Any:
        """Return the same of a POST that reads; no call of this client changes anything in Jira."""
        return self._call("POST", path, read, control, json=body)

    def _call(self, method: str, path: str, read: Callable[[Any], T], control: Control | None, **content: Any) -> T:
        """Return what was read; each back-off is twice the one before, so that the worker is soon free."""
        before, in_a_row = self.tried, 0

        def ask() -> T:
            return read(self._send(method, path, **content))

        for tried in itertools.count(before + 1):
            try:
                return self._asked(ask, path, control, in_a_row) if control else ask()
            except NoSlotError as error:
                self.traffic.add(delays=int(error.retry_after is not None))
                error.tries += tried - 1 - before
                raise
            except RetryableError as error:
                wait = self._wait_after(error, tried)
                if wait > SHORT_WAIT or (isinstance(error, UnreachedError) and not self._heard):
                    error.retry_after, error.tries = wait, tried - before
                    if before and self._is_final(error, path):
                        raise FatalError(_each_time(error)) from error
                    raise
                in_a_row = 0 if _is_limit(error) else in_a_row + 1
                log.warning("jira try again", extra={"path": path, "tried": tried, "wait": wait, "why": str(error)})
                self._sleep(wait)
        raise AssertionError("the loop above returns or raises")

    def _asked(self, ask: Callable[[], T], path: str, control: Control, in_a_row: int) -> T:
        """Ask. After two faults in a row the control is asked first: where Jira answers it, a third fault is final.

        The faults before a pause count if this one is the same. A limit is not a fault of the question.
        """
        has_failed = in_a_row >= _REPEATED or (self.tried >= _REPEATED and bool(self._fault))
        is_repeated = has_failed and self._answers(path, control, is_refusal_one=True)
        try:
            return self._asked_twice(ask, path, control)
        except (AnswerError, BusyError, NoAnswerError) as error:
            is_same = in_a_row >= _REPEATED or str(error) == self._fault
            if is_repeated and is_same and not _is_limit(error):
                raise UnansweredError(_each_time(error)) from error
            raise

    def _asked_twice(self, ask: Callable[[], T], path: str, control: Control) -> T:
        """Ask, and soon again; the same wrong answer twice is final, if Jira answers the control. All one try.

        A refusal of a batch, or a page in its place, is final at once: it may be meant for one of what it names.
        """
        try:
            return ask()
        except (RefusedError, MissingError, ForbiddenError, LoginError, AstrayError) as error:
            is_login = isinstance(error, LoginError) and error.is_certain
            if control.is_batch and not is_login and self._answers(path, control):
                raise UnansweredError(str(error)) from error
            raise
        except AnswerError as error:
            first = error
        if not (control.is_batch and isinstance(first, LateError)):
            self._sleep(self._wait_after(first, 1))
            try:
                return ask()
            except AnswerError as error:
                if str(error) != str(first):
                    raise
        if self._answers(path, control, is_refusal_one=True):
            raise UnansweredError(_each_time(first)) from first
        raise first

    def _is_final(self, error: RetryableError, path: str) -> bool:
        """Return whether a pause has changed nothing about the answer, and Jira answers another question meanwhile."""
        is_same = isinstance(error, AnswerError) and str(error) == self._fault
        other = _WHO_AM_I if path == SERVER_INFO else SERVER_INFO
        return is_same and self._answers(path, Control(path=other), is_refusal_one=True)

    def _answers(self, path: str, control: Control, *, is_refusal_one: bool = False) -> bool:
        """Return whether Jira answers a control now."""
        method, content = ("GET", {}) if control.body is None else ("POST", {"json": control.body})
        try:
            self._send(method, control.path or path, **content)
        except (RefusedError, MissingError, ForbiddenError, LoginError) as error:
            if isinstance(error, LoginError) and error.is_certain:
                raise
            return is_refusal_one
        except (AstrayError, RetryableError):
            return False
        return True

    def _wait_after(self, error: RetryableError, tried: int) -> float:
        """Return seconds until the next try; everyone waits that long where Jira's answer was meant for everyone."""
        wait = max(error.retry_after or 0.0, backoff(tried))
        if isinstance(error, BusyError | AnswerError) and error.reason:
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
            late = isinstance(error, requests.ReadTimeout) and self._heard
            kind = LateError if late else UnreachedError if faults.took_long(error) else NoAnswerError
            way = "the proxy to " if isinstance(error, requests.exceptions.ProxyError) else ""
            raise kind(f"{way}{self._site} cannot be reached ({faults.system_reason(error)})") from error
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError) as error:
            raise AnswerError(f"{self._site}{path} broke off in the middle of an answer") from error
        except requests.RequestException as error:
            raise FatalError(
                f"{self._site}: the request could not be made ({type(error).__name__});"
                f" check base_url and token of connection {self.connection.name!r}"
            ) from error
        self._heard = True
        self.jira_time = waits.date(answer.headers.get("Date", "")) or self.jira_time
        return answer

    def _untrusted(self, error: requests.exceptions.SSLError) -> RetryableError | FatalError:
        """Return a certificate that is not trusted stays so however often it is asked; a broken handshake passes."""
        if any(lasting in str(error) for lasting in _LASTING_TLS_FAULTS):
            return FatalError(
                f"{self._site} offers no encryption that this machine trusts; check base_url of connection"
                f" {self.connection.name!r}, or name its certificate authority in REQUESTS_CA_BUNDLE"
            )
        return NoAnswerError(f"{self._site} cannot be reached ({type(error).__name__})")

    def _read(self, path: str, answer: requests.Response) -> Any:
        """Return the JSON of a good answer; every other status in the error of its consequence."""
        status = answer.status_code
        where = f"{self._site}{path}"
        if faults.is_busy(status):
            raise faults.busy(where, answer, self.now())
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


def open_session(connections: int) -> requests.Session:
    """Return a session whose pool holds one connection per parallel reader."""
    session = requests.Session()
    session.headers["User-Agent"] = f"flowbeat/{metadata.version('flowbeat')}"
    for prefix in ("https://", "http://"):
        session.mount(prefix, HTTPAdapter(pool_connections=1, pool_maxsize=connections))
    return session


def backoff(tried: int) -> float:
    """Return seconds before the next try: doubled each time up to a cap, with jitter that only adds."""
    base: float = min(FIRST_BACKOFF * 2 ** (tried - 1), LAST_BACKOFF)
    return base + random.uniform(0, base / 4)


def slot_wait(connection: Connection) -> float:
    """Return the seconds a request may wait for its slot: a whole window and a little more, or much of the quota is
    never used.
    """
    return min(max(SHORT_WAIT, connection.per_seconds * 1.25), LONGEST_SLOT_WAIT)


def _is_limit(error: RetryableError) -> bool:
    return isinstance(error, BusyError) and error.is_limit


def _each_time(error: Exception) -> str:
    return f"{error} each time, and answers other requests; if it stays so, ask Jira's administrator"


def _jql(body: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the only part of a body that is logged."""
    return {"jql": body["jql"]} if body and "jql" in body else {}
