"""Every row and column that the first program stored is there after all migrations, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import console_world as world
import pytest
from first_schema import replay
from sqlalchemy import MetaData, Table, select, text

from models.database import migrate, open_engine

pytestmark = pytest.mark.xdist_group("first schema rows")  # one process makes what all tests here read

# Its fetch begins again with this, because the stages in its cursor have other names now.
CURSOR: Final = {"request_id": "r"}
LIVE: Final = (
    "INSERT INTO runs (run_id, profile, kind, state, step, attempt, restarts, requested_at, heartbeat_at, cursor,"
    " progress, options) VALUES ('live', 'payments', 'refresh', 'waiting', 'fetch', 1, 0, :at, :at,"
    """ '{"request_id": "r", "stage": "look"}', '{}', '{}')"""
)


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder with a refreshed profile, a forecast and an imported deployment."""
    with world.refreshed(tmp_path_factory.mktemp("first")) as folder:
        (folder / "releases.csv").write_text("deployed_at,name,failed\n2026-10-01T10:00:00Z,Ä 1.0,yes\n")
        for words in (["import", "deployments", "releases.csv"], ["forecast", "payments"]):
            assert world.say(folder, *words).code == 0
        yield folder


def rows_of(url: str, columns: dict[str, list[str]] | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of all tables as the driver reads them, or only these columns of these tables."""
    engine, metadata = open_engine(url), MetaData()
    metadata.reflect(engine)
    result = {}
    with engine.connect() as connection:
        for name, table in metadata.tables.items():
            if name == "alembic_version" or (columns is not None and name not in columns):
                continue
            result[name] = rows_in(connection, table, columns[name] if columns else None)
    engine.dispose()
    return result


def rows_in(connection: Any, table: Table, names: list[str] | None) -> list[dict[str, Any]]:
    """Return the rows of a table in an order of their content."""
    chosen = select(*(table.columns[name] for name in names or table.columns.keys()))
    return sorted(map(dict, connection.execute(chosen).mappings()), key=repr)


def test_every_row_and_column_of_the_first_schema_is_kept(refreshed: Path, empty_url: str) -> None:
    """Only the names of a live run's state and stages change."""
    replay(f"sqlite:///{refreshed / 'flowbeat.db'}", empty_url)
    engine = open_engine(empty_url)
    with engine.begin() as connection:
        connection.execute(text(LIVE), {"at": datetime(2026, 10, 1, tzinfo=UTC).replace(tzinfo=None)})
    before = rows_of(empty_url)
    assert all(before.values()), [name for name, rows in before.items() if not rows]
    migrate(engine)
    engine.dispose()
    after = rows_of(empty_url, {name: list(rows[0]) for name, rows in before.items()})
    (live,) = (row for row in before["runs"] if row["run_id"] == "live")
    live |= {"state": "paused", "cursor": CURSOR}
    before["runs"].sort(key=repr)
    assert after == before
