"""Batches that Jira cannot answer are halved, down to a single unreadable issue, which is tried again."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fetch_world import NAME, World, all_but, fresh_copy, unread_world

from models.store import caches, quality
from sandbox import faults
from sandbox.faults import Fault
from sandbox.shapes import Flavour
from sandbox.wire import refusal
from tasks.fetch import task
from tasks.fetch.task import work
from worker import runtime
from worker.errors import FatalError, RetryableError
from worker.settings import ChangelogAudit

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
BATCHES = {"cloud": "issue/bulkfetch", "datacenter": "search"}


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


def _bad(world: World, *places: int) -> list[int]:
    return [world.shown()[place].id for place in places]


def _findings(world: World) -> dict[str, list[str]]:
    with world.current.reads() as session:
        return quality.keys_with_findings(session, NAME)


def _sizes(world: World, endpoint: str) -> list[int]:
    """Return the number of issues of each batch, without the control requests."""
    named = [faults.asked_ids(seen.asked) for seen in world.jira.log if endpoint in seen.endpoint]
    return [len(ids) for ids in named if ids and ids != ["0"]]


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
    assert set(world.copy()["hashes"]) == all_but(world, bad)
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
        assert all_but(world, *bad) <= set(world.copy()["hashes"])


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
    assert set(cloud.copy()["hashes"]) == all_but(cloud, *bad)
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
    assert set(cloud.copy()["hashes"]) == all_but(cloud, bad)
    assert _findings(cloud) == {"unreadable_issue": [f"id {bad}, never read"]}
    assert len(cloud.jira.log) < 60


def test_an_anonymous_reader_misses_only_the_issue_whose_history_fails(cloud: World) -> None:
    """For an anonymous reader each history is a separate request."""
    (bad,) = _bad(cloud, 40)
    cloud.jira.anonymous = True
    cloud.connection(token_file=None, email=None)
    cloud.jira.faults.append(faults.poisoned(bad, endpoint="/issue/{issue}/changelog"))
    cloud.fetch()
    assert set(cloud.copy()["hashes"]) == all_but(cloud, bad)
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
    assert world.end(run).data_volume_fetched == len(all_but(world, bad))
    assert set(world.copy()["hashes"]) == all_but(world, bad)
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
    assert set(world.copy()["hashes"]) == all_but(world)


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
    assert set(world.copy()["hashes"]) == all_but(world)
