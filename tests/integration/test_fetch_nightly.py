"""Each scheduled refresh reads a seventh of the copy again and compares it whole: damage is found and mended."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from math import ceil
from pathlib import Path

import pytest
from fetch_world import NAME, NOW, KilledError, Killing, World, begun_world, open_world
from sqlalchemy import text

from models.records import FetchOperation, Issue
from models.store import monitoring, verified
from sandbox import living
from sandbox.api import Jira
from sandbox.shapes import Flavour
from sandbox.site import Clock
from sandbox.site import Issue as SiteIssue
from sandbox.team import generate
from tasks.fetch.task import work
from worker.settings import ChangelogAudit

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Jira of about sixty issues that was fetched, and that only the test changes from then on."""
    with begun_world(tmp_path, database_url, redis_url, flavour=flavour) as opened:
        _freeze(opened)
        yield opened


def _freeze(world: World) -> None:
    world.jira.site._due.clear()
    for issue in world.jira.site.issues.values():
        del issue.events[issue.seen :]


def _night(world: World) -> FetchOperation:
    world.clock.advance(timedelta(days=1))
    return world.fetch(due_at=world.clock())


def _week(world: World) -> tuple[list[FetchOperation], dict[str, set[str]]]:
    """Return the Fetch Operations of seven nights and all findings that any of them left."""
    nights: list[FetchOperation] = []
    findings: dict[str, set[str]] = {}
    for _ in range(7):
        nights.append(_night(world))
        findings |= _findings(world)
    return nights, findings


def _rules(world: World, **changes: int) -> None:
    world.current.settings = replace(world.current.settings, changelog_audit=ChangelogAudit(**changes))


def _change(world: World, statement: str, **values: str) -> None:
    with world.current.engine.begin() as connection:
        assert connection.execute(text(statement), values).rowcount == 1


def _findings(world: World) -> dict[str, set[str]]:
    """Return issue id → what differed in it."""
    findings: dict[str, set[str]] = {}
    with world.current.engine.connect() as connection:
        for issue_id, reason in connection.execute(
            text("SELECT issue_id, reason FROM data_quality WHERE origin = 'verify'")
        ):
            findings.setdefault(issue_id, set()).add(reason)
    return findings


def _proof(world: World) -> verified.Proof:
    with world.current.reads() as session:
        return verified.proof(session, NAME)


def _change_entry(world: World, issue: Issue, statement: str) -> None:
    """Carry out a statement about the first entry of an issue's history."""
    entry = issue.transitions[0]
    where = "issue_id = :it AND history_id = :history AND field = :field AND position = :position"
    with world.current.engine.begin() as connection:
        keys = {"history": entry.history_id, "field": entry.field, "position": entry.position}
        assert connection.execute(text(f"{statement} WHERE {where}"), {"it": issue.issue_id, **keys}).rowcount == 1


def _damage(world: World, issues: list[Issue]) -> dict[str, set[str]]:
    """Damage five copies as a disk or a person could, the hashes beside them untouched; return what is to be found."""
    column, field, changed, removed, added = issues
    _change(world, "UPDATE issues SET status_id = '77' WHERE issue_id = :it", it=column.issue_id)
    _change(world, 'UPDATE issues SET fields = \'{"priority": "Odd"}\' WHERE issue_id = :it', it=field.issue_id)
    _change_entry(world, changed, "UPDATE transitions SET to_id = '77'")
    _change_entry(world, removed, "DELETE FROM transitions")
    names = "profile, issue_id, history_id, field, position, at, to_id"
    values = names.replace("history_id", "'99999999'").replace("to_id", "'77'")
    _change_entry(world, added, f"INSERT INTO transitions ({names}) SELECT {values} FROM transitions")  # noqa: S608 - constants
    history = {issue.issue_id: {"differed_history"} for issue in (changed, removed, added)}
    parts = {f"differed_{name}" for name in {*field.fields, "priority"} if field.fields.get(name) != "Odd"}
    return {column.issue_id: {"differed_status_id"}, field.issue_id: parts, **history}


