"""The move from SQLite to PostgreSQL: every row, compared at both ends; the commands then give the same answers."""

import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import console_world as world
import pytest
from databases import empty_postgres
from sqlalchemy import Engine, make_url, text
from terminal import terminal

from models.database import open_engine
from models.store import moving
from models.store.moving import DifferentRowsError
from models.tables.whole import METADATA
from sandbox import living
from sandbox.shapes import millis
from worker import alive, settings

pytestmark = pytest.mark.xdist_group("move")  # one process makes what all tests here read

SECRET = "ge heim/4711@%"
LOCKED = sqlite3.OperationalError
READ = (
    ["results", "payments"],
    ["results", "payments", "--window", "weeks"],
    ["explain", "payments", "flow_time", "--history"],
    ["explain", "payments", "cfr"],
    ["explain", "payments", "lead_time", "--as-of", "2026-09-30"],
    ["explain", "payments", "flow_load", "--as-of", "2026-08-31"],
    ["aging", "payments"],
    ["overview"],
    ["performance"],
    ["status"],
)
KILLED = """
import os, signal, sys
from models.database import migrate, open_engine
from models.store import moving
source, target = map(open_engine, sys.argv[1:])
migrate(target)
def report(table, rows):
    if table == "transitions":
        os.kill(os.getpid(), signal.SIGKILL)
with source.begin() as reading, target.begin() as writing:
    moving.lock(writing)
    moving.copy(reading, writing, report)
"""


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder with a refreshed profile, imported deployments, a forecast, a past calculation and odd texts."""
    with world.refreshed(tmp_path_factory.mktemp("move")) as folder:
        (folder / "releases.csv").write_text("deployed_at,name,failed\n2026-10-01T10:00:00Z,Ä 1.0,yes\n")
        for words in (["import", "deployments", "releases.csv"], ["forecast", "payments"]):
            assert world.say(folder, *words).code == 0
        with world.world(folder) as current:
            world.carry_out(current, world.request(current, "calculate", world.NOW - timedelta(days=14)))
        with closing(sqlite3.connect(folder / "flowbeat.db")) as connection, connection:
            odd = 'a\ttab, a\nline, a \\N, "quotes", 日本語 and 🚀'
            connection.execute(
                "UPDATE issues SET summary = ? WHERE issue_id = (SELECT max(issue_id) FROM issues)", [odd]
            )
            connection.execute("INSERT INTO former_keys VALUES ('payments', 'OLD-1', '10001')")
            connection.execute(
                "INSERT INTO refresh_notices (profile, state, before, changed_at, watched_since, tries)"
                " VALUES ('payments', 'well', 'failed', '2026-10-13 02:00:00.000000', '2026-10-01 02:00:00.000000', 0)"
            )
        yield folder


@pytest.fixture
def folder(refreshed: Path, tmp_path: Path) -> Path:
    """Return a copy of that folder."""
    place = tmp_path / "moving"
    place.mkdir()
    shutil.copy(refreshed / "flowbeat.toml", place)
    with closing(sqlite3.connect(refreshed / "flowbeat.db")) as source:
        source.execute("VACUUM INTO ?", [str(place / "flowbeat.db")])
    return place


@pytest.fixture
def target(postgres: Engine) -> Iterator[str]:
    """Yield the URL of an empty PostgreSQL."""
    with empty_postgres(postgres) as url:
        yield url


@pytest.fixture
def with_password(postgres: Engine, target: str) -> Iterator[str]:
    """Yield the URL of that database for a role that must name its password; the URL has none."""
    with postgres.connect() as connection:
        rules = Path(connection.execute(text("SHOW hba_file")).scalar_one())
        before = rules.read_text()
        name = make_url(target).database
        connection.execute(text(f"CREATE ROLE mover LOGIN PASSWORD '{SECRET}'"))
        connection.execute(text(f"ALTER DATABASE {name} OWNER TO mover"))
        rules.write_text(f"local all mover scram-sha-256\n{before}")
        connection.execute(text("SELECT pg_reload_conf()"))
        yield f"postgresql://mover@/{name}?host={quote(str(make_url(target).query['host']))}"
        rules.write_text(before)
        connection.execute(text("SELECT pg_reload_conf()"))
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        connection.execute(text("DROP ROLE mover"))


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """Yield an engine of a database."""
    engine = open_engine(url)
    yield engine
    engine.dispose()


def content(url: str) -> dict[str, list[Any]]:
    """Return all rows of all tables that are moved, in an order of their own."""
    with opened(url) as engine, engine.connect() as connection:
        return {table.name: sorted(map(repr, connection.execute(table.select()).all())) for table in moving.TABLES}


def rows_in(url: str) -> int:
    """Return the number of rows of a database that may have no tables."""
    with opened(url) as engine, engine.connect() as connection:
        return sum(moving.counts(connection).values())


def test_every_row_is_moved_and_the_commands_give_the_same_answers(folder: Path, target: str) -> None:
    """Present and past results, explanations, ages and imported deployments; then both continue alike."""
    source = f"sqlite:///{folder / 'flowbeat.db'}"
    before = content(source)
    assert all(before.values()), [name for name, rows in before.items() if not rows]
    said = world.say(folder, "move", target)
    assert said.code == 0, said.err
    assert f"Moved {sum(map(len, before.values())):,} rows of {len(before)} tables" in said.out
    assert f'{folder / "flowbeat.toml"}: database_url = "{target.replace(":@", "@")}"' in said.out
    assert content(target) == before == content(source)
    for words in READ:
        assert answer(folder, source, words) == answer(folder, target, words)
    assert refreshed_to(folder, source) == refreshed_to(folder, target)


def answer(folder: Path, url: str, words: list[str]) -> Any:
    """Return what a command reads from a database, without the age of the data, which grows meanwhile."""
    said = world.say(folder, *words, "--format", "json", FLOWBEAT_DATABASE_URL=url)
    assert said.code == 0, said.err
    rows = said.json
    if words == ["overview"]:
        assert all(row.pop("data_age_seconds") > 0 for row in rows)
    return rows


def refreshed_to(folder: Path, url: str) -> tuple[Any, Any]:
    """Return the results after an incremental refresh of a database, and the fetch, at a Jira where time has passed."""
    file = folder / "flowbeat.toml"
    with world.world(folder, issues=200) as current:
        current.settings = settings.load(file, {"FLOWBEAT_DATABASE_URL": url})
        later = world.NOW + timedelta(hours=1)
        current.now = lambda: later
        assert current.jira
        current.jira.clock = lambda: later
        site = current.jira.site
        site.advance(millis(world.NOW))
        for issue in [issue for issue in site.indexed if issue.fields["project"]["key"] == "PAY"][:3]:
            living.edit(site, issue, "summary", "Changed", later - timedelta(minutes=1))
        run = world.refresh(current)
        assert run.state == "completed", run.error
        with current.engine.connect() as connection:
            fetch = connection.execute(
                text("SELECT kind, state, issues_changed, issues_gone FROM fetch_operations WHERE run_id = :run"),
                {"run": run.run_id},
            ).one()
    assert (fetch.kind, fetch.issues_changed) == ("incremental", 3)
    rows = world.say(folder, "results", "--format", "json", FLOWBEAT_DATABASE_URL=url).json
    return tuple(fetch), [
        {name: value for name, value in row.items() if name not in {"run_id", "calculated_at"}} for row in rows
    ]


def test_new_rows_are_numbered_after_the_moved_ones(folder: Path, target: str) -> None:
    """PostgreSQL's sequences begin at 1 otherwise."""
    assert world.say(folder, "move", target).code == 0
    with opened(target) as engine, engine.begin() as connection:
        last = connection.execute(text("SELECT max(id) FROM calculation_performance")).scalar_one()
        row = "SELECT nextval(pg_get_serial_sequence('calculation_performance', 'id'))"
        assert connection.execute(text(row)).scalar_one() == last + 1


