"""Lists of issues that contradict themselves: read to their end, or refused soon."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fetch_world import NAME, World, all_but, fresh_copy, open_world, unread_world

from models.store import caches
from sandbox import faults
from sandbox.faults import Fault
from sandbox.wire import Response
from tasks.fetch.task import work
from worker.errors import UnansweredError

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def cloud(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a `world` of Jira Cloud."""
    with unread_world(tmp_path, database_url, redis_url) as opened:
        yield opened


def test_pages_of_only_hidden_issues_are_followed(cloud: World, tmp_path: Path, redis_url: str) -> None:
    """An empty page with a token is not the end."""
    cloud.jira.site.bounds = replace(cloud.jira.site.bounds, page_of_ids=5, page_with_fields=5)
    visible = cloud.shown()
    cloud.jira.site.veiled = {issue.id for issue in (*visible[:10], *visible[20:35])}
    cloud.jira.site.forget()
    cloud.fetch()
    assert len(cloud.copy()["hashes"]) == len(visible) - 25
    assert cloud.copy() == fresh_copy(cloud, tmp_path / "other", redis_url)


def test_a_page_that_says_it_is_the_last_and_has_a_token_is_followed(cloud: World) -> None:
    """The page contradicts itself; the token leads to more issues."""
    cloud.jira.site.bounds = replace(cloud.jira.site.bounds, page_of_ids=5, page_with_fields=5)
    cloud.jira.faults.append(faults.contradicting_end(endpoint="search"))
    cloud.fetch()
    assert set(cloud.copy()["hashes"]) == all_but(cloud)


def test_a_last_page_whose_token_is_refused_is_the_last(cloud: World) -> None:
    """Both the page and the refusal say so: of the list of issues with multi-valued fields, and of the census."""

    def end(answer: Response) -> Response:
        body = json.loads(answer.body)
        if "isLast" not in body or "nextPageToken" in body:
            return answer
        return replace(answer, body=json.dumps({**body, "nextPageToken": "leads nowhere"}).encode())

    cloud.jira.site.bounds = replace(cloud.jira.site.bounds, page_of_ids=25, page_with_fields=5)
    cloud.jira.faults.append(Fault("search", 99, damage=end))
    assert cloud.fetch().state == "completed"
    assert set(cloud.copy()["hashes"]) == all_but(cloud)
    assert [seen.status for seen in cloud.jira.log if "search" in seen.endpoint].count(400) == 2


@pytest.mark.parametrize("leads", ["back", "nowhere"])
def test_a_token_after_the_last_issue_is_the_end_if_the_count_is_reached(cloud: World, leads: str) -> None:
    """Every page has a token; Jira's own count says that no issue can follow."""

    def add_token(answer: Response) -> Response:
        body = json.loads(answer.body)
        if "isLast" not in body:
            return answer
        return replace(answer, body=json.dumps({**body, "isLast": False, "nextPageToken": "again"}).encode())

    token = "again" if leads == "back" else ""
    whole = Fault("search/jql", 99, when=lambda asked: asked.get("nextPageToken") == token, damage=_first_page(cloud))
    cloud.jira.faults += [whole, Fault("search/jql", 99, damage=add_token)]
    assert cloud.fetch().state == "completed"
    assert set(cloud.copy()["hashes"]) == all_but(cloud)
    assert len(cloud.jira.log) < 20


def _first_page(world: World) -> Callable[[Response], Response]:
    """Return a function that replaces every page by the first one."""
    issues = [{"id": str(issue.id), "key": issue.key} for issue in world.shown()]
    body = json.dumps({"issues": issues, "isLast": False, "nextPageToken": "again"}).encode()
    return lambda answer: replace(answer, status=200, body=body)


def test_tokens_that_lead_in_a_circle_fail_the_fetch_soon(cloud: World) -> None:
    """The list is restarted a few times; then the error says what Jira did."""
    cloud.jira.site.bounds = replace(cloud.jira.site.bounds, page_of_ids=5, page_with_fields=5)
    fault = faults.repeated_token(endpoint="search", times=9999)
    fault.when = lambda asked: "issueLinkType" not in asked["jql"]
    cloud.jira.faults.append(fault)
    run = cloud.request()
    with pytest.raises(UnansweredError, match="repeated a page token"):
        work(cloud.current, run)
    assert len(cloud.jira.log) < 60


@pytest.mark.parametrize("places", [(-3, None), (0, 3), (20, 45)], ids=["at the end", "first", "in the middle"])
def test_a_total_that_counts_hidden_issues_ends_with_a_note(
    tmp_path: Path, database_url: str, redis_url: str, places: tuple[int, int | None]
) -> None:
    """Every page is read; the number of issues counted but not returned is stored with the copy."""
    with open_world(tmp_path, database_url, redis_url, flavour="datacenter") as world:
        world.hurry()
        world.jira.site.bounds = replace(world.jira.site.bounds, page_of_search=10)
        by_creation = sorted(world.shown(), key=lambda issue: issue.born)
        world.jira.site.veiled = {issue.id for issue in by_creation[slice(*places)]}
        world.jira.site.forget()
        world.fetch()
        assert set(world.copy()["hashes"]) == all_but(world, *world.jira.site.veiled)
        with world.current.reads() as session:
            cache = caches.find(session, NAME)
        assert cache is not None
        if places == (-3, None):
            assert cache.cursor.unshown == 3
