"""Pages as state machines without I/O: what a page must hold, where the next one begins, and when the list has ended.

A page that lacks what it must hold, or that would make a reader turn in circles, is never taken for the end: it raises
``PageError``, because the same question may be answered properly a moment later.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from worker.errors import AnswerError, UnansweredError

log = logging.getLogger(__name__)
T = TypeVar("T")
MAX_EMPTY_PAGES: Final = 100  # in a row, each with a token for the next
_NAME_LENGTH: Final = 12
_WARNING_LENGTH: Final = 500


class PageError(AnswerError):
    """A page that is whole and cannot be right: it lacks what it must hold, or leads back to where the reader was."""


def required(body: object, key: str, kind: type[object]) -> Any:
    """Return the value that a page cannot lack, of its kind."""
    if not isinstance(body, Mapping) or not isinstance(body.get(key), kind):
        raise PageError(f"Jira sent a page without {key!r}")
    return body[key]


def rows(listed: object, read: Callable[[Any], T], what: str) -> list[T]:
    """Return each member of a list, read; no list, or a member that lacks what it must hold, is a fault of the page."""
    if not isinstance(listed, list):
        raise PageError(f"Jira sent no list of {what}")
    try:
        return [read(item) for item in listed]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PageError(f"Jira sent a list of {what} with a member that lacks what it must hold") from error


def is_warned(body: Mapping[str, Any], key: str) -> bool:
    """Return whether a page carries warnings under a key; the log has them, because Jira says there what is missing."""
    warnings = body.get(key)
    if warnings:
        log.warning("jira warns about a list", extra={"why": json.dumps(warnings)[:_WARNING_LENGTH]})
    return bool(warnings)


def next_token(body: Mapping[str, Any], seen: Collection[str]) -> str | None:
    """Return the token of the next page, None at the end of the list.

    A page with a token is not the last, even if it is empty or says ``isLast``. A token whose name (``token_name``) was
    seen before would make the list turn in circles: it is a fault, or, on a page that says ``isLast``, the end.
    """
    token = body.get("nextPageToken")
    if not token:
        return None
    if token_name(str(token)) not in seen:
        return str(token)
    if body.get("isLast") is True:
        return None
    raise PageError("Jira repeated a page token, so the list would never end")


def token_name(token: str) -> str:
    """Return a short name of a token: tokens are long, and a list may have thousands of them."""
    return hashlib.sha256(token.encode()).hexdigest()[:_NAME_LENGTH]


def next_position(body: Mapping[str, Any], position: Mapping[str, Any] | None, got: int) -> Any | None:
    """Return where a list by tokens continues, as JSON, None at its end; ``position`` is that of this page.

    In it: how many members came so far (``count``), and whether the page said that it was the last (``is_last``).
    Raises UnansweredError after 100 empty pages in a row: no list has that many hidden issues at one place.
    """
    before = position or {"seen": [], "empty": 0, "count": 0}
    token = next_token(body, before["seen"])
    if token is None:
        return None
    empty = 0 if got else before["empty"] + 1
    if empty >= MAX_EMPTY_PAGES:
        raise UnansweredError(f"Jira sent {empty} empty pages in a row, each of which announced another")
    own = {"token": token, "empty": empty, "count": before["count"] + got, "is_last": body.get("isLast") is True}
    return {**own, "seen": [*before["seen"], token_name(token)]}


@dataclass(frozen=True, slots=True)
class Offset:
    """Where a list by offsets continues: ``start`` (None at its end), and whether it was looked at in vain before.

    ``unshown`` is how many places, which the total counts, were passed without an issue.
    """

    start: int | None
    looked: bool = False
    unshown: int = 0


def next_offset(
    body: Mapping[str, Any], start: int, got: int, size: int, *, looked: bool = False, before: int | None = None
) -> Offset:
    """Return the place of the next page by what came, not by what was asked: a server cuts pages to its own limit.

    A total may count issues that are never shown (a late index, a security level). An empty page before the total is
    therefore asked for once more, and the search continues behind it, ``size`` places further.

    ``before`` is the total of the page before. Where it is larger, issues of earlier pages have gone, and those behind
    them have moved forward, past this page: the list continues that many places before this page. A page that goes
    beyond its total contradicts itself, so another one is asked for.
    """
    total = required(body, "total", int)
    if before is not None and total < before and start:
        return Offset(max(0, start - (before - total)))
    if got or start >= total:
        return Offset(start + got if got and start + got != total else None)
    if not looked:
        return Offset(start, looked=True)
    behind = min(start + size, total)
    return Offset(behind if behind < total else None, unshown=behind - start)
