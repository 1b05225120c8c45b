"""Issues that are gone (deleted, hidden or outside the JQL) are confirmed, kept, and revived when they return."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fetch_world import World, begun_world
from sqlalchemy import text

from sandbox.faults import Fault
from sandbox.shapes import Flavour
from sandbox.wire import Response
from tasks.fetch.absent import HIDDEN, MOVED
from tasks.fetch.task import work
from worker.errors import FatalError

JQL = "issuetype is not EMPTY OR project is EMPTY ORDER BY created DESC"
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Jira of about sixty issues that was fetched."""
    with begun_world(tmp_path, database_url, redis_url, _fetched, flavour=flavour) as opened:
        opened.profile(jql=JQL)
        yield opened


def _fetched(world: World) -> None:
    world.profile(jql=JQL)
    world.fetch()


def _reasons(world: World) -> dict[str, str]:
    with world.current.engine.connect() as connection:
        rows = connection.execute(text("SELECT key, gone_reason FROM issues WHERE gone_at IS NOT NULL")).all()
    return dict(tuple(row) for row in rows)


def test_an_issue_that_is_hidden_is_gone_with_its_reason(world: World) -> None:
    """Jira does not say whether an issue was deleted or hidden, so there is one reason for both."""
    issue = world.shown()[5]
    world.happen(issue, ("shown", False))
    operation = world.fetch()
    assert operation.issues_gone == 1
    assert _reasons(world) == {issue.key: HIDDEN}
    assert issue.key not in world.issue_keys()


def test_an_issue_that_left_the_jql_is_gone_with_another_reason(world: World) -> None:
    """Jira returns it by its id, but no longer for the JQL."""
    world.profile(jql="issuetype != Bug")
    before = world.fetch()
    assert before.issues_gone > 0
    assert set(_reasons(world).values()) == {MOVED}


def test_a_gone_issue_that_returns_is_revived_completely(world: World) -> None:
    """It is revived with its history, changed or not."""
    issue = world.shown()[5]
    before = world.copy()
    world.happen(issue, ("shown", False), touches=False)
    world.fetch()
    world.happen(issue, ("shown", True), touches=False)
    operation = world.fetch()
    assert (operation.issues_changed, operation.issues_gone) == (1, 0)
    assert _reasons(world) == {}
    assert world.copy() == before


def test_a_moved_issue_keeps_its_row_under_its_new_key(world: World) -> None:
    """An issue is identified by its numeric id."""
    issue = next(candidate for candidate in world.shown() if candidate.key.startswith("PAY"))
    project = next(candidate for candidate in world.jira.site.catalogue.projects if candidate["key"] == "OPS")
    count = len(world.issue_keys())
    old = issue.key
    world.happen(issue, ("key", "OPS-9999"), ("project", project))
    operation = world.fetch()
    assert (operation.issues_changed, operation.issues_gone) == (1, 0)
    assert "OPS-9999" in world.issue_keys()
    assert old not in world.issue_keys()
    assert len(world.issue_keys()) == count


def test_more_than_half_hidden_is_refused_and_nothing_is_marked(world: World) -> None:
    """A lost permission must not mark most of a copy as gone."""
    before = world.copy()
    world.jira.site.closed_projects.add("PAY")
    world.jira.site.renew()
    run = world.request()
    with pytest.raises(FatalError, match=r"no longer visible.*refresh payments --full"):
        work(world.current, run)
    assert world.copy() == before
    world.end(run)
    world.jira.site.closed_projects.clear()
    world.jira.site.renew()
    assert world.fetch().issues_gone == 0


def test_more_than_half_hidden_are_marked_with_full(world: World) -> None:
    """`--full` confirms that they are gone."""
    world.jira.site.closed_projects.add("PAY")
    world.jira.site.renew()
    operation = world.fetch(full=True)
    assert operation.issues_gone > 20
    assert {key.partition("-")[0] for key in world.issue_keys()} == {"OPS"}


def test_many_issues_that_only_left_the_jql_are_not_refused(world: World) -> None:
    """Jira returns them by id, so no permission was lost."""
    world.profile(jql="project = OPS")
    operation = world.fetch()
    assert operation.issues_gone > 20
    assert set(_reasons(world).values()) == {MOVED}


def test_an_issue_that_a_list_missed_is_read_and_kept(world: World) -> None:
    """An issue missing from a page that shifted is not gone: it is requested by id, and returned."""
    issue = world.shown()[5]
    world.happen(issue, ("summary", "Edited while the page shifted"))
    world.jira.faults.append(_leaving_out(issue.id, world.jira.site.flavour))
    operation = world.fetch()
    assert world.jira.faults[0].hits == 1
    assert operation.issues_gone == 0
    assert next(row for row in world.copy()["issues"] if row.key == issue.key).summary == issue.fields["summary"]


def _leaving_out(number: int, flavour: str) -> Fault:
    """Return a fault that omits one issue from the census, once."""

    def damage(answer: Response) -> Response:
        body = json.loads(answer.body)
        body["issues"] = [listed for listed in body["issues"] if listed["id"] != str(number)]
        if "total" in body:
            body["total"] -= 1
        return replace(answer, body=json.dumps(body).encode())

    return Fault("search", after=1 if flavour == "cloud" else 0, damage=damage)
