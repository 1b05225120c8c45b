"""Versions that the account may not read, or that Jira cannot return, are a finding and do not fail a refresh."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import console_world
import pytest
from fetch_world import NAME, World, begun_world, fresh_copy

from console.check import versions
from models.records import Rules
from models.store import caches, quality
from sandbox import faults
from sandbox.server import Options, build, running
from sandbox.shapes import Flavour
from tasks.fetch.task import work
from worker.errors import FatalError
from worker.jira.faults import LoginError

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
PAY = "10000"


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Jira of about sixty issues in two projects that was fetched."""
    with begun_world(tmp_path, database_url, redis_url, flavour=flavour) as opened:
        opened.hurry()
        yield opened


def _of(world: World, project: str) -> list[str]:
    return [version.version_id for version in world.copy()["versions"] if version.project == project]


def _findings(world: World) -> dict[str, str]:
    with world.current.reads() as session:
        return quality.project_findings(session, NAME)


@on_sqlite
@pytest.mark.parametrize("status", [403, 404])
def test_closed_versions_are_a_finding_and_are_removed(
    world: World, tmp_path: Path, redis_url: str, status: int
) -> None:
    """Versions of the other project and all issues are kept; one more request checks the login."""
    others = _of(world, "OPS")
    world.fetch()
    requests = len(world.jira.log)
    world.jira.faults.append(faults.closed_versions(PAY, status=status))
    operation = world.fetch()
    assert (operation.state, operation.issues_gone) == ("completed", 0)
    assert (_of(world, "PAY"), _of(world, "OPS")) == ([], others)
    assert _findings(world) == {"PAY": quality.VERSIONS_REFUSED}
    assert len(world.jira.log) == requests + 1
    assert world.copy() == fresh_copy(world, tmp_path / "other", redis_url)
    world.jira.faults.clear()
    world.fetch()
    assert _findings(world) == {}
    assert _of(world, "PAY")


@on_sqlite
def test_versions_that_jira_cannot_return_are_kept(world: World) -> None:
    """An error is not a refusal: an outage of a day must not change the numbers of a year."""
    before = _of(world, "PAY")
    fault = faults.closed_versions(PAY, status=500)
    world.jira.faults.append(fault)
    assert world.fetch().state == "completed"
    assert _of(world, "PAY") == before
    assert _findings(world) == {"PAY": quality.VERSIONS_UNANSWERED}
    assert fault.hits == 2
    world.jira.faults.clear()
    world.fetch()
    assert _findings(world) == {}


@on_sqlite
def test_versions_closed_by_a_lost_login_are_not_a_finding(world: World) -> None:
    """Every private project is closed to an anonymous reader, so such an answer is not stored."""
    before = world.copy()
    world.jira.faults += [faults.closed_versions(PAY), faults.failing(401, endpoint="/myself", times=99)]
    run = world.request()
    with pytest.raises(LoginError):
        work(world.current, run)
    assert world.copy() == before
    assert _findings(world) == {}


@on_sqlite
def test_findings_about_projects_are_not_counted_as_findings_about_issues(world: World) -> None:
    """Each kind has its own sentence."""
    world.jira.faults.append(faults.closed_versions(PAY))
    world.fetch()
    with world.current.reads() as session:
        assert quality.count_findings(session, NAME) == {}
        assert quality.keys_with_findings(session, NAME) == {}


def test_results_and_explain_name_the_projects_whose_versions_are_not_counted(tmp_path: Path) -> None:
    """The note is shown with the numbers that need versions, and says what to do."""
    console_world.configure(tmp_path)
    with console_world.world(tmp_path) as current:
        assert current.jira is not None
        current.jira.faults.append(faults.closed_versions(PAY))
        console_world.refresh(current)
    said = console_world.say(tmp_path, "results", "payments", columns=200).out
    note = "the versions of PAY are closed to this account"
    assert f"recovery_time: {note}" in said
    assert said.count(note) == 1
    assert "Give it Browse Projects there" in said
    (of_issues,) = [line for line in said.splitlines() if line.startswith("Data quality, by issues: ")]
    assert "version" not in of_issues
    assert note in console_world.say(tmp_path, "explain", "payments", "cfr", columns=200).out
    for words in (["results", "payments", "--metric", "flow_time"], ["explain", "payments", "flow_time"]):
        assert "closed to this account" not in console_world.say(tmp_path, *words, columns=200).out


def test_check_asks_for_the_versions_of_each_project(flavour: Flavour, tmp_path: Path, redis_url: str) -> None:
    """Even before the first fetch it reports closed projects with what to do, and counts the other versions."""
    jira = build(Options(issues=60, flavour=flavour), datetime.now(UTC))
    jira.faults.append(faults.closed_versions(PAY, status=403))
    with running(jira) as url:
        console_world.configure(tmp_path, base_url=url, keys="")
        file = tmp_path / "flowbeat.toml"
        file.write_text(file.read_text().replace('jql = "project = PAY"', 'jql = "project in (PAY, OPS)"'))
        queue = redis_url.replace("unix://", "redis+socket://")
        said = console_world.say_apart(tmp_path, "check", "--format", "json", FLOWBEAT_REDIS_URL=queue)
    lines = [
        (line["state"], line["message"], line["advice"]) for line in said.json if line["what"] == "profile payments"
    ]
    (closed,) = [line for line in lines if "the versions of PAY are closed to this account" in line[1]]
    assert (closed[0], closed[2]) == ("warning", "give it Browse Projects there, or leave the project out of jql")
    assert ("ok", "versions can be read of 1 project", "") in lines


@on_sqlite
def test_check_asks_for_no_versions_if_no_number_needs_them(world: World) -> None:
    """Check does not request the projects either."""
    world.profile(rules=Rules())
    world.jira.log.clear()
    client = world.current.client(world.current.settings.connections["sandbox"])
    profile = world.current.settings.profiles[NAME]
    assert list(versions.closed_versions(client, world.jira.site.flavour, profile)) == []
    assert world.jira.log == []


@on_sqlite
def test_a_status_list_that_is_refused_fails_the_refresh(world: World) -> None:
    """Only versions may be missing: without statuses no number is right."""
    world.jira.faults.append(faults.failing(403, endpoint="/status", times=9))
    run = world.request()
    with pytest.raises(FatalError):
        work(world.current, run)


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"unshown": 3}, "Jira counted 3 issues of the JQL that it did not show to this account; none is in a number."),
        (
            {"is_warned": True},
            "Jira sent a warning with its list of issues, so some may be missing. Read it: flowbeat logs",
        ),
    ],
    ids=["unshown", "warned"],
)
def test_results_say_what_may_be_missing_in_the_list_of_issues(
    tmp_path: Path, changes: dict[str, Any], note: str
) -> None:
    """Such issues are in no number, and Jira does not name them."""
    console_world.configure(tmp_path)
    with console_world.world(tmp_path) as current:
        console_world.refresh(current)
        assert note not in console_world.say(tmp_path, "results", "payments", columns=200).out
        with current.sessions.begin() as session:
            cache = caches.find(session, "payments")
            assert cache is not None
            assert (cache.cursor.unshown, cache.cursor.is_warned) == (0, False)
            caches.save(session, replace(cache, cursor=replace(cache.cursor, **changes)))
    assert note in console_world.say(tmp_path, "results", "payments", columns=200).out
