"""Dialects of SQLAlchemy that share what they have compiled: a test opens a new engine, and compiles nothing twice.

An engine of Flowbeat keeps each compiled statement as long as it lives, and one process needs only one engine. Tests
need one for each database, and compiling the same statements for all of them was a tenth of their processor time.
"""

from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

_COMPILED: Final[dict[Any, Any]] = {}


class _Shared:
    """A dialect that equals each other one of its kind with the same options."""

    _json_serializer: Any
    _json_deserializer: Any
    server_version_info: Any = None

    def _options(self) -> tuple[Any, ...]:
        return type(self), self._json_serializer, self._json_deserializer

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Shared) and self._options() == other._options()

    def __hash__(self) -> int:
        return hash(self._options())

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        """Let a new engine use the statements that others have compiled."""
        engine.update_execution_options(compiled_cache=_COMPILED)


class SharedSqlite(_Shared, SQLiteDialect_pysqlite):
    """SQLite's."""

    supports_statement_cache = True


class SharedPostgres(_Shared, PGDialect_psycopg):
    """PostgreSQL's."""

    supports_statement_cache = True


def share() -> None:
    """Use these dialects for all engines that this process opens from now on."""
    registry.register("sqlite", __name__, SharedSqlite.__name__)
    for name in ("postgresql", "postgresql.psycopg"):
        registry.register(name, __name__, SharedPostgres.__name__)
