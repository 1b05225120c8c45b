"""For a site that refuses epoch milliseconds, dates are literals in the account's time zone, and never too late."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fetch_world import NAME, World, open_world

from models.records import CacheMetadata
from models.store import caches, runs
from sandbox.api import Jira
from sandbox.faults import failing
from sandbox.shapes import Flavour
from sandbox.site import Clock
from sandbox.team import generate
from tasks.fetch.task import work
from worker.errors import FatalError

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NOW = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)  # half an hour before New York's clocks go back


def _jira(zone: str, flavour: Flavour = "cloud", now: datetime = NOW) -> Jira:
    start = now - timedelta(weeks=12)
    site = generate(7, 120, start, flavour=flavour, per_week=5, account_zone=zone)
    site.takes_epoch = False
    return Jira(site, Clock(now))


def _literals(world: World) -> list[str]:
    asked = [str(seen.asked.get("jql")) for seen in world.jira.log if seen.status == 200]
    return [jql.split('>= "')[1].split('"')[0] for jql in asked if '>= "' in jql]


def _cache(world: World) -> CacheMetadata:
    with world.current.reads() as session:
        stored = caches.find(session, NAME)
    assert stored is not None
    return stored


@pytest.mark.parametrize("zone", ["Pacific/Pago_Pago", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati"])
def test_changes_are_found_through_every_hour_of_a_clock_change(
    tmp_path: Path, database_url: str, redis_url: str, zone: str
) -> None:
    """An issue is edited every eleven minutes for four hours, with a refresh after each edit and without overlap."""
    with open_world(tmp_path, database_url, redis_url, jira=_jira(zone)) as world:
        world.connection(overlap_minutes=0)
        world.fetch()
        issues = world.shown()
        for number in range(22):
            world.clock.advance(timedelta(minutes=10))
            world.happen(issues[number % 7], ("summary", f"Edit {number}"))
            world.fetch()
            edited = next(row for row in world.copy()["issues"] if row.key == issues[number % 7].key)
            assert edited.summary == f"Edit {number}"


def test_a_refusal_happens_once_and_is_stored_with_the_time_zone(
    tmp_path: Path, database_url: str, redis_url: str
) -> None:
    """Later fetches request the time zone, because it may have changed, and are not refused again."""
    with open_world(tmp_path, database_url, redis_url, jira=_jira("Asia/Kathmandu")) as world:
        world.fetch()
        assert [seen.status for seen in world.jira.log].count(400) == 1
        assert _cache(world).cursor.zone == "Asia/Kathmandu"
        for is_full in (False, True):
            world.clock.advance(timedelta(minutes=1))
            world.fetch(full=is_full)
            assert all(seen.status == 200 for seen in world.jira.log)
            assert _cache(world).cursor.zone == "Asia/Kathmandu"
        account = world.jira.site.accounts[0]
        world.jira.site.accounts[0] = type(account)(account.email, account.token, "America/New_York", account.profile)
        world.clock.advance(timedelta(minutes=1))
        world.fetch()
        assert all(seen.status == 200 for seen in world.jira.log)
        assert world.endpoints.count("myself") == 1
        assert _cache(world).cursor.zone == "America/New_York"
        since = datetime.fromisoformat(_cache(world).cursor.watermark or "") - timedelta(minutes=15)
        assert _literals(world) == [f"{since.astimezone(ZoneInfo('America/New_York')):%Y-%m-%d %H:%M}"]


def test_an_unknown_time_zone_extends_the_overlap_by_a_day(tmp_path: Path, database_url: str, redis_url: str) -> None:
    """A day earlier in UTC is before the watermark in every time zone."""
    with open_world(tmp_path, database_url, redis_url, jira=_jira("Pacific/Kiritimati")) as world:
        world.fetch()
        issue = world.shown()[0]
        world.happen(issue, ("summary", "Edited"))
        since = datetime.fromisoformat(_cache(world).cursor.watermark or "") - timedelta(minutes=15, days=1)
        world.jira.faults.append(failing(404, endpoint="myself"))
        world.fetch()
        assert _literals(world) == [f"{since:%Y-%m-%d %H:%M}"]
        assert _cache(world).cursor.zone == ""
        assert next(stored for stored in world.copy()["issues"] if stored.key == issue.key).summary == "Edited"


def test_a_query_that_is_wrong_fails_with_jiras_words(tmp_path: Path, database_url: str, redis_url: str) -> None:
    """The literal is refused too, so the date was not the cause."""
    with open_world(tmp_path, database_url, redis_url, jira=_jira("Asia/Kathmandu")) as world:
        world.fetch()
        world.profile(jql="project = NOPE")
        with pytest.raises(FatalError, match="'NOPE' does not exist"):
            world.fetch()


def test_lists_beyond_the_largest_offset_continue_by_literals_too(
    tmp_path: Path, database_url: str, redis_url: str
) -> None:
    """Data Center refuses milliseconds too; every issue is listed."""
    with open_world(tmp_path, database_url, redis_url, jira=_jira("Asia/Kathmandu", "datacenter")) as world:
        visible = world.shown()
        run = world.request()
        work(world.current, run, seconds=0)
        beyond = {"since": visible[19].born}  # as if the limit had been reached there
        with world.current.sessions.begin() as session:
            cursor = {**world.latest(run).cursor, "position": beyond}
            runs.heartbeat(session, run.run_id, 1, world.clock(), cursor=cursor)
        assert work(world.current, world.latest(run)) == "facts"
        assert {issue.key for issue in visible[19:]} <= world.issue_keys()
        since = datetime.fromtimestamp(visible[19].born / 1000, ZoneInfo("Asia/Kathmandu"))
        assert _literals(world) == [f"{since:%Y-%m-%d %H:%M}"]
