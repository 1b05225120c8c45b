"""Pages as state machines without I/O: what a page must hold, and when the list has ended.

A page that lacks what it must hold, or that would make a reader turn in circles, is never taken for the end: it raises
``RetryableError``, for the same question may be answered properly a moment later.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from worker.errors import RetryableError

T = TypeVar("T")


def required(body: object, key: str, kind: type[object]) -> Any:
    """The value a page cannot lack, of its kind."""
    if not isinstance(body, Mapping) or not isinstance(body.get(key), kind):
        raise RetryableError(f"Jira sent a page without {key!r}; it may be a passing fault")
    return body[key]


def rows(listed: object, read: Callable[[Any], T], what: str) -> list[T]:
    """Each member of a list, read; no list, or a member that lacks what it must hold, is a fault of the page."""
    if not isinstance(listed, list):
        raise RetryableError(f"Jira sent no list of {what}; it may be a passing fault")
    try:
        return [read(each) for each in listed]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RetryableError(f"Jira sent a list of {what} with a member that lacks what it must hold") from error


def next_token(body: Mapping[str, Any], seen: Collection[str], *, empty: bool) -> str | None:
    """The token of the next page, None at the end of the list.

    The last page says ``isLast`` or has no token (or null). A token seen before, or on an empty page, is a fault.
    """
    token = body.get("nextPageToken")
    if body.get("isLast") is True or not token:
        return None
    if str(token) in seen:
        raise RetryableError("Jira repeated a page token; the list would never end")
    if empty:
        raise RetryableError("Jira sent an empty page that is not the last")
    return str(token)


def next_start(body: Mapping[str, Any], start: int, got: int) -> int | None:
    """The ``startAt`` of the next page by what came, not by what was asked; None at the end of the list."""
    total = required(body, "total", int)
    after = start + got
    if after >= total:
        return None
    if not got:
        raise RetryableError(f"Jira sent an empty page at {start} of {total}")
    return after
