"""JQL as text: a user's query taken apart just far enough to be combined with ours and compared with itself."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.records import micros

# A token is a quoted string (with backslash escapes), a run of spaces, a word, or a single other character.
_TOKEN: Final = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\s+|[^\s"'()]+|.)""", re.DOTALL)


def without_order(jql: str) -> str:
    """Return the query less its ORDER BY; the words inside quotes and parentheses are no ORDER BY."""
    tokens = list(_tokens(jql))
    depth = 0
    for index, piece in enumerate(tokens):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if depth == 0 and _is_order_by(tokens, index):
            return "".join(tokens[:index]).strip()
    return jql.strip()


def combined(jql: str, clause: str = "", order: str = "key ASC") -> str:
    """Return the user's query and our clause, whatever OR the query has at its top level, in our order.

    >>> combined("project = A OR project = B ORDER BY key", "updated >= 5")
    '(project = A OR project = B) AND updated >= 5 ORDER BY key ASC'
    """
    own = without_order(jql)
    both = f"({own}) AND {clause}" if own and clause else own or clause
    return f"{both} ORDER BY {order}".lstrip()


def normalised(jql: str) -> str:
    """Spaces outside quotes folded to one: two spellings of one query are the same cache."""
    return "".join(" " if piece.isspace() else piece for piece in _tokens(jql)).strip()


def instant(at: datetime, zone: str | None = None) -> str:
    """Return an instant as JQL takes it, never later than meant: epoch milliseconds, or where a site refuses them a
    literal.

    A literal has minutes, no offset, and is read in the account's zone (IANA). A local time that comes twice, as clocks
    go back, is replaced by the last minute before it that comes once. Where the zone is not known (empty, or missing in
    the IANA list), a day earlier in UTC is before the instant in every zone.

    >>> instant(datetime(2026, 3, 2, 9, 30, 59, tzinfo=UTC), "Europe/Zagreb")
    '"2026-03-02 10:30"'
    """
    if zone is None:
        return str(micros(at) // 1000)
    local = _local(at, zone)
    return f'"{local:%Y-%m-%d %H:%M}"'


def _local(at: datetime, zone: str) -> datetime:
    try:
        known = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return at.astimezone(UTC) - timedelta(days=1)
    while _comes_twice(local := at.astimezone(known)):
        at -= timedelta(minutes=1)
    return local


def _comes_twice(local: datetime) -> bool:
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def _tokens(jql: str) -> Iterator[str]:
    return (match.group() for match in _TOKEN.finditer(jql))


def _is_order_by(tokens: list[str], index: int) -> bool:
    words = (piece.casefold() for piece in tokens[index:] if not piece.isspace())
    return next(words, "") == "order" and next(words, "") == "by"
