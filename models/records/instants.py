"""Instants and durations: aware UTC outside, integer microseconds inside."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

Micros = int
Stage = Literal["todo", "active", "waiting", "done"]
STAGES: Final[tuple[Stage, ...]] = ("todo", "active", "waiting", "done")
Timeline = tuple[tuple[Micros, Stage], ...]
Invalid = Literal["invalid"]
INVALID: Final[Invalid] = "invalid"
# A mapped field's instant: a moment, None where the issue has no value, "invalid" where the value is not a time.
MappedInstant = Micros | Invalid | None
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT_LENGTH: Final = len("2026-01-01T00:00:00.000000")
MICROSECOND: Final = timedelta(microseconds=1)
# Made once: json.dumps makes a new encoder for every call that asks for more than its defaults.
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)


def utc(value: datetime) -> datetime:
    """Return the same instant in UTC; a naive datetime is refused, because its instant is unknown."""
    if value.tzinfo is UTC:
        return value
    if value.tzinfo is None or value.utcoffset() is None:
        message = f"a datetime without a zone is not an instant: {value.isoformat()}"
        raise ValueError(message)
    return value.astimezone(UTC)


def micros(value: datetime) -> Micros:
    """Whole microseconds from the epoch to an aware datetime."""
    return (utc(value) - EPOCH) // MICROSECOND


def instant(value: Micros) -> datetime:
    """Return the aware UTC datetime that lies ``value`` microseconds after the epoch."""
    return EPOCH + timedelta(microseconds=value)


def iso(value: datetime) -> str:
    """ISO 8601 in UTC with microseconds and ``Z``: the one written form of an instant."""
    return utc(value).isoformat("T", "microseconds")[:_INSTANT_LENGTH] + "Z"


def digest(value: object) -> str:
    """32 hex digits naming a JSON value: equal for equal values whatever the order of their keys."""
    return hashlib.md5(_CANONICAL.encode(value).encode(), usedforsecurity=False).hexdigest()


def require(condition: bool, message: str) -> None:  # noqa: FBT001 - a guard reads as a sentence with the condition first
    if not condition:
        raise ValueError(message)
