"""How names and ids are compared, for the reference."""

import re
import unicodedata
from collections.abc import Iterable


def fold(text: object) -> str:
    """Return the form in which names are compared: NFC, case folded, NFC again, one blank for any white space."""
    composed = unicodedata.normalize("NFC", str(text)).casefold()
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", composed)).strip()


def same(left: object, right: object) -> bool:
    """Tell whether two names are one; no name is nothing."""
    return left is not None and right is not None and fold(left) == fold(right)


def among(name: object, names: Iterable[str]) -> bool:
    """Tell whether a list of names holds one."""
    return any(same(name, other) for other in names)


def id_order(number: str) -> tuple[int, int, str]:
    """Return what ids are sorted by: numbers as numbers, before texts."""
    return (0, int(number), "") if number.isdecimal() else (1, 0, number)
