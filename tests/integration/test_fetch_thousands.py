"""Fetches that ask Cloud for a thousand issues at a time: nothing is missed, and a refusal costs only requests."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fetch_world import NAME, PROFILE, KilledError, Killing, World, begun_world, open_world

from models.records import CopyCursor
from models.store import caches
from sandbox import catalogue, faults, living
from sandbox.faults import Fault
from sandbox.shapes import Json
from sandbox.site import Issue
from sandbox.wire import Response
from tasks.fetch.task import work
from worker.jira.reader import PageSizes

pytestmark = pytest.mark.xdist_group("fetch thousands")  # one process makes what all tests here read
LARGE = pytest.mark.parametrize("number", [700])
WHOLE = PageSizes(plain=100)
RULES = replace(PROFILE.rules, fields={**PROFILE.rules.fields, "flagged": "Flagged"})
MULTI_VALUED = {"fixVersions", "versions", "issuelinks", catalogue.FLAGGED}


def _begin(world: World) -> None:
    """Let only the test change Jira."""
    world.shown()
    world.jira.site._due.clear()
    world.clock.advance(timedelta(days=1))
    world.shown()


@pytest.fixture
def number() -> int:
    """Return how many issues there are: more than a hundred of them without multi-valued fields."""
    return 300


@pytest.fixture
def world(tmp_path: Path, number: int, redis_url: str) -> Iterator[World]:
    """Yield a Cloud that only the test changes; nothing was fetched."""
    with begun_world(
        tmp_path, f"sqlite:///{tmp_path}/flowbeat.db", redis_url, _begin, flavour="cloud", issues=number
    ) as opened:
        opened.profile(rules=RULES)
        opened.hurry()
        yield opened


@pytest.fixture
def whole_copy(world: World, tmp_path: Path, redis_url: str) -> Callable[[], Mapping[str, Any]]:
    """Return a function that returns the copy of a full fetch which reads every issue whole."""

    def fetch() -> Mapping[str, Any]:
        folder = tmp_path / "whole"
        folder.mkdir()
        url = f"sqlite:///{folder / 'whole.db'}"
        with open_world(folder, url, redis_url, jira=world.jira) as other:
            other.current.settings = replace(world.current.settings, database_url=url)
            other.current.pages = WHOLE
            other.fetch()
            return other.copy()

    return fetch


@contextmanager
def bulk_fetches(world: World) -> Iterator[list[Json]]:
    """Yield a list to which the body of each bulk fetch is added."""
    bodies: list[Json] = []

    def note(asked: Json) -> bool:
        bodies.append(asked)
        return False

    world.jira.faults.append(Fault("issue/bulkfetch", faults.EVERY_TIME, when=note))
    yield bodies


def plain_sizes(bodies: list[Json]) -> list[int]:
    """Return how many issues each bulk fetch without multi-valued fields named."""
    return [len(body["issueIdsOrKeys"]) for body in bodies if MULTI_VALUED.isdisjoint(body["fields"])]


def has_value(issue: Issue) -> bool:
    """Return whether an issue has a value in a multi-valued field that the profile asks for."""
    return any(issue.fields.get(name) for name in MULTI_VALUED)


def plain_issues(world: World) -> list[Issue]:
    """Return the issues without such a value."""
    return [issue for issue in world.shown() if not has_value(issue)]


def cursor_of(world: World) -> CopyCursor:
    """Return what the copy's Cache Metadata says for the next fetch."""
    with world.current.reads() as session:
        cache = caches.find(session, NAME)
    assert cache is not None
    return cache.cursor


def test_only_issues_with_a_value_in_a_multi_valued_field_are_read_in_hundreds(
    world: World, whole_copy: Callable[[], Mapping[str, Any]]
) -> None:
    """One request names all others, and the copy equals one that was read whole."""
    with bulk_fetches(world) as bodies:
        world.fetch()
        plain = [body for body in bodies if MULTI_VALUED.isdisjoint(body["fields"])]
        whole = [body for body in bodies if set(body["fields"]) >= MULTI_VALUED]
    assert [len(body["issueIdsOrKeys"]) for body in plain] == [len(plain_issues(world))]
    assert len(plain_issues(world)) > 100
    named = {number for body in whole for number in body["issueIdsOrKeys"]}
    assert named == {str(issue.id) for issue in world.shown() if has_value(issue)}
    assert world.copy() == whole_copy()


def test_a_verification_in_thousands_finds_no_difference(world: World) -> None:
    """The content hash of an issue does not depend on how it was read."""
    world.current.pages = WHOLE
    world.fetch()
    world.current.pages = PageSizes()
    run = world.request(verify=True)
    with bulk_fetches(world) as bodies:
        assert work(world.current, run) == "facts"
        assert len(plain_sizes(bodies)) == 1
    assert world.latest(run).cursor["differ"] == 0


