"""Whether any status of a profile belongs to stage ``waiting``, and in which statuses active time was spent."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.metrics.arrays import Ints
from models.metrics.histories import StatusVisits, status_visits
from models.metrics.issues import Batch, work_item_rows
from models.metrics.rules import Context
from models.metrics.statuses import NO_STATUS, StatusRef, StatusStages
from models.metrics.timelines import ACTIVE
from models.records import Micros

MOST_STATUSES: Final = 5  # as many as a sentence holds


@dataclass(frozen=True, slots=True)
class Waiting:
    """Whether a status is in stage ``waiting``; if none is, the statuses with the most active time, longest first."""

    is_mapped: bool = True
    active_statuses: tuple[str, ...] = ()


def is_listed(stages: StatusStages) -> bool:
    """Return whether a status that the site lists belongs to ``waiting``."""
    return "waiting" in stages.by_id.values()


def is_visited(stages: StatusStages, refs: Iterable[StatusRef]) -> bool:
    """Return whether one of these statuses of histories belongs to ``waiting``; only the profile's words can say so."""
    return "waiting" in stages.overrides.values() and any(stages.stage(*ref)[0] == "waiting" for ref in refs)


def active_statuses(batch: Batch, context: Context, as_of: Micros) -> tuple[str, ...]:
    """Return the names of the statuses in which the work items of a batch were active until ``as_of``.

    The one with the most time comes first; of equals the first by name. At most ``MOST_STATUSES``.
    """
    visits = status_visits(batch.histories, context.stages)
    spent = np.where(_is_active(batch, visits, context), _lengths(visits, as_of), 0)
    by_ref = np.bincount(visits.refs, weights=spent, minlength=len(batch.histories.refs))
    totals: dict[str, float] = {}
    for ref, length in zip(batch.histories.refs, by_ref.tolist(), strict=True):
        if length > 0:
            name = context.stages.named(*ref) or ref.status_id or NO_STATUS
            totals[name] = totals.get(name, 0.0) + length
    return tuple(sorted(totals, key=lambda name: (-totals[name], name))[:MOST_STATUSES])


def _is_active(batch: Batch, visits: StatusVisits, context: Context) -> Ints:
    rows = np.repeat(np.arange(len(batch.heads)), np.diff(visits.offsets))
    is_item = np.zeros(len(batch.heads), np.bool_)
    is_item[work_item_rows(batch.heads, context)] = True
    is_active: Ints = (visits.stages == ACTIVE) & is_item[rows]
    return is_active


def _lengths(visits: StatusVisits, as_of: Micros) -> Ints:
    """Return how long each visit lasted, until the next one of its row or ``as_of``; 0 of what is to come."""
    until = np.append(visits.at[1:], as_of)[: len(visits.at)]
    until[visits.offsets[1:] - 1] = as_of
    lengths: Ints = np.maximum(np.minimum(until, as_of) - visits.at, 0)
    return lengths
