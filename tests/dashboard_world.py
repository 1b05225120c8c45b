"""The teams that the views and panels of dashboards are tested with, each stored and calculated in both databases."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from databases import BOTH
from report_world import stored_variant
from sqlalchemy import Engine, text

from models.database import open_engine

TEAMS: Final = ("none", "one week", "year", "unknown weeks", "not configured")
Places = dict[tuple[str, str], tuple[Path, str]]
"""(Kind of database, team) → the folder of its configuration, and the database's URL."""


@pytest.fixture(scope="session")
def dashboard_places(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, migrated_file: Path
) -> Iterator[Places]:
    """Yield where each team is stored; made once for the tests of a group."""
    made: Places = {}
    with ExitStack() as stack:
        for dialect in BOTH:
            for team in TEAMS:
                folder = tmp_path_factory.mktemp(team.replace(" ", "-"))
                url = None
                if dialect != "sqlite":
                    url = stack.enter_context(request.getfixturevalue("new_postgres")())
                with stored_variant(folder, migrated_file, team, url):
                    made[dialect, team] = folder, url or f"sqlite:///{folder / 'flowbeat.db'}"
        yield made
        for _, place in made.values():
            _engine(place).dispose()


def select(url: str, sql: str) -> list[dict[str, Any]]:
    """Return the rows of a query, each as column → value; the engine stays open for the next query."""
    with _engine(url).connect() as connection:
        return [dict(row) for row in connection.execute(text(sql.replace(":", r"\:"))).mappings()]


@cache
def _engine(url: str) -> Engine:
    return open_engine(url).execution_options(readonly=True)
