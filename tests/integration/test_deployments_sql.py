"""The SQL and CSV of docs/deployments.md work as written, on the database that they are written for."""

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from console.deployments_csv import parse_file
from models.database import Sessions
from models.records import TableDeployment
from models.store import dataset, deployments

DOCUMENT = (Path(__file__).parents[2] / "docs" / "deployments.md").read_text()
SQLITE, POSTGRESQL, UPDATE, REWORK, DELETE = re.findall(r"^```sql\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
BUILD = TableDeployment(
    "build-4711",
    "build 4711",
    datetime(2026, 11, 20, 13, 3, tzinfo=UTC),
    issue_keys=("PAY-12", "PAY-15"),
    versions=("2.4",),
)


def _do(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)


def _stored(sessions: Sessions) -> list[TableDeployment]:
    with sessions() as session:
        return list(deployments.load_table(session, "payments").values())


def test_a_deployment_can_be_inserted_again_marked_failed_and_deleted(engine: Engine, sessions: Sessions) -> None:
    """The statements run in their order; both databases read 14:03+01:00 as 13:03 UTC."""
    insert = SQLITE if engine.dialect.name == "sqlite" else POSTGRESQL
    _do(engine, insert)
    _do(engine, insert)
    assert _stored(sessions) == [BUILD]
    _do(engine, UPDATE)
    assert [(row.failed, row.rework) for row in _stored(sessions)] == [(True, None)]
    _do(engine, REWORK)
    assert [(row.failed, row.rework) for row in _stored(sessions)] == [(True, True)]
    _do(engine, DELETE)
    assert _stored(sessions) == []


@pytest.mark.parametrize("written", ["2026-11-20T14:03:00+01:00", "2026-11-20 13:03:00Z", "2026-11-20 13:03:00+00"])
def test_a_time_written_with_its_offset_is_that_instant(engine: Engine, sessions: Sessions, written: str) -> None:
    """SQLite stores the text as it is, so reading must apply its offset."""
    _do(engine, POSTGRESQL.replace("2026-11-20T14:03:00+01:00", written))
    assert _stored(sessions) == [BUILD]


def test_an_inserted_row_counts_as_a_deployment_of_the_table(engine: Engine, sessions: Sessions) -> None:
    """Columns that the statement leaves out have their defaults."""
    _do(engine, SQLITE if engine.dialect.name == "sqlite" else POSTGRESQL)
    with sessions() as session:
        (deployment,) = dataset.load(session, "payments", "table").deployments
    assert (deployment.deployment_id, deployment.failed, deployment.version_ids) == ("build-4711", None, ("2.4",))


def test_the_csv_of_the_document_can_be_imported() -> None:
    """The example is read as the import command reads a file."""
    (example,) = re.findall(r"^```csv\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    parsed = parse_file(example, ZoneInfo("Europe/Zagreb"))
    assert parsed.mistakes == []
    assert [(row.failed, row.issue_keys, row.versions) for row in parsed.deployments] == [
        (False, ("PAY-12", "PAY-15"), ()),
        (True, ("PAY-17", "PAY-18"), ("2.4",)),
        (None, (), ("2.4", "2.5")),
    ]