@pytest.mark.parametrize("minutes", [10, 14])
def test_values_that_a_late_index_does_not_have_yet_are_read(
    world: World, whole_copy: Callable[[], Mapping[str, Any]], minutes: int
) -> None:
    """Links, versions and flags that were set within the overlap; one of them without a change of ``updated``."""
    first, second, third, fourth = plain_issues(world)[-4:]
    world.jira.site.lag_behind(minutes * 60_000)
    at = world.clock()
    living.link(world.jira.site, first, second, at)
    living.edit(world.jira.site, third, catalogue.FLAGGED, [{"id": "1", "value": "Impediment"}], at)
    version = living.plan_version(world.jira.site, fourth.fields["project"]["key"], "late", at)
    world.shown()
    living.set_fix_version(world.jira.site, fourth, version, at, silent=True)
    world.clock.advance(timedelta(minutes=1))
    world.shown()
    world.fetch()
    copied = {issue.issue_id: issue.fields for issue in world.copy()["issues"]}
    assert str(second.id) in copied[str(first.id)]["links"]
    assert str(first.id) in copied[str(second.id)]["links"]
    assert copied[str(third.id)][catalogue.FLAGGED]
    assert version.body["id"] in copied[str(fourth.id)]["fixVersions"]
    assert world.copy() == whole_copy()


def test_a_value_that_is_set_between_the_list_and_the_reading_is_read(world: World) -> None:
    """The issue is then newer than the fetch, so it is read whole."""
    first, second = plain_issues(world)[:2]

    def set_link(answer: Response) -> Response:
        living.link(world.jira.site, first, second, world.clock())
        return answer

    listed = Fault("search/jql", 1, damage=set_link, when=lambda asked: "issueLinkType" in asked["jql"])
    world.jira.faults.append(listed)
    world.fetch()
    copied = {issue.issue_id: issue.fields["links"] for issue in world.copy()["issues"]}
    assert (copied[str(first.id)], copied[str(second.id)]) == ([str(second.id)], [str(first.id)])


def test_a_silent_value_that_the_index_never_learned_of_is_read(world: World) -> None:
    """The history says that the version was added and not removed."""
    issue = next(
        issue for issue in world.shown() if issue.fields["fixVersions"] and issue.fields["status"]["id"] == "6"
    )
    number = str(issue.id)

    def forget(body: Json) -> None:
        body["issues"] = [item for item in body["issues"] if item["id"] != number]

    def edited(answer: Response) -> Response:
        body = json.loads(answer.body)
        forget(body)
        return replace(answer, body=json.dumps(body).encode())

    world.jira.faults.append(Fault("search/jql", 9, damage=edited, when=lambda asked: "issueLinkType" in asked["jql"]))
    world.fetch()
    copied = {entry.issue_id: entry.fields["fixVersions"] for entry in world.copy()["issues"]}
    assert copied[number] == sorted(version["id"] for version in issue.fields["fixVersions"])


@pytest.mark.parametrize("verify", [False, True])
def test_a_value_of_the_copy_that_the_index_has_lost_is_read(world: World, *, verify: bool) -> None:
    """A link has no history. The index of a Jira that builds it again may lack what the copy has."""
    world.fetch()
    before = world.copy()
    assert any(issue.fields["links"] for issue in before["issues"])

    def emptied(answer: Response) -> Response:
        return replace(answer, body=json.dumps({**json.loads(answer.body), "issues": []}).encode())

    world.jira.faults.append(Fault("search/jql", faults.EVERY_TIME, damage=emptied, when=_is_list))
    operation = world.fetch(verify=verify, full=not verify)
    assert world.copy() == before
    assert operation.issues_differed == 0


def _warned(answer: Response) -> Response:
    body = json.loads(answer.body)
    return replace(answer, body=json.dumps({**body, "warnings": [{"type": "CLAUSE_LIMIT_EXCEEDED"}]}).encode())


def _is_list(asked: Json) -> bool:
    return "issueLinkType" in asked["jql"]


