"""Which deployments were rework: unplanned, made to repair what users saw."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.metrics.arrays import Bools, Ints, distinct
from models.metrics.columns import Items, decoded
from models.metrics.deployments import Deployed
from models.records import CATEGORIES

_DEFECT = CATEGORIES.index("defect")


@dataclass(frozen=True, slots=True)
class Rework:
    """Whether a deployment was rework, and why: its own mark, else the rows of the items that it carried."""

    is_rework: bool
    by_mark: bool
    rows: tuple[int, ...] = ()


def reworks(deployments: Sequence[Deployed], items: Items, delivered: Bools) -> tuple[Rework, ...]:
    """Return of each deployment whether it was rework.

    - Its own mark decides where it has one.
    - Else: at least one delivered item shares a version with it or is named by it, and all of these are defects. An
      item counts here for each such deployment. For source ``status``: the work item itself, delivered or not.
    """
    rows_by_version = _rows_by_version(items, delivered)
    row_of = _rows_of(deployments, items)
    is_defect = items.categories == _DEFECT
    return tuple(_rework(deployed, rows_by_version, row_of, is_defect, delivered) for deployed in deployments)


def _rework(
    deployed: Deployed,
    rows_by_version: dict[str, Ints],
    row_of: dict[str, int],
    is_defect: Bools,
    delivered: Bools,
) -> Rework:
    if deployed.own_rework is not None:
        return Rework(deployed.own_rework, by_mark=True)
    named = [row_of[issue_id] for issue_id in deployed.issue_ids if issue_id in row_of]
    if deployed.source != "status":
        named = [row for row in named if delivered[row]]
    shared = [rows_by_version[version] for version in deployed.version_ids if version in rows_by_version]
    rows = distinct(np.concatenate([np.array(named, np.int64), *shared]))
    return Rework(bool(len(rows) and is_defect[rows].all()), by_mark=False, rows=tuple(rows.tolist()))


def _rows_by_version(items: Items, delivered: Bools) -> dict[str, Ints]:
    """Return the rows of the delivered items of each version."""
    rows = np.repeat(np.arange(len(items)), np.diff(items.version_offsets))
    is_delivered = delivered[rows]
    rows, codes = rows[is_delivered], items.version_codes[is_delivered]
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(items.vocabulary) + 1)).tolist()
    sorted_rows = rows[order]
    names = enumerate(decoded(items.vocabulary))
    return {name: sorted_rows[ends[code] : ends[code + 1]] for code, name in names}


def _rows_of(deployments: Sequence[Deployed], items: Items) -> dict[str, int]:
    """Return the row of each item that a deployment names."""
    ids = {issue_id for deployed in deployments for issue_id in deployed.issue_ids if issue_id.isdecimal()}
    named = sorted(ids)
    rows, which = items.rows_of(np.array([int(issue_id) for issue_id in named], np.int64))
    return {named[place]: row for row, place in zip(rows.tolist(), which.tolist(), strict=True)}
