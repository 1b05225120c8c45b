"""Batches that Jira cannot answer are halved, down to a single unreadable issue, which is tried again."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fetch_world import NAME, World, fresh_copy, open_world

from models.store import caches, quality
from sandbox import faults
from sandbox.faults import Fault
from sandbox.shapes import Flavour
from sandbox.wire import Response, refusal
from tasks.fetch import task
from tasks.fetch.task import work
from worker import runtime
from worker.errors import FatalError, RetryableError, UnansweredError
from worker.settings import ChangelogAudit

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
BATCHES = {"cloud": "issue/bulkfetch", "datacenter": "search"}


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Jira of about sixty issues that was not fetched, and that only the test changes."""
    with open_world(tmp_path, database_url, redis_url, flavour=flavour) as opened:
        opened.hurry()
        opened.shown()
        opened.jira.site._due.clear()
        yield opened
        runtime.forget()


@pytest.fixture
def cloud(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a `world` of Jira Cloud."""
    with open_world(tmp_path, database_url, redis_url) as opened:
        opened.hurry()
        opened.shown()
        opened.jira.site._due.clear()
        yield opened


def _bad(world: World, *places: int) -> list[int]:
    return [world.shown()[place].id for place in places]


def _findings(world: World) -> dict[str, list[str]]:
    with world.current.reads() as session:
        return quality.keys_with_findings(session, NAME)


def _sizes(world: World, endpoint: str) -> list[int]:
    """Return the number of issues of each batch, without the control requests."""
    named = [faults.asked_ids(seen.asked) for seen in world.jira.log if endpoint in seen.endpoint]
    return [len(ids) for ids in named if ids and ids != ["0"]]


def _others(world: World, *bad: int) -> set[str]:
    return {str(issue.id) for issue in world.shown()} - {str(number) for number in bad}


# --- one issue -------------------------------------------------------------------------------------------------------

KINDS: dict[str, Callable[[int], Fault]] = {
    "500": faults.poisoned,
    "504": lambda number: faults.poisoned(number, status=504),
    "503 without a wait": lambda number: faults.poisoned(number, status=503),
    "400": lambda number: faults.poisoned(number, status=400),
    "413": lambda number: faults.poisoned(number, status=413),
    "cut off": faults.poisoned_cut,
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_issue_that_jira_cannot_return_is_the_only_one_missing(world: World, kind: str) -> None:
    """It is named by its id, because it was never stored; few requests are enough to find it."""
    (bad,) = _bad(world, 40)
    world.jira.faults.append(KINDS[kind](bad))
    operation = world.fetch()
    assert set(world.copy()["hashes"]) == _others(world, bad)
    assert _findings(world) == {"unreadable_issue": [f"id {bad}, never read"]}
    assert operation.issues_gone == 0
    assert operation.api_calls_made == len(world.jira.log) < 50


def test_an_unreadable_issue_is_read_by_the_next_fetch_that_can(world: World, tmp_path: Path, redis_url: str) -> None:
    """It is tried again although it has not changed since."""
    (bad,) = _bad(world, 40)
    world.jira.faults.append(faults.poisoned(bad))
    world.fetch()
    world.fetch()
    assert [str(bad)] in [faults.asked_ids(seen.asked) for seen in world.jira.log]
    assert _findings(world) == {"unreadable_issue": [f"id {bad}, never read"]}
    world.jira.faults.clear()
    world.fetch()
    assert world.copy() == fresh_copy(world, tmp_path / "other", redis_url)
    assert _findings(world) == {}


def test_a_stored_issue_that_becomes_unreadable_is_kept_as_it_was_read(world: World) -> None:
    """It is not gone, and the next fetch tries it again, however old its change is by then."""
    world.fetch()
    issue = world.shown()[40]
    before = world.copy()
    world.happen(issue, ("summary", "Changed, and not to be read"))
    world.jira.faults.append(faults.poisoned(issue.id))
    assert (world.fetch().issues_changed, world.fetch().issues_gone) == (0, 0)
    assert world.copy()["hashes"] == before["hashes"]
    assert _findings(world) == {"unreadable_issue": [issue.key]}
    world.clock.advance(timedelta(days=2))
    world.happen(world.shown()[50], ("summary", "Moves the watermark on"))
    world.fetch()
    world.jira.faults.clear()
    assert world.fetch().issues_changed == 1
    assert _findings(world) == {}


def test_with_two_unreadable_issues_only_two_are_missing(world: World) -> None:
    """They may be next to each other or in different batches."""
    for places in ((10, 11), (0, 50)):
        bad = _bad(world, *places)
        world.jira.faults[:] = [faults.poisoned(*bad)]
        world.fetch(full=True)
        assert len(_findings(world)["unreadable_issue"]) == 2
        assert _others(world, *bad) <= set(world.copy()["hashes"])


def test_an_issue_that_fails_sometimes_is_read(world: World, tmp_path: Path, redis_url: str) -> None:
    """Here it fails three times: twice with all other issues, once with half of them."""
    (bad,) = _bad(world, 40)
    world.jira.faults.append(faults.poisoned(bad, times=3))
    world.fetch()
    assert _findings(world) == {}
    assert world.copy() == fresh_copy(world, tmp_path / "other", redis_url)


def test_only_issues_named_in_issue_errors_are_requested_again(cloud: World) -> None:
    """The others were returned, and are kept; an issue named alone and twice is unreadable."""
    bad = _bad(cloud, 10, 40)
    cloud.jira.faults.append(faults.named_in_errors(*bad))
    cloud.fetch()
    many = len(cloud.shown())
    assert _sizes(cloud, "issue/bulkfetch") == [many, 1, 1, 1, 1]
    assert set(cloud.copy()["hashes"]) == _others(cloud, *bad)
    assert _findings(cloud) == {"unreadable_issue": [f"id {number}, never read" for number in bad]}


def test_an_issue_named_once_in_issue_errors_is_read(cloud: World, tmp_path: Path, redis_url: str) -> None:
    """Such errors are usually temporary."""
    cloud.jira.faults.append(faults.named_in_errors(*_bad(cloud, 10), times=1))
    cloud.fetch()
    assert _sizes(cloud, "issue/bulkfetch") == [len(cloud.shown()), 1]
    assert cloud.copy() == fresh_copy(cloud, tmp_path / "other", redis_url)


@pytest.mark.parametrize("kind", ["500", "cut off", "413"])
def test_an_issue_whose_history_jira_cannot_return_is_the_only_one_missing(cloud: World, kind: str) -> None:
    """An issue without its history would give wrong numbers."""
    (bad,) = _bad(cloud, 40)
    cloud.jira.faults.append(replace(KINDS[kind](bad), endpoint="changelog/bulkfetch"))
    cloud.fetch()
    assert set(cloud.copy()["hashes"]) == _others(cloud, bad)
    assert _findings(cloud) == {"unreadable_issue": [f"id {bad}, never read"]}
    assert len(cloud.jira.log) < 60


def test_an_anonymous_reader_misses_only_the_issue_whose_history_fails(cloud: World) -> None:
    """For an anonymous reader each history is a separate request."""
    (bad,) = _bad(cloud, 40)
    cloud.jira.anonymous = True
    cloud.connection(token_file=None, email=None)
    cloud.jira.faults.append(faults.poisoned(bad, endpoint="/issue/{issue}/changelog"))
    cloud.fetch()
    assert set(cloud.copy()["hashes"]) == _others(cloud, bad)
    assert _findings(cloud) == {"unreadable_issue": [f"id {bad}, never read"]}


def test_the_finding_of_an_unreadable_issue_is_removed_when_it_is_deleted(world: World) -> None:
    """An issue that Jira no longer lists has no finding."""
    issue = world.shown()[40]
    world.jira.faults.append(faults.poisoned(issue.id))
    world.fetch()
    world.happen(issue, ("shown", False))
    world.fetch()
    assert _findings(world) == {}


def test_an_issue_that_cannot_be_requested_is_not_marked_gone(world: World) -> None:
    """It is missing from the list, and may still exist; the other missing issues are gone."""
    world.profile(jql="issuetype is not EMPTY")
    world.fetch()
    left = world.shown()[20:30]
    for issue in left:
        world.happen(issue, ("shown", False), touches=False)
    unknown = left[3]
    world.jira.faults.append(faults.poisoned(unknown.id))
    assert world.fetch().issues_gone == len(left) - 1
    assert unknown.key in world.issue_keys()
    assert _findings(world) == {"unreadable_issue": [unknown.key]}
    world.jira.faults.clear()
    assert world.fetch().issues_gone == 1
    assert _findings(world) == {}


def test_an_audit_reads_all_other_histories_if_one_fails(world: World) -> None:
    """Whole issues are read instead of a batch of histories that failed; the next fetch tries the one again."""
    world.fetch()
    world.current.settings = replace(world.current.settings, changelog_audit=ChangelogAudit(every_days=0))
    (bad,) = [issue.id for issue in world.shown() if issue.fields["status"]["statusCategory"]["key"] != "done"][:1]
    world.clock.advance(timedelta(days=1))
    endpoint = "changelog/bulkfetch" if world.jira.site.flavour == "cloud" else "search"
    world.jira.faults.append(faults.poisoned(bad, endpoint=endpoint))
    assert world.fetch().issues_gone == 0
    assert list(_findings(world)) == ["unreadable_issue"]
    assert len(world.copy()["hashes"]) == len(world.shown())


# --- sizes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [413, 400, 504])
@pytest.mark.parametrize(
    ("flavour", "part"),
    [("cloud", "issues"), ("cloud", "histories"), ("datacenter", "issues")],  # which has its histories with the issues
    indirect=["flavour"],
)
def test_a_batch_size_that_is_too_large_is_reduced_stored_and_grows_again(
    world: World, tmp_path: Path, redis_url: str, part: str, status: int
) -> None:
    """The next fetch begins with the size that worked; a week later it tries twice that size."""
    endpoint = BATCHES[world.jira.site.flavour] if part == "issues" else "changelog/bulkfetch"
    world.jira.faults.append(faults.too_large(10, status=status, endpoint=endpoint))
    world.fetch()
    assert world.copy() == fresh_copy(world, tmp_path / "other", redis_url)
    assert _findings(world) == {}
    for days, largest in ((1, 10), (8, 20)):
        world.clock.advance(timedelta(days=days))
        for issue in world.shown()[:30]:
            world.happen(issue, ("summary", f"Changed after {days} days"))
        world.fetch()
        assert largest // 2 < max(_sizes(world, endpoint)) <= largest
        refused = [seen for seen in world.jira.log if seen.status == status]
        assert bool(refused) == (largest > 10)
    with world.current.reads() as session:
        cache = caches.find(session, NAME)
    assert cache is not None
    assert 5 < cache.cursor.sizes[part].size <= 10


def test_an_unreadable_issue_does_not_reduce_the_batch_size(world: World) -> None:
    """The issue would fail alone too."""
    world.jira.faults.append(faults.poisoned(*_bad(world, 40)))
    world.fetch()
    with world.current.reads() as session:
        cache = caches.find(session, NAME)
    assert cache is not None
    assert cache.cursor.sizes == {}


def _asks_for(size: int) -> Callable[[Mapping[str, object]], bool]:
    return lambda asked: asked.get("maxResults") == size


def test_a_list_page_that_is_too_large_is_requested_in_parts(world: World, tmp_path: Path, redis_url: str) -> None:
    """Jira may return fewer issues than requested, but the gateway in front of it fails."""
    for large in (5000, 1000):
        refused = refusal(413, "The answer would be too large.")
        world.jira.faults.append(Fault("search", 99, instead=refused, when=_asks_for(large)))
    world.fetch()
    assert world.copy()["hashes"]
    world.jira.faults.clear()
    assert world.copy() == fresh_copy(world, tmp_path / "other", redis_url)


# --- slices, outages, and too many -----------------------------------------------------------------------------------


def test_slices_without_time_find_the_unreadable_issue_and_repeat_no_request(world: World) -> None:
    """The cursor has the waiting groups, so no slice begins again with all of them."""
    (bad,) = _bad(world, 40)
    world.jira.faults.append(faults.poisoned(bad))
    run = world.request()
    slices = 1
    while work(world.current, world.latest(run), seconds=0) == "fetch":
        slices += 1
        assert slices < 60
    assert world.end(run).data_volume_fetched == len(_others(world, bad))
    assert set(world.copy()["hashes"]) == _others(world, bad)
    asked = [tuple(sorted(faults.asked_ids(seen.asked))) for seen in world.jira.log if seen.status == 200]
    batches = [ids for ids in asked if ids and ids != ("0",) and len(ids) > 1]
    if world.jira.site.flavour == "datacenter":
        assert len(batches) == len(set(batches))


def test_in_an_outage_the_run_waits_and_no_issue_is_unreadable(world: World) -> None:
    """The control request fails too, so it is an outage, and the run continues when it is over."""
    run = world.request()
    flavour = world.jira.site.flavour
    after = 1 if flavour == "datacenter" else 0  # the list of ids comes from the same endpoint
    world.jira.faults.append(Fault(BATCHES[flavour], 999, after=after, instead=refusal(500, "Down")))
    with pytest.raises(RetryableError):
        work(world.current, run)
    assert "unreadable" not in json.dumps(_findings(world))
    world.jira.faults.clear()
    assert work(world.current, world.latest(run)) == "facts"
    world.end(run)
    assert set(world.copy()["hashes"]) == _others(world)


def test_a_jira_that_cannot_return_most_issues_fails_the_fetch_soon(world: World) -> None:
    """A copy without most issues is useless, so the run fails after a few hundred requests; read issues are kept."""
    bad = [issue.id for issue in world.shown()[10:]]
    world.jira.faults.append(faults.poisoned(*bad))
    run = world.request()
    with pytest.raises(FatalError, match=r"could not be read.*Ask Jira's administrator"):
        work(world.current, run)
    assert len(world.jira.log) < 250


def test_a_list_that_is_wrong_each_time_fails_the_fetch_soon(world: World) -> None:
    """The list of statuses cannot be halved: an error that is the same after a pause is final."""
    world.jira.faults.append(faults.failing(500, endpoint="/status", times=99))
    runtime.adopt(world.current)
    run = world.request()
    for state in ("paused", "failed"):
        task.fetch_slice(run.run_id, run.attempt)
        assert world.latest(run).state == state
    assert "/status answered 500 each time, and answers other requests" in str(world.latest(run).error)
    assert world.jira.faults[0].hits <= 5
    assert set(world.copy()["hashes"]) == _others(world)


# --- odd lists -------------------------------------------------------------------------------------------------------


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
    assert set(cloud.copy()["hashes"]) == _others(cloud)


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
    assert set(cloud.copy()["hashes"]) == _others(cloud)
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
    assert set(cloud.copy()["hashes"]) == _others(cloud)
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
        assert set(world.copy()["hashes"]) == _others(world, *world.jira.site.veiled)
        with world.current.reads() as session:
            cache = caches.find(session, NAME)
        assert cache is not None
        if places == (-3, None):
            assert cache.cursor.unshown == 3
