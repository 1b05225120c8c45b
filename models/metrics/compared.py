"""Work items of two datasets side by side: which issues are something else in one than in the other."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from models.metrics.arrays import Ints
from models.metrics.columns import Chunk, Items


def differing_ids(ids: Ints, left: Chunk, right: Chunk) -> set[str]:
    """Return those of the issue ids that are not the same in both chunks: in one only, or with another value."""
    pairs = ((described(before, ids), described(after, ids)) for before, after in _parts(left, right))
    return {
        str(number) for before, after in pairs for number in ids.tolist() if before.get(number) != after.get(number)
    }


def _parts(left: Chunk, right: Chunk) -> tuple[tuple[Items, Items], ...]:
    return (left.items, right.items), (left.others, right.others)


def described(items: Items, ids: Ints) -> Mapping[int, tuple[Any, ...]]:
    """Return id → every column of its row, as values that compare; NaN is None, and versions are their ids."""
    rows, _ = items.rows_of(ids)
    part = items.take(rows)
    vocabulary = part.vocabulary.tolist()
    single = zip(
        part.keys.tolist(),
        part.categories.tolist(),
        part.excluded.tolist(),
        part.resolved.tolist(),
        part.committed.tolist(),
        (None if points != points else points for points in part.points.tolist()),  # noqa: PLR0124 - NaN
        strict=True,
    )
    changes = list(zip(part.at.tolist(), part.stages.tolist(), strict=True))
    ragged = (
        _spans(part.timeline_offsets, changes),
        _spans(part.exclusion_offsets, part.exclusion_at.tolist()),
        _spans(part.blocked_offsets, part.blocked_at.tolist()),
        _spans(part.version_offsets, [vocabulary[code] for code in part.version_codes.tolist()]),
        _spans(part.link_offsets, part.linked_ids.tolist()),
    )
    return dict(zip(part.ids.tolist(), zip(single, *ragged, strict=True), strict=True))


def _spans(offsets: Ints, values: list[Any]) -> list[list[Any]]:
    return [values[begin:end] for begin, end in pairwise(offsets.tolist())]
