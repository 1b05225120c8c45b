"""The number of requests that a refresh may send, counted by the stand-in Jira of both flavours."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from math import ceil
from pathlib import Path

import pytest
from fetch_world import World, begun_world, open_world

from models.store import issues as stored_issues
from sandbox.shapes import Flavour, millis
from sandbox.site import Event, Issue
from tasks.fetch.task import work

pytestmark = pytest.mark.xdist_group("fetch bounds")  # one process makes what all tests here read

PROJECTS = 2
MULTI_VALUED = ("fixVersions", "versions", "issuelinks")
NUMBER = 1_300


def _fetched(world: World) -> None:
    """Fetch a Jira that only the test changes."""
    world.connection(concurrency=8, overlap_minutes=1)
    world.shown()
    world.jira.site._due.clear()
    world.clock.advance(timedelta(hours=1))
    world.fetch()


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, redis_url: str) -> Iterator[World]:
    """Yield a Jira of 1,300 issues that was fetched, and that only the test changes."""
    with begun_world(
        tmp_path, f"sqlite:///{tmp_path}/flowbeat.db", redis_url, _fetched, flavour=flavour, issues=NUMBER
    ) as opened:
        opened.connection(concurrency=8, overlap_minutes=1)
        yield opened


def _bound(world: World, changed: Sequence[Issue] = (), gone: int = 0, audited: int = 0, *, full: bool = False) -> int:
    """Return 6 + P + ⌈N/5000⌉ + ⌈Δ/1000⌉ + ⌈M/100⌉ + ⌈Δ/1000⌉ + ⌈Δ/100⌉ + ⌈G/1000⌉ + ⌈audited/1000⌉, where the list of
    changes (⌈Δ/100⌉) is none of a full fetch.

    Data Center: 6 + P + ⌈N/1000⌉ + 2⌈Δ/100⌉ + ⌈G/100⌉ + ⌈audited/50⌉, because an issue comes with its history there.
    """
    stored = len(world.shown()) + gone
    number, rich = len(changed), sum(any(issue.fields.get(name) for name in MULTI_VALUED) for issue in changed)
    if world.jira.site.flavour == "datacenter":
        per_page = 2 * ceil(number / 100) + ceil(gone / 100) + ceil(audited / 50)
        return 6 + PROJECTS + ceil(stored / 1000) + per_page
    read = 2 * ceil(number / 1000) + ceil(rich / 100) + (0 if full else ceil(number / 100))
    return 6 + PROJECTS + ceil(stored / 5000) + read + ceil(gone / 1000) + ceil(audited / 1000)


def _touch(world: World, issues: list[Issue], name: str, value: object, *, touches: bool = True) -> None:
    at = millis(world.clock())
    for number, issue in enumerate(issues):
        world.jira.site.happen(issue, Event(at, 50_000_000 + number, ((name, value),), touches=touches))
    world.shown()


def test_a_refresh_stays_within_the_bound_whatever_has_changed_or_gone(world: World) -> None:
    """Each refresh finds from none to many pages of changed issues, and from none to several pages of gone ones."""
    for changed, gone in [(0, 0), (1, 0), (100, 1), (101, 150), (1000, 0)]:
        world.clock.advance(timedelta(hours=1))
        visible = world.shown()
        _touch(world, visible[:changed], "summary", f"Changed with {changed}")
        _touch(world, visible[len(visible) - gone :], "shown", value=False, touches=False)
        operation = world.fetch()
        assert (operation.issues_changed, operation.issues_gone) == (changed, gone)
        assert len(world.jira.log) <= _bound(world, visible[:changed], gone), (changed, gone, world.endpoints)


@pytest.mark.parametrize("verifies", [False, True])
def test_a_fetch_that_reads_everything_stays_within_the_bound(world: World, *, verifies: bool) -> None:
    """The list of issues with multi-valued fields is one of the six requests, because it makes others fewer."""
    world.clock.advance(timedelta(hours=1))
    world.fetch(full=not verifies, verify=verifies)
    assert len(world.jira.log) <= _bound(world, world.shown(), full=True), world.endpoints


def test_a_calculation_from_a_valid_copy_costs_no_request(world: World) -> None:
    """The copy is an hour old."""
    world.clock.advance(timedelta(hours=1))
    operation = world.fetch("calculate")
    assert (operation.cache_hit, operation.api_calls_made, world.jira.log) == (True, 0, [])


def test_a_single_reader_reads_smaller_batches_whose_histories_cost_a_request_each(
    tmp_path: Path, redis_url: str
) -> None:
    """A batch of whole issues is two pages for each parallel reader, up to 1,000 issues.

    The overlap reads the newest issue of the last fetch again.
    """
    with open_world(tmp_path, f"sqlite:///{tmp_path}/flowbeat.db", redis_url, issues=520) as world:
        world.connection(concurrency=1, overlap_minutes=1)
        world.shown()
        world.jira.site._due.clear()
        world.clock.advance(timedelta(hours=1))
        world.fetch()
        for changed, beyond in [(300, 1), (500, 2)]:
            world.clock.advance(timedelta(hours=1))
            touched = world.shown()[:changed]
            _touch(world, touched, "summary", f"Changed with {changed}")
            assert world.fetch().issues_changed == changed
            assert len(world.jira.log) <= _bound(world, [*touched, world.shown()[-1]]) + beyond


def test_an_audit_costs_one_request_more_per_thousand(world: World) -> None:
    """A request of Data Center has fifty; unchanged histories cost nothing else."""
    world.clock.advance(timedelta(days=8))
    world.fetch()
    with world.current.engine.connect() as connection:
        audited = connection.exec_driver_sql(
            "SELECT count(*) FROM issues WHERE history_read_at >= ?", (_hour_ago(world),)
        )
        count = int(audited.scalar_one())
    assert count > 200
    assert len(world.jira.log) <= _bound(world, audited=count)


def test_a_night_costs_its_share_more(world: World) -> None:
    """A seventh of the issues is read whole: 100 a request on Cloud and their histories at once, 50 on Data Center."""
    share = ceil(len(world.shown()) / 7)
    for days in (1, 1, 8):
        world.clock.advance(timedelta(days=days))
        operation = world.fetch(due_at=world.clock())
        compared, audited = operation.issues_verified, _count_audited(world)
        assert share <= compared <= 1_000
        assert compared + audited <= 1_000
        is_cloud = world.jira.site.flavour == "cloud"
        more = ceil(compared / 100) + ceil(compared / 1_000) if is_cloud else ceil(compared / 50)
        assert len(world.jira.log) <= _bound(world, audited=audited) + more, world.endpoints


def _count_audited(world: World) -> int:
    """Return how many histories the last fetch read without their issues."""
    with world.current.engine.connect() as connection:
        count = connection.exec_driver_sql(
            "SELECT count(*) FROM issues WHERE history_read_at >= ? AND verified_at < history_read_at",
            (_hour_ago(world),),
        )
        return int(count.scalar_one())


def _hour_ago(world: World) -> str:
    return f"{world.clock() - timedelta(hours=1):%Y-%m-%d %H:%M:%S}"


def test_changed_issues_that_wait_for_a_batch_are_read_once_however_short_the_slices(
    tmp_path: Path, redis_url: str
) -> None:
    """The cursor has the waiting ids, and loses each id that was requested."""
    with open_world(tmp_path, f"sqlite:///{tmp_path}/flowbeat.db", redis_url, issues=700) as world:
        world.connection(concurrency=3, overlap_minutes=1)
        world.shown()
        world.jira.site._due.clear()
        world.clock.advance(timedelta(hours=1))
        world.fetch()
        world.clock.advance(timedelta(hours=1))
        _touch(world, world.shown()[:650], "summary", "Changed")
        run = world.request()
        while work(world.current, world.latest(run), seconds=0) == "fetch":
            with world.current.reads() as session:
                assert len(world.latest(run).cursor.get("pending_ids", ())) < 650
                assert stored_issues.count(session, run.profile) == len(world.shown())
        operation = world.end(run)
        assert (operation.data_volume_fetched, operation.issues_changed) == (650, 650)
