"""Work items as columns in the database: the read items equal those appended and not removed, in few chunks."""

import random
from typing import Final

import numpy as np
import pytest
from hypothesis import settings
from sqlalchemy import Engine, text
from store_rows import PROFILE, facts_found, issue

from models.database import Sessions
from models.metrics.columns import Chunk, columns_of
from models.records import WorkItem
from models.store import columns, facts, issues
from models.store import columns as stored
from models.store.columns import append_columns, forget_items, load_columns

TIMELINE: Final = ((1, "todo"), (2, "done"))
# `make soak` merges more.
SEEDS: Final = range(40 if settings.get_current_profile_name() == "soak" else 3)


def _item(number: int, key: str) -> WorkItem:
    return WorkItem(str(number), key, "Story", "feature", excluded=False, timeline=TIMELINE)


def _keys(sessions: Sessions) -> dict[int, str]:
    with sessions() as session:
        items = load_columns(session, PROFILE).items
    return {int(items.ids[row]): items.key(row) for row in range(len(items))}


def _chunks(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        query = text("SELECT issues FROM work_item_columns ORDER BY chunk")
        return list(connection.scalars(query))


def _append(sessions: Sessions, numbers: range, key: str) -> None:
    with sessions.begin() as session:
        items = columns_of(_item(number, f"{key}-{number}") for number in numbers)
        append_columns(session, PROFILE, Chunk(np.array(numbers), items), "rules")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_last_version_of_every_issue_is_read(sessions: Sessions, seed: int) -> None:
    """This holds after random batches of changes and removals, however the chunks were merged."""
    dice, expected = random.Random(seed), dict[int, str]()
    for step in range(30):
        ids = dice.sample(range(1, 60), dice.randint(1, 25))
        present = [number for number in ids if dice.random() < 0.7]
        with sessions.begin() as session:
            if not present and step:
                forget_items(session, PROFILE, [str(number) for number in ids])
            else:
                items = columns_of(_item(number, f"{step}-{number}") for number in present)
                append_columns(session, PROFILE, Chunk(np.array(ids), items), "rules")
        for number in ids:
            expected.pop(number, None)
        expected |= {number: f"{step}-{number}" for number in present}
    assert _keys(sessions) == expected


def test_small_chunks_are_merged_and_few_remain(sessions: Sessions, engine: Engine) -> None:
    """A hundred issues are appended one by one, and the five thousand others are not rewritten for them."""
    _append(sessions, range(1, 5001), "OLD")
    for number in range(1, 101):
        _append(sessions, range(number, number + 1), "NEW")
    sizes = _chunks(engine)
    assert sizes[0] == 5000
    assert len(sizes) <= 8
    assert len(_keys(sessions)) == 5000
    assert _keys(sessions)[100] == "NEW-100"


def test_outdated_rows_are_removed_when_they_are_the_most(sessions: Sessions, engine: Engine) -> None:
    """Large chunks are not merged with small ones; they are rewritten when most of their rows are outdated."""
    number = stored.LARGEST
    for key in ("A", "B", "C", "D"):
        _append(sessions, range(1, number + 1), key)
    assert sum(_chunks(engine)) == 4 * number
    with sessions.begin() as session:
        columns.compact_items(session, PROFILE, number)
    assert _chunks(engine) == [number]
    assert _keys(sessions)[number] == f"D-{number}"


def test_rules_are_stored_when_no_item_is_left(sessions: Sessions, engine: Engine) -> None:
    """The facts of a profile without issues are not computed again each time."""
    numbers = [str(number) for number in range(1, stored.LARGEST + 2)]
    with sessions.begin() as session:
        append_columns(session, PROFILE, Chunk(np.array(numbers, np.int64), columns_of([])), "rules")
        append_columns(session, PROFILE, Chunk(np.array(numbers, np.int64), columns_of([])), "rules")
    with sessions.begin() as session:
        columns.compact_items(session, PROFILE, 0)
        assert columns.count_stale(session, PROFILE, "rules") == 0
    assert _chunks(engine) == [0]


def test_an_issue_changed_since_it_was_read_stays_stale(sessions: Sessions) -> None:
    """Its facts were made from content that has been replaced since."""
    with sessions.begin() as session:
        issues.save(session, PROFILE, [issue(1), issue(2)])
        hashes = facts.stale(session, PROFILE, 9)
        issues.save(session, PROFILE, [issue(2, summary="Another")])
        facts.save(session, PROFILE, "rules", hashes, facts_found())
        assert list(facts.stale(session, PROFILE, 9)) == ["2"]


def test_other_rules_make_every_fact_stale(sessions: Sessions, engine: Engine) -> None:
    """The columns of the old rules are removed; the same rules change nothing."""
    with sessions.begin() as session:
        issues.save(session, PROFILE, [issue(1), issue(2)])
        hashes = facts.stale(session, PROFILE, 9)
        item = _item(1, "PAY-1")
        facts.save(session, PROFILE, "rules", hashes, facts_found(item))
    with sessions.begin() as session:
        columns.invalidate_facts_of_other_rules(session, PROFILE, "rules")
        assert facts.stale(session, PROFILE, 9) == {}
    with sessions.begin() as session:
        columns.invalidate_facts_of_other_rules(session, PROFILE, "other rules")
        assert facts.stale(session, PROFILE, 9) == hashes
    assert _chunks(engine) == []


def test_profiles_have_separate_columns(sessions: Sessions) -> None:
    """A removal in one profile does not change another."""
    _append(sessions, range(1, 4), "PAY")
    with sessions.begin() as session:
        append_columns(session, "other", Chunk(np.array([1]), columns_of([_item(1, "OTHER-1")])), "rules")
        forget_items(session, "other", ["1", "2"])
        assert np.array_equal(load_columns(session, "other").items.ids, [])
    assert len(_keys(sessions)) == 3
