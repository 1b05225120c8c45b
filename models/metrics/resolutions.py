"""Where an issue's resolution date and its history disagree: imports, migrations and mapping mistakes show so."""

from typing import NamedTuple

import numpy as np

from models.metrics.arrays import NO_INSTANT, Bools, Ints
from models.metrics.columns import Items
from models.metrics.stats import DAY
from models.metrics.timelines import facts_at
from models.records import Micros


class Disagreement(NamedTuple):
    """An issue whose two instants disagree; None of the one that is missing."""

    issue_id: str
    resolved: Micros | None
    done: Micros | None


def disagreeing(items: Items, others: Items, as_of: Micros) -> list[str]:
    """Return the ids of the issues that ``disagreements`` names."""
    return [odd.issue_id for odd in disagreements(items, others, as_of)]


def disagreements(items: Items, others: Items, as_of: Micros) -> list[Disagreement]:
    """Return the issues whose ``resolved`` and ``done_at`` disagree at ``as_of``, in the order of their ids.

    - Both are there and lie more than a day apart.
    - The issue is resolved and not done.
    - It is done without a resolution date, where more than half of the profile's done issues have one.
    - A resolution date at or after ``as_of`` counts as none; an issue that does not exist yet is not asked.
    """
    pairs = [_dates(part, as_of) for part in (items, others)]
    ids = np.concatenate([part.ids[exists] for part, (exists, _, _) in zip((items, others), pairs, strict=True)])
    resolved = np.concatenate([part[1] for part in pairs])
    done = np.concatenate([part[2] for part in pairs])
    is_resolved, is_done = resolved != NO_INSTANT, done != NO_INSTANT
    most_are_resolved = 2 * int((is_resolved & is_done).sum()) > int(is_done.sum())
    is_apart = is_resolved & is_done & (np.abs(resolved - done) > DAY)
    is_odd = is_apart | (is_resolved & ~is_done) | (is_done & ~is_resolved & most_are_resolved)
    odd = np.flatnonzero(is_odd)[np.argsort(ids[is_odd])]
    rows = zip(ids[odd].tolist(), resolved[odd].tolist(), done[odd].tolist(), strict=True)
    return [Disagreement(str(number), _known(at), _known(done_at)) for number, at, done_at in rows]


def _known(at: Micros) -> Micros | None:
    return None if at == NO_INSTANT else at


def _dates(items: Items, as_of: Micros) -> tuple[Bools, Ints, Ints]:
    """Return which issues exist, and when those were resolved and done; NO_INSTANT where they were not."""
    facts = facts_at(items.timelines, as_of)
    resolved = np.where(items.resolved < as_of, items.resolved, NO_INSTANT)
    return facts.exists, resolved[facts.exists], facts.done[facts.exists]