def test_the_databases_keep_their_own_ids(folder: Path, target: str) -> None:
    """A worker that still works with the old one is recognised."""
    assert world.say(folder, "move", target).code == 0
    ids = []
    for url in (f"sqlite:///{folder / 'flowbeat.db'}", target):
        with opened(url) as engine, engine.connect() as connection:
            ids.append(connection.execute(text("SELECT installation_id FROM installation")).scalar_one())
    assert ids[0] != ids[1]


def test_a_second_move_refuses_the_filled_target(folder: Path, target: str) -> None:
    """Nothing is mixed or overwritten."""
    assert world.say(folder, "move", target).code == 0
    before = content(target)
    again = world.say(folder, "move", target)
    assert again.code == 1
    assert "TO_URL has data already" in again.err
    assert content(target) == before


def test_a_killed_move_leaves_the_target_empty_and_can_be_called_again(folder: Path, target: str) -> None:
    """All rows are one unit of work."""
    source = f"sqlite:///{folder / 'flowbeat.db'}"
    killed = subprocess.run([sys.executable, "-c", KILLED, source, target], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert rows_in(target) == 0
    assert world.say(folder, "move", target).code == 0
    assert content(target) == content(source)


def test_a_live_run_is_not_moved(folder: Path, target: str) -> None:
    """Its messages would be lost."""
    with world.world(folder) as current:
        world.request(current, "refresh")
    said = world.say(folder, "move", target)
    assert said.code == 1
    assert "a run has not ended: payments (queued); let it end with: flowbeat refresh" in said.err


def test_a_worker_of_this_machine_refuses_the_move(folder: Path, target: str) -> None:
    """Also one that does not respond."""
    state = alive.folder_of(folder / ".flowbeat")
    alive.keep(state, "worker", {"node": "me@here"})
    said = world.say(folder, "move", target)
    assert said.code == 1
    assert "a worker serves this database (me@here); stop workers and scheduler first" in said.err
    alive.drop(state, "worker")
    assert world.say(folder, "move", target).code == 0


def test_nothing_is_written_to_the_source_while_it_is_moved(folder: Path, target: str) -> None:
    """A row that came later would be missing; who writes waits."""
    with opened(target) as engine:
        assert world.say(folder, "migrate", FLOWBEAT_DATABASE_URL=target).code == 0
        with engine.begin() as connection:
            connection.execute(text("LOCK TABLE runs IN EXCLUSIVE MODE"))  # the move waits for this
            moved: list[Any] = []
            thread = threading.Thread(target=lambda: moved.append(say_moved(folder, target)))
            thread.start()
            wait_for_lock(connection)
            with closing(sqlite3.connect(folder / "flowbeat.db", 0)) as other, pytest.raises(LOCKED, match="locked"):
                other.execute("DELETE FROM issues")
        thread.join(60)
    assert moved == [0]


def say_moved(folder: Path, target: str) -> int:
    """Return the exit code of a move in a process of its own."""
    return world.say_apart(folder, "move", target).code


def wait_for_lock(connection: Any) -> None:
    """Wait until another session waits for a lock of this one."""
    waiting = text(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database"
        " WHERE datname = current_database())"
    )
    for _ in range(600):
        if connection.execute(waiting).scalar_one():
            return
        connection.execute(text("SELECT pg_sleep(0.05)"))
    raise AssertionError("the move did not begin")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE issues SET summary = 'other' WHERE issue_id = (SELECT max(issue_id) FROM issues)",
        "UPDATE issues SET updated = updated + INTERVAL '1 microsecond'",
        "DELETE FROM transitions WHERE history_id = (SELECT max(history_id) FROM transitions)",
        "UPDATE work_item_columns SET archive = archive || 'x'::bytea",
        "UPDATE metric_results SET details = '{}'",
    ],
)
def test_a_row_that_arrived_differently_is_noticed(folder: Path, target: str, change: str) -> None:
    """Counts and checksums of each table are compared."""
    with opened(f"sqlite:///{folder / 'flowbeat.db'}") as source, opened(target) as engine:
        assert world.say(folder, "migrate", FLOWBEAT_DATABASE_URL=target).code == 0
        with source.begin() as reading, engine.begin() as writing:
            contents = moving.copy(reading, writing, ignore)
            moving.require_same(writing, contents, ignore)
            writing.execute(text(change))
            with pytest.raises(DifferentRowsError, match="has other rows than its source"):
                moving.require_same(writing, contents, ignore)


