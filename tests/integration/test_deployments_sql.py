"""What docs/deployments.md tells pipelines to write works as it stands there, on the database it is written for."""

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


def test_the_insert_can_be_repeated_then_marked_failed_then_taken_back(engine: Engine, sessions: Sessions) -> None:
    """The statements in their order; 14:03+01:00 is read as 13:03 UTC on both databases."""
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
    """SQLite keeps the text as it is: its offset must not be dropped in reading."""
    _do(engine, POSTGRESQL.replace("2026-11-20T14:03:00+01:00", written))
    assert _stored(sessions) == [BUILD]


def test_an_inserted_row_counts_as_a_deployment_of_the_table(engine: Engine, sessions: Sessions) -> None:
    """The metrics read it with all that was left out at its default."""
    _do(engine, SQLITE if engine.dialect.name == "sqlite" else POSTGRESQL)
    with sessions() as session:
        (found,) = dataset.load(session, "payments", "table").deployments
    assert (found.deployment_id, found.failed, found.version_ids) == ("build-4711", None, ("2.4",))


def test_the_csv_of_the_document_can_be_imported() -> None:
    """The example, as it is read."""
    (example,) = re.findall(r"^```csv\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    parsed = parse_file(example, ZoneInfo("Europe/Zagreb"))
    assert parsed.mistakes == []
    assert [(row.failed, row.issue_keys, row.versions) for row in parsed.deployments] == [
        (False, ("PAY-12", "PAY-15"), ()),
        (True, ("PAY-17", "PAY-18"), ("2.4",)),
        (None, (), ("2.4", "2.5")),
    ]
