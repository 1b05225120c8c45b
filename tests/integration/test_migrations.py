"""Migrations up and down: the schema equals the mapped classes, and one process at a time migrates."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import fresh_processes
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Engine, Text, inspect, select, text
from sqlalchemy.exc import IntegrityError

from models import migrations
from models.database import alembic_config, migrate, newest_revision, open_engine, open_sessions, revision
from models.database_faults import UnusableDatabaseError
from models.migrations import new
from models.tables.runs import RunRow
from models.tables.whole import METADATA
from models.views import VIEWS, WEEK_COLUMNS, create_views, release_views

RESULT_VIEWS = ["latest_results", "weekly_results"]


@pytest.fixture
def empty(empty_url: str) -> Iterator[Engine]:
    """Yield an engine of a database without tables."""
    engine = open_engine(empty_url)
    yield engine
    engine.dispose()


def _upgrade(engine: Engine, revision: str) -> None:
    config = alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _downgrade(engine: Engine, revision: str = "base") -> None:
    config = alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def test_a_database_without_the_schema_has_no_revision(empty: Engine) -> None:
    """`flowbeat check` reads the revision before the first migration."""
    assert revision(empty) is None


def test_a_newer_schema_is_refused_and_not_changed(empty: Engine) -> None:
    """The error is one sentence with the revision and what to do, not an error of Alembic."""
    migrate(empty)
    with empty.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UnusableDatabaseError, match=r"schema is 9999.*Update Flowbeat on this machine"):
        migrate(empty)
    assert revision(empty) == "9999"


def test_migrating_makes_every_table_and_view(empty: Engine) -> None:
    """The database has all names that the documentation of SQL uses."""
    assert migrate(empty) == (None, newest_revision())
    names = set(inspect(empty).get_table_names())
    assert names == {*METADATA.tables, "alembic_version"}
    assert sorted(inspect(empty).get_view_names()) == sorted(VIEWS)


def test_the_newest_revision_is_that_of_the_last_migration() -> None:
    """Commands find it without Alembic, and Alembic finds the same one."""
    assert ScriptDirectory.from_config(alembic_config()).get_current_head() == newest_revision()


def test_a_new_migration_continues_the_newest_and_contains_the_differences(
    tmp_path: Path,
) -> None:
    """`make migration` numbers it, names its predecessor and writes a column that the schema lacks."""
    column = Column("extra", Text, nullable=True)
    table = METADATA.tables[RunRow.__tablename__]
    table.append_column(column)
    try:
        script = new.write("add the column runs.extra", tmp_path)
    finally:
        table._columns.remove(column)
    text_of_script = script.read_text()
    assert script.name.startswith(f"{int(newest_revision()) + 1:04}_add_the_column")
    assert f"down_revision = '{newest_revision()}'" in text_of_script
    assert "add_column(sa.Column('extra'" in text_of_script


def test_migrating_again_changes_nothing(empty: Engine) -> None:
    """A worker migrates at every start."""
    migrate(empty)
    assert migrate(empty) == (newest_revision(), newest_revision())


def test_a_downgrade_removes_everything_and_can_be_migrated_again(empty: Engine) -> None:
    """Tables, views and indexes are removed."""
    migrate(empty)
    _downgrade(empty)
    assert inspect(empty).get_table_names() == ["alembic_version"]
    assert inspect(empty).get_view_names() == []
    assert migrate(empty) == (None, newest_revision())


def test_deployments_keep_their_mark_when_unknown_becomes_possible(empty: Engine) -> None:
    """The rows are migrated up and down; unknown, which the first schema does not have, becomes false there."""
    row = "INSERT INTO deployments (profile, deployment_id, name, failed) VALUES ('p', :id, 'n', :failed)"
    marks = text("SELECT deployment_id, failed FROM deployments ORDER BY deployment_id")
    migrate(empty)
    with empty.begin() as connection:
        connection.execute(text(row), [{"id": f"d{mark}", "failed": mark} for mark in (None, False, True)])
    _downgrade(empty, "0001")
    with empty.connect() as connection:
        assert [(key, bool(mark)) for key, mark in connection.execute(marks)] == [
            ("dFalse", False),
            ("dNone", False),
            ("dTrue", True),
        ]
    migrate(empty)
    with empty.begin() as connection:
        connection.execute(text("INSERT INTO deployments (profile, deployment_id, name) VALUES ('p', 'e', 'n')"))
        assert [mark for _, mark in connection.execute(marks)] == [False, False, True, None]
    assert {index["name"] for index in inspect(empty).get_indexes("deployments")} == {"ix_deployments_profile_issue_id"}


def test_statuses_keep_their_rows_and_only_listed_ones_survive_a_downgrade(empty: Engine) -> None:
    """The first schema has one row per id, and no rows of statuses that only histories have."""
    _upgrade(empty, "0001")
    with empty.begin() as connection:
        connection.execute(text("INSERT INTO statuses (profile, status_id, name, category) VALUES ('p','1','A','new')"))
    migrate(empty)
    row = (
        "INSERT INTO statuses (profile, status_id, name, category, listed) VALUES ('p', '9', :name, 'undefined', false)"
    )
    with empty.begin() as connection:
        assert tuple(connection.execute(text("SELECT name, stage FROM statuses WHERE listed")).one()) == ("A", None)
        connection.execute(text(row), [{"name": "B"}, {"name": "C"}])
    _downgrade(empty, "0001")
    with empty.begin() as connection:
        assert connection.execute(text("SELECT status_id, name, category FROM statuses")).all() == [("1", "A", "new")]
    assert migrate(empty) == ("0001", newest_revision())


def test_a_database_of_the_first_schema_keeps_its_rows(empty: Engine) -> None:
    """New columns are unknown, and a downgrade loses no value of the first schema."""
    _upgrade(empty, "0001")
    row = "INSERT INTO issues (profile, issue_id, key, project, type, status_id, created, updated, fields,"
    row += " content_hash) VALUES ('p', '1', 'P-1', 'P', 'Epic', '3', :at, :at, '{}', 'h')"
    with empty.begin() as connection:
        at = {"at": datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)}
        connection.execute(text(row), at)
    assert migrate(empty) == ("0001", newest_revision())
    with empty.begin() as connection:
        stored = connection.execute(text("SELECT key, hierarchy_level, subtask, project_id FROM issues")).one()
        connection.execute(text("UPDATE issues SET hierarchy_level = 1, subtask = false"))
    assert tuple(stored) == ("P-1", None, None, None)
    _downgrade(empty, "0001")
    with empty.begin() as connection:
        assert connection.scalar(text("SELECT key FROM issues")) == "P-1"
    assert migrate(empty) == ("0001", newest_revision())


def test_work_items_are_kept_when_views_that_read_them_are_replaced(empty: Engine) -> None:
    """The column for blocked items is null until their facts are computed again."""
    _upgrade(empty, "0001")
    row = "INSERT INTO work_items (profile, issue_id, key, type, facts_hash, active_seconds, waiting_seconds, category,"
    row += " delivered, timeline, version_ids, excluded, invalid) VALUES ('p', '1', 'P-1', 'Story', 'h', 0, 0,"
    row += " 'feature', false, '[]', '[]', false, '[]')"
    with empty.begin() as connection:
        connection.execute(text(row))
    for _ in range(2):
        migrate(empty)
        with empty.connect() as connection:
            assert connection.execute(text("SELECT key, blocked_since FROM work_items")).all() == [("P-1", None)]
            assert connection.execute(text("SELECT key FROM items")).all() == []  # the item has no issue
        _downgrade(empty, "0001")


def test_a_live_run_of_the_first_schema_restarts_its_fetch(empty: Engine) -> None:
    """Its state and the stages of its cursor have new names; up and down, one live run is the limit."""
    _upgrade(empty, "0001")
    row = "INSERT INTO runs (run_id, profile, kind, state, step, attempt, restarts, requested_at, heartbeat_at, cursor,"
    row += " progress, options) VALUES (:run, :profile, 'refresh', :state, :step, 1, 0, :at, :at, :cursor, '{}', '{}')"
    cursor = '{"request_id": "r", "stage": "look", "waiting": ["1"]}'
    with empty.begin() as connection:
        at = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
        for run, state, step in (("a", "waiting", "fetch"), ("b", "queued", "facts"), ("c", "completed", "fetch")):
            values = {"run": run, "profile": run, "state": state, "step": step, "at": at, "cursor": cursor}
            connection.execute(text(row), values)
    migrate(empty)
    begun_again, kept = {"request_id": "r"}, json.loads(cursor)
    runs = select(RunRow.run_id, RunRow.state, RunRow.cursor).order_by(RunRow.run_id)
    with empty.begin() as connection:
        assert [tuple(stored) for stored in connection.execute(runs)] == [
            ("a", "paused", begun_again),
            ("b", "queued", kept),
            ("c", "completed", kept),
        ]
    again = {"run": "d", "profile": "a", "state": "paused", "step": "fetch", "at": at, "cursor": cursor}
    with pytest.raises(IntegrityError), empty.begin() as connection:
        connection.execute(text(row), again)
    _downgrade(empty, "0001")
    with empty.connect() as connection:
        states = connection.execute(text("SELECT state FROM runs ORDER BY run_id")).scalars().all()
    assert states == ["waiting", "queued", "completed"]


def test_the_migrated_schema_is_the_one_of_the_mapped_classes(engine: Engine) -> None:
    """As in `alembic check`, the next autogenerated migration would be empty."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_the_views_have_all_columns_of_their_table(engine: Engine) -> None:
    """Otherwise readers of a view would miss a column of a later migration."""
    inspector = inspect(engine)
    table = [column["name"] for column in inspector.get_columns("metric_results")]
    assert set(table) == {column.name for column in METADATA.tables["metric_results"].columns}
    for view, computed in zip(RESULT_VIEWS, ((), WEEK_COLUMNS), strict=True):
        assert [column["name"] for column in inspector.get_columns(view)] == [*table, *computed]


