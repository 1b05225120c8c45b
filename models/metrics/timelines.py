"""The facts of timelines at an instant: when each issue was started and done, and what time it spent in each stage."""

from dataclasses import dataclass

import numpy as np

from models.metrics.columns import ACTIVE, DONE, NO_INSTANT, WAITING, Bools, Codes, Ints, Items, segment_sums
from models.records import Micros


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """``lifecycle.facts`` of every item at one as-of, as columns beside those of the items.

    NO_INSTANT stands for an item that has not started or is not done; of one that does not exist yet nothing else is
    true than that. ``started_by_line``: the first instant in progress, whenever that is.
    """

    exists: Bools
    started: Ints
    started_by_line: Ints
    done: Ints
    active: Ints
    waiting: Ints


def item_facts(items: Items, as_of: Micros | None) -> ItemFacts:
    """The facts of each item at ``as_of`` (None: just after its last change), by the rules of ``lifecycle.facts``."""
    begins = items.timeline_offsets[:-1]
    past = np.ones(len(items.at), np.bool_) if as_of is None else items.at < as_of
    count = segment_sums(past, items.timeline_offsets)
    exists = count > 0
    last = np.maximum(begins + count - 1, begins)
    spent = _spent(items, past, last[exists], as_of)
    first = _first_in_progress(items)
    started_by_line = np.append(items.at, NO_INSTANT)[first]
    return ItemFacts(
        exists=exists,
        started=np.where(first < begins + count, started_by_line, NO_INSTANT),
        started_by_line=started_by_line,
        done=np.where(exists & (items.stages[last] == DONE), items.at[last], NO_INSTANT),
        active=segment_sums(np.where(items.stages == ACTIVE, spent, 0), items.timeline_offsets),
        waiting=segment_sums(np.where(items.stages == WAITING, spent, 0), items.timeline_offsets),
    )


def _spent(items: Items, past: Bools, last: Ints, as_of: Micros | None) -> Ints:
    """How long each entry lasted, until the next one, the ``last`` of an item until the as-of; 0 of what is to come."""
    until = np.append(items.at[1:], 0)[: len(items.at)]
    until[last] = items.at[last] if as_of is None else as_of
    return np.where(past, until - items.at, 0)


def in_progress(stages: Codes) -> Bools:
    """Which entries are into an active or a waiting stage."""
    found: Bools = (stages == ACTIVE) | (stages == WAITING)
    return found


def _first_in_progress(items: Items) -> Ints:
    """Where the first active or waiting entry of each item lies; behind the last entry of all where it has none."""
    entries = np.append(np.flatnonzero(in_progress(items.stages)), len(items.at))
    first = entries[np.searchsorted(entries, items.timeline_offsets[:-1])]
    return np.where(first < items.timeline_offsets[1:], first, len(items.at))
