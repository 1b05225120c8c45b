"""A damaged database, a full disk and clocks that differ are each one clear sentence, in check and elsewhere."""

import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import console_world as console
import pytest
from celery import Celery
from fetch_world import World, open_world
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from console.check import clocks, stored
from models.database import Sessions
from models.database_faults import UnusableDatabaseError
from models.records import Run
from worker import runtime, settings
from worker.runtime import Runtime
from worker.settings import Settings
from worker.task import RunTask

PAGE = 4096


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder with a copy."""
    with console.refreshed(tmp_path_factory.mktemp("whole")) as folder:
        yield folder


@pytest.fixture
def damaged(refreshed: Path, tmp_path: Path) -> Path:
    """Return a folder with a database whose middle eight tenths are noise."""
    folder = tmp_path / "damaged"
    shutil.copytree(refreshed, folder)
    file = folder / "flowbeat.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    pages = file.stat().st_size // PAGE
    with file.open("r+b") as opened:
        opened.seek(pages // 10 * PAGE)
        opened.write(os.urandom(pages * 8 // 10 * PAGE))
    return folder


def test_check_says_that_a_database_is_malformed(damaged: Path, refreshed: Path) -> None:
    """The error with what to do replaces the line that an undamaged database has."""
    for folder in (refreshed, damaged):
        current = Runtime(settings.load(folder / "flowbeat.toml", {}))
        if folder is refreshed:
            assert [(line.state, line.advice) for line in stored.look(current)] == [("ok", "")]
        else:
            with pytest.raises(UnusableDatabaseError, match=r"malformed.* flowbeat refresh"):
                list(stored.look(current))
        current.close()


@pytest.mark.parametrize("words", [("results",), ("explain", "payments", "flow_velocity"), ("performance",)])
def test_a_reading_command_on_a_malformed_database_is_one_sentence(damaged: Path, words: tuple[str, ...]) -> None:
    """The exit code is 1, without a traceback, and standard output is empty."""
    said = console.say(damaged, *words)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("flowbeat: ")
    assert "malformed" in said.err
    assert len(said.err.splitlines()) == 1


def test_refresh_reports_a_file_that_is_not_a_database(tmp_path: Path) -> None:
    """Another program's file has the path of the database."""
    console.configure(tmp_path)
    (tmp_path / "flowbeat.db").write_text("no database\n" * 500, encoding="utf-8")
    for words in (("refresh",), ("migrate",), ("results",)):
        said = console.say_apart(tmp_path, *words)
        assert said.code == 1
        assert "database_url does not lead to a readable database" in said.err
        assert len(said.err.splitlines()) == 1


# --- in the worker ---------------------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a world with the runtime of this process."""
    with open_world(tmp_path, database_url, redis_url) as opened:
        runtime.adopt(opened.current)
        yield opened
        runtime.forget()


def run_step(world: World, sql: str) -> Run:
    """Carry out a step that executes a statement, and return its run."""

    def body(current: Runtime, _run: Run) -> None:
        with current.sessions.begin() as session:
            session.execute(text(sql))

    run = world.request()
    app = Celery("tests", broker=world.current.broker_url)
    task: Any = app.task(base=RunTask, name="tests.statement", shared=False, steps=("fetch",))(body)
    task.apply((run.run_id, 1))
    return world.latest(run)