def test_a_column_added_to_the_results_is_added_to_their_views(engine: Engine) -> None:
    """A user's view of them survives, and a table that SQLite rebuilds loses no view."""
    with engine.begin() as connection:
        connection.execute(text("CREATE VIEW of_mine AS SELECT profile FROM latest_results"))
        release_views(connection)
        connection.execute(text("ALTER TABLE metric_results ADD COLUMN extra TEXT"))
        create_views(connection)
    for view in RESULT_VIEWS:
        assert "extra" in [column["name"] for column in inspect(engine).get_columns(view)]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM of_mine")).scalar() == 0


def test_the_views_of_a_database_of_the_first_schema_get_the_week_and_its_day(empty: Engine) -> None:
    """The migration replaces the views, and a downgrade restores those of the first schema."""
    _upgrade(empty, "0001")
    _downgrade(empty)
    _upgrade(empty, "0001")
    migrate(empty)
    assert set(WEEK_COLUMNS) <= {column["name"] for column in inspect(empty).get_columns("weekly_results")}
    _downgrade(empty, "0001")
    assert migrate(empty) == ("0001", newest_revision())


def test_a_second_live_run_of_a_profile_is_refused_by_the_database(engine: Engine) -> None:
    """The partial unique index allows one live run; autogeneration does not compare its condition."""
    row = "INSERT INTO runs (run_id, profile, kind, cursor, step, state, progress, heartbeat_at, attempt, restarts,"
    row += " options, requested_at) VALUES (:id, 'p', 'refresh', '{}', 'fetch', :state, '{}', :at, 1, 0, '{}', :at)"
    at = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    for number, state in enumerate(["completed", "failed", "running"]):
        with engine.begin() as connection:
            connection.execute(text(row), {"id": f"r{number}", "state": state, "at": at})
    with pytest.raises(Exception, match=r"(?i)unique"), engine.begin() as connection:
        connection.execute(text(row), {"id": "r9", "state": "queued", "at": at})


