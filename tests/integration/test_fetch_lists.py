"""Every run reads statuses, fields and versions, and uses their changes at once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fetch_world import NAME, World, begun_world

from models.records import Run
from models.store import caches
from models.store import catalogue as stored_catalogue
from sandbox import catalogue, living
from sandbox.shapes import Flavour, millis
from tasks import calculate
from tasks.fetch.task import work

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Jira of about sixty issues that was fetched, with computed facts."""
    with begun_world(tmp_path, database_url, redis_url, _refreshed, flavour=flavour) as opened:
        yield opened


def _refreshed(world: World) -> Run:
    """Return a refresh up to the facts; its cursor has the number of issues that were computed."""
    run = world.request()
    assert work(world.current, run) == "facts"
    calculate.work(world.current, world.latest(run))
    world.end(world.latest(run))
    return world.latest(run)


def _recomputed(world: World) -> int:
    return int(_refreshed(world).cursor["misses"])


def _name(world: World, status: str) -> str:
    number = next(status_row["id"] for status_row in world.jira.site.catalogue.statuses if status_row["name"] == status)
    with world.current.reads() as session:
        return next(
            status_row.name
            for status_row in stored_catalogue.load_statuses(session, NAME)
            if status_row.status_id == number
        )


def test_nothing_changed_recomputes_nothing(world: World) -> None:
    """The other tests differ from this one in a single change."""
    assert _recomputed(world) == 0


def test_a_status_in_another_category_recomputes_every_issue_and_reads_none(world: World) -> None:
    """The issues have not changed, but their facts have."""
    living.recategorise_status(world.jira.site, "In Review", catalogue.FINISHED)
    run = _refreshed(world)
    assert int(run.cursor["misses"]) == len(world.shown())
    assert int(run.cursor.get("read", 0)) == 0


def test_a_renamed_status_recomputes_every_issue_and_is_stored_under_its_new_name(world: World) -> None:
    """The workflow in flowbeat.toml has names of statuses."""
    living.rename_status(world.jira.site, "In Review", "Peer review")
    assert _recomputed(world) == len(world.shown())
    assert _name(world, "Peer review") == "Peer review"


def test_a_retired_status_recomputes_every_issue(world: World) -> None:
    """No list has the status any more, but histories do."""
    statuses = world.jira.site.catalogue.statuses
    statuses.remove(next(listed for listed in statuses if listed["name"] == "In Review"))
    assert _recomputed(world) == len(world.shown())


def test_a_release_date_that_changes_moves_the_deployment_and_no_issue_is_read(world: World) -> None:
    """The dates of versions are deployments; no issue changes with them."""
    version = next(candidate for candidate in world.jira.site.versions if candidate.body.get("released"))
    world.jira.site.change(version, millis(world.clock()), (("releaseDate", "2026-02-02"),))
    world.shown()
    run = _refreshed(world)
    assert int(run.cursor.get("read", 0)) == 0
    with world.current.engine.connect() as connection:
        statement = "SELECT deployed_at FROM deployments WHERE deployment_id = ?"
        deployed_at = connection.exec_driver_sql(statement, (version.body["id"],)).scalar_one()
    assert str(deployed_at).startswith("2026-02-02")


def test_a_renamed_field_that_is_mapped_by_its_id_changes_nothing(world: World) -> None:
    """A mapping by id does not depend on the name."""
    rules = world.current.settings.profiles[NAME].rules
    world.profile(rules=replace(rules, fields={"points": catalogue.POINTS}))
    _refreshed(world)
    living.rename_field(world.jira.site, catalogue.POINTS, "Size")
    run = _refreshed(world)
    assert (int(run.cursor["misses"]), int(run.cursor.get("read", 0))) == (0, 0)
    with world.current.reads() as session:
        cache = caches.find(session, NAME)
    assert cache is not None
    assert cache.cursor.identity.mapped[catalogue.POINTS] == "Size"
