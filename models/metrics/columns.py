"""Work items as columns: what the metrics read of a million items fits in a hundred megabytes, and is read at once.

Packed, columns are a NumPy archive without pickles.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Final

import numpy as np

from models.metrics.arrays import (
    INVALID_INSTANT,
    NO_INSTANT,
    Bools,
    Codes,
    Floats,
    Ints,
    Texts,
    distinct,
    ints,
    joined_offsets,
    offsets_of,
    segment_sums,
    taken_offsets,
)
from models.metrics.blocking import BlockedSpans
from models.metrics.timelines import Timelines
from models.records import (
    CATEGORIES,
    INVALID,
    Deployment,
    Incident,
    Invalid,
    ItemHead,
    MappedInstant,
    Micros,
    WorkItem,
)

_CODE_OF_CATEGORY: Final = {name: code for code, name in enumerate(CATEGORIES)}


@dataclass(frozen=True, slots=True)
class Items:
    """Work items, a row each, in no order that means anything; instants are microseconds.

    - ``ids``: Jira's ids as numbers. ``keys``: UTF-8. ``categories``, ``stages``: indices of CATEGORIES and STAGES.
    - ``excluded``: by their resolution. ``resolved``: NO_INSTANT without a resolution date.
    - ``committed``: NO_INSTANT without a value, INVALID_INSTANT for no moment. ``points``: NaN where there is none.
    - ``timeline_offsets``, ``exclusion_offsets``, ``version_offsets``: where each row's timeline (``at``, ``stages``),
      exclusions and versions begin, and a last end.
    - ``exclusion_at``: when an item enters and leaves the excluded statuses, alternately.
    - ``blocked_at``: when a blocked stretch of an item in progress begins and ends, alternately.
    - ``version_codes``: indices of ``vocabulary``, which has each version id once.
    - ``linked_ids``: ids of linked issues as numbers; ``link_offsets``: where those of each row begin, and a last end.
    """

    ids: Ints
    keys: Texts
    categories: Codes
    excluded: Bools
    resolved: Ints
    committed: Ints
    points: Floats
    timeline_offsets: Ints
    at: Ints
    stages: Codes
    exclusion_offsets: Ints
    exclusion_at: Ints
    blocked_offsets: Ints
    blocked_at: Ints
    version_offsets: Ints
    version_codes: Ints
    vocabulary: Texts
    link_offsets: Ints
    linked_ids: Ints

    def __len__(self) -> int:
        """Return how many items."""
        return len(self.ids)

    def key(self, row: int) -> str:
        """Return the issue key of a row."""
        return str(bytes(self.keys[row]), "utf-8")

    @property
    def timelines(self) -> Timelines:
        """The timeline of each item."""
        return Timelines(self.timeline_offsets, self.at, self.stages)

    @property
    def blocked(self) -> BlockedSpans:
        """The blocked spans of each item."""
        return BlockedSpans(self.blocked_offsets, self.blocked_at)

    def created(self) -> Ints:
        """Return when each item began to exist."""
        return self.at[self.timeline_offsets[:-1]]

    def is_excluded(self, as_of: Micros | None) -> Bools:
        """Return which items deliver nothing if done: by their resolution, or by their status at ``as_of``.

        None: just after the last change.
        """
        past = np.ones(len(self.exclusion_at), np.bool_) if as_of is None else self.exclusion_at < as_of
        is_excluded: Bools = self.excluded | (segment_sums(past, self.exclusion_offsets) % 2 == 1)
        return is_excluded

    def rows_of(self, ids: Ints) -> tuple[Ints, Ints]:
        """Return (row, index in ``ids``) of those ids that are items here."""
        order = np.argsort(self.ids)
        places = np.searchsorted(self.ids, ids, sorter=order)
        inside = np.flatnonzero(places < len(order))
        rows = order[places[inside]]
        result = self.ids[rows] == ids[inside]
        return rows[result], inside[result]

    def take(self, rows: Ints) -> "Items":
        """Return these rows, in this order."""
        lines = self.timelines.take(rows)
        exclusions, toggles = taken_offsets(self.exclusion_offsets, rows)
        blocked = self.blocked.take(rows)
        versions, codes = taken_offsets(self.version_offsets, rows)
        links, linked = taken_offsets(self.link_offsets, rows)
        return Items(
            self.ids[rows],
            self.keys[rows],
            self.categories[rows],
            self.excluded[rows],
            self.resolved[rows],
            self.committed[rows],
            self.points[rows],
            lines.offsets,
            lines.at,
            lines.stages,
            exclusions,
            self.exclusion_at[toggles],
            blocked.offsets,
            blocked.at,
            versions,
            self.version_codes[codes],
            self.vocabulary,
            links,
            self.linked_ids[linked],
        )


@dataclass(frozen=True, slots=True)
class Lives:
    """What the histories of issues say, a row each: as the columns of Items that have the same names."""

    timelines: Timelines
    resolved: Ints
    exclusion_offsets: Ints
    exclusion_at: Ints
    blocked: BlockedSpans

    def take(self, rows: Ints) -> "Lives":
        """Return those of these rows, in this order."""
        exclusions, toggles = taken_offsets(self.exclusion_offsets, rows)
        return Lives(
            self.timelines.take(rows),
            self.resolved[rows],
            exclusions,
            self.exclusion_at[toggles],
            self.blocked.take(rows),
        )


@dataclass(frozen=True, slots=True)
class Chunk:
    """What became of some issues.

    Of ``issue_ids`` those that are work items have a row in ``items``, those that deploy or are incidents by their type
    one in ``others``, and those that are ignored have none.
    """

    issue_ids: Ints
    items: Items
    others: Items = field(default_factory=lambda: columns_of(()))

    @classmethod
    def of(cls, items: Items, others: Items) -> "Chunk":
        """Return a chunk of these issues only."""
        return cls(np.concatenate([items.ids, others.ids]), items, others)

    def pieces(self, size: int) -> Iterator["Chunk"]:
        """Yield chunks of at most ``size`` issues that together say the same of items and others; at least one."""
        none = columns_of(())
        for start in range(0, max(1, len(self.items)), size):
            yield Chunk.of(self.items.take(np.arange(start, min(start + size, len(self.items)))), none)
        for start in range(0, len(self.others), size):
            yield Chunk.of(none, self.others.take(np.arange(start, min(start + size, len(self.others)))))

    def packed(self) -> bytes:
        """Return an archive for ``unpacked``."""
        file = io.BytesIO()
        parts = {"items": self.items, "others": self.others}
        columns = {f"{name}.{column}": getattr(part, column) for name, part in parts.items() for column in _COLUMNS}
        np.savez(file, allow_pickle=False, issue_ids=self.issue_ids, **columns)
        return file.getvalue()


@dataclass(frozen=True, slots=True)
class Dataset:
    """All that the metrics of one profile read, whatever the ``as_of``; the order of rows means nothing.

    ``others``: the issues that deploy or are incidents by their type, as far as findings ask about them.
    """

    items: Items
    deployments: tuple[Deployment, ...] = ()
    incidents: tuple[Incident, ...] = ()
    others: Items = field(default_factory=lambda: columns_of(()))


_COLUMNS: Final = tuple(column.name for column in fields(Items))


def columns_of(items: Iterable[WorkItem]) -> Items:
    """Items from records."""
    rows = list(items)
    lives = Lives(
        Timelines.of([row.timeline for row in rows]),
        ints(NO_INSTANT if row.resolved is None else row.resolved for row in rows),
        offsets_of([row.exclusions for row in rows]),
        ints(at for row in rows for at in row.exclusions),
        BlockedSpans(offsets_of([row.blocked for row in rows]), ints(at for row in rows for at in row.blocked)),
    )
    return items_of(rows, lives)


def items_of(heads: Sequence[WorkItem | ItemHead], lives: Lives) -> Items:
    """Return items from what they are beside their lives, and these as columns."""
    vocabulary = sorted({version_id for head in heads for version_id in head.version_ids})
    codes = {version_id: code for code, version_id in enumerate(vocabulary)}
    return Items(
        ids=ints(int(head.issue_id) for head in heads),
        keys=_texts([head.key for head in heads]),
        categories=np.array([_CODE_OF_CATEGORY[head.category] for head in heads], np.int8),
        excluded=np.array([head.excluded for head in heads], np.bool_),
        resolved=lives.resolved,
        committed=ints(_committed(head.committed_at) for head in heads),
        points=np.array([_points(head.points) for head in heads], np.float64),
        timeline_offsets=lives.timelines.offsets,
        at=lives.timelines.at,
        stages=lives.timelines.stages,
        exclusion_offsets=lives.exclusion_offsets,
        exclusion_at=lives.exclusion_at,
        blocked_offsets=lives.blocked.offsets,
        blocked_at=lives.blocked.at,
        version_offsets=offsets_of([head.version_ids for head in heads]),
        version_codes=ints(codes[version_id] for head in heads for version_id in head.version_ids),
        vocabulary=_texts(vocabulary),
        link_offsets=offsets_of([head.linked_ids for head in heads]),
        linked_ids=ints(int(issue_id) for head in heads for issue_id in head.linked_ids),
    )


def unpacked(archive: bytes) -> Chunk:
    """Return what ``Chunk.packed`` made an archive of."""
    with np.load(io.BytesIO(archive), allow_pickle=False) as columns:
        parts = (Items(**{name: columns[f"{part}.{name}"] for name in _COLUMNS}) for part in ("items", "others"))
        return Chunk(columns["issue_ids"], *parts)


def merged(chunks: Sequence[Chunk]) -> Chunk:
    """Return what became of all issues that any chunk touched: of chunks from oldest to newest the last word counts."""
    if len(chunks) == 1:
        return chunks[0]
    issue_ids, last = _last_words(chunks)

    def standing(parts: Iterable[Items]) -> Iterator[Items]:
        for number, part in enumerate(parts):
            stands = last[np.searchsorted(issue_ids, part.ids)] == number
            yield part if stands.all() else part.take(np.flatnonzero(stands))

    return Chunk(
        issue_ids,
        items=_joined(list(standing(chunk.items for chunk in chunks))),
        others=_joined(list(standing(chunk.others for chunk in chunks))),
    )


def _last_words(chunks: Sequence[Chunk]) -> tuple[Ints, Ints]:
    """Return the ids that any chunk touched, ascending, and the number of the last chunk that did."""
    ids = np.concatenate([ints(()), *(chunk.issue_ids for chunk in chunks)])
    numbers = np.repeat(np.arange(len(chunks)), [len(chunk.issue_ids) for chunk in chunks])
    order = np.argsort(ids, kind="stable")  # of one id the chunks stay in their order
    ids = ids[order]
    is_last = np.append(ids[1:] != ids[:-1], np.ones(min(1, len(ids)), np.bool_))
    return ids[is_last], numbers[order][is_last]


def _joined(parts: Sequence[Items]) -> Items:
    """Return the rows of all parts, one after the other."""
    whole = [columns_of(()), *parts]
    vocabulary = distinct(np.concatenate([part.vocabulary for part in whole]))
    codes = [np.searchsorted(vocabulary, part.vocabulary)[part.version_codes] for part in whole]
    return Items(
        ids=np.concatenate([part.ids for part in whole]),
        keys=np.concatenate([part.keys for part in whole]),
        categories=np.concatenate([part.categories for part in whole]),
        excluded=np.concatenate([part.excluded for part in whole]),
        resolved=np.concatenate([part.resolved for part in whole]),
        committed=np.concatenate([part.committed for part in whole]),
        points=np.concatenate([part.points for part in whole]),
        timeline_offsets=joined_offsets([part.timeline_offsets for part in whole]),
        at=np.concatenate([part.at for part in whole]),
        stages=np.concatenate([part.stages for part in whole]),
        exclusion_offsets=joined_offsets([part.exclusion_offsets for part in whole]),
        exclusion_at=np.concatenate([part.exclusion_at for part in whole]),
        blocked_offsets=joined_offsets([part.blocked_offsets for part in whole]),
        blocked_at=np.concatenate([part.blocked_at for part in whole]),
        version_offsets=joined_offsets([part.version_offsets for part in whole]),
        version_codes=np.concatenate(codes),
        vocabulary=vocabulary,
        link_offsets=joined_offsets([part.link_offsets for part in whole]),
        linked_ids=np.concatenate([part.linked_ids for part in whole]),
    )


def decoded(texts: Texts) -> Iterator[str]:
    """Texts as strings."""
    return (text.decode() for text in texts.tolist())


def _committed(value: MappedInstant) -> Micros:
    if value is None:
        return NO_INSTANT
    return INVALID_INSTANT if value == INVALID else value


def _points(value: float | Invalid | None) -> float:
    return float("nan") if value is None or value == INVALID else value


def _texts(values: Sequence[str]) -> Texts:
    return np.array([value.encode() for value in values], np.bytes_)
