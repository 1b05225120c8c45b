"""What `refresh --dry-run` estimates, beside what the refresh then costs."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fetch_world import NAME, World, open_world

from models.records import RunOptions
from models.store import runs
from sandbox import faults, living
from sandbox.shapes import Flavour
from tasks.fetch.estimate import Estimate, estimate

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
PROJECTS = 2
MOST_SPENT = 5


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Jira of 700 issues that only the test changes; nothing was fetched."""
    with open_world(tmp_path, database_url, redis_url, flavour=flavour, issues=700) as opened:
        opened.connection(concurrency=8)
        opened.shown()
        opened.jira.site._due.clear()
        opened.clock.advance(timedelta(days=1))
        opened.shown()
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
def test_a_refresh_costs_what_was_estimated(world: World, changed: int) -> None:
    """What the overlap touches again is counted as changed, so the estimate may be too high by a few."""
    world.fetch()
    world.clock.advance(timedelta(hours=1))
    for issue in world.shown()[:changed]:
        living.edit(world.jira.site, issue, "summary", "Changed", world.clock())
    world.clock.advance(timedelta(minutes=1))
    world.shown()
    before = estimated(world)
    world.fetch()
    assert (before.kind, before.projects) == ("incremental", PROJECTS)
    assert changed <= before.read <= changed + 5
    assert abs(before.requests - len(world.jira.log)) <= 2


@pytest.mark.parametrize("options", [RunOptions(full=True), RunOptions(verify=True)])
def test_a_fetch_that_reads_everything_costs_what_was_estimated(world: World, options: RunOptions) -> None:
    """With the options of the command."""
    world.fetch()
    world.clock.advance(timedelta(hours=1))
    before = estimated(world, options)
    world.fetch(full=options.full, verify=options.verify)
    assert before.kind == ("full" if options.full else "verify")
    assert abs(before.requests - len(world.jira.log)) <= 1


def test_the_audit_of_changelogs_is_in_the_estimate(world: World) -> None:
    """After a week every open issue is due: one request on Cloud, one for each fifty on Data Center."""
    world.fetch()
    at_once = estimated(world).requests
    world.clock.advance(timedelta(days=8))
    world.shown()
    before = estimated(world)
    world.fetch()
    assert before.requests > at_once
    assert abs(before.requests - len(world.jira.log)) <= 2


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