def test_processes_that_migrate_at_once_all_succeed(empty: Engine, empty_url: str) -> None:
    """Of workers started together one migrates; the others wait and have nothing to do."""
    with fresh_processes.pool(3) as pool:
        revisions = list(pool.map(_migrate_once, [empty_url] * 3))
    assert {now for _, now in revisions} == {newest_revision()}
    assert revision(empty) == newest_revision()


def test_migrations_import_no_module_of_flowbeat() -> None:
    """A released migration must not change when the code does."""
    for file in sorted((Path(migrations.__file__).parent / "versions").glob("*.py")):
        ours = re.findall(r"^\s*(?:from|import) (?:models|worker|tasks|console)\b.*$", file.read_text(), re.MULTILINE)
        assert ours == [], f"{file.name} imports {ours}"


def test_a_naive_datetime_is_refused_before_it_is_stored(engine: Engine) -> None:
    """Its instant is unknown, and SQLite would store it."""
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - the refused value
    with pytest.raises(Exception, match="without a zone"), open_sessions(engine).begin() as session:
        session.add(
            RunRow(
                run_id="r", profile="p", kind="refresh", cursor={}, step="fetch", state="queued", progress={},
                heartbeat_at=naive, attempt=1, restarts=0, options={}, requested_at=naive,
            )
        )  # fmt: skip


def _migrate_once(url: str) -> tuple[str | None, str]:
    engine = open_engine(url)
    try:
        return migrate(engine)
    finally:
        engine.dispose()
