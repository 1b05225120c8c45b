"""The copy that a fetch stores is complete, independent of how it was made, and without people."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fetch_world import NAME, KilledError, Killing, World, fresh_copy, open_world
from sqlalchemy import text

from models.records import iso
from models.store import caches, runs
from sandbox.faults import Fault, failing
from sandbox.shapes import Flavour, millis
from sandbox.site import Issue
from sandbox.team import EMAIL
from sandbox.wire import Response
from tasks.fetch.task import work
from worker.jira.faults import RefusedError
from worker.task import StaleAttemptError

# Reading does not depend on the database; a few tests of each kind run on both databases.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


# The position in a list whose token Jira no longer accepts.
DEAD = {"token": "a token of long ago", "seen": [], "empty": 0, "count": 0, "is_last": False}


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Jira of about sixty issues and an empty copy."""
    with open_world(tmp_path, database_url, redis_url, flavour=flavour) as opened:
        yield opened


def test_a_full_fetch_stores_every_issue_jira_shows(world: World) -> None:
    """The copy also has the whole histories, statuses, versions and the Cache Metadata."""
    operation = world.fetch()
    copy, visible = world.copy(), world.shown()
    assert set(copy["hashes"]) == {str(issue.id) for issue in visible}
    histories = {str(issue.id): sum(_tracked(issue)) for issue in visible}
    assert {issue.issue_id: len(issue.transitions) for issue in copy["issues"]} == histories
    assert copy["statuses"]
    assert copy["versions"]
    assert (operation.kind, operation.state, operation.data_volume_fetched) == ("full", "completed", len(visible))
    assert operation.issues_changed == len(visible)
    assert operation.api_calls_made == len(world.jira.log)


def _tracked(issue: Issue) -> Iterator[int]:
    """Yield 1 for each item of a tracked field's history."""
    fields = {"status", "resolution", "issuetype", "Fix Version", "Story point estimate", "Committed at"}
    for event in issue.histories():
        for item in event.items:
            yield int(item.field in fields)


@pytest.mark.parametrize("days", [0, 2, 30])
def test_an_incremental_fetch_stores_the_copy_of_a_full_one(
    world: World, tmp_path: Path, redis_url: str, days: int
) -> None:
    """Between the fetches the team works: edits, transitions, releases, new issues."""
    world.fetch()
    before = world.copy()
    world.clock.advance(timedelta(days=days))
    operation = world.fetch()
    assert operation.kind == "incremental"
    assert world.copy() == fresh_copy(world, tmp_path / "other", redis_url)
    assert (world.copy() == before) == (days == 0)


@on_sqlite
def test_many_small_refreshes_store_the_copy_of_a_full_fetch(world: World, tmp_path: Path, redis_url: str) -> None:
    """The refreshes run every eleven hours for four days."""
    for _ in range(9):
        world.fetch()
        world.clock.advance(timedelta(hours=11))
    world.fetch()
    assert world.copy() == fresh_copy(world, tmp_path / "other", redis_url)


@on_sqlite
@pytest.mark.parametrize("step", [1, 2, 4, 6, 7, 9])
def test_a_fetch_killed_at_a_request_continues_and_stores_the_same(
    flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str, step: int
) -> None:
    """A fetch killed before its n-th request, and continued, stores the same copy as one never stopped."""
    killing = Killing(step)
    with open_world(tmp_path, database_url, redis_url, flavour=flavour, before=killing, issues=120) as world:
        world.connection(concurrency=1)
        run = world.request()
        with pytest.raises(KilledError):
            work(world.current, run)
        assert work(world.current, world.latest(run)) == "facts"
        world.end(run)
        assert world.copy() == fresh_copy(world, tmp_path / "other", redis_url)


def test_slices_without_time_still_complete_the_fetch(world: World, tmp_path: Path, redis_url: str) -> None:
    """Each slice commits some work, and none repeats the work of the one before."""
    world.connection(concurrency=1)
    run = world.request()
    slices = 1
    while work(world.current, world.latest(run), seconds=0) == "fetch":
        slices += 1
        assert slices < 50
    operation = world.end(run)
    assert operation.data_volume_fetched == len(world.shown())
    assert operation.api_calls_made == len(world.jira.log)
    assert slices >= 5
    assert world.copy() == fresh_copy(world, tmp_path / "other", redis_url)


