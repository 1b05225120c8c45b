"""Redacts any value: walks mappings, sequences, dataclasses and exceptions, and returns a copy."""

import dataclasses
import reprlib
from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

from worker.redact.content import is_secret
from worker.redact.keys import CERTAIN, USER_KEYS, USER_MARKS, Kind, kind_of
from worker.redact.notations import SCHEMED
from worker.redact.scan import MARK
from worker.redact.text import MAX_TEXT, redact_text

_MAX_DEPTH: Final = 20


def redact(value: Any) -> Any:
    """Return a redacted copy of any value: containers, texts and bytes keep their kind; nothing is changed in place.

    Numbers, None, dates, UUIDs stay; an exception becomes ``Type: text``, a dataclass a dict, any other object its
    repr. Never raises; a text longer than ``MAX_TEXT`` characters is cut, with a note of how many are missing.
    """
    return redact_with(value, redact_text, 0)


def format_plain(value: object) -> str:
    """Return ``str(value)``, or a note instead where that raises."""
    return value if type(value) is str else _SAFE_REPR.repr_instance(_StrAsRepr(value), 0)


def redact_with(value: Any, clean: Callable[[str], str], depth: int) -> Any:
    if type(value) is str:
        return clean(value)
    if isinstance(value, str):
        return clean(str.__str__(value))
    if value is None or isinstance(value, int | float | complex | Decimal | date | time | timedelta | UUID):
        return value
    return _walk_further(value, clean, depth)


def _walk_further(value: Any, clean: Callable[[str], str], depth: int) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return clean(bytes(value).decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    if depth >= _MAX_DEPTH:
        return f"[deeper than {_MAX_DEPTH} levels]"
    if isinstance(value, Mapping):
        return _mapping(value, clean, depth + 1)
    if isinstance(value, list | tuple | set | frozenset):
        return _sequence(value, clean, depth + 1)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
        return _mapping(fields, clean, depth + 1)
    return clean(_described(value))


def _described(value: object) -> str:
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {format_plain(value)}"
    return str(value) if isinstance(value, PurePath) else _SAFE_REPR.repr_instance(value, 0)


def _mapping(value: Mapping[Any, Any], clean: Callable[[str], str], depth: int) -> Any:
    names = {key for key in value if isinstance(key, str)}
    if names & USER_MARKS and names <= USER_KEYS:
        return dict.fromkeys(value, MARK)  # a user object: a mapping stays one, and says nothing
    hidden = _hidden_members(value)
    copy: dict[Any, Any] = {}
    for key, item in value.items():
        name = _free(_key(key, clean, depth), copy)
        if key in hidden and item is not None:
            copy[name] = MARK
        else:
            copy[name] = _under(key, item, clean, depth)
    return copy


def _hidden_members(value: Mapping[Any, Any]) -> frozenset[str]:
    """Return keys whose meaning another member names: ``{"name": "DB_PASSWORD", "value": …}``, a change of assignee."""
    named = value.get("name", value.get("key"))
    if isinstance(named, str) and "value" in value and kind_of(named) in CERTAIN:
        return frozenset({"value"})
    changed = value.get("field", value.get("fieldId"))
    if isinstance(changed, str) and (kind_of(changed) in {"person", "field"}):
        return frozenset({"from", "fromString", "to", "toString", "from_id", "from_name", "to_id", "to_name"})
    return frozenset()


def _key(key: Any, clean: Callable[[str], str], depth: int) -> Any:
    if isinstance(key, str):
        return clean(key)
    if key is None or isinstance(key, int | float):
        return key
    cleaned = redact_with(key, clean, depth)
    return cleaned if isinstance(cleaned, str | bytes | date | UUID) else repr(cleaned)


def _free(key: Any, taken: Mapping[Any, Any]) -> Any:
    if key not in taken:
        return key
    return next(name for number in range(2, len(taken) + 3) if (name := f"{key} {number}") not in taken)


def _under(key: Any, item: Any, clean: Callable[[str], str], depth: int) -> Any:
    name = key.decode("latin-1") if isinstance(key, bytes) else key
    kind = kind_of(name) if isinstance(name, str) else None
    return redact_with(item, clean, depth) if kind is None else _hide(kind, name, item, clean, depth)


def _hide(kind: Kind, name: str, item: Any, clean: Callable[[str], str], depth: int) -> Any:
    """Return what may be seen of a value under a telling key."""
    if item is None or isinstance(item, bool):
        return item
    if isinstance(item, bytes):
        hidden = _hide(kind, name, item.decode("utf-8", "surrogateescape"), clean, depth)
        return hidden.encode("utf-8", "surrogateescape")
    if isinstance(item, str):
        return _hidden_text(kind, name, item) or clean(item)
    if isinstance(item, int | float):
        return MARK if kind in {"secret", "pass", "pin", "field"} else item
    if kind in {"weak", "code"}:
        return redact_with(item, clean, depth)
    return MARK if item or not isinstance(item, Mapping | list | tuple | set) else item


def _hidden_text(kind: Kind, name: str, item: str) -> str | None:
    """Return the mark that replaces a text under a telling key; None when the text may be seen."""
    if kind == "header" and (scheme := SCHEMED.match(item)):
        return f"{scheme[1]} {MARK}"
    return MARK if is_secret(kind, name, item, bare=False) else None


def _sequence(value: Any, clean: Callable[[str], str], depth: int) -> Any:
    items = list(value)
    if len(items) == 2 and isinstance(items[0], str | bytes) and isinstance(items[1], str | bytes | Mapping):  # noqa: PLR2004 - a pair
        copy = [redact_with(items[0], clean, depth), _under(items[0], items[1], clean, depth)]
    else:
        copy = [
            MARK if isinstance(item, str) and _is_flag(before) else redact_with(item, clean, depth)
            for before, item in zip([None, *items], items, strict=False)
        ]
    if isinstance(value, list):
        return copy
    if isinstance(value, tuple):
        return tuple(copy)
    return {_key(item, clean, depth) for item in copy}


def _is_flag(before: Any) -> bool:
    return isinstance(before, str) and before.startswith("--") and kind_of(before[2:]) in CERTAIN


class _StrAsRepr:
    """Lends an object's str to ``reprlib``, which survives one that raises."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        return str(self._value)


_SAFE_REPR: Final = reprlib.Repr()
_SAFE_REPR.maxother = MAX_TEXT * 2
