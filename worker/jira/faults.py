"""The errors a request to Jira ends in, named by what a caller can do about each, and the answers that lead to them.

Answers that cannot be used: ``FatalError`` and its kinds where a person must act, ``RetryableError`` and its kinds
where the same request may go through later.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from requests import RequestException, Response, Timeout
from urllib3.exceptions import NewConnectionError, ProxyError

from worker.errors import AnswerError, FatalError, RetryableError
from worker.jira import refusals, waits
from worker.settings import Connection

WHO_AM_I: Final = "/myself"
_REDIRECTS: Final = range(300, 400)
_CLIENT_ERRORS: Final = 400
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_PROXY_LOGIN: Final = 407
_MISSING: Final = frozenset({404, 410})
_TOO_MANY: Final = 429
_PAUSING: Final = frozenset({_TOO_MANY, 503})  # these concern every request of this login, not only one
_BUSY: Final = _PAUSING | {408, 425}
_TOO_LARGE: Final = 413
_SERVER_ERRORS: Final = 500


class RefusedError(FatalError):
    """Jira answered 400: it does not accept what was asked (a JQL, a field), and says why."""


class MissingError(FatalError):
    """Jira answered 404 or 410: what was asked for is not there, or not for this login."""


class ForbiddenError(FatalError):
    """Jira answered 403: it accepts the login, but refuses this request."""


class LoginError(FatalError):
    """Jira did not accept the login: it says so with 401, in a header of any answer, or at ``/myself``.

    ``is_certain``: a header says so. The status alone may mean that only this resource is closed.
    """

    is_certain = False


class AstrayError(FatalError):
    """Something other than Jira's API answered: a redirect, a page for people, or a proxy."""


class NoAnswerError(RetryableError):
    """Nothing came back: no connection was made, or it broke before there was an answer."""


class UnreachedError(NoAnswerError):
    """No connection was made, or no answer came in time: another try at once would take as long."""


class LateError(AnswerError):
    """No answer came in time from a Jira that has answered before: it may work on this longer than anyone waits."""


class BusyError(RetryableError):
    """Jira has no time now; ``reason`` where that holds for every request of this login, else None.

    ``is_limit``: this login has asked too much. Else the server may have no time for this one question.
    """

    reason: str | None = None
    is_limit: bool = False


def is_busy(status: int) -> bool:
    """Return whether the same request may get another answer later."""
    return status in _BUSY or status == _TOO_LARGE or status >= _SERVER_ERRORS


def busy(where: str, answer: Response, now: datetime) -> BusyError | AnswerError:
    """Return the error of such an answer; a server error that names no wait is that request's own."""
    status = answer.status_code
    wait = waits.asked(answer.headers, now)
    named = answer.headers.get("RateLimit-Reason")
    reason = _word(named) if named else ""
    is_own = not wait and (status >= _SERVER_ERRORS or status == _TOO_LARGE)
    kind = AnswerError if is_own else BusyError
    error = kind(f"{where} answered {status}{f' ({reason})' if reason else ''}", wait)
    if isinstance(error, BusyError):
        error.is_limit = status == _TOO_MANY or bool(reason)
    if status in _PAUSING or wait:
        error.reason = reason or str(status)
    return error


def refusal(
    connection: Connection, where: str, answer: Response, clean: Callable[[str], str], login_fault: str = ""
) -> FatalError:
    """Return the error of an answer that refuses: a redirect, a status from 400 on, or one with a ``login_fault``.

    ``where`` names host and path, ``clean`` redacts Jira's words.
    """
    status, name = answer.status_code, connection.name
    if status in _REDIRECTS:
        return _redirect(connection, where, answer)
    words = refusals.said(answer.headers, answer.content, clean) if status >= _CLIENT_ERRORS else ""
    if login_fault or status == _UNAUTHORIZED or (status == _FORBIDDEN and where.endswith(WHO_AM_I)):
        return _refused_login(connection, f"{where} refused the login ({status}", login_fault, words)
    said = f": {words}" if words else ""
    if status == _FORBIDDEN:
        advice = refusals.advice(words, name, "ask Jira's administrator")
        return ForbiddenError(f"{where} forbids this to the account of connection {name!r} (403){said}; {advice}")
    if status in _MISSING:
        keys = "base_url and flavour" if connection.flavour else "base_url"
        return MissingError(f"{where} is not there ({status}){said}; check {keys} of connection {name!r}")
    if status == _PROXY_LOGIN:
        return AstrayError(f"a proxy on the way to {where} wants a login (407){said}; check HTTPS_PROXY and HTTP_PROXY")
    return RefusedError(f"{where.partition('/rest/')[0]} did not accept the request ({status}){said}")


def not_json(
    connection: Connection, where: str, answer: Response, clean: Callable[[str], str]
) -> RetryableError | FatalError:
    """Return the error of a good status without JSON.

    A page for people stays one however often it is asked for. Half an answer is a passing fault.
    """
    status = answer.status_code
    if not refusals.is_page(answer.headers, answer.content):
        return AnswerError(f"{where} answered {status} with something that is not JSON")
    title = refusals.title(answer.headers, answer.content, clean)
    called = f"with the title {title!r}" if title else "without a title"
    return AstrayError(
        f"{where} answered {status} with a login or error page {called}, not with JSON;"
        f" check base_url and token of connection {connection.name!r}"
    )


def _redirect(connection: Connection, where: str, answer: Response) -> AstrayError:
    host = refusals.redirect_host(answer.url, answer.headers)
    target = f" to {host}" if host else ""
    return AstrayError(
        f"{where} answered {answer.status_code} with a redirect{target};"
        f" check base_url and token of connection {connection.name!r}"
    )


def _refused_login(connection: Connection, what: str, login_fault: str, words: str) -> LoginError:
    reasons = "; ".join(text for text in (login_fault, words) if text)
    usual = f"check email and token of connection {connection.name!r}"
    advice = refusals.advice(reasons, connection.name, usual)
    error = LoginError(f"{what}{': ' if reasons else ''}{reasons}); {advice}")
    error.is_certain = bool(login_fault)
    return error


def took_long(error: RequestException) -> bool:
    """Return whether nobody was there, or no answer came in time; a reset comes at once, from somebody."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    below = reason.original_error if isinstance(reason, ProxyError) else reason
    return isinstance(error, Timeout) or isinstance(below, NewConnectionError)


def system_reason(error: BaseException) -> str:
    """Return the system's own word for it, from the bottom of the chain (Connection refused), else the error's name."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError) and below.strerror:
            return below.strerror
        below = below.__cause__ or below.__context__
    return type(error).__name__


def _word(reason: str) -> str:
    """Return Jira's name for a limit: any word it may come to use, and nothing a proxy may put in its place."""
    return reason if re.fullmatch(r"[\w.-]{1,80}", reason, re.ASCII) else "unnamed limit"
