"""A list that Jira itself calls incomplete, moves while it is read, or answers without the login is not trusted."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fetch_world import NAME, NOW, World, fresh_copy, open_world, unread_world

from models.store import caches, quality
from sandbox import faults
from sandbox.api import Jira
from sandbox.faults import Fault
from sandbox.shapes import Flavour
from sandbox.site import Clock
from sandbox.team import generate
from sandbox.wire import Request, Response, refusal
from tasks.fetch.task import work
from worker.errors import AnswerError, FlowbeatError, UnansweredError
from worker.jira.faults import LoginError

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
WARNINGS = {"cloud": "warnings", "datacenter": "warningMessages"}


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Jira of about sixty issues that was not fetched, and that only the test changes."""
    with unread_world(tmp_path, database_url, redis_url, flavour=flavour) as opened:
        yield opened


def _edited(change: Callable[[dict[str, Any]], object]) -> Callable[[Response], Response]:
    def damage(answer: Response) -> Response:
        body: dict[str, Any] = json.loads(answer.body)
        change(body)
        return replace(answer, body=json.dumps(body).encode())

    return damage


def _is_warned(world: World) -> bool:
    with world.current.reads() as session:
        cache = caches.find(session, NAME)
    assert cache is not None
    return cache.cursor.is_warned


def _is_list(asked: Any) -> bool:
    return "jql" in asked and not faults.asked_ids(asked) and "issueLinkType" not in asked["jql"]


# --- warnings ---------------------------------------------------------------------------------------------------------


def _warning(world: World, missing: int) -> Fault:
    """Return a list that lacks an issue, with a warning that says so; its other answers lack it too."""

    def cut(body: dict[str, Any]) -> None:
        body["issues"] = [issue for issue in body["issues"] if issue["id"] != str(missing)]
        body[WARNINGS[world.jira.site.flavour]] = ["The result was truncated."]

    return Fault("search", faults.EVERY_TIME, damage=_edited(cut), when=lambda asked: "project in" in str(asked))


def test_an_issue_that_a_list_with_a_warning_lacks_is_not_gone(world: World) -> None:
    """It is visible by its id. When the warning is over, it may have left the JQL."""
    world.fetch()
    assert not _is_warned(world)
    issue = world.shown()[40]
    world.jira.faults.append(_warning(world, issue.id))
    assert world.fetch().issues_gone == 0
    assert _is_warned(world)
    world.happen(issue, ("shown", False))
    assert world.fetch().issues_gone == 1
    world.jira.faults.clear()
    world.fetch()
    assert not _is_warned(world)


@pytest.mark.parametrize(("dropped", "is_warned"), [(0, False), (10, True)])
def test_a_page_that_is_not_the_last_and_has_no_token_is_compared_with_the_count(
    tmp_path: Path, database_url: str, redis_url: str, dropped: int, *, is_warned: bool
) -> None:
    """Some gateways forget to say that a page is the last. Where issues are missing, the copy says so."""

    def cut(body: dict[str, Any]) -> None:
        body["issues"] = body["issues"][: len(body["issues"]) - dropped]
        body["isLast"] = False

    with open_world(tmp_path, database_url, redis_url) as world:
        world.hurry()
        world.jira.faults.append(Fault("search/jql", faults.EVERY_TIME, damage=_edited(cut), when=_is_list))
        world.fetch()
        assert (len(world.copy()["hashes"]) < len(world.shown())) is is_warned
        assert _is_warned(world) is is_warned


# --- lists that move ------------------------------------------------------------------------------------------------


def test_an_issue_that_moves_to_an_earlier_page_is_read(tmp_path: Path, database_url: str, redis_url: str) -> None:
    """Data Center lists by offsets: where an issue of the first page is deleted, the others move forward by one."""
    with open_world(tmp_path, database_url, redis_url, flavour="datacenter") as world:
        world.hurry()
        world.jira.site.bounds = replace(world.jira.site.bounds, page_of_search=10)
        first = min(world.shown(), key=lambda issue: issue.born)

        def delete(answer: Response) -> Response:
            first.shown = False
            world.jira.site.renew()
            return answer

        world.jira.faults.append(Fault("search", 1, damage=delete, when=_is_list))
        world.fetch()
        assert set(world.copy()["hashes"]) == {str(issue.id) for issue in world.shown()}
        assert world.copy() == fresh_copy(world, tmp_path / "other", redis_url)