def test_damage_is_found_within_seven_nights_mended_and_counted_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A column, a field, a changed, a removed and an added entry of a history; nobody touched the hashes."""
    before = world.copy()
    wanted = _damage(world, [issue for issue in before["issues"] if issue.transitions][:5])
    assert world.copy()["issues"] != before["issues"]

    nights, findings = _week(world)

    assert world.copy()["issues"] == before["issues"]
    assert world.copy()["hashes"] == before["hashes"]
    assert {night.kind for night in nights} == {"incremental"}
    assert sum(night.issues_differed for night in nights) == 5
    assert sum(night.issues_verified for night in nights) >= len(before["issues"])
    assert all(night.issues_verified <= ceil(len(before["issues"]) / 7) for night in nights)
    assert findings == wanted
    assert [record.message for record in caplog.records].count("copy differed from Jira") == 5
    with world.current.reads() as session:
        assert monitoring.verify_differences(session) == {NAME: len(_findings(world))}
    assert (_proof(world).up_to or NOW) > NOW
    nights, findings = _week(world)
    assert [night.issues_differed for night in nights] == [0] * 7
    assert _findings(world) == {}  # each was compared once more, and is equal


@on_sqlite
def test_a_copy_of_a_living_jira_has_no_difference(
    flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    """Issues are created and changed between all requests of seven nights, also while they are compared."""
    clock = Clock(NOW)
    start = NOW - timedelta(weeks=12)
    jira = Jira(generate(7, 240, start, flavour=flavour, per_week=48), clock)
    moves = [timedelta()]
    with open_world(
        tmp_path, database_url, redis_url, flavour=flavour, jira=jira, before=lambda: clock.advance(moves[0])
    ) as world:
        world.fetch()
        moves[0] = timedelta(minutes=40)
        nights = [_night(world) for _ in range(7)]
        assert [night.issues_differed for night in nights] == [0] * 7
        assert sum(night.issues_changed for night in nights) > 20
        assert sum(night.issues_verified for night in nights) > 120
        assert _findings(world) == {}
        up_to = _proof(world).up_to
        assert up_to is not None
        assert up_to > NOW


def _until_the_share(world: World) -> FetchOperation | None:
    """Begin a night and stop before the first issue is compared."""
    world.clock.advance(timedelta(days=1))
    run = world.request(due_at=world.clock())
    while world.latest(run).cursor.get("stage") != "verify_share":
        work(world.current, world.latest(run), seconds=0)
    issue = _oldest(world)
    world.happen(issue, ("summary", "Changed between the census and the comparison"))
    assert work(world.current, world.latest(run)) == "facts"
    return world.end(run)


def _oldest(world: World) -> SiteIssue:
    with world.current.reads() as session:
        (issue_id,) = verified.due(session, NAME, world.clock() + timedelta(days=1), (), 1)
    return world.jira.site.issues[int(issue_id)]


@on_sqlite
def test_a_change_between_the_census_and_the_comparison_is_no_difference(world: World) -> None:
    """Its `updated` moved; the new content is stored."""
    operation = _until_the_share(world)
    assert operation is not None
    assert (operation.issues_differed, operation.issues_changed) == (0, 1)
    assert _findings(world) == {}


@on_sqlite
def test_a_change_between_an_issue_and_its_history_is_no_difference(
    tmp_path: Path, database_url: str, redis_url: str
) -> None:
    """Cloud returns them by two requests: the issue is as before, and its history has an entry more."""
    asked: list[World] = []
    start = NOW - timedelta(weeks=12)
    clock = Clock(NOW)
    jira = Jira(generate(7, 120, start, per_week=5), clock)

    def before() -> None:
        for world in asked:
            if world.endpoints[-1:] == ["issue/bulkfetch"]:
                asked.clear()
                issue = world.jira.site.issues[int(world.jira.log[-1].asked["issueIdsOrKeys"][0])]
                clock.advance(timedelta(minutes=1))
                status = "Done" if issue.fields["status"]["name"] == "To Do" else "To Do"
                living.transition(world.jira.site, issue, status, clock())

    with open_world(tmp_path, database_url, redis_url, before=before, jira=jira) as world:
        world.fetch()
        _freeze(world)
        world.clock.advance(timedelta(hours=1))
        world.fetch()
        asked.append(world)
        operation = _night(world)
        assert not asked
        assert (operation.issues_differed, operation.issues_changed) == (0, 1)
        assert _night(world).issues_differed == 0
        assert _findings(world) == {}


@on_sqlite
def test_a_change_that_did_not_move_updated_is_a_difference(world: World) -> None:
    """Jira says nothing of a migration to another workflow: the copy was not what Jira has."""
    issue = _oldest(world)
    living.migrate(world.jira.site, [issue], world.clock(), {issue.fields["status"]["name"]: "Done"})
    world.shown()
    operation = _night(world)
    assert operation.issues_differed == 1
    assert "differed_history" in _findings(world)[str(issue.id)]


@on_sqlite
@pytest.mark.xdist_group("nightly comparison")  # one process makes the big copy that these tests begin with
@pytest.mark.parametrize("step", range(4, 9))
def test_a_night_killed_anywhere_compares_each_issue_once(
    flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str, step: int
) -> None:
    """It continues behind the last committed batch; the budget holds for both parts together."""
    killing = Killing()
    with begun_world(tmp_path, database_url, redis_url, flavour=flavour, before=killing, issues=800) as world:
        world.connection(concurrency=1)
        _freeze(world)
        number = len(world.shown())
        world.clock.advance(timedelta(days=1))
        _rules(world, every_days=2, issues_per_run=450)
        with world.current.engine.begin() as connection:
            connection.execute(text("UPDATE issues SET resolution = 'Odd'"))
        run = world.request(due_at=world.clock())
        killing.requests_left = step
        with pytest.raises(KilledError):
            work(world.current, run)
        assert work(world.current, world.latest(run)) == "facts"
        operation = world.end(run)
        share = ceil(number / 2)
        assert share > 300
        assert (operation.issues_verified, operation.issues_differed) == (share, share)
        assert len(_findings(world)) == share


@on_sqlite
def test_a_night_stays_within_the_budget_and_the_proof_is_as_old_as_it_is(world: World) -> None:
    """A share that does not fit takes what the audit leaves of the budget; a turn then takes more nights."""
    number = len(world.shown())
    _rules(world, every_days=2, issues_per_run=10)
    nights = 0
    while (_proof(world).up_to or NOW) <= NOW + timedelta(hours=1):
        operation = _night(world)
        nights += 1
        assert 5 <= operation.issues_verified <= 10
        assert _count_read(world) <= 10
    assert ceil(number / 10) <= nights <= ceil(number / 5)


def _count_read(world: World) -> int:
    """Return how many histories the last fetch asked for."""
    if world.jira.site.flavour == "cloud":
        asked = [seen.asked.get("issueIdsOrKeys", []) for seen in world.jira.log if "change" in seen.endpoint]
        return sum(map(len, asked))
    jqls = [str(seen.asked["jql"]) for seen in world.jira.log if "changelog" in seen.asked.get("expand", [])]
    return sum(len(jql.split("id in (")[1].split(")")[0].split(",")) for jql in jqls)


@on_sqlite
def test_a_missed_night_is_caught_up(world: World) -> None:
    """After three nights without a refresh the next one takes what the others left."""
    for _ in range(7):
        _night(world)
    number = len(world.shown())
    world.clock.advance(timedelta(days=3))
    assert _night(world).issues_verified > 3 * (number // 7)
    assert (_proof(world).up_to or NOW) >= world.clock() - timedelta(days=7)


@on_sqlite
def test_a_refresh_that_a_person_asks_for_compares_nothing_in_turn(world: World) -> None:
    """It does not pay for the proof; a budget of 0 switches it off for the nights too."""
    world.clock.advance(timedelta(days=1))
    assert world.fetch().issues_verified == 0
    assert _count_read(world) == 0
    _rules(world, issues_per_run=0)
    assert _night(world).issues_verified == 0


@on_sqlite
def test_whole_reads_count_as_verified_and_a_copy_of_an_older_version_as_never(world: World) -> None:
    """A first fetch and a changed issue were read whole; an upgraded copy has no instant before its first turn."""
    first = _proof(world)
    assert (first.verified, first.up_to) == (len(world.shown()), NOW)
    with world.current.engine.begin() as connection:
        connection.execute(text("UPDATE issues SET verified_at = NULL"))
    world.happen(world.shown()[3], ("summary", "Edited"))
    world.fetch()
    changed = _proof(world)
    assert 0 < changed.verified < changed.issues
    assert changed.up_to is None
    for _ in range(7):
        _night(world)
    assert _proof(world).up_to is not None


@on_sqlite
def test_an_issue_that_an_ordinary_refresh_reads_again_is_compared_too(world: World) -> None:
    """The overlap reads the newest issues once more: their hashes are equal, and the rows beside them are not."""
    newest = max(world.copy()["issues"], key=lambda issue: issue.updated)
    _change(world, "UPDATE issues SET resolution = 'Odd' WHERE issue_id = :it", it=newest.issue_id)
    world.happen(world.jira.site.issues[int(newest.issue_id)], ("summary", "Edited"))
    world.fetch()
    stored = {issue.issue_id: issue for issue in world.copy()["issues"]}[newest.issue_id]
    assert stored.resolution == newest.resolution
    assert _findings(world) == {}  # a change in Jira explains it


@on_sqlite
def test_a_difference_of_an_issue_that_left_jira_ends_a_turn_later(world: World) -> None:
    """No comparison would end it, and an alert would stay for ever."""
    issue = _oldest(world)
    _change(world, "UPDATE issues SET resolution = 'Odd' WHERE issue_id = :it", it=str(issue.id))
    assert _night(world).issues_differed == 1
    world.happen(issue, ("shown", False), touches=False)
    kept = []
    for _ in range(9):
        _night(world)
        kept.append(str(issue.id) in _findings(world))
    assert kept == [True] * 8 + [False]


@on_sqlite
def test_rows_that_cannot_be_read_are_found_and_written_again(world: World) -> None:
    """The night does not fail because of them."""
    before = world.copy()["issues"]
    _change(world, "UPDATE issues SET fields = '{broken' WHERE issue_id = :it", it=before[0].issue_id)
    nights, findings = _week(world)
    assert sum(night.issues_differed for night in nights) == 1
    assert findings == {before[0].issue_id: {"differed_rows"}}
    assert world.copy()["issues"] == before
