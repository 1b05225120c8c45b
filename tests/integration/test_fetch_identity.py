"""Ids stay the same when keys change: a renamed project is read again, and its versions are stored once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fetch_world import NAME, World, begun_world, fresh_copy
from sqlalchemy import text

from models.store import issues
from sandbox import living
from sandbox.shapes import Flavour
from tasks.fetch.task import work

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Jira of about sixty issues that was fetched."""
    with begun_world(tmp_path, database_url, redis_url, flavour=flavour) as opened:
        yield opened


def _of_project(world: World, project: str) -> list[str]:
    return [issue.key for issue in world.copy()["issues"] if issue.project == project]


def test_a_renamed_project_is_read_again_under_its_new_key(world: World, tmp_path: Path, redis_url: str) -> None:
    """Ids and `updated` do not change; each issue is read once, and the copy is that of a full fetch."""
    renamed = len(_of_project(world, "PAY"))
    living.rename_project(world.jira.site, "PAY", "BILL")
    operation = world.fetch()
    assert (operation.kind, operation.issues_changed, operation.issues_gone) == ("incremental", renamed, 0)
    assert operation.data_volume_fetched == renamed
    assert _of_project(world, "PAY") == []
    assert all(key.startswith("BILL-") for key in _of_project(world, "BILL"))
    assert world.copy() == fresh_copy(world, tmp_path / "other", redis_url)
    assert world.fetch().data_volume_fetched == 0


def test_the_key_of_a_listed_issue_costs_no_request(world: World) -> None:
    """A page of the census has it; Cloud's lists request no field beside it, because pages would be smaller."""
    asked = [
        seen.asked["fields"] for seen in world.jira.log if "search" in seen.endpoint and "expand" not in seen.asked
    ]
    assert asked == ([["id"], ["key"]] if world.jira.site.flavour == "cloud" else [["created", "updated"]])


def test_versions_of_a_renamed_project_are_stored_once_if_an_issue_has_the_old_key(world: World) -> None:
    """The project is requested by its id, whatever keys its issues have."""
    before = {version.version_id for version in world.copy()["versions"]}
    living.rename_project(world.jira.site, "PAY", "BILL")
    run = world.request()
    while world.latest(run).cursor.get("stage") != "refresh_catalogue":
        work(world.current, world.latest(run), seconds=0)
    with world.current.sessions.begin() as session:  # as if Jira could not answer for this issue
        newest = "SELECT max(issue_id) FROM issues WHERE project = 'BILL'"
        session.execute(text(f"UPDATE issues SET key = 'PAY-1', project = 'PAY' WHERE issue_id = ({newest})"))  # noqa: S608 - constant
        assert issues.known_projects(session, NAME)["10000"] == "BILL"
    assert work(world.current, world.latest(run)) == "facts"
    world.end(run)
    assert len(_of_project(world, "PAY")) == 1
    versions = world.copy()["versions"]
    assert sorted(version.version_id for version in versions) == sorted(before)
    asked = [seen.asked for seen in world.jira.log if "versions" in seen.endpoint]
    assert len(asked) == 2


def test_a_deleted_former_key_does_not_fail_a_fetch(world: World, tmp_path: Path, redis_url: str) -> None:
    """Jira answers the old key with 404, but no request has it."""
    world.profile(jql="project in (10000, 10001)")
    living.rename_project(world.jira.site, "PAY", "BILL")
    living.forget_project_key(world.jira.site, "PAY")
    world.fetch()
    assert {seen.status for seen in world.jira.log} == {200}
    assert world.copy() == fresh_copy(world, tmp_path / "other", redis_url)


def test_a_rename_is_not_a_difference_of_the_copy(world: World) -> None:
    """`--verify` names differences that no fetch would find; every fetch compares keys."""
    living.rename_project(world.jira.site, "PAY", "BILL")
    run = world.request(verify=True)
    assert work(world.current, run) == "facts"
    assert world.latest(run).cursor["differ"] == 0
    assert _of_project(world, "PAY") == []


def test_the_most_frequent_key_of_a_project_is_its_key(world: World) -> None:
    """Issues without a project id, from an older copy, are requested by key unless an id has that key."""
    with world.current.sessions.begin() as session:
        session.execute(text("UPDATE issues SET project = 'OLD' WHERE key = 'PAY-1'"))
        session.execute(text("UPDATE issues SET project_id = NULL WHERE key = 'PAY-2'"))
        assert issues.known_projects(session, NAME) == {"10000": "PAY", "10001": "OPS"}
        session.execute(text("UPDATE issues SET project_id = NULL WHERE project = 'OPS'"))
        assert issues.known_projects(session, NAME) == {"10000": "PAY", "OPS": "OPS"}
