"""Lists of types, priorities and resolutions: kept beside the copy, in turn, and worth no refresh that fails."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fetch_world import NAME, RULES, World, open_world

from models.records import FetchOperation, IncidentRules, Rules
from models.store import operations
from sandbox.faults import Fault
from sandbox.shapes import Flavour
from sandbox.wire import refusal

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LISTS = {"issuetype", "priority", "resolution"}
NAMED = replace(
    RULES,
    incidents=IncidentRules(("Incident",), priorities=("Highest",)),
    excluded_resolutions=("Won't Do", "Nonsense"),
)


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Jira nothing of which was fetched yet."""
    with open_world(tmp_path, database_url, redis_url, flavour=flavour, issues=10) as found:
        yield found


def _listed(world: World) -> dict[str, list[str]]:
    with world.current.reads() as session:
        cache = operations.find_cache(session, NAME)
    assert cache is not None
    return {kind: list(listed.names) for kind, listed in cache.cursor.listed.items()}


def _later(world: World) -> FetchOperation:
    world.clock.advance(timedelta(hours=1))
    return world.fetch()


def test_what_the_profile_names_is_asked_for_and_nothing_else(world: World) -> None:
    """Types, because incidents have one; a rename in Jira is seen by the next refresh."""
    world.fetch()
    assert LISTS & set(world.endpoints) == {"issuetype"}
    assert "Incident" in _listed(world)["issue type"]
    kinds = world.jira.site.catalogue.types
    kinds[:] = [{**kind, "name": "Vorfall"} if kind["name"] == "Incident" else kind for kind in kinds]
    world.fetch()
    assert {"Incident", "Vorfall"} & set(_listed(world)["issue type"]) == {"Vorfall"}


def test_a_profile_that_names_nothing_of_its_own_costs_no_request(world: World) -> None:
    """Names that Flowbeat suggests are compared by the check command alone."""
    world.profile(rules=Rules())
    world.fetch()
    assert not LISTS & set(world.endpoints)
    assert _listed(world) == {}


def test_three_lists_take_turns(world: World) -> None:
    """Two in a full fetch, one in any other, the one asked longest ago first."""
    world.profile(rules=NAMED)
    asked = []
    for _ in range(5):
        _later(world)
        asked.append([endpoint for endpoint in world.endpoints if endpoint in LISTS])
    assert asked == [["issuetype", "priority"], ["resolution"], ["issuetype"], ["priority"], ["resolution"]]
    assert "Duplicate" in _listed(world)["resolution"]


def test_a_list_that_cannot_be_read_costs_only_itself(world: World) -> None:
    """A fault leaves what was known; a closed list is not known. Neither stops the fetch or the turn."""
    world.profile(rules=replace(NAMED, excluded_resolutions=()))
    _later(world)
    before = _listed(world)
    world.jira.faults.append(Fault("issuetype", instead=refusal(500, "Out of order.")))
    _later(world)
    assert _listed(world) == before
    world.jira.faults.append(Fault("priority", instead=refusal(403, "Not for you.")))
    operation = _later(world)
    assert (operation.state, _listed(world)["priority"]) == ("completed", [])
    _later(world)
    assert _listed(world)["issue type"] == before["issue type"]
    _later(world)
    assert _listed(world) == before


def test_lists_of_another_jira_are_not_kept(world: World) -> None:
    """What is asked of a moved site is told from what it was."""
    world.profile(rules=NAMED)
    world.fetch()
    with world.current.sessions.begin() as session:
        cache = operations.find_cache(session, NAME)
        assert cache is not None
        elsewhere = replace(cache.cursor, identity=replace(cache.cursor.identity, base_url="https://other.example"))
        operations.save_cache(session, replace(cache, cursor=elsewhere))
    world.fetch()
    assert set(_listed(world)) == {"issue type", "priority"}
