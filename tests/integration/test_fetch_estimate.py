"""What `refresh --dry-run` estimates, beside what the refresh then costs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fetch_world import NAME, World, begun_world

from models.records import RunOptions
from models.store import runs
from sandbox import faults, living
from sandbox.shapes import Flavour
from tasks.fetch.estimate import Estimate, estimate

pytestmark = pytest.mark.xdist_group("fetch estimate")  # one process makes what all tests here read

PROJECTS = 2
MOST_SPENT = 5


def _begin(world: World) -> None:
    """Let only the test change Jira."""
    world.connection(concurrency=8)
    world.shown()
    world.jira.site._due.clear()
    world.clock.advance(timedelta(days=1))
    world.shown()


def _fetch(world: World) -> None:
    """Fetch it too."""
    _begin(world)
    world.fetch()


@contextmanager
def _opened(flavour: Flavour, folder: Path, redis_url: str, begin: Callable[[World], None]) -> Iterator[World]:
    with begun_world(folder, f"sqlite:///{folder}/flowbeat.db", redis_url, begin, flavour=flavour, issues=700) as world:
        world.connection(concurrency=8)
        yield world


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, redis_url: str) -> Iterator[World]:
    """Yield a Jira of 700 issues that only the test changes; nothing was fetched."""
    with _opened(flavour, tmp_path, redis_url, _begin) as opened:
        yield opened


@pytest.fixture
def fetched(flavour: Flavour, tmp_path: Path, redis_url: str) -> Iterator[World]:
    """Yield the same Jira after a fetch."""
    with _opened(flavour, tmp_path, redis_url, _fetch) as opened:
        yield opened


def estimated(world: World, options: RunOptions | None = None) -> Estimate:
    """Return the estimate, which tells what it spent and leaves no run behind."""
    world.jira.log.clear()
    answer = estimate(world.current, NAME, options or RunOptions())
    assert answer.spent == len(world.jira.log) <= MOST_SPENT
    assert all("bulkfetch" not in seen.endpoint for seen in world.jira.log)
    with world.current.reads() as session:
        assert runs.live(session) == []
    return answer


def test_a_first_copy_costs_what_was_estimated_beside_its_projects(world: World) -> None:
    """Before the first copy nothing says how many projects the JQL has."""
    before, number = estimated(world), len(world.shown())
    world.fetch()
    assert (before.kind, before.issues, before.read, before.projects) == ("full", number, number, None)
    assert abs(before.requests + PROJECTS - len(world.jira.log)) <= 1


@pytest.mark.parametrize("changed", [0, 40, 600])
def test_a_refresh_costs_what_was_estimated(fetched: World, changed: int) -> None:
    """What the overlap touches again is counted as changed, so the estimate may be too high by a few."""
    fetched.clock.advance(timedelta(hours=1))
    for issue in fetched.shown()[:changed]:
        living.edit(fetched.jira.site, issue, "summary", "Changed", fetched.clock())
    fetched.clock.advance(timedelta(minutes=1))
    fetched.shown()
    before = estimated(fetched)
    fetched.fetch()
    assert (before.kind, before.projects) == ("incremental", PROJECTS)
    assert changed <= before.read <= changed + 5
    assert abs(before.requests - len(fetched.jira.log)) <= 2


@pytest.mark.parametrize("options", [RunOptions(full=True), RunOptions(verify=True)])
def test_a_fetch_that_reads_everything_costs_what_was_estimated(fetched: World, options: RunOptions) -> None:
    """With the options of the command."""
    fetched.clock.advance(timedelta(hours=1))
    before = estimated(fetched, options)
    fetched.fetch(full=options.full, verify=options.verify)
    assert before.kind == ("full" if options.full else "verify")
    assert abs(before.requests - len(fetched.jira.log)) <= 1


def test_the_audit_of_changelogs_is_in_the_estimate(fetched: World) -> None:
    """After a week every open issue is due: one request on Cloud, one for each fifty on Data Center."""
    at_once = estimated(fetched).requests
    fetched.clock.advance(timedelta(days=8))
    fetched.shown()
    before = estimated(fetched)
    fetched.fetch()
    assert before.requests > at_once
    assert abs(before.requests - len(fetched.jira.log)) <= 2


def test_a_site_that_refuses_the_list_costs_what_reading_all_whole_costs(world: World) -> None:
    """The refused count is one of the requests that were spent."""
    world.jira.faults.append(faults.refused_jql("issueLinkType"))
    before = estimated(world)
    assert before.multi_valued is None
    world.fetch()
    assert abs(before.requests + PROJECTS - len(world.jira.log)) <= 4


def test_seconds_are_at_least_what_the_limit_makes_of_the_requests(world: World) -> None:
    """Ten requests at once, then one a second."""
    world.connection(requests=10, per_seconds=10.0)
    before = estimated(world)
    assert before.seconds >= before.requests - 10
    world.current.redis.flushall()
    world.connection(requests=10_000, per_seconds=1.0)
    assert estimated(world).seconds < max(before.requests - 10, 1) + 5


def test_an_estimate_of_a_smaller_page_counts_more_requests(world: World) -> None:
    """What a site was found to answer for is in the estimate."""
    before = estimated(world)
    world.current.pages = replace(world.current.pages, whole=50, plain=100)
    assert estimated(world).requests > before.requests or world.jira.site.flavour == "datacenter"
