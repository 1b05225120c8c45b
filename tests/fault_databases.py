"""The databases of interrupted work: one that is kept as it was before the work, and one that it changes."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from databases import postgres_server
from sqlalchemy import text


@contextmanager
def memory_folder(name: str) -> Iterator[Path]:
    """Yield an empty folder, in memory where the machine has one."""
    memory = Path("/dev/shm")  # noqa: S108 - the folder in it is a new one of this user
    with TemporaryDirectory(prefix=f"flowbeat-{name}-", dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@dataclass(frozen=True, slots=True)
class Database:
    """The database that the work uses, and what copies one database over another."""

    url: str
    copy: Callable[[str, str], None]


@contextmanager
def sqlite_files(folder: Path) -> Iterator[Database]:
    """Yield a file in a folder."""

    def copy(old: str, new: str) -> None:
        for suffix in ("-wal", "-shm"):
            (folder / f"{new}.db{suffix}").unlink(missing_ok=True)
        shutil.copy(folder / f"{old}.db", folder / f"{new}.db")

    yield Database(f"sqlite:///{folder / 'flowbeat.db'}", copy)


@contextmanager
def postgresql_databases() -> Iterator[Database]:
    """Yield a database of a new server."""
    with postgres_server() as server:
        url = server.url.set(database="flowbeat").render_as_string(hide_password=False)

        def copy(old: str, new: str) -> None:
            with server.connect() as connection:
                connection.execute(text(f"DROP DATABASE IF EXISTS {new} WITH (FORCE)"))
                connection.execute(text(f"CREATE DATABASE {new} TEMPLATE {old}"))

        copy("template1", "flowbeat")
        yield Database(url, copy)