@pytest.mark.parametrize("place", [0, 25, -1])
@pytest.mark.parametrize("status", [500, 413])
def test_an_issue_that_cannot_be_listed_is_the_only_one_missing(
    tmp_path: Path, database_url: str, redis_url: str, place: int, status: int
) -> None:
    """Data Center cannot return a page of its list that has this issue; it is counted as not shown."""
    with open_world(tmp_path, database_url, redis_url, flavour="datacenter") as world:
        world.hurry()
        order = sorted(world.shown(), key=lambda issue: (issue.born, issue.id))
        number = range(len(order))[place]

        def has_it(asked: Any) -> bool:
            start = asked.get("startAt", -1)
            return _is_list(asked) and start <= number < start + asked["maxResults"]

        world.jira.faults.append(Fault("search", faults.EVERY_TIME, instead=refusal(status, "Odd"), when=has_it))
        assert world.fetch().api_calls_made < 60
        assert set(world.copy()["hashes"]) == {str(issue.id) for issue in order} - {str(order[number].id)}
        with world.current.reads() as session:
            cache = caches.find(session, NAME)
        assert cache is not None
        assert (cache.cursor.unshown, cache.cursor.sizes) == (1, {})


def test_a_list_that_no_size_makes_answerable_fails_the_fetch_soon(
    tmp_path: Path, database_url: str, redis_url: str
) -> None:
    """Jira answers other questions. The place behind is not answered either, so it is not one issue."""
    with open_world(tmp_path, database_url, redis_url, flavour="datacenter") as world:
        world.hurry()
        world.jira.faults.append(Fault("search", faults.EVERY_TIME, instead=refusal(504, "Late"), when=_is_list))
        run = world.request()
        with pytest.raises(UnansweredError, match="answered 504 each time"):
            work(world.current, run)
        assert len(world.jira.log) < 60


# --- logins and lists that a number needs ---------------------------------------------------------------------------


class Dropping(Jira):
    """A Jira behind a proxy that drops the login of reads by id once issues were listed, and shows no sign of it."""

    drops = False

    def handle(self, request: Request) -> Response:
        """Answer a request as the proxy forwards it."""
        is_list = b'"jql"' in request.body and b"id in (" not in request.body
        if self.drops and not is_list:
            request = replace(request, headers={k: v for k, v in request.headers.items() if k != "Authorization"})
        answer = super().handle(request)
        self.drops = self.drops or is_list
        return replace(answer, headers={k: v for k, v in answer.headers.items() if k != "X-AUSERNAME"})


def test_a_login_that_is_dropped_during_a_first_fetch_is_detected(
    flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    """Private issues are listed, and not returned; the copy would be that of a smaller Jira."""
    site = generate(7, 24, NOW - timedelta(weeks=12), flavour=flavour, per_week=1)
    site.private_projects.add("OPS")
    jira = Dropping(site, Clock(NOW), anonymous=True)
    with open_world(tmp_path, database_url, redis_url, flavour=flavour, jira=jira) as world:
        world.hurry()
        world.profile(jql="issuetype is not EMPTY")
        with pytest.raises(LoginError, match=r"refused the login \(401"):
            work(world.current, world.request())


def test_versions_that_are_refused_as_a_login_are_closed_if_others_are_readable(world: World) -> None:
    """One project costs itself. If no project is readable, a scope is missing or the login is lost."""
    world.fetch()
    projects = sorted({issue.fields["project"]["id"] for issue in world.shown()})
    unauthorized = refusal(401, "Unauthorized")
    world.jira.faults.append(
        Fault("/versions", faults.EVERY_TIME, instead=unauthorized, when=lambda asked: asked["project"] == projects[0])
    )
    world.fetch()
    with world.current.reads() as session:
        assert list(quality.project_findings(session, NAME).values()) == [quality.VERSIONS_REFUSED]
    world.jira.faults[:] = [Fault("/versions", faults.EVERY_TIME, instead=unauthorized)]
    run = world.request()
    with pytest.raises(LoginError, match=r"versions refused the login \(401: Unauthorized"):
        work(world.current, run)


def test_an_empty_list_of_statuses_is_not_stored(world: World) -> None:
    """Each status would count as active."""
    world.fetch()
    before = world.copy()
    world.jira.faults.append(Fault("/status", faults.EVERY_TIME, damage=lambda answer: replace(answer, body=b"[]")))
    run = world.request()
    with pytest.raises(AnswerError, match="an empty list of statuses"):
        work(world.current, run)
    assert world.copy() == before


@pytest.mark.parametrize("status", [400, 405, 500])
def test_a_server_info_that_fails_is_not_needed_if_the_flavour_is_configured(world: World, status: int) -> None:
    """Jira answers other requests, and their header has the time. Without a flavour the failure is reported."""
    world.jira.faults.append(Fault("serverInfo", faults.EVERY_TIME, instead=refusal(status, "Odd")))
    run = world.request()
    with pytest.raises(FlowbeatError, match=r"set flavour of connection 'sandbox'|answered 500"):
        work(world.current, run)
    world.end(run)
    world.connection(flavour=world.jira.site.flavour)
    assert world.fetch().issues_changed == len(world.shown())