@on_sqlite
def test_a_fetch_whose_run_has_another_attempt_writes_nothing(world: World) -> None:
    """The rows of its page are rolled back with its cursor."""
    run = world.request()
    work(world.current, run, seconds=0)
    with world.current.sessions.begin() as session:
        runs.requeue(session, world.latest(run), world.clock())
    stale = world.latest(run)
    with pytest.raises(StaleAttemptError):
        work(world.current, replace(stale, attempt=1))
    assert world.copy()["hashes"] == {}


@on_sqlite
def test_the_watermark_is_the_newest_change_but_not_later_than_the_start(world: World) -> None:
    """The start is an instant of Jira's clock, not of this machine's."""
    world.fetch()
    newest = max(issue.updated for issue in world.copy()["issues"])
    with world.current.reads() as session:
        cache = caches.find(session, NAME)
    assert cache is not None
    assert cache.cursor.watermark == iso(newest)
    assert cache.data_as_of == world.clock()


@on_sqlite
def test_slices_of_a_full_fetch_over_a_copy_read_each_issue_once(
    flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    """Issues that this run has read are marked, even if they were stored before."""
    with open_world(tmp_path, database_url, redis_url, flavour=flavour, issues=250) as world:
        world.connection(concurrency=1)
        world.fetch()
        run = world.request(full=True)
        slices = 1
        while work(world.current, world.latest(run), seconds=0) == "fetch":
            slices += 1
            assert slices < 50
        operation = world.end(run)
        assert operation.kind == "full"
        assert operation.data_volume_fetched == len(world.shown()) > 200
        assert operation.issues_changed == 0


@on_sqlite
def test_a_change_during_a_fetch_does_not_move_the_watermark_beyond_its_start(
    flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    """An issue that was read first and edited later in the fetch must be listed again by the next one."""
    made: list[World] = []

    def before() -> None:
        if made and len(made[0].jira.log) == 3:
            made[0].happen(made[0].shown()[-1], ("summary", "Edited while the fetch reads"))

    with open_world(tmp_path, database_url, redis_url, flavour=flavour, before=before) as world:
        began = world.clock()
        made.append(world)
        world.fetch()
        assert max(issue.updated for issue in world.copy()["issues"]) > began
        with world.current.reads() as session:
            cache = caches.find(session, NAME)
    assert cache is not None
    assert cache.cursor.watermark == iso(began)
    assert cache.data_as_of == began


@on_sqlite
def test_changes_are_requested_from_the_watermark_less_the_overlap(
    tmp_path: Path, database_url: str, redis_url: str
) -> None:
    """A change that Jira indexes late may be older than the newest change already read."""
    with open_world(tmp_path, database_url, redis_url) as world:
        world.connection(overlap_minutes=40)
        world.fetch()
        newest = max(issue.updated for issue in world.copy()["issues"])
        world.fetch()
        since = millis(newest - timedelta(minutes=40))
        assert sum(f"updated >= {since} ORDER BY" in str(seen.asked.get("jql")) for seen in world.jira.log) == 1


@on_sqlite
def test_changes_during_a_fetch_are_found_by_the_next(
    flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    """The clock moves an hour with every request, so that pages, issues and histories are of different instants."""
    with ExitStack() as stack:
        moving = [timedelta(hours=1)]
        made: list[World] = []
        world = stack.enter_context(
            open_world(
                tmp_path,
                database_url,
                redis_url,
                flavour=flavour,
                before=lambda: made[0].clock.advance(moving[0]),
            )
        )
        made.append(world)
        world.fetch()
        world.fetch()
        moving[0] = timedelta()
        world.fetch()
        assert world.copy() == fresh_copy(world, tmp_path / "other", redis_url)


def test_no_person_is_anywhere_in_the_database(world: World) -> None:
    """The database has no name, id or address of any account of the Jira."""
    world.fetch()
    people = set(_people([issue.fields for issue in world.shown()])) | {EMAIL}
    assert len(people) > 5
    with world.current.engine.connect() as connection:
        tables = ["issues", "transitions", "data_quality", "cache_metadata", "fetch_operations", "runs", "versions"]
        stored = json.dumps(
            [[list(map(str, row)) for row in connection.execute(text(f"SELECT * FROM {table}"))] for table in tables],  # noqa: S608 - constants
            ensure_ascii=False,
        )
    assert [person for person in people if person in stored] == []
    assert "Retry" in stored or "refund" in stored


def _people(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if "displayName" in value:
            yield from (
                str(value[key]) for key in ("displayName", "accountId", "emailAddress", "key") if value.get(key)
            )
        for inner in value.values():
            yield from _people(inner)
    if isinstance(value, list):
        for inner in value:
            yield from _people(inner)


@on_sqlite
def test_summaries_can_be_left_in_jira(world: World) -> None:
    """If they are switched off, they are not requested, and stored ones are removed."""
    world.fetch()
    assert all(issue.summary for issue in world.copy()["issues"])
    world.happen(world.shown()[0], ("shown", False))
    assert world.fetch().issues_gone == 1
    world.profile(store_summaries=False)
    assert world.fetch().kind == "full"
    assert not any("summary" in json.dumps(seen.asked.get("fields", [])) for seen in world.jira.log)
    with world.current.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM issues WHERE summary IS NOT NULL")).scalar() == 0


@on_sqlite
def test_an_incomplete_issue_is_counted_and_corrected_by_the_next_fetch(
    tmp_path: Path, database_url: str, redis_url: str
) -> None:
    """A cut changelog and an issue without type are data quality findings until a fetch reads them completely."""

    def damage(answer: Response) -> Response:
        body = json.loads(answer.body)
        body["issues"][0]["changelog"]["histories"].pop()
        del body["issues"][1]["fields"]["issuetype"]
        return replace(answer, body=json.dumps(body).encode())

    with open_world(tmp_path, database_url, redis_url, flavour="datacenter") as world:
        world.jira.faults.append(Fault("search", damage=damage, after=1))
        world.fetch()
        assert world.copy()["findings"] == {"incomplete_history": 1, "unreadable_issue": 1}
        assert len(world.copy()["hashes"]) == len(world.shown()) - 2
        world.fetch()
        assert world.copy()["findings"] == {}
        assert len(world.copy()["hashes"]) == len(world.shown())


@on_sqlite
def test_a_list_whose_page_token_has_expired_is_restarted(tmp_path: Path, database_url: str, redis_url: str) -> None:
    """Tokens expire after some days; a run that paused for longer lists again, but reads no issue twice."""
    with open_world(tmp_path, database_url, redis_url) as world:
        run = world.request()
        assert work(world.current, run, seconds=0) == "fetch"
        cursor = {
            **world.latest(run).cursor,
            "position": DEAD,
        }
        with world.current.sessions.begin() as session:
            runs.heartbeat(session, run.run_id, 1, world.clock(), cursor=cursor)
        assert work(world.current, world.latest(run)) == "facts"
        world.end(run)
        assert [seen.status for seen in world.jira.log].count(400) == 1
        assert set(world.copy()["hashes"]) == {str(issue.id) for issue in world.shown()}


@on_sqlite
def test_a_list_whose_first_page_is_refused_is_an_error(tmp_path: Path, database_url: str, redis_url: str) -> None:
    """A token cannot be the cause."""
    with open_world(tmp_path, database_url, redis_url) as world:
        run = world.request()
        work(world.current, run, seconds=0)
        cursor = {
            **world.latest(run).cursor,
            "stage": "census",
            "position": DEAD,
        }
        with world.current.sessions.begin() as session:
            runs.heartbeat(session, run.run_id, 1, world.clock(), cursor=cursor)
        world.jira.faults.append(failing(400, endpoint="search/jql", times=9))
        with pytest.raises(RefusedError):
            work(world.current, world.latest(run))
        assert world.jira.faults[0].hits == 2
