"""Several processes at one database: they wait for each other, none fails, and one run is live per profile."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TypeVar

from sqlalchemy import text
from store_rows import PROFILE, T0, after, issue, operation, run

from models.database import Sessions, open_engine, open_sessions
from models.store import issues, operations, runs

PROCESSES = 4
ROUNDS = 40
Returned = TypeVar("Returned")


def _spread(work: Callable[[str, int], Returned], url: str) -> list[Returned]:
    """Return what PROCESSES fresh processes return, all at work at once."""
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(partial(work, url), range(PROCESSES)))


def _read_then_write(url: str, number: int) -> int:
    """Many short transactions that read before they write: what fails under a deferred BEGIN."""
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
    """Ask for a run of the same profile again and again; ends those that were new."""
    engine = open_engine(url)
    sessions = open_sessions(engine)
    mine = []
    for _ in range(ROUNDS):
        with sessions.begin() as session:
            found, is_new = runs.request(session, run())
        if is_new:
            mine.append(found.run_id)
            with sessions.begin() as session:
                assert runs.end(session, found.run_id, 1, after(1))
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


def test_writers_wait_for_each_other_and_lose_nothing(sessions: Sessions, database_url: str) -> None:
    """Every transaction counts, in the rows and in a counter all of them add to."""
    with sessions.begin() as session:
        operations.save_fetch(session, operation(request_id="6f1c0e0a-0000-4000-8000-000000000000"))
    assert _spread(_read_then_write, database_url) == [ROUNDS] * PROCESSES
    with sessions() as session:
        assert issues.count(session, PROFILE) == PROCESSES * ROUNDS
        found = operations.find_fetch(session, "6f1c0e0a-0000-4000-8000-000000000000")
    assert found is not None
    assert found.issues_changed == PROCESSES * ROUNDS


def test_a_reader_waits_for_no_writer(sessions: Sessions, database_url: str) -> None:
    """A half-written transaction stands open; a read sees what was committed before, at once."""
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
    """Each request was either new or found the live one; never two at a time."""
    found = _spread(_request, database_url)
    mine = [run_id for some in found for run_id in some]
    with sessions() as session:
        stored = runs.load_newest(session, 10_000)
    assert sorted(one.run_id for one in stored) == sorted(mine)
    assert {one.state for one in stored} == {"completed"}


def test_of_several_sweeps_one_picks_up_a_silent_run(sessions: Sessions, database_url: str) -> None:
    """Its attempt is raised once."""
    with sessions.begin() as session:
        runs.request(session, run(state="running", heartbeat_at=T0))
    assert sum(_spread(_restart, database_url)) == 1
    with sessions() as session:
        assert [one.attempt for one in runs.load_newest(session, 9)] == [2]
        assert session.scalar(text("SELECT restarts FROM runs")) == 1
