"""Backups of SQLite files in use: all committed rows, whole and checked, or nothing; and what the command says."""

import fcntl
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import console_world as world
import pytest

from models import backups
from models.backups import BackupError
from models.database_faults import UnusableDatabaseError

pytestmark = pytest.mark.xdist_group("backups")  # one process makes what all tests here read

SECRET = "geheim-4711"
ROWS = 20_000
KILLED = """
import os, signal, sys
from pathlib import Path
from models import backups
backups.write(Path(sys.argv[1]), Path(sys.argv[2]), lambda done, every: os.kill(os.getpid(), signal.SIGKILL))
"""
INSERT = "import sqlite3, sys; sqlite3.connect(sys.argv[1], 0.1).execute('INSERT INTO t VALUES (0, 0)')"


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Path]:
    """Yield a file in use, whose rows are still in its write-ahead log."""
    file = tmp_path / "source.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("CREATE TABLE t (n INTEGER, x TEXT)")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO t VALUES (?, ?)", ((number, "x" * 500) for number in range(ROWS)))
        connection.execute("COMMIT")
        yield file


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder with a refreshed profile."""
    with world.refreshed(tmp_path_factory.mktemp("backups")) as folder:
        yield folder


def rows_of(file: Path) -> int:
    """Return the number of rows of the test's table."""
    with closing(sqlite3.connect(file)) as connection:
        count: int = connection.execute("SELECT count(*) FROM t").fetchone()[0]
        return count


def test_a_backup_has_the_rows_that_a_copy_of_the_file_lacks(source: Path, tmp_path: Path) -> None:
    """The newest rows are in the write-ahead log only."""
    plain = tmp_path / "plain.db"
    subprocess.run(["cp", str(source), str(plain)], check=True)  # not here: closing the file would drop its locks
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        rows_of(plain)
    reports: list[tuple[int, int]] = []
    written = backups.write(source, tmp_path / "backup.db", lambda done, every: reports.append((done, every)))
    assert (dict(written.rows), rows_of(written.file)) == ({"t": ROWS}, ROWS)
    assert len(reports) > 1
    assert reports[-1][0] == reports[-1][1]
    assert stat.S_IMODE(written.file.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.glob("*backup*")) == ["backup.db"]  # no log beside it, no part


def test_rows_that_are_not_committed_are_not_in_a_backup(source: Path, tmp_path: Path) -> None:
    """A writer neither waits for a backup nor stops one, and its locks stay."""
    with closing(sqlite3.connect(source, isolation_level=None)) as writing:
        writing.execute("BEGIN IMMEDIATE")
        writing.execute("INSERT INTO t VALUES (0, 0)")
        assert rows_of(backups.write(source, tmp_path / "backup.db").file) == ROWS
        other = subprocess.run([sys.executable, "-c", INSERT, str(source)], capture_output=True, text=True, check=False)
        assert "database is locked" in other.stderr


def test_a_backup_overwrites_nothing(source: Path, tmp_path: Path) -> None:
    """Also not a file that is a link to nowhere."""
    target = tmp_path / "backup.db"
    target.write_text("mine")
    with pytest.raises(BackupError, match=r"exists already.* name another file"):
        backups.write(source, target)
    assert target.read_text() == "mine"
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(BackupError, match="exists already"):
        backups.write(source, link)
    with pytest.raises(BackupError, match="does not exist; create it"):
        backups.write(source, tmp_path / "no" / "backup.db")


def test_a_killed_backup_is_absent_and_the_next_one_clears_its_rest(source: Path, tmp_path: Path) -> None:
    """A half-written file never has the name of a backup."""
    target = tmp_path / "backup.db"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(source), str(target)], check=False)
    assert killed.returncode < 0
    assert not target.exists()
    assert (tmp_path / ".backup.db.part").is_dir()
    assert rows_of(backups.write(source, target).file) == ROWS
    assert not (tmp_path / ".backup.db.part").exists()


