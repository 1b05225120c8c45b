"""Several processes with one database wait for each other, none fails, and one run per profile is live."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypeVar

import fresh_processes
from sqlalchemy import text
from store_rows import PROFILE, T0, after, issue, operation, run

from models.database import Sessions, open_engine, open_sessions
from models.store import issues, operations, runs

PROCESSES = 4
ROUNDS = 40
Returned = TypeVar("Returned")
PYTHON = (sys.executable, "-c")
WRITE = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('INSERT INTO t VALUES (2)')"
READ = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM t').fetchall(); c.close()"


def _spread(work: Callable[[str, int], Returned], url: str) -> list[Returned]:
    """Return what PROCESSES fresh processes return, all at work at once."""
    with fresh_processes.pool(PROCESSES) as pool:
        return list(pool.map(partial(work, url), range(PROCESSES)))


def _read_then_write(url: str, number: int) -> int:
    """Run many short transactions that read before they write, which fail under a deferred BEGIN."""
    engine = open_engine(url)
    sessions = open_sessions(engine)
    for turn in range(ROUNDS):
        with sessions.begin() as session:
            known = issues.count(session, PROFILE)
            issues.save(session, PROFILE, [issue(number * 1000 + turn, summary=f"{known}")])
            operations.count_fetch(session, "6f1c0e0a-0000-4000-8000-000000000000", {"issues_changed": 1})
    engine.dispose()
    return ROUNDS


def _request(url: str, _number: int) -> list[str]:
    """Request runs of the same profile repeatedly, end the new ones, and return their ids."""
    engine = open_engine(url)
    sessions = open_sessions(engine)
    mine = []
    for _ in range(ROUNDS):
        with sessions.begin() as session:
            requested, is_new = runs.request(session, run())
        if is_new:
            mine.append(requested.run_id)
            with sessions.begin() as session:
                assert runs.end(session, requested.run_id, 1, after(1))
    engine.dispose()
    return mine


def _restart(url: str, _number: int) -> int:
    """Requeue the only stalled run."""
    engine = open_engine(url)
    with open_sessions(engine).begin() as session:
        (silent,) = runs.stalled(session, after(1)) or [run(run_id="gone")]
        restarted = runs.requeue(session, silent, after(2))
    engine.dispose()
    return int(restarted is not None)


def test_writers_wait_for_each_other_and_lose_no_write(sessions: Sessions, database_url: str) -> None:
    """Every transaction is stored, in the rows and in a counter that all of them increase."""
    with sessions.begin() as session:
        operations.save_fetch(session, operation(request_id="6f1c0e0a-0000-4000-8000-000000000000"))
    assert _spread(_read_then_write, database_url) == [ROUNDS] * PROCESSES
    with sessions() as session:
        assert issues.count(session, PROFILE) == PROCESSES * ROUNDS
        fetch = operations.find_fetch(session, "6f1c0e0a-0000-4000-8000-000000000000")
    assert fetch is not None
    assert fetch.issues_changed == PROCESSES * ROUNDS


def test_a_reader_waits_for_no_writer(sessions: Sessions, database_url: str) -> None:
    """During an open transaction a read returns the committed rows at once."""
    engine = open_engine(database_url)
    reads = open_sessions(engine.execution_options(readonly=True))
    with sessions.begin() as session:
        issues.save(session, PROFILE, [issue(1)])
        session.flush()
        with reads() as other:
            assert issues.count(other, PROFILE) == 0
    with reads() as other:
        assert issues.count(other, PROFILE) == 1
    engine.dispose()


def test_processes_that_request_at_once_have_one_live_run_between_them(sessions: Sessions, database_url: str) -> None:
    """Each request was new or returned the live run, and there were never two at a time."""
    ids_of_processes = _spread(_request, database_url)
    mine = [run_id for ids in ids_of_processes for run_id in ids]
    with sessions() as session:
        stored = runs.load_newest(session, 10_000)
    assert sorted(stored_run.run_id for stored_run in stored) == sorted(mine)
    assert {stored_run.state for stored_run in stored} == {"completed"}


def test_of_several_requeues_one_takes_a_stalled_run(sessions: Sessions, database_url: str) -> None:
    """Its attempt is raised once."""
    with sessions.begin() as session:
        runs.request(session, run(state="running", heartbeat_at=T0))
    assert sum(_spread(_restart, database_url)) == 1
    with sessions() as session:
        assert [listed.attempt for listed in runs.load_newest(session, 9)] == [2]
        assert session.scalar(text("SELECT restarts FROM runs")) == 1


def test_another_connection_of_a_process_keeps_its_locks(tmp_path: Path) -> None:
    """To open and close the file beside SQLite would drop them, and other processes would write at the same time."""
    file = tmp_path / "flowbeat.db"
    first, second = (open_engine(f"sqlite:///{file}") for _ in range(2))
    with first.begin() as writing:
        writing.execute(text("CREATE TABLE t (x INTEGER)"))
    with first.begin() as writing:
        writing.execute(text("INSERT INTO t VALUES (1)"))
        with second.execution_options(readonly=True).connect() as reading:
            assert reading.scalar(text("SELECT count(*) FROM t")) == 0
        other = subprocess.run([*PYTHON, WRITE, str(file)], capture_output=True, text=True, check=False)
        assert "database is locked" in other.stderr
        # A process that reads and exits must not take the write-ahead log along.
        subprocess.run([*PYTHON, READ, str(file)], check=True)
    with closing(sqlite3.connect(file)) as fresh, fresh:
        assert fresh.execute("SELECT x FROM t").fetchall() == [(1,)]
    for engine in (first, second):
        engine.dispose()
