"""What all mapped classes share: the one metadata, and the types of instants and of JSON.

A module of this package has the mapped classes of one topic, so that a command maps only those that it reads;
``whole.py`` has all of them. Names and columns are public, for people read them with SQL. Times are UTC. Jira's ids
are text, as Jira sends them. No query lives here: SQL is written in ``models/store`` only.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    DateTime,
    Dialect,
    MetaData,
    Text,
    TypeDecorator,
)
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import JSON

from models.records import utc

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime: SQLite drops the offset, so it is put into UTC before and marked as UTC after.

    Written and read without SQLAlchemy's own conversion in between, because a copy has millions of instants.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """Refuse a naive datetime, convert any other to UTC."""
        return _to_sqlite if dialect.name == "sqlite" else _to_postgresql

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:  # noqa: ARG002 - SQLAlchemy passes it
        """Give every stored instant back as aware UTC."""
        return from_sqlite if dialect.name == "sqlite" else _to_postgresql


class Json(TypeDecorator[Any]):
    """A JSON value, written and read without SQLAlchemy's own layers in between, as UtcDateTime is.

    PostgreSQL has a type of its own, and its driver reads it.
    """

    impl = JSON(none_as_null=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:
        """Text with sorted keys."""
        return _to_json if dialect.name == "sqlite" else super().bind_processor(dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """Return the value again; also of a text that somebody else wrote."""
        return _from_json if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


def to_json(value: object) -> str:
    """JSON with sorted keys, the one form in which values are stored."""
    return _ENCODER.encode(value)


def _to_json(value: object) -> str | None:
    return None if value is None else to_json(value)


def _from_json(text: str | None) -> Any:
    if text is None:
        return None
    try:
        # Without json.loads' look for white space around it: ours has none.
        return _DECODER.raw_decode(text)[0]
    except json.JSONDecodeError:
        return json.loads(text)


def _to_sqlite(value: datetime | None) -> str | None:
    return None if value is None else utc(value).isoformat(" ", "microseconds")[:SQLITE_INSTANT]


def from_sqlite(value: str | None) -> datetime | None:
    """Return the aware UTC datetime that a stored text means."""
    if value is None:
        return None
    if len(value) == SQLITE_INSTANT:
        return datetime.fromisoformat(value + "+00:00")
    # Somebody else wrote it: without an offset it is UTC like all others, and one with an offset means what it says.
    at = datetime.fromisoformat(value)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _to_postgresql(value: datetime | None) -> datetime | None:
    return None if value is None else utc(value)


class Base(DeclarativeBase):
    """The one metadata, with a name for every constraint so that migrations can address it on both databases."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads this class attribute once, and documents it as a dict
        datetime: UtcDateTime,
        dict[str, Any]: Json,
        list[Any]: Json,
        str: Text,
    }


# Made once: json.dumps makes a new encoder for every call that asks for more than its defaults.
_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_DECODER: Final = json.JSONDecoder()
SQLITE_INSTANT: Final = len("2026-01-01 00:00:00.000000")