def test_two_backups_to_one_file_do_not_meet(source: Path, tmp_path: Path) -> None:
    """The second one says what to do."""
    part = tmp_path / ".backup.db.part"
    part.mkdir()
    holding = os.open(part, os.O_RDONLY)
    fcntl.flock(holding, fcntl.LOCK_EX)
    with pytest.raises(BackupError, match="another process writes"):
        backups.write(source, tmp_path / "backup.db")
    os.close(holding)
    assert rows_of(backups.write(source, tmp_path / "backup.db").file) == ROWS


def test_a_disk_without_room_is_a_sentence_before_anything_is_written() -> None:
    """The copy needs as many bytes as the source, and a few more."""
    backups.require_room(60_000_000, 50_000_000, Path("/there"))
    with pytest.raises(BackupError, match=r"needs 60\.0 MB, and the disk of /there has 59\.0 MB free; free some space"):
        backups.require_room(59_000_000, 50_000_000, Path("/there"))


def test_a_disk_that_becomes_full_leaves_no_backup(refreshed: Path) -> None:
    """The limit of a file's size is as good as a full disk: SQLite's write fails."""
    target = refreshed / "too-large.db"
    command = f"ulimit -f 200; exec {sys.executable} -m console backup {target}"
    done = subprocess.run(
        ["bash", "-c", command],
        env={**world.environment(refreshed), **world.UNCOMPILED},
        cwd=refreshed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"no backup was written: the disk of {refreshed} is full; free some space there" in done.stderr
    assert not list(refreshed.glob("*too-large*"))
    assert not list(refreshed.glob(".too-large*"))


def test_a_damaged_database_has_no_backup(source: Path, tmp_path: Path) -> None:
    """A copy of a damaged file would look like a backup."""
    folded = tmp_path / "folded.db"
    backups.write(source, folded)
    with folded.open("r+b") as opened:
        opened.seek(folded.stat().st_size // 2)
        opened.write(os.urandom(40_960))
    with pytest.raises((UnusableDatabaseError, sqlite3.DatabaseError), match=r"malformed"):
        backups.write(folded, tmp_path / "backup.db")
    assert not list(tmp_path.glob("*backup*"))


def test_the_command_says_what_it_wrote_and_the_backup_is_a_database(refreshed: Path, tmp_path: Path) -> None:
    """Put in the place of the database, it gives the same results."""
    file = tmp_path / "saved.db"
    said = world.say(refreshed, "backup", str(file))
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Wrote {file}: ")
    assert said.out.endswith("The copy is intact.\n")
    again = world.say(refreshed, "backup", str(file))
    assert (again.code, len(again.err.splitlines())) == (1, 1)
    shutil.copy(refreshed / "flowbeat.toml", tmp_path)
    file.rename(tmp_path / "flowbeat.db")
    results = [world.say(folder, "results", "--format", "json").out for folder in (refreshed, tmp_path)]
    assert results[0] == results[1]
    assert len(json.loads(results[0])) > 5


def test_the_command_creates_no_database(tmp_path: Path) -> None:
    """Without one there is nothing to copy."""
    world.configure(tmp_path)
    said = world.say(tmp_path, "backup", "saved.db")
    assert said.code == 1
    assert "no database exists yet" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["flowbeat.toml"]


@pytest.mark.parametrize("query", ["", "?password=" + SECRET])
def test_for_postgresql_the_command_names_the_other_program_without_the_password(tmp_path: Path, query: str) -> None:
    """A script must not take that for a backup, so the exit code is 1."""
    world.configure(tmp_path)
    url = f"postgresql+psycopg://me:{SECRET}@db.example:5433/flow{query}"
    said = world.say(tmp_path, "backup", "all of it.dump", FLOWBEAT_DATABASE_URL=url)
    command = "pg_dump --format=custom '--file=all of it.dump' --dbname=postgresql://me@db.example:5433/flow"
    assert (said.code, said.out) == (1, f"{command}\n")
    assert said.err.startswith("flowbeat: no backup was written: the database is PostgreSQL")
    assert SECRET not in said.err
