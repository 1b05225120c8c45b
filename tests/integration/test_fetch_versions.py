"""Versions that the account may not read, or for which Jira cannot answer: a finding, and not the end of a refresh."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import console_world
import pytest
from fetch_world import NAME, World, fresh_copy, open_world

from console.check import versions
from models.records import Rules
from models.store import operations, quality
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
    """Yield a Jira of some sixty issues in two projects, a copy of which was fetched."""
    with open_world(tmp_path, database_url, redis_url, flavour=flavour) as opened:
        opened.hurry()
        opened.fetch()
        yield opened


def _of(world: World, project: str) -> list[str]:
    return [version.version_id for version in world.copy()["versions"] if version.project == project]


def _findings(world: World) -> dict[str, str]:
    with world.current.reads() as session:
        return quality.project_findings(session, NAME)


@on_sqlite
@pytest.mark.parametrize("status", [403, 404])
def test_closed_versions_are_a_finding_and_dropped_as_a_full_fetch_would(
    world: World, tmp_path: Path, redis_url: str, status: int
) -> None:
    """The other project's stay; issues stay; one request more asks whether the login was lost."""
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
def test_versions_without_an_answer_stay_as_they_were_read(world: World) -> None:
    """A fault is not a refusal: a day's outage must not change the numbers of a year."""
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
def test_versions_that_are_closed_because_the_login_is_lost_are_no_finding(world: World) -> None:
    """To the anonymous every private project is closed; nothing is stored of such an answer."""
    before = world.copy()
    world.jira.faults += [faults.closed_versions(PAY), faults.failing(401, endpoint="/myself", times=99)]
    run = world.request()
    with pytest.raises(LoginError):
        work(world.current, run)
    assert world.copy() == before
    assert _findings(world) == {}


@on_sqlite
def test_findings_about_projects_are_not_counted_as_findings_about_issues(world: World) -> None:
    """Each has its own sentence."""
    world.jira.faults.append(faults.closed_versions(PAY))
    world.fetch()
    with world.current.reads() as session:
        assert quality.count_findings(session, NAME) == {}
        assert quality.keys_with_findings(session, NAME) == {}


def test_results_and_explain_say_whose_versions_are_not_counted(tmp_path: Path) -> None:
    """Beside the numbers that needed them, with what to do; not beside the others."""
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
    assert "Data quality" not in said
    assert note in console_world.say(tmp_path, "explain", "payments", "cfr", columns=200).out
    for words in (["results", "payments", "--metric", "flow_time"], ["explain", "payments", "flow_time"]):
        assert "closed to this account" not in console_world.say(tmp_path, *words, columns=200).out


def test_check_asks_for_the_versions_of_each_project(flavour: Flavour, tmp_path: Path, redis_url: str) -> None:
    """Also before anything was fetched: what is closed is said with what to do, and the others are counted."""
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
def test_check_asks_for_no_versions_where_no_number_needs_them(world: World) -> None:
    """Nor does it look for projects."""
    world.profile(rules=Rules())
    world.jira.log.clear()
    client = world.current.client(world.current.settings.connections["sandbox"])
    profile = world.current.settings.profiles[NAME]
    assert list(versions.closed_versions(client, world.jira.site.flavour, profile)) == []
    assert world.jira.log == []


@on_sqlite
def test_a_status_list_that_is_refused_still_ends_the_refresh(world: World) -> None:
    """Only versions may be missing: without statuses no number means anything."""
    world.jira.faults.append(faults.failing(403, endpoint="/status", times=9))
    run = world.request()
    with pytest.raises(FatalError):
        work(world.current, run)


def test_results_say_how_many_issues_were_counted_and_not_shown(tmp_path: Path) -> None:
    """They are in no number, and Jira says no more about them."""
    console_world.configure(tmp_path)
    with console_world.world(tmp_path) as current:
        console_world.refresh(current)
        assert "did not show" not in console_world.say(tmp_path, "results", "payments", columns=200).out
        with current.sessions.begin() as session:
            cache = operations.find_cache(session, "payments")
            assert cache is not None
            assert cache.cursor.unshown == 0
            operations.save_cache(session, replace(cache, cursor=replace(cache.cursor, unshown=3)))
    said = console_world.say(tmp_path, "results", "payments", columns=200).out
    assert "Jira counted 3 issues of the JQL that it did not show to this account; none is in a number." in said
