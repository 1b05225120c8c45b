"""Runs: one live run per profile, attempts, stalled runs and restarts."""

from datetime import timedelta
from typing import Any

import pytest
from store_rows import T0, after, run

from models.database import Sessions
from models.records import Run
from models.store import runs


def _requested(sessions: Sessions, **changes: object) -> Run:
    with sessions.begin() as session:
        requested, _ = runs.request(session, run(**changes))
    return requested


def _loaded(sessions: Sessions, wanted: Run) -> Run:
    with sessions() as session:
        loaded = runs.load(session, wanted.run_id)
    assert loaded is not None
    return loaded


def test_a_second_request_finds_the_live_run(sessions: Sessions) -> None:
    """A profile has one live run, so the second request waits for it."""
    first = _requested(sessions)
    with sessions.begin() as session:
        live, is_new = runs.request(session, run())
    assert (live.run_id, is_new) == (first.run_id, False)


def test_another_profile_has_another_live_run(sessions: Sessions) -> None:
    """Profiles do not wait for each other."""
    _requested(sessions)
    with sessions.begin() as session:
        assert runs.request(session, run(profile="ops"))[1] is True


def test_a_run_is_withdrawn_only_before_a_worker_has_begun_it(sessions: Sessions) -> None:
    """A run that is queued again, between two slices, has begun."""
    untouched, begun = _requested(sessions), _requested(sessions, profile="ops")
    with sessions.begin() as session:
        runs.claim(session, begun.run_id, 1, ("fetch",), after(1))
        runs.heartbeat(session, begun.run_id, 1, after(2), state="queued")
        assert [runs.withdraw(session, candidate.run_id) for candidate in (untouched, begun)] == [True, False]
        assert [candidate.run_id for candidate in runs.load_newest(session, 5)] == [begun.run_id]


@pytest.mark.parametrize("error", [None, "Jira refused the login"])
def test_an_ended_run_allows_the_next(sessions: Sessions, error: str | None) -> None:
    """A completed or failed run is no longer live."""
    first = _requested(sessions)
    with sessions.begin() as session:
        assert runs.end(session, first.run_id, 1, after(1), error=error)
        assert runs.request(session, run())[1] is True
    ended = _loaded(sessions, first)
    assert (ended.state, ended.error, ended.ended_at) == ("failed" if error else "completed", error, after(1))


def test_the_id_of_an_ended_run_cannot_be_used_again(sessions: Sessions) -> None:
    """The request would be neither new nor live, and would be repeated for ever."""
    first = _requested(sessions)
    with sessions.begin() as session:
        runs.end(session, first.run_id, 1, T0)
    with pytest.raises(ValueError, match="exists already"), sessions.begin() as session:
        runs.request(session, first)


def test_a_run_is_found_by_the_beginning_of_its_id(sessions: Sessions) -> None:
    """Users type the beginning; one that matches two runs or none finds none."""
    with sessions.begin() as session:
        for profile, run_id in (("a", "1111-a"), ("b", "1111-b"), ("c", "22%2")):
            runs.request(session, run(profile=profile, run_id=run_id))
        matches = [runs.find(session, text) for text in ("1111-a", "1111", "22", "9", "1%", "22%", "____-a")]
    assert [match and match.profile for match in matches] == ["a", None, "c", None, None, "c", None]


def test_only_the_whole_id_loads_a_run(sessions: Sessions) -> None:
    """Messages have the whole id."""
    with sessions.begin() as session:
        runs.request(session, run(run_id="1111-a"))
        assert runs.load(session, "1111") is None


def test_claiming_a_run_marks_it_running_and_keeps_the_first_start(sessions: Sessions) -> None:
    """A pause and its reason are removed; the start of the work is kept."""
    wanted = _requested(sessions)
    with sessions.begin() as session:
        runs.claim(session, wanted.run_id, 1, ("fetch",), after(1))
        runs.heartbeat(session, wanted.run_id, 1, after(1), state="paused", wait_until=after(2), error="busy")
    with sessions.begin() as session:
        taken = runs.claim(session, wanted.run_id, 1, ("fetch",), after(2))
    assert taken is not None
    assert (taken.state, taken.wait_until, taken.error) == ("running", None, None)
    assert (taken.started_at, taken.heartbeat_at) == (after(1), after(2))


@pytest.mark.parametrize(
    ("attempt", "steps", "state"),
    [(2, "fetch", "live"), (0, "fetch", "live"), (1, "facts", "live"), (1, "fetch", "ended")],
)
def test_a_stale_message_claims_no_run(sessions: Sessions, attempt: int, steps: str, state: str) -> None:
    """A message of another attempt or step, or of an ended run, does nothing."""
    wanted = _requested(sessions)
    with sessions.begin() as session:
        if state == "ended":
            runs.end(session, wanted.run_id, 1, T0)
        before = runs.load(session, wanted.run_id)
        assert runs.claim(session, wanted.run_id, attempt, (steps,), after(1)) is None
    assert _loaded(sessions, wanted) == before


