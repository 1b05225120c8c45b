"""A refusal, a broken connection or a gap in an answer that is meant for one issue costs only this issue."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fetch_world import NAME, World, fresh_copy, open_world, unread_world

from models.store import quality
from sandbox import faults
from sandbox.faults import Fault, asked_ids
from sandbox.shapes import Flavour
from sandbox.wire import Response, refusal
from tasks.fetch.task import work
from worker import runtime
from worker.errors import FatalError

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
PAGE = Response(200, b"<html><head><title>Request blocked</title></head></html>", {"Content-Type": "text/html"})
BUSY = replace(refusal(503, "Upstream"), headers={"Retry-After": "0.01"})
KINDS: dict[str, Response] = {
    **{str(status): refusal(status, "Odd") for status in (400, 401, 403, 404, 408, 410, 422, 425, 501)},
    "a page": PAGE,
    "a redirect": Response(302, b"", {"Location": "https://sso.acme.example/x"}),
    "503 with a wait": BUSY,
}


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Jira of about sixty issues that was not fetched, and that only the test changes."""
    with unread_world(tmp_path, database_url, redis_url, flavour=flavour) as opened:
        yield opened
        runtime.forget()


@pytest.fixture
def cloud(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a `world` of Jira Cloud."""
    with unread_world(tmp_path, database_url, redis_url) as opened:
        yield opened
        runtime.forget()


def _instead(number: int, answer: Response, endpoint: str = "") -> Fault:
    return Fault(endpoint, faults.EVERY_TIME, instead=answer, when=lambda asked: str(number) in asked_ids(asked))


def _damaged(number: int, change: Callable[[Response], Response], times: int = faults.EVERY_TIME) -> Fault:
    return Fault("", times, damage=change, when=lambda asked: str(number) in asked_ids(asked))


def _without(number: int) -> Callable[[Response], Response]:
    """Return a damage that leaves an issue out of answers with whole issues, and says nothing about it."""

    def damage(answer: Response) -> Response:
        body: dict[str, Any] = json.loads(answer.body)
        if not any("project" in issue.get("fields", ()) for issue in body.get("issues", ())):
            return answer
        body["issues"] = [issue for issue in body["issues"] if issue["id"] != str(number)]
        return replace(answer, body=json.dumps(body).encode())

    return damage


def _findings(world: World) -> dict[str, list[str]]:
    with world.current.reads() as session:
        return quality.keys_with_findings(session, NAME)


def _others(world: World, bad: int) -> set[str]:
    return {str(issue.id) for issue in world.shown()} - {str(bad)}


# --- answers that are meant for one issue ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_an_issue_whose_batch_is_refused_is_the_only_one_missing(world: World, kind: str) -> None:
    """A firewall blocks its text, a security level refuses it, a server has no time for it."""
    bad = world.shown()[40].id
    world.jira.faults.append(_instead(bad, KINDS[kind]))
    assert world.fetch().api_calls_made < 60
    assert set(world.copy()["hashes"]) == _others(world, bad)
    assert _findings(world) == {"unreadable_issue": [f"id {bad}, never read"]}


def test_an_issue_for_which_the_connection_breaks_is_the_only_one_missing(world: World) -> None:
    """A gateway resets the connection when the server behind it dies."""
    bad = world.shown()[40].id
    world.jira.faults.append(_damaged(bad, lambda answer: replace(answer, is_reset=True)))
    assert world.fetch().api_calls_made < 60
    assert set(world.copy()["hashes"]) == _others(world, bad)
    assert _findings(world) == {"unreadable_issue": [f"id {bad}, never read"]}


@pytest.mark.parametrize("kind", ["403", "404", "408", "a page"])
@pytest.mark.parametrize("verify", [False, True])
def test_a_stored_issue_that_is_refused_is_kept(world: World, kind: str, *, verify: bool) -> None:
    """In a refresh that reads it again, and in a verification."""
    world.fetch()
    issue = world.shown()[40]
    world.happen(issue, ("summary", "Changed"))
    world.jira.faults.append(_instead(issue.id, KINDS[kind]))
    operation = world.fetch(verify=verify)
    assert (operation.issues_gone, operation.issues_differed) == (0, 0)
    assert set(world.copy()["hashes"]) == {str(issue.id) for issue in world.shown()}
    assert _findings(world) == {"unreadable_issue": [issue.key]}
    world.jira.faults.clear()
    assert world.fetch().issues_changed == 1


@pytest.mark.parametrize("kind", ["401", "403", "404", "a page"])
def test_an_issue_whose_history_is_refused_is_the_only_one_missing(cloud: World, kind: str) -> None:
    """The issue itself is returned."""
    bad = cloud.shown()[40].id
    cloud.jira.faults.append(_instead(bad, KINDS[kind], "changelog/bulkfetch"))
    cloud.fetch()
    assert set(cloud.copy()["hashes"]) == _others(cloud, bad)
    assert _findings(cloud) == {"unreadable_issue": [f"id {bad}, never read"]}


@pytest.mark.parametrize("kind", ["400", "401", "403", "a page"])
def test_an_anonymous_reader_misses_only_the_issue_whose_history_is_refused(cloud: World, kind: str) -> None:
    """It reads the histories one by one."""
    cloud.connection(email=None, token_file=None)
    cloud.jira.anonymous = True
    bad = cloud.shown()[40].id
    cloud.jira.faults.append(_instead(bad, KINDS[kind], "issue/{issue}/changelog"))
    cloud.fetch()
    assert set(cloud.copy()["hashes"]) == _others(cloud, bad)
    assert _findings(cloud) == {"unreadable_issue": [f"id {bad}, never read"]}


def test_a_jira_that_returns_none_of_its_issues_is_not_an_empty_one(
    flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    """A copy without an issue would show zeros, however few issues there should be."""
    with open_world(tmp_path, database_url, redis_url, flavour=flavour, issues=6) as world:
        world.hurry()
        bad = [issue.id for issue in world.shown()]
        assert len(bad) <= 20
        world.jira.faults.append(faults.poisoned(*bad))
        run = world.request()
        with pytest.raises(FatalError, match=f"lists {len(bad)} issues and returns none of them"):
            work(world.current, run)
        world.end(run)
        world.jira.faults.clear()
        assert world.fetch().issues_changed == len(bad)


# --- answers with a gap ---------------------------------------------------------------------------------------------


def test_an_issue_that_is_listed_and_never_returned_is_named(world: World) -> None:
    """Jira does not say that it left the issue out. Each fetch asks for it again."""
    bad = world.shown()[40].id
    world.jira.faults.append(_damaged(bad, _without(bad)))
    for _ in range(2):
        world.fetch()
        assert set(world.copy()["hashes"]) == _others(world, bad)
        assert _findings(world) == {"unreadable_issue": [f"id {bad}, never read"]}
    world.jira.faults.clear()
    assert world.fetch().issues_changed == 1
    assert _findings(world) == {}


def test_an_issue_that_is_left_out_once_is_read(world: World, tmp_path: Path, redis_url: str) -> None:
    """It is read when it is looked at again."""
    bad = world.shown()[40].id
    world.jira.faults.append(_damaged(bad, _without(bad), times=1))
    world.fetch()
    assert world.copy() == fresh_copy(world, tmp_path / "other", redis_url)
    assert _findings(world) == {}


def test_a_change_that_is_listed_and_not_returned_is_read_later(world: World) -> None:
    """The watermark passes it, so the copy would keep the old text for ever."""
    world.fetch()
    issue = world.shown()[40]
    world.happen(issue, ("summary", "Changed"))
    world.jira.faults.append(_damaged(issue.id, _without(issue.id)))
    world.fetch()
    assert _findings(world) == {"unreadable_issue": [issue.key]}
    world.jira.faults.clear()
    world.clock.advance(timedelta(days=2))
    world.happen(world.shown()[50], ("summary", "Moves the watermark on"))
    assert world.fetch().issues_changed == 2
    assert {entry.summary for entry in world.copy()["issues"] if entry.key == issue.key} == {"Changed"}


def test_an_issue_that_is_deleted_while_it_is_read_is_not_named(world: World) -> None:
    """It is listed, and gone when its batch is requested; it is not looked for any longer."""
    issue = world.shown()[40]
    world.jira.faults.append(_damaged(issue.id, lambda answer: _deleting(world, issue, answer), times=1))
    world.fetch()
    assert str(issue.id) not in world.copy()["hashes"]
    assert _findings(world) == {}


def _deleting(world: World, issue: Any, answer: Response) -> Response:
    body: dict[str, Any] = json.loads(answer.body)
    body["issues"] = [entry for entry in body["issues"] if entry["id"] != str(issue.id)]
    issue.shown = False
    world.jira.site.renew()
    return replace(answer, body=json.dumps(body).encode())
