"""A fetch from either flavour stores the flag, whose history is always kept, and the parent of an issue."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fetch_world import NAME, RULES, World, open_world
from sqlalchemy import select

from models.records import Transition
from models.tables.issues import IssueRow
from sandbox import catalogue
from sandbox.shapes import Flavour

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
Sides = tuple[str | None, str | None, str | None, str | None]
# With the flag and four fields of Jira these are eleven: the history of one field is not stored.
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
    """Yield a Jira of about sixty issues and an empty copy."""
    with open_world(tmp_path, database_url, redis_url, flavour=flavour) as opened:
        yield opened


def _map(world: World, **fields: str | tuple[str, ...]) -> None:
    world.profile(rules=replace(RULES, fields=fields))


def _stored_flags(world: World) -> dict[str, list[Sides]]:
    """Return issue id → the changes of its flag, in order."""
    return {
        issue.issue_id: [_sides(change) for change in issue.transitions if change.field == catalogue.FLAGGED]
        for issue in world.copy()["issues"]
    }


def _sides(change: Transition) -> Sides:
    return (change.from_id, change.from_name, change.to_id, change.to_name)


def _jira_flags(world: World) -> dict[str, list[Sides]]:
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


def test_history_and_value_of_the_flag_are_always_stored(world: World) -> None:
    """Data Center only has the field's name; the flag has precedence over six other mapped fields."""
    _map(world, **SIX, flagged="Flagged")
    world.fetch()
    assert _stored_flags(world) == _jira_flags(world)
    values = {issue.issue_id: issue.fields[catalogue.FLAGGED] for issue in world.copy()["issues"]}
    assert values == {str(issue.id): issue.fields.get(catalogue.FLAGGED) for issue in world.shown()}


@pytest.mark.parametrize("kind", ["refresh", "calculate"])
def test_mapping_the_flag_later_reads_everything_again(world: World, kind: str) -> None:
    """Even a fresh copy has neither its values nor its histories."""
    world.fetch()
    _map(world, **RULES.fields, flagged="Flagged")
    operation = world.fetch(kind)
    assert (operation.kind, operation.cache_hit) == ("full", False)
    assert _stored_flags(world) == _jira_flags(world)
    assert world.fetch().kind == "incremental"


@pytest.mark.parametrize("kind", ["refresh", "calculate"])
def test_a_flag_whose_values_are_stored_and_whose_history_is_not_is_read_again(world: World, kind: str) -> None:
    """Seven mapped fields and four of Jira are eleven: the history of the last one was not stored."""
    _map(world, **SIX, rework="Deployed on")
    world.fetch()
    assert catalogue.DEPLOY_DAY not in _histories(world)
    _map(world, **SIX, flagged="Deployed on")
    operation = world.fetch(kind)
    assert (operation.kind, operation.cache_hit) == ("full", False)
    assert catalogue.DEPLOY_DAY in _histories(world)


def test_a_flag_whose_history_is_stored_already_needs_no_request(world: World) -> None:
    """A field with another role had its history among the ten, so the mapping changes without a request."""
    _map(world, **RULES.fields, rework="Flagged")
    world.fetch()
    _map(world, **RULES.fields, flagged="Flagged")
    assert world.fetch("calculate").cache_hit
    assert _stored_flags(world) == _jira_flags(world)


def test_the_same_histories_are_kept_when_the_flag_is_no_longer_mapped(world: World) -> None:
    """Otherwise each refresh would find different histories, and read issues again without need."""
    _map(world, **SIX, flagged="Flagged")
    world.fetch()
    before = world.copy()["hashes"]
    _map(world, **SIX)
    assert world.fetch(verify=True).kind == "verify"
    assert world.copy()["hashes"] == before


def test_the_parent_of_an_issue_is_stored(world: World) -> None:
    """Both flavours have the parent of a sub-task, and Cloud also the epic of an issue."""
    world.fetch()
    with world.current.reads() as session:
        query = select(IssueRow.issue_id, IssueRow.parent, IssueRow.subtask).where(IssueRow.profile == NAME)
        rows = session.execute(query).all()
    parents = {str(issue.id): (issue.fields.get("parent") or {}).get("id") for issue in world.shown()}
    assert {issue_id: parent for issue_id, parent, _ in rows} == parents
    assert [parent for _, parent, is_subtask in rows if is_subtask and parent is not None]
