"""The flag, whose history is always kept, and the issue above another, as a fetch stores them from either flavour."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fetch_world import NAME, RULES, World, open_world
from sqlalchemy import select

from models.records import Transition
from models.tables import IssueRow
from sandbox import catalogue
from sandbox.shapes import Flavour

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
# With the flag and the four of Jira's own these are eleven: one history has no room.
SIX = {
    "points": "Story point estimate",
    "committed_at": "Committed at",
    "deployed_at": "Deployed at",
    "detected_at": "Detected at",
    "restored_at": "Restored at",
    "change_failure": "Change failure",
}


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Jira of some sixty issues and an empty copy."""
    with open_world(tmp_path, database_url, redis_url, flavour=flavour) as opened:
        yield opened


def _map(world: World, **fields: str) -> None:
    world.profile(rules=replace(RULES, fields=fields))


def _stored_flags(world: World) -> dict[str, list[tuple[str | None, ...]]]:
    """Issue id → what its flag's history says, in order."""
    return {
        issue.issue_id: [_sides(change) for change in issue.transitions if change.field == catalogue.FLAGGED]
        for issue in world.copy()["issues"]
    }


def _sides(change: Transition) -> tuple[str | None, ...]:
    return (change.from_id, change.from_name, change.to_id, change.to_name)


def _shown_flags(world: World) -> dict[str, list[tuple[str | None, ...]]]:
    items = {
        str(issue.id): [
            (item.old, item.old_text, item.new, item.new_text)
            for event in issue.histories()
            for item in event.items
            if item.field_id == catalogue.FLAGGED
        ]
        for issue in world.shown()
    }
    assert sum(map(len, items.values())) > 5
    return items


def _histories(world: World) -> set[str]:
    return {change.field for issue in world.copy()["issues"] for change in issue.transitions}


def test_the_flag_has_its_history_and_value_stored_whatever_else_is_mapped(world: World) -> None:
    """Data Center names the field in words only; the flag's history goes before that of six other fields."""
    _map(world, **SIX, flagged="Flagged")
    world.fetch()
    assert _stored_flags(world) == _shown_flags(world)
    values = {issue.issue_id: issue.fields[catalogue.FLAGGED] for issue in world.copy()["issues"]}
    assert values == {str(issue.id): issue.fields.get(catalogue.FLAGGED) for issue in world.shown()}


@pytest.mark.parametrize("kind", ["refresh", "calculate"])
def test_naming_the_flag_afterwards_reads_everything_again(world: World, kind: str) -> None:
    """The copy has neither its values nor its histories, however fresh it is."""
    world.fetch()
    _map(world, **RULES.fields, flagged="Flagged")
    operation = world.fetch(kind)
    assert (operation.kind, operation.cache_hit) == ("full", False)
    assert _stored_flags(world) == _shown_flags(world)
    assert world.fetch().kind == "incremental"


@pytest.mark.parametrize("kind", ["refresh", "calculate"])
def test_a_flag_whose_values_are_stored_and_whose_history_is_not_is_read_again(world: World, kind: str) -> None:
    """Seven mapped fields and the four of Jira's own are eleven: the last of them had no room."""
    _map(world, **SIX, rework="Deployed on")
    world.fetch()
    assert catalogue.DEPLOY_DAY not in _histories(world)
    _map(world, **SIX, flagged="Deployed on")
    operation = world.fetch(kind)
    assert (operation.kind, operation.cache_hit) == ("full", False)
    assert catalogue.DEPLOY_DAY in _histories(world)


def test_a_flag_whose_history_is_stored_already_asks_nothing(world: World) -> None:
    """A field that had another role, with its history among the ten: the mapping changes offline."""
    _map(world, **RULES.fields, rework="Flagged")
    world.fetch()
    _map(world, **RULES.fields, flagged="Flagged")
    assert world.fetch("calculate").cache_hit
    assert _stored_flags(world) == _shown_flags(world)


def test_the_same_histories_are_kept_when_the_flag_is_no_longer_named(world: World) -> None:
    """Otherwise each refresh would find other histories than are stored, and read issues again for nothing."""
    _map(world, **SIX, flagged="Flagged")
    world.fetch()
    before = world.copy()["hashes"]
    _map(world, **SIX)
    assert world.fetch(verify=True).kind == "verify"
    assert world.copy()["hashes"] == before


def test_the_issue_above_another_is_stored(world: World) -> None:
    """Of a sub-task on both flavours, of an issue of an epic on Cloud."""
    world.fetch()
    with world.current.reads() as session:
        query = select(IssueRow.issue_id, IssueRow.parent, IssueRow.subtask).where(IssueRow.profile == NAME)
        rows = session.execute(query).all()
    shown = {str(issue.id): (issue.fields.get("parent") or {}).get("id") for issue in world.shown()}
    assert {issue_id: parent for issue_id, parent, _ in rows} == shown
    assert [parent for _, parent, is_subtask in rows if is_subtask and parent is not None]
