"""Columns hold what the records hold, packed or not. Of several chunks, the last one with an issue counts."""

import random
from dataclasses import fields, replace
from typing import Final

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.metrics.arrays import INVALID_INSTANT, NO_INSTANT, segment_minima, segment_sums
from models.metrics.columns import (
    Chunk,
    Items,
    columns_of,
    merged,
    unpacked,
)
from models.records import CATEGORIES, INVALID, STAGES, WorkItem

ITEM: Final = WorkItem("7", "PÄY-7", "Story", "feature", excluded=False, timeline=((5, "todo"), (9, "done")))


def told(items: Items) -> dict[int, tuple[object, ...]]:
    """Return the items by id as plain values, for any codes and order in the columns."""
    return {int(items.ids[row]): _row(items, row) for row in range(len(items))}


def _row(items: Items, row: int) -> tuple[object, ...]:
    entries, versions = (slice(*offsets[row : row + 2]) for offsets in (items.timeline_offsets, items.version_offsets))
    return (
        items.key(row),
        CATEGORIES[items.categories[row]],
        bool(items.excluded[row]),
        int(items.committed[row]),
        str(items.points[row]),
        [(int(at), STAGES[stage]) for at, stage in zip(items.at[entries], items.stages[entries], strict=True)],
        sorted(items.vocabulary[items.version_codes[versions]].tolist()),
    )


def item(number: int, seed: int = 0) -> WorkItem:
    """Return an item with this id and a content that depends on the seed."""
    dice = random.Random(f"{number} {seed}")
    instants = sorted(dice.sample(range(1000), dice.randint(1, 5)))
    return replace(
        ITEM,
        issue_id=str(number),
        key=f"PAY-{number}",
        category=dice.choice(CATEGORIES),
        timeline=tuple((at, dice.choice(STAGES)) for at in instants),
        committed_at=dice.choice([None, INVALID, 3]),
        points=dice.choice([None, INVALID, 0.0, 2.5]),
        version_ids=tuple(dice.sample(["10", "9", "ä"], dice.randint(0, 3))),
    )


def test_an_item_is_told_as_it_was() -> None:
    """An absent value, an invalid one and an instant are different. A key may have any letters."""
    items = [ITEM, replace(ITEM, issue_id="8", committed_at=INVALID, points=INVALID), replace(item(9), points=0.0)]
    columns = columns_of(items)
    assert columns.committed.tolist()[:2] == [NO_INSTANT, INVALID_INSTANT]
    assert [str(points) for points in columns.points.tolist()] == ["nan", "nan", "0.0"]
    assert columns.key(0) == "PÄY-7"
    assert told(columns)[7][5] == [(5, "todo"), (9, "done")]


def test_an_archive_holds_every_column() -> None:
    """Also an archive without items."""
    for chunk in (Chunk(np.array([1, 2]), columns_of([item(1)])), Chunk(np.array([3]), columns_of([]))):
        restored = unpacked(chunk.packed())
        assert restored.issue_ids.tolist() == chunk.issue_ids.tolist()
        for column in fields(Items):
            before, after = getattr(chunk.items, column.name), getattr(restored.items, column.name)
            assert before.dtype == after.dtype
            assert before.tobytes() == after.tobytes()


@given(st.lists(st.dictionaries(st.integers(1, 12), st.booleans(), max_size=6), max_size=6))
def test_of_several_chunks_the_last_word_on_an_issue_counts(steps: list[dict[int, bool]]) -> None:
    """Each step gives issues new content or makes them no item. Chunks may be merged in pairs first."""
    expected: dict[int, WorkItem] = {}
    chunks: list[Chunk] = []
    for seed, step in enumerate(steps):
        present = [item(number, seed) for number, is_item in step.items() if is_item]
        chunks.append(Chunk(np.array(list(step), np.int64), columns_of(present)))
        expected = {number: known for number, known in expected.items() if number not in step}
        expected |= {int(work_item.issue_id): work_item for work_item in present}
    whole = merged(chunks)
    assert told(whole.items) == told(columns_of(expected.values()))
    assert told(merged([merged(chunks[:2]), merged(chunks[2:])]).items) == told(whole.items)
    assert sorted(whole.issue_ids.tolist()) == sorted({number for step in steps for number in step})


def test_sums_and_minima_of_a_ragged_column_know_empty_rows() -> None:
    """Empty rows at the beginning, in the middle and at the end."""
    offsets = np.array([0, 0, 2, 2, 3, 3])
    values = np.array([5, 4, 7])
    assert segment_sums(values, offsets).tolist() == [0, 9, 0, 7, 0]
    assert segment_minima(values, offsets, 99).tolist() == [99, 4, 99, 7, 99]
    assert segment_minima(np.array([], np.int64), np.array([0, 0]), 99).tolist() == [99]


def test_rows_are_found_by_id() -> None:
    """Unknown ids are left out."""
    columns = columns_of([item(5), item(3), item(9)])
    rows, places = columns.rows_of(np.array([9, 4, 3, 100]))
    assert (rows.tolist(), places.tolist()) == ([2, 1], [0, 2])
