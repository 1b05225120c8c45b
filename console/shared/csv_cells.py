"""Cells of CSV as spreadsheets read them: instants without an offset, no JSON, and no text that is calculated."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

# What could steer a terminal, break a line, or turn the direction of writing.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
# How a cell begins that a spreadsheet calculates. Where its language separates cells with semicolons, it splits the
# line there too, quotes or not.
_FORMULA: Final = re.compile(r"(^|;)(\s*)(?=[=+\-@＝＋－＠])")


def csv_cell(value: Any) -> Any:
    """Return a value as a cell: numbers unchanged, None as nothing, everything else as text.

    An instant is in UTC to the second (``2026-11-30 14:05:00``). A list is joined by semicolons, a mapping becomes
    ``key=value; …``; what lies deeper is separated by commas, and named by a dotted key.
    """
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    if isinstance(value, Mapping):
        return _harmless("; ".join(_pairs(value)))
    if isinstance(value, list | tuple):
        return _harmless("; ".join(map(_inner, value)))
    return _harmless(_word(value))


def _harmless(text: str) -> str:
    """Return text that a spreadsheet does not calculate: a formula gets an apostrophe, the mark of text.

    See OWASP, "CSV Injection". A summary that only looks like a number is text as well.
    """
    return _FORMULA.sub(r"\1\2'", text)


def _pairs(value: Mapping[Any, Any], path: str = "") -> Iterator[str]:
    for key, inner in value.items():
        name = f"{path}{_word(key)}"
        if isinstance(inner, Mapping):
            yield from _pairs(inner, f"{name}.")
        else:
            yield f"{name}={_inner(inner)}"


def _inner(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(_pairs(value))
    return ", ".join(map(_inner, value)) if isinstance(value, list | tuple) else _word(value)


def _word(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return value.isoformat() if isinstance(value, date) else _CONTROL.sub(" ", str(value))
