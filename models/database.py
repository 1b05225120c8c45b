"""Opens the database: an engine with settings that hold under several writers, and the schema brought up to date."""

import contextlib
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from models.database_faults import UnusableDatabaseError, name_faults
from models.tables.base import to_json
from models.upgrades import Watch, back_up, withdrawn_on_error

if TYPE_CHECKING:
    from alembic.config import Config

BUSY_SECONDS = 30
PRIVATE = 0o640  # for the user and a group; other users may not read issues
# Any number that no other program is likely to use: the key of PostgreSQL's advisory lock around migrations.
MIGRATION_LOCK = 7_236_154_022
Sessions = sessionmaker[Session]


def open_engine(url: str) -> Engine:
    """Return an engine for SQLite (WAL, BEGIN IMMEDIATE) or PostgreSQL; nothing connects until it is used.

    A deferred BEGIN under WAL fails at once with "database is locked" when a reader wants to write; an immediate waits.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_engine(parsed, json_serializer=to_json, pool_pre_ping=True)
        name_faults(engine)
        event.listen(engine, "connect", _prepare_postgresql)
        return engine
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS})
    name_faults(engine)
    event.listen(engine, "do_connect", _create_private)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def is_sqlite(engine: Engine) -> bool:
    """Return whether the database is a file on this machine."""
    return engine.dialect.name == "sqlite"


def open_sessions(engine: Engine) -> Sessions:
    """Sessions for ``with sessions.begin() as session``: one unit of work, committed or rolled back whole."""
    return sessionmaker(engine, expire_on_commit=False)


def migrate(engine: Engine, watch: Watch | None = None) -> tuple[str | None, str]:
    """Bring the schema to the newest revision under a lock; returns (revision before, revision now).

    A SQLite file with data is backed up first. Raises UnusableDatabaseError, and changes nothing, where a newer
    Flowbeat has updated the schema or no backup can be written.
    """
    before, newest = revision(engine), newest_revision()
    require_known(before)
    if before == newest:
        return before, newest
    from alembic import command  # noqa: PLC0415 - slow to import, and mostly not needed

    config, watching = alembic_config(), watch or Watch()
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        if _revision(connection) == newest:  # another process was faster
            return before, newest
        with withdrawn_on_error(back_up(connection, newest, watching)):
            watching.updating(newest)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    return before, newest


def newest_revision() -> str:
    """Return the newest revision."""
    return max(_revisions())


def is_newer(at: str | None) -> bool:
    """Return whether a database is at a revision that this program does not know."""
    return at is not None and at not in _revisions()


def require_known(at: str | None) -> None:
    """Raise UnusableDatabaseError where a newer Flowbeat has updated the schema to the revision ``at``."""
    if is_newer(at):
        raise UnusableDatabaseError(
            f"the database's schema is {at}, and this program knows those up to {newest_revision()}: a newer "
            "Flowbeat has updated it. Update Flowbeat on this machine"
        )


@cache
def _revisions() -> frozenset[str]:
    """Return all revisions, by the file names in migrations/versions: Alembic takes long to import."""
    scripts = (Path(__file__).parent / "migrations" / "versions").glob("[0-9][0-9][0-9][0-9]_*.py")
    return frozenset(script.name[:4] for script in scripts)


def revision(engine: Engine) -> str | None:
    """Return the revision the database is at, None where it has none of Flowbeat's schemas."""
    with engine.execution_options(readonly=True).connect() as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    result: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return result


def alembic_config() -> "Config":
    """Alembic's configuration without a file: the scripts lie inside the package."""
    from alembic.config import Config  # noqa: PLC0415 - as in migrate

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _create_private(_dialect: Any, _record: ConnectionPoolEntry, args: list[Any], _options: dict[str, Any]) -> None:
    """Create a database file that other users of the machine cannot read; SQLite's -wal and -shm take its mode.

    A file that exists is never opened here: to close it would drop all locks of this process on it, and another process
    would delete the write-ahead log under a connection that is open.
    """
    file = str(args[0]) if args else ""
    if file and ":memory:" not in file and not file.startswith("file:"):
        with contextlib.suppress(OSError):  # it exists, or SQLite will say why it cannot be made
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE))


def _prepare_sqlite(connection: Any, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the "begin" event below opens transactions, not the driver
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _prepare_postgresql(connection: Any, _record: ConnectionPoolEntry) -> None:
    """Instants come in UTC whatever the server's zone: in one west of it, one of the year 1 would lie before it."""
    connection.execute("SET TIME ZONE 'UTC'")
    connection.commit()


def _begin_immediate(connection: Connection) -> None:
    readonly = connection.get_execution_options().get("readonly", False)
    connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")