FILL = """INSERT INTO statuses (profile, status_id, name, category)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
    SELECT 'full', i, hex(randomblob(200)), 'done' FROM n"""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_full_disk_fails_the_run_with_what_to_do(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The step is not retried. SQLite may use only a few more pages, and raises the error of a full disk."""

    def limit(connection: Any, _record: Any) -> None:
        (count,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={count + 20}")

    event.listen(world.current.engine, "connect", limit)
    world.current.engine.dispose()
    run = run_step(world, FILL)
    assert run.state == "failed"
    assert "is full. Free some space." in str(run.error)
    assert [line.getMessage() for line in caplog.records if line.levelname == "ERROR"] == ["run failed"]
    assert not any(line.exc_info for line in caplog.records)


RAISE = "DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '{code}'; END $$"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("code", "words"), [("53100", "disk of the database server is full"), ("XX001", "damaged data")]
)
def test_a_database_server_that_cannot_continue_fails_the_run(world: World, code: str, words: str) -> None:
    """PostgreSQL sends such codes for a full disk and for corrupted data."""
    run = run_step(world, RAISE.format(code=code))
    assert run.state == "failed"
    assert words in str(run.error)
    assert "could not extend file" in str(run.error)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_temporary_database_error_is_retried(world: World) -> None:
    """A server that shuts down may soon be back; a programming error is not reported as one of the disk."""
    assert run_step(world, RAISE.format(code="57P01")).state == "paused"


def test_a_wrong_statement_keeps_its_error(sessions: Sessions) -> None:
    """Only errors that an operator must correct are reworded."""
    with pytest.raises((OperationalError, ProgrammingError)), sessions.begin() as session:
        session.execute(text("SELECT * FROM nothing"))


# --- room and clocks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "size", "states"),
    [
        (19_000_000, 1_000_000, ["bad"]),
        (150_000_000, 1_000_000, ["warning"]),
        (900_000_000, 1_000_000_000, ["warning"]),
        (900_000_000, 800_000_000, []),
    ],
)
def test_little_room_on_the_disk_is_reported(free: int, size: int, states: list[str]) -> None:
    """It is an error if even a small refresh may fail, and a warning if a full one may."""
    lines = list(stored.room(free, size))
    assert [line.state for line in lines] == states
    assert all(f"{free / 1_000_000:.1f} MB free" in line.message for line in lines)


def clock_off(redis_url: str, database_url: str, seconds: float) -> Runtime:
    """Return the runtime of a machine whose clock is wrong by some seconds."""
    configured = Settings(database_url, Path(), Path(), redis_url=redis_url)
    return Runtime(configured, lambda: datetime.now(UTC) + timedelta(seconds=seconds))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("off", "words"), [(-45.0, "ahead of"), (45.0, "behind")])
def test_a_wrong_clock_is_reported(database_url: str, redis_url: str, off: float, words: str) -> None:
    """The clocks of the database and of Redis are compared; Jira's is compared in the same way."""
    wrong, right = (clock_off(redis_url, database_url, seconds) for seconds in (off, 0.0))
    for what, look in (("database", clocks.of_database), ("Redis", clocks.of_redis)):
        (line,) = look(wrong)
        assert (line.what, line.state) == (what, "warning")
        message = re.fullmatch(rf"its clock is (\d+\.\d) s {words} this machine's", line.message)
        assert message, line.message
        assert float(message[1]) == pytest.approx(45, abs=1)  # a busy machine takes part of a second to ask
        assert list(look(right)) == []
    for machine in (wrong, right):
        machine.close()


def test_a_slow_answer_is_not_a_wrong_clock() -> None:
    """The other clock may have been read at any time between request and answer."""
    at = datetime(2026, 11, 30, tzinfo=UTC)
    asked, answered = at, at + timedelta(seconds=40)
    assert list(clocks.compare("Jira acme", at + timedelta(seconds=20), asked, answered)) == []
    assert [line.what for line in clocks.compare("Jira acme", at - timedelta(seconds=6), asked, answered)] == [
        "Jira acme"
    ]


def test_sqlite_has_this_machines_clock(tmp_path: Path, redis_url: str) -> None:
    """SQLite has no server whose clock could differ."""
    current = clock_off(redis_url, f"sqlite:///{tmp_path}/flowbeat.db", 45.0)
    assert list(clocks.of_database(current)) == []
    assert current.run_time() - datetime.now(UTC) > timedelta(seconds=40)
    current.close()
