"""The comparison of names and ids, for the reference."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache


def fold(text: object) -> str:
    """Return the form in which names are compared."""
    return _fold(str(text))


@cache  # the random teams have few names, and compare them a million times
def _fold(text: str) -> str:
    """Return it: NFC, case folded, NFC again, one blank for any white space."""
    composed = unicodedata.normalize("NFC", text).casefold()
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", composed)).strip()


def same(left: object, right: object) -> bool:
    """Return whether two names are equal; a missing name equals nothing."""
    return left is not None and right is not None and fold(left) == fold(right)


def among(name: object, names: Iterable[str]) -> bool:
    """Return whether a list of names has one."""
    return any(same(name, other) for other in names)


def id_order(number: str) -> tuple[int, int, str]:
    """Return the sort key of an id: numbers as numbers, before texts."""
    return (0, int(number), "") if number.isdecimal() else (1, 0, number)
