"""Copies of a made-up site: equal to the original, and independent of it."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from site_copies import copy_of, made_up

from sandbox import catalogue, living, render
from sandbox.shapes import Flavour, millis
from sandbox.site import Site
from sandbox.team import generate

NOW: Final = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
START: Final = NOW - timedelta(weeks=20)
LATER: Final = NOW + timedelta(weeks=60)
NAMES: Final = ("summary", "status", "fixVersions", "versions", "issuelinks")


@pytest.fixture(params=["cloud", "datacenter"])
def original(request: pytest.FixtureRequest) -> Site:
    """Return a site of which half has happened, with rendered issues."""
    flavour: Flavour = request.param
    site = generate(3, 80, START, flavour=flavour, per_week=2.0)
    site.advance(millis(NOW))
    _render(site)
    return site


def _render(site: Site) -> list[bytes]:
    return [render.issue(site, issue, NAMES, frozenset({"changelog"})) for issue in site.indexed]


def test_a_copy_equals_its_original(original: Site) -> None:
    """In all that it has and expects, and also when both have lived on."""
    copy = copy_of(original)
    assert repr(copy) == repr(original)
    for site in (copy, original):
        site.advance(millis(LATER))
    assert repr(copy) == repr(original)
    assert len(copy.indexed) > 70


def test_what_happens_to_a_copy_does_not_happen_to_its_original(original: Site) -> None:
    """Each kind of change that a team makes, and all that is planned."""
    before, copy = repr(original), copy_of(original)
    first, second, third, *_ = copy.indexed
    living.create(copy, NOW, project="PAY")
    living.transition(copy, first, "Done", NOW, resolution="Done")
    living.edit(copy, first, "summary", "Another", NOW)
    living.link(copy, first, second, NOW)
    living.move(copy, second, "OPS", NOW)
    living.delete(copy, third, NOW)
    living.migrate(copy, copy.indexed, NOW, {"To Do": "In Progress"})
    version = living.plan_version(copy, "PAY", "new", NOW)
    living.release(copy, version, NOW, "2026-03-02")
    living.release(copy, copy.versions[0], NOW, "2026-03-02")
    living.set_fix_version(copy, first, version, NOW)
    living.rename_status(copy, "Done", "Finished")
    living.recategorise_status(copy, "Blocked", catalogue.FINISHED)
    living.rename_field(copy, catalogue.POINTS, "Size")
    living.rename_project(copy, "PAY", "MONEY")
    living.forget_project_key(copy, "PAY")
    living.lose_project(copy, "OPS")
    copy.veiled.add(first.id)
    copy.private_projects.add("OPS")
    copy.advance(millis(LATER))
    _render(copy)
    assert repr(original) == before


def test_issues_of_a_copy_share_its_statuses_and_versions(original: Site) -> None:
    """A new name is that of all issues, also of later ones."""
    copy = copy_of(original)
    living.rename_status(copy, "Closed", "Archived")
    copy.advance(millis(LATER))
    statuses = {issue.fields["status"]["name"] for issue in copy.indexed}
    assert "Archived" in statuses
    assert "Closed" not in statuses
    bodies = {version.body["id"]: version.body for version in copy.versions}
    fixed = [body for issue in copy.indexed for body in issue.fields["fixVersions"]]
    assert len(fixed) > 20
    assert all(body is bodies[body["id"]] for body in fixed)


def test_a_made_up_site_is_what_the_generator_makes() -> None:
    """The same lives each time, whatever has happened to the site of another test."""
    plain = repr(generate(3, 40, START, flavour="datacenter", per_week=4.0))
    for _ in range(2):
        site = made_up(3, 40, START, flavour="datacenter", per_week=4.0)
        assert repr(site) == plain
        living.rename_status(site, "Done", "Finished")
        site.advance(millis(NOW))
