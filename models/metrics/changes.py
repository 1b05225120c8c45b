"""Which deployment carried which work item: each item belongs to one only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from models.metrics.arrays import Bools, Ints, segment_minima
from models.metrics.columns import Items, decoded
from models.metrics.deployments import Deployed


@dataclass(frozen=True, slots=True)
class Changes:
    """Work items that were deployed: rows of the items, and of each the place of its deployment.

    ``late``: those that were done after their deployment, which then was not what carried them.
    """

    rows: Ints
    places: Ints
    late: Bools


def changes(deployments: Sequence[Deployed], items: Items, may_change: Bools, first_done: Ints | None) -> Changes:
    """Return the changes of ``deployments``, which are in their order, among the items that ``may_change``.

    - An item belongs to the earliest deployment at or after its first entry into done (``first_done``); where all lie
      before that, to the earliest of all, and is late there. Without ``first_done`` to the earliest.
    - A deployment carries the items that it names, and those that share one of its versions.
    """
    none = len(deployments)
    by_item, by_version = _by_item(deployments, items), _by_version(deployments, items)
    lowest = np.zeros(len(items), np.int64)
    earliest = _first_place(by_item, by_version, items, lowest, none)
    following = earliest
    if first_done is not None:
        at = np.array([deployed.at for deployed in deployments], np.int64)
        lowest = np.searchsorted(at, first_done, side="left")
        following = _first_place(by_item, by_version, items, lowest, none)
    rows = np.flatnonzero(may_change & (earliest < none))
    late = (following == none)[rows]
    return Changes(rows, np.where(late, earliest[rows], following[rows]), late)


def _first_place(by_item: Ints, by_version: Ints, items: Items, lowest: Ints, none: int) -> Ints:
    """Return of each item the first place not below ``lowest`` of a deployment that carries it, else ``none``."""
    named = _next_place(by_item, np.arange(len(items)), lowest, none)
    of_entry = np.repeat(lowest, np.diff(items.version_offsets))
    shared = _next_place(by_version, items.version_codes, of_entry, none)
    return np.minimum(named, segment_minima(shared, items.version_offsets, none))


def _next_place(carriers: Ints, owners: Ints, lowest: Ints, none: int) -> Ints:
    """Return of each owner its first place not below ``lowest``; ``carriers`` are ascending codes of (owner, place)."""
    width = none + 1
    behind = np.append(carriers, -1)[np.searchsorted(carriers, owners * width + lowest)]
    return np.where(behind // width == owners, behind % width, none)


def _by_item(deployments: Sequence[Deployed], items: Items) -> Ints:
    """Return which deployments name which items, as codes of (row, place)."""
    pairs = [(int(i), place) for place, d in enumerate(deployments) for i in d.issue_ids if i.isdecimal()]
    ids, places = _columns(pairs)
    rows, which = items.rows_of(ids)
    return np.sort(rows * (len(deployments) + 1) + places[which])


def _by_version(deployments: Sequence[Deployed], items: Items) -> Ints:
    """Return which deployments have which versions, as codes of (code of the version, place)."""
    code_of = {version_id: code for code, version_id in enumerate(decoded(items.vocabulary))}
    pairs = [(code_of[v], place) for place, d in enumerate(deployments) for v in d.version_ids if v in code_of]
    codes, places = _columns(pairs)
    return np.sort(codes * (len(deployments) + 1) + places)


def _columns(pairs: Iterable[tuple[int, int]]) -> tuple[Ints, Ints]:
    table = np.array(list(pairs), np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]