def test_a_heartbeat_writes_its_changes_only_for_its_own_attempt(sessions: Sessions) -> None:
    """An older attempt that still works writes nothing, and the function returns False."""
    wanted = _requested(sessions)
    with sessions.begin() as session:
        assert runs.requeue(session, wanted, after(1)) == 0
    with sessions.begin() as session:
        assert runs.heartbeat(session, wanted.run_id, 1, after(2), cursor={"stage": "old"}) is False
        assert runs.heartbeat(session, wanted.run_id, 2, after(3), cursor={"stage": "new"}) is True
    loaded = _loaded(sessions, wanted)
    assert (loaded.cursor, loaded.heartbeat_at, loaded.attempt) == ({"stage": "new"}, after(3), 2)


def test_only_one_of_two_requeues_restarts_a_run(sessions: Sessions) -> None:
    """Both read the run as stalled, but the second one's attempt is no longer current."""
    wanted = _requested(sessions)
    with sessions.begin() as session:
        assert runs.requeue(session, wanted, after(1)) is not None
        assert runs.requeue(session, wanted, after(1)) is None


def test_restarts_of_a_running_step_are_counted_until_it_ends(sessions: Sessions) -> None:
    """The count detects a step that kills its worker each time."""
    wanted = _requested(sessions)

    def fall(attempt: int) -> int | None:
        with sessions.begin() as session:
            taken = runs.claim(session, wanted.run_id, attempt, ("fetch", "facts"), T0)
            assert taken is not None
            return runs.requeue(session, taken, T0)

    assert [fall(attempt) for attempt in (1, 2, 3)] == [1, 2, 3]
    with sessions.begin() as session:
        assert runs.advance(session, wanted.run_id, 4, T0, to="facts")
    assert fall(4) == 1


@pytest.mark.parametrize("changes", [{"step": "facts"}, {"attempt": 2}])
def test_a_heartbeat_changes_neither_step_nor_attempt(sessions: Sessions, changes: dict[str, Any]) -> None:
    """Only `advance` changes the step, because it also queues the run and resets its restarts."""
    with sessions.begin() as session, pytest.raises(TypeError, match="use advance"):
        runs.heartbeat(session, "any", 1, T0, **changes)


def test_a_long_wait_for_a_worker_is_not_a_restart(sessions: Sessions) -> None:
    """Its message is sent again until a worker takes it; after a restart it waits again."""
    wanted = _requested(sessions)
    with sessions.begin() as session:
        assert [runs.requeue(session, run(run_id=wanted.run_id, attempt=n), T0) for n in (1, 2)] == [0, 0]
        runs.claim(session, wanted.run_id, 3, ("fetch",), T0)
        assert runs.requeue(session, run(run_id=wanted.run_id, attempt=3), T0) == 1
        assert runs.requeue(session, run(run_id=wanted.run_id, attempt=4), T0) == 1
    assert _loaded(sessions, wanted).state == "queued"


@pytest.mark.parametrize(
    ("heartbeat", "wait_until", "state", "count"),
    [
        (-31, None, "running", 1),
        (-29, None, "running", 0),
        (-31, None, "completed", 0),
        (-300, 60, "paused", 0),  # still paused
        (-300, -5, "paused", 0),  # its message may soon arrive
        (-300, -31, "paused", 1),
    ],
)
def test_a_run_is_stalled_without_a_heartbeat_unless_it_is_paused(
    sessions: Sessions, heartbeat: int, wait_until: int | None, state: str, count: int
) -> None:
    """A run is stalled after 30 s; a paused run is stalled 30 s after the end of its pause."""
    pause = None if wait_until is None else T0 + timedelta(seconds=wait_until)
    wanted = run(state=state, heartbeat_at=T0 + timedelta(seconds=heartbeat), wait_until=pause)
    with sessions.begin() as session:
        runs.request(session, wanted)
        silent = runs.stalled(session, T0 - timedelta(seconds=30))
    assert [stalled.run_id for stalled in silent] == [wanted.run_id] * count


def test_runs_are_listed_live_first_then_newest(sessions: Sessions) -> None:
    """`flowbeat status` shows them in this order."""
    with sessions.begin() as session:
        for day, state in ((1, "running"), (2, "completed"), (3, "failed")):
            runs.request(session, run(profile=state, state=state, requested_at=after(day)))
        assert [listed.state for listed in runs.load_newest(session, 9)] == ["running", "failed", "completed"]
        assert len(runs.load_newest(session, 2)) == 2