def ignore(_table: str, _rows: int) -> None:
    """Report nothing."""


def test_batches_are_moved_whole(folder: Path, target: str) -> None:
    """More rows than one batch has."""
    with closing(sqlite3.connect(folder / "flowbeat.db")) as connection, connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO transitions"
            " SELECT 'other', i, i, 'status', 0, '2026-01-01 00:00:00.000000', NULL, NULL, '1', 'A' FROM n",
            [2 * moving.BATCH + 7],
        )
    said = world.say(folder, "move", target)
    assert said.code == 0, said.err
    assert content(target)["transitions"] == content(f"sqlite:///{folder / 'flowbeat.db'}")["transitions"]


def test_a_terminal_shows_the_progress(folder: Path, target: str) -> None:
    """Both halves, the copy and the comparison, are counted."""
    with terminal(folder, world.environment(folder), "move", target) as screen:
        screen.wait_for("Moved ")
        assert screen.end() == 0
    assert "100 %" in screen.text


@pytest.mark.parametrize("place", ["file", "variable", "url", "nowhere"])
def test_the_password_of_the_target_is_never_printed(
    folder: Path, with_password: str, tmp_path: Path, place: str
) -> None:
    """It comes from a file, from PGPASSWORD or from the URL; without it the server's refusal is one sentence."""
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    words, environ = ["move", with_password], {}
    if place == "file":
        words += ["--password-file", str(file)]
    elif place == "variable":
        environ["PGPASSWORD"] = SECRET
    elif place == "url":
        words[1] = with_password.replace("mover@", f"mover:{quote(SECRET, safe='')}@")
    said = world.say_apart(folder, *words, **environ)
    assert said.code == (1 if place == "nowhere" else 0), said.err
    for secret in (SECRET, quote(SECRET, safe="")):
        assert secret not in said.out + said.err
    if place == "nowhere":
        assert said.err.startswith("copying ") or said.err.startswith("flowbeat: nothing was moved")
        assert "password" in said.err
    else:
        assert "and its password: database_password_file" in said.out


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:///other.db", "must begin with postgresql://; to copy a SQLite file, run: flowbeat backup FILE"),
        (f"mysql://me:{quote(SECRET, safe='')}@h/x", "must begin with sqlite:/// or postgresql://"),
    ],
)
def test_another_target_is_bad_usage(folder: Path, url: str, message: str) -> None:
    """The sentence does not repeat the URL."""
    said = world.say(folder, "move", url)
    assert said.code == 2
    assert message in said.err
    assert quote(SECRET, safe="") not in said.err


def test_an_unreachable_target_is_one_sentence(folder: Path) -> None:
    """Nothing is changed, and no secret is shown."""
    said = world.say(folder, "move", "postgresql://me:geheim-4711@127.0.0.1:1/x")
    assert said.code == 1
    assert said.err.startswith("flowbeat: nothing was moved, because a database failed: connection")
    assert len(said.err.splitlines()) == 1
    assert "geheim-4711" not in said.err


def test_a_postgresql_is_not_moved(folder: Path, target: str) -> None:
    """Its own programs copy it."""
    said = world.say(folder, "move", target, FLOWBEAT_DATABASE_URL=target)
    assert said.code == 1
    assert "PostgreSQL already; to copy it, use pg_dump and pg_restore" in said.err


def test_every_table_but_the_id_is_moved() -> None:
    """A table of a later migration is moved too."""
    assert {table.name for table in moving.TABLES} == set(METADATA.tables) - {"installation"}
