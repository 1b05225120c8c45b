"""The audit of changelogs: histories are read again in turn, to find changes that did not change `updated`."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fetch_world import NAME, KilledError, Killing, World, begun_world
from sqlalchemy import text

from models.store import catalogue, census
from models.store import issues as stored_issues
from sandbox import living
from sandbox.shapes import Flavour
from sandbox.site import Issue
from tasks.fetch.reading import RECENT_DAYS
from tasks.fetch.task import work
from worker.settings import ChangelogAudit


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Jira of about sixty issues that was fetched."""
    with begun_world(tmp_path, database_url, redis_url, flavour=flavour) as opened:
        yield opened


on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _turn(world: World, **changes: int) -> None:
    world.current.settings = replace(world.current.settings, changelog_audit=ChangelogAudit(**changes))


def _freeze(world: World) -> None:
    """Let only the test change issues from here on."""
    world.jira.site._due.clear()
    for issue in world.jira.site.issues.values():
        del issue.events[issue.seen :]


def _open_issue(world: World) -> Issue:
    return next(issue for issue in world.shown() if issue.fields["status"]["statusCategory"]["key"] == "indeterminate")


def _migrate(world: World, *issues: Issue) -> None:
    """Move issues to Done by a new workflow, which does not change `updated`."""
    names = {issue.fields["status"]["name"] for issue in issues}
    living.migrate(world.jira.site, issues, world.clock(), dict.fromkeys(names, "Done"))
    world.shown()


def _stored(world: World, issue: Issue) -> str:
    with world.current.reads() as session:
        return str(stored_issues.load(session, NAME, [str(issue.id)])[0].status_id)


def _asked(world: World) -> list[str]:
    """Return the ids of the issues whose histories were requested, in order."""
    if world.jira.site.flavour == "cloud":
        return [
            issue_id
            for seen in world.jira.log
            for issue_id in seen.asked.get("issueIdsOrKeys", [])
            if "change" in seen.endpoint
        ]
    asked = [str(seen.asked["jql"]) for seen in world.jira.log if "changelog" in seen.asked.get("expand", [])]
    return [issue_id for jql in asked for issue_id in jql.split("id in (")[1].split(")")[0].split(",")]


def test_a_silent_change_is_found_when_its_turn_comes(world: World) -> None:
    """A week after a history was last read, and not before, a refresh reads it again, and then the issue."""
    issue = _open_issue(world)
    _migrate(world, issue)
    world.clock.advance(timedelta(minutes=1))
    world.fetch()
    before = _stored(world, issue)
    world.clock.advance(timedelta(days=7))
    assert world.fetch().kind == "incremental"
    assert before != _stored(world, issue) == issue.fields["status"]["id"]


@on_sqlite
def test_a_turn_reads_every_open_and_lately_updated_history_once(world: World) -> None:
    """Each run reads up to the limit, the longest unread first; then there is nothing to audit until the turn ends."""
    _turn(world, every_days=1, issues_per_run=10)
    with world.current.reads() as session:
        late = world.clock() - timedelta(days=RECENT_DAYS - 1)
        due = census.due_histories(session, NAME, world.clock() + timedelta(days=1), late, 1000)
    assert 20 < len(due) < len(world.shown())
    _freeze(world)
    world.clock.advance(timedelta(days=1, minutes=1))
    seen: list[str] = []
    while len(seen) < len(due):
        world.fetch()
        asked = _asked(world)
        assert len(asked) == min(10, len(due) - len(seen))
        seen += asked
    assert sorted(seen) == sorted(due)
    world.fetch()
    assert _asked(world) == []


@on_sqlite
def test_issues_done_long_ago_are_not_audited(world: World) -> None:
    """Their histories are final; open issues are audited however old they are."""
    world.clock.advance(timedelta(days=60))
    world.fetch()
    world.clock.advance(timedelta(days=8))
    with world.current.engine.begin() as connection:
        connection.execute(text("UPDATE issues SET updated = '2020-01-01 00:00:00.000000'"))
    with world.current.reads() as session:
        done = {status.status_id for status in catalogue.load_statuses(session, NAME) if status.category == "done"}
        issues = world.copy()["issues"]
        due = census.due_histories(session, NAME, world.clock(), world.clock() - timedelta(days=30), 1000)
    assert set(due) == {issue.issue_id for issue in issues if issue.status_id not in done}
    assert 0 < len(due) < len(issues)


@on_sqlite
@pytest.mark.parametrize("rules", [{"issues_per_run": 0}, {"every_days": 9}])
def test_an_audit_can_be_switched_off_or_wait(world: World, rules: dict[str, int]) -> None:
    """Then only the histories of changed issues are requested."""
    _turn(world, **rules)
    issue = _open_issue(world)
    _freeze(world)
    _migrate(world, issue)
    world.clock.advance(timedelta(days=8))
    world.fetch()
    assert _asked(world) == []
    assert _stored(world, issue) != issue.fields["status"]["id"]


@on_sqlite
def test_unchanged_histories_cost_one_request_per_thousand(world: World) -> None:
    """A request of Data Center has fifty; the issues themselves are not read."""
    _freeze(world)
    world.clock.advance(timedelta(minutes=1))
    world.fetch()
    idle = len(world.jira.log)
    _turn(world, every_days=0)
    world.clock.advance(timedelta(minutes=1))
    operation = world.fetch()
    audited = len(_asked(world))
    assert audited > 20
    per_request = 1000 if world.jira.site.flavour == "cloud" else 50
    assert len(world.jira.log) - idle == -(-audited // per_request)
    assert operation.data_volume_fetched == 0


@on_sqlite
@pytest.mark.parametrize("step", [6, 7, 8, 9])
def test_an_audit_killed_anywhere_continues_where_it_was(
    flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str, step: int
) -> None:
    """A history is read at most once more, and all changes are found."""
    killing = Killing()
    with begun_world(tmp_path, database_url, redis_url, flavour=flavour, before=killing) as world:
        _freeze(world)
        issue = _open_issue(world)
        _migrate(world, issue)
        world.clock.advance(timedelta(days=8))
        run = world.request()
        killing.requests_left = step
        try:
            work(world.current, run)
        except KilledError:
            assert work(world.current, world.latest(run)) == "facts"
        assert _stored(world, issue) == issue.fields["status"]["id"]


@on_sqlite
def test_an_issue_that_disappears_during_its_audit_affects_no_other(
    flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    """An issue hidden between the census and the audit stays as it was, and the next fetch marks it gone."""
    with begun_world(tmp_path, database_url, redis_url, flavour=flavour) as world:
        _freeze(world)
        issue = _open_issue(world)
        _turn(world, every_days=0)
        world.clock.advance(timedelta(days=1))
        run = world.request()
        while world.latest(run).cursor.get("stage") != "audit_changelogs":
            work(world.current, world.latest(run), seconds=0)
        world.happen(issue, ("shown", False), touches=False)
        assert work(world.current, world.latest(run)) == "facts"
        world.end(run)
        assert issue.key in world.issue_keys()
        assert world.fetch().issues_gone == 1
