"""Before an update of its schema, a SQLite file with data is copied; without the copy nothing is updated."""

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import console_world as world
import pytest
from databases import begin_with_schema
from first_schema import FIRST, replay
from sqlalchemy import text
from terminal import terminal

from models.backups import Backup
from models.database import migrate, newest_revision, open_engine, revision
from models.upgrades import Watch

pytestmark = pytest.mark.xdist_group("upgrade backups")  # one process makes what all tests here read

NEWEST = newest_revision()
KILLED = """
import os, signal, sys
from models.database import migrate, open_engine
from models.upgrades import Watch
class Killing(Watch):
    def updating(self, to):
        os.kill(os.getpid(), signal.SIGKILL)
migrate(open_engine(sys.argv[1]), Killing())
"""


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder with a refreshed profile."""
    with world.refreshed(tmp_path_factory.mktemp("upgrade")) as folder:
        yield folder


@pytest.fixture
def old(refreshed: Path, tmp_path: Path) -> Path:
    """Return a folder whose database the first program has written."""
    world.configure(tmp_path)
    replay(f"sqlite:///{refreshed / 'flowbeat.db'}", f"sqlite:///{tmp_path / 'flowbeat.db'}")
    return tmp_path


def backups_in(folder: Path) -> list[str]:
    """Return the names of the backups, and of what is left of one."""
    return sorted(path.name for path in folder.iterdir() if "before" in path.name)


def at(file: Path) -> tuple[str | None, int]:
    """Return the revision of a database and the number of its issues."""
    engine = open_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        issues = connection.scalar(text("SELECT count(*) FROM issues"))
    result = revision(engine), issues or 0
    engine.dispose()
    return result


def test_migrate_keeps_the_database_before_the_update(old: Path, refreshed: Path) -> None:
    """One line says so, and the log; an older program could continue with the file."""
    _, issues = at(refreshed / "flowbeat.db")
    said = world.say_apart(old, "migrate")
    assert said.code == 0
    kept = old / f"flowbeat.db.before-{NEWEST}"
    assert said.err.startswith(f"The database before the update is kept as {kept} (")
    assert len(said.err.splitlines()) == 1
    assert backups_in(old) == [kept.name]
    assert (at(kept), at(old / "flowbeat.db")) == ((FIRST, issues), (NEWEST, issues))
    entries = [json.loads(line) for line in (old / "logs" / "app.log").read_text().splitlines()]
    assert [entry["context"]["file"] for entry in entries if "backup written" in entry["message"]] == [str(kept)]
    again = world.say_apart(old, "migrate")
    assert (again.code, again.err, backups_in(old)) == (0, "", [kept.name])


def test_a_terminal_shows_the_progress_of_a_migration(old: Path) -> None:
    """The copy and the update have a line each."""
    with terminal(old, world.environment(old), "migrate") as screen:
        screen.wait_for("The schema was updated")
        assert screen.end() == 0
    assert "backup before the update" in screen.text
    assert f"update to revision {NEWEST}" in screen.text


@pytest.mark.parametrize("first", [None, FIRST])
def test_a_database_without_data_needs_no_backup(tmp_path: Path, first: str | None) -> None:
    """Neither a new one nor one without a row."""
    world.configure(tmp_path)
    if first:
        begin_with_schema(f"sqlite:///{tmp_path / 'empty.db'}")
        replay(f"sqlite:///{tmp_path / 'empty.db'}", f"sqlite:///{tmp_path / 'flowbeat.db'}")
    said = world.say_apart(tmp_path, "migrate")
    assert (said.code, said.err, backups_in(tmp_path)) == (0, "", [])


def test_without_room_for_a_backup_nothing_is_updated(old: Path) -> None:
    """The limit of a file's size is as good as a full disk."""
    command = f"ulimit -f 100; exec {sys.executable} -m console migrate"
    # Coverage would have no room for its own file.
    environ = {name: value for name, value in world.environment(old).items() if not name.startswith("COVERAGE_")}
    environ |= world.UNCOMPILED
    done = subprocess.run(["bash", "-c", command], env=environ, cwd=old, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"the schema was not updated to {NEWEST}, because no backup was written: the disk of" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (at(old / "flowbeat.db")[0], backups_in(old)) == (FIRST, [])


def test_an_update_that_fails_leaves_the_database_and_no_backup(old: Path) -> None:
    """Otherwise each start of a worker would add a copy."""
    engine = open_engine(f"sqlite:///{old / 'flowbeat.db'}")
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE runs ADD COLUMN worker TEXT"))
    with pytest.raises(Exception, match="duplicate column"):
        migrate(engine)
    engine.dispose()
    assert (at(old / "flowbeat.db")[0], backups_in(old)) == (FIRST, [])


def test_a_killed_update_adds_no_second_backup_unless_the_data_changed(old: Path) -> None:
    """A service manager starts a worker again and again."""
    file = old / "flowbeat.db"
    for _ in range(2):
        killed = subprocess.run([sys.executable, "-c", KILLED, f"sqlite:///{file}"], check=False)
        assert killed.returncode == -signal.SIGKILL
        assert (at(file)[0], backups_in(old)) == (FIRST, [f"flowbeat.db.before-{NEWEST}"])
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM issues")
    engine = open_engine(f"sqlite:///{file}")
    migrate(engine)
    engine.dispose()
    assert backups_in(old) == [f"flowbeat.db.before-{NEWEST}", f"flowbeat.db.before-{NEWEST}-2"]
    assert at(old / f"flowbeat.db.before-{NEWEST}-2") == (FIRST, 0)


def test_a_backup_before_an_update_has_what_is_updated(old: Path) -> None:
    """It is written under the write lock, so no row can be added in between."""
    file, refused = old / "flowbeat.db", []

    class Writing(Watch):
        def copying(self, done: int, every: int) -> None:
            with closing(sqlite3.connect(file, 0)) as other, pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("DELETE FROM issues")
            refused.append((done, every))

        def backed_up(self, backup: Backup) -> None:
            refused.append((backup.rows["issues"], 0))

    engine = open_engine(f"sqlite:///{file}")
    migrate(engine, Writing())
    engine.dispose()
    assert refused[-1] == (at(file)[1], 0)
    assert len(refused) > 1


COMMANDS: dict[str, list[str]] = {
    "refresh": ["refresh", "--no-wait"],
    "calculate": ["calculate", "--no-wait"],
    "import": ["import", "deployments", "releases.csv"],
    "dry run": ["import", "deployments", "releases.csv", "--dry-run"],
    "estimate": ["refresh", "--dry-run"],
    "status": ["status"],
    "results": ["results"],
    "overview": ["overview"],
    "explain": ["explain", "payments", "flow_time"],
    "aging": ["aging"],
    "issue": ["issue", "PAY-1"],
    "browse": ["browse"],
    "report": ["report"],
    "forecast": ["forecast", "payments"],
    "performance": ["performance"],
    "migrate": ["migrate"],
    "move": ["move", "postgresql://me@127.0.0.1:1/x"],
    "worker": ["worker", "-c", "1", "-P", "solo"],
    "check": ["check", "--local"],
}


@pytest.fixture(scope="module")
def newer(refreshed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder whose database a newer program has updated."""
    folder = tmp_path_factory.mktemp("newer")
    world.configure(folder)
    with closing(sqlite3.connect(refreshed / "flowbeat.db")) as source:
        source.execute("VACUUM INTO ?", [str(folder / "flowbeat.db")])
    with closing(sqlite3.connect(folder / "flowbeat.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    (folder / "releases.csv").write_text("deployed_at,name\n2026-10-01,1.0\n")
    return folder


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_every_command_refuses_the_schema_of_a_newer_program(newer: Path, words: list[str]) -> None:
    """One sentence says what to do, and nothing is written or left."""
    said: Any = world.say_apart(newer, *words)
    output = said.out + said.err
    assert said.code == 1, output
    assert "9999" in output
    assert "pdate Flowbeat on this machine" in " ".join(output.split())
    assert "Traceback" not in output
    if words[0] != "check":  # which has a line for each part
        assert len([line for line in said.err.splitlines() if line.startswith("flowbeat: ")]) == 1
    assert at(newer / "flowbeat.db")[0] == "9999"


def test_a_backup_is_written_of_a_newer_schema_too(newer: Path, tmp_path: Path) -> None:
    """It copies pages, whatever their meaning."""
    assert world.say_apart(newer, "backup", str(tmp_path / "saved.db")).code == 0
    assert at(tmp_path / "saved.db")[0] == "9999"
