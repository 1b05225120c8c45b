"""Requests less at a time if Jira could not answer: in halves, down to one issue. Stores the sizes that worked.

What waits to be asked for again stands in the run's cursor, the last failure last, and is taken from the end: so one
issue that no answer can hold is found after some ten requests, and not after all groups were halved once.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, cast

from models.records import FailedGroup, LearnedSize
from worker.jira.reader import Batch, Failed, Part

GROWS_AFTER: Final = timedelta(days=7)
# The usual sizes, beyond which a remembered one is forgotten.
_USUAL: Final[Mapping[str, int]] = {"ids": 5_000, "issues": 100, "plain": 1_000, "histories": 1_000}


def as_groups(failed: Iterable[Failed]) -> list[FailedGroup]:
    """Return failed groups as a cursor holds them."""
    return [FailedGroup(failure.part, failure.ids, failure.whole) for failure in failed]


def take(waiting: Sequence[FailedGroup], most: int) -> tuple[list[Failed], list[FailedGroup]]:
    """Return (up to ``most`` of the waiting failed groups, the others)."""
    taken, others = waiting[-most:], waiting[:-most]
    return [Failed(cast("Part", group.part), group.ids, "", whole=group.whole) for group in taken], [*others]


def halves(failed: Iterable[Failed]) -> list[Sequence[str]]:
    """Return the next groups to request: two halves of each failed one, or a single issue again."""
    cuts = [(failure.ids, _half(failure)) for failure in failed]
    return [part for ids, cut in cuts for part in (ids[:cut], ids[cut:]) if part]


def learned_sizes(asked: Iterable[Failed], answer: Batch) -> dict[str, int]:
    """Return, by ``Part``, the sizes that proved small enough: both halves of a failed group were answered.

    A group that still holds an issue without an answer shows nothing: that issue may have been the fault.
    """
    unanswered = {*answer.broken, *(issue_id for failure in answer.failed for issue_id in failure.ids)}
    sizes: dict[str, int] = {}
    for failure in asked:
        if failure.whole and len(failure.ids) > 1 and unanswered.isdisjoint(failure.ids):
            sizes[failure.part] = min(_half(failure), sizes.get(failure.part, _half(failure)))
    return sizes


def smaller(sizes: Mapping[str, int], learned: Mapping[str, int]) -> dict[str, int]:
    """Return the sizes with the learned ones, if these are smaller."""
    return {**sizes, **{part: min(size, sizes.get(part, size)) for part, size in learned.items()}}


def starting_sizes(remembered: Mapping[str, LearnedSize], now: datetime) -> dict[str, int]:
    """Return the sizes that a fetch begins with: each stored one, doubled for every week since it was learned."""
    grown = {part: learned.size * 2 ** _weeks(learned, now) for part, learned in remembered.items()}
    return {part: size for part, size in grown.items() if size < _USUAL[part]}


def remember_sizes(
    remembered: Mapping[str, LearnedSize], sizes: Mapping[str, int], now: datetime
) -> dict[str, LearnedSize]:
    """Return the sizes of this fetch for the next one."""
    new = {part: LearnedSize(size, now) for part, size in sizes.items()}
    known = {part: learned for part, learned in remembered.items() if sizes.get(part) == learned.size}
    return {**new, **known}


def _half(failure: Failed) -> int:
    return (len(failure.ids) + 1) // 2


def _weeks(remembered: LearnedSize, now: datetime) -> int:
    return min(16, max(0, (now - remembered.since) // GROWS_AFTER))
