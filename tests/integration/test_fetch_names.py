"""Lists of types, priorities and resolutions are fetched in turn, and an error in one does not fail a refresh."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fetch_world import NAME, RULES, World, open_world

from models.records import FetchOperation, IncidentRules, Rules
from models.store import caches
from sandbox.faults import Fault
from sandbox.shapes import Flavour
from sandbox.wire import refusal
from tasks.fetch.task import work
from worker.jira.faults import LoginError

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LISTS = {"issuetype", "priority", "resolution"}
NAMED = replace(
    RULES,
    incidents=IncidentRules(("Incident",), priorities=("Highest",)),
    excluded_resolutions=("Won't Do", "Nonsense"),
)


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Jira that was not fetched yet."""
    with open_world(tmp_path, database_url, redis_url, flavour=flavour, issues=10) as opened:
        yield opened


def _listed(world: World) -> dict[str, list[str]]:
    with world.current.reads() as session:
        cache = caches.find(session, NAME)
    assert cache is not None
    return {kind: list(listed.names) for kind, listed in cache.cursor.listed.items()}


def _later(world: World) -> FetchOperation:
    world.clock.advance(timedelta(hours=1))
    return world.fetch()


def test_only_the_lists_that_the_profile_needs_are_requested(world: World) -> None:
    """Types are needed for incidents; the next refresh stores a rename in Jira."""
    world.fetch()
    assert LISTS & set(world.endpoints) == {"issuetype"}
    assert "Incident" in _listed(world)["issue type"]
    kinds = world.jira.site.catalogue.types
    kinds[:] = [{**kind, "name": "Vorfall"} if kind["name"] == "Incident" else kind for kind in kinds]
    world.fetch()
    assert {"Incident", "Vorfall"} & set(_listed(world)["issue type"]) == {"Vorfall"}


def test_a_profile_with_only_suggested_names_costs_no_request(world: World) -> None:
    """Only the check command compares names that Flowbeat suggests."""
    world.profile(rules=Rules())
    world.fetch()
    assert not LISTS & set(world.endpoints)
    assert _listed(world) == {}


def test_three_lists_take_turns(world: World) -> None:
    """A full fetch requests two, any other fetch one; the list with the oldest request comes first."""
    world.profile(rules=NAMED)
    asked = []
    for _ in range(5):
        _later(world)
        asked.append([endpoint for endpoint in world.endpoints if endpoint in LISTS])
    assert asked == [["issuetype", "priority"], ["resolution"], ["issuetype"], ["priority"], ["resolution"]]
    assert "Duplicate" in _listed(world)["resolution"]


def test_a_list_that_cannot_be_read_affects_no_other(world: World) -> None:
    """After an error the stored list is kept; a closed list is removed. Neither stops the fetch or the turn."""
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


def test_a_list_that_is_sent_without_the_login_is_refused(world: World) -> None:
    """Its names would be those for everyone. A closed list, as above, is another thing."""
    world.profile(rules=NAMED)
    sign = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}
    world.jira.faults.append(Fault("issuetype", damage=lambda answer: replace(answer, headers=sign)))
    with pytest.raises(LoginError, match="issuetype refused the login"):
        work(world.current, world.request())


def test_lists_of_another_jira_are_not_kept(world: World) -> None:
    """The lists of a moved site are distinguished from those of the old site."""
    world.profile(rules=NAMED)
    world.fetch()
    with world.current.sessions.begin() as session:
        cache = caches.find(session, NAME)
        assert cache is not None
        elsewhere = replace(cache.cursor, identity=replace(cache.cursor.identity, base_url="https://other.example"))
        caches.save(session, replace(cache, cursor=elsewhere))
    world.fetch()
    assert set(_listed(world)) == {"issue type", "priority"}