@pytest.mark.parametrize(
    "fault",
    [
        faults.refused_jql("issueLinkType"),
        Fault("search/jql", faults.EVERY_TIME, damage=_warned, when=_is_list),
        Fault("search/jql", faults.EVERY_TIME, instead=Response(500, b"{}"), when=_is_list),
    ],
    ids=["refused", "warned", "unanswered"],
)
def test_where_the_list_cannot_be_had_or_trusted_every_issue_is_read_whole(
    world: World, fault: Fault, whole_copy: Callable[[], Mapping[str, Any]]
) -> None:
    """Dates are still asked as epoch milliseconds, because the refusal says nothing about them."""
    world.jira.faults.append(fault)
    with bulk_fetches(world) as bodies:
        world.fetch()
        assert plain_sizes(bodies) == []
    assert cursor_of(world).zone is None
    world.jira.faults.clear()
    assert world.copy() == whole_copy()


def test_a_site_that_takes_no_epochs_is_asked_in_local_time(world: World) -> None:
    """The list is refused once, and then given."""
    world.jira.site.takes_epoch = False
    with bulk_fetches(world) as bodies:
        world.fetch()
        assert plain_sizes(bodies) == [len(plain_issues(world))]


def test_a_field_of_an_app_is_read_whole_because_the_index_may_not_have_its_values(world: World) -> None:
    """Apps decide themselves what JQL finds."""
    field = next(entry for entry in world.jira.site.catalogue.fields if entry["id"] == catalogue.FLAGGED)
    field["schema"] = {**field["schema"], "custom": "com.example.app:flags"}
    world.jira.site.renew()
    with bulk_fetches(world) as bodies:
        world.fetch()
        assert plain_sizes(bodies) == []
    assert not any("issueLinkType" in seen.asked["jql"] for seen in world.jira.log if "search" in seen.endpoint)


@LARGE
def test_a_site_that_refuses_more_than_a_hundred_is_asked_for_a_hundred_until_a_week_has_passed(
    world: World, whole_copy: Callable[[], Mapping[str, Any]]
) -> None:
    """The refusal costs two requests, and is remembered with the sizes that worked."""
    world.jira.site.bounds = replace(world.jira.site.bounds, bulk_plain_issues=100)
    with bulk_fetches(world) as bodies:
        world.fetch()
        assert [size for size in plain_sizes(bodies) if size > 1] == [len(plain_issues(world))]
        assert world.copy() == whole_copy()
        assert cursor_of(world).sizes["plain"].size == 100
        for days, tries in ((1, 0), (7, 1)):
            world.clock.advance(timedelta(days=days))
            bodies.clear()
            world.fetch(full=True)
            assert len([size for size in plain_sizes(bodies) if 100 < size <= 200]) == tries
    assert world.copy()["hashes"].keys() == {str(issue.id) for issue in world.shown()}


@LARGE
def test_a_refresh_of_many_changed_issues_reads_in_thousands_too(
    world: World, whole_copy: Callable[[], Mapping[str, Any]]
) -> None:
    """Up to 300 are read whole: the list of those with multi-valued fields would cost as much."""
    world.fetch()
    for number, is_plain in ((300, False), (600, True)):
        world.clock.advance(timedelta(hours=1))
        for issue in world.shown()[:number]:
            living.edit(world.jira.site, issue, "summary", f"Changed with {number}", world.clock())
        world.clock.advance(timedelta(hours=1))
        world.shown()
        with bulk_fetches(world) as bodies:
            assert world.fetch().issues_changed == number
            assert bool(plain_sizes(bodies)) is is_plain
    assert world.copy() == whole_copy()


def test_an_issue_that_no_answer_can_hold_is_found_among_a_thousand(world: World) -> None:
    """All others of its thousand are stored."""
    issue = plain_issues(world)[50]
    world.jira.faults.append(faults.poisoned(issue.id, endpoint="issue/bulkfetch"))
    world.fetch()
    assert world.copy()["hashes"].keys() == {str(other.id) for other in world.shown() if other is not issue}
    assert "unreadable_issue" in str(world.copy()["findings"])


def test_a_fetch_that_is_killed_at_any_request_ends_with_the_same_copy(tmp_path: Path, redis_url: str) -> None:
    """Small pages, so that each kind of request comes several times."""
    killing = Killing()
    with open_world(tmp_path, f"sqlite:///{tmp_path}/flowbeat.db", redis_url, issues=24, before=killing) as world:
        world.profile(rules=RULES)
        world.current.pages = PageSizes(whole=2, plain=6, few=5)
        world.connection(concurrency=1)
        world.fetch()
        expected, requests = world.copy(), len(world.jira.log)
        assert requests > 15
        for place in range(1, requests + 1):
            run = world.request(full=True)
            killing.requests_left = place
            with pytest.raises(KilledError):
                work(world.current, run)
            killing.requests_left = 0
            assert work(world.current, world.latest(run)) == "facts"
            assert world.end(run).data_volume_fetched >= len(expected["hashes"])
            assert world.copy() == expected
