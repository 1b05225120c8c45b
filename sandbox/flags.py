"""Flags of a made-up team: sometimes an item in progress gets an impediment, which is mostly removed again."""

# ruff: noqa: PLR2004 - the odds of a made-up team stand where they are drawn

from collections.abc import Iterator, Sequence
from itertools import pairwise
from random import Random
from typing import Final

from sandbox import catalogue as c
from sandbox.shapes import option
from sandbox.site import Item, Sets

_IMPEDIMENT: Final = ("[10019]", "Impediment")
_NEVER_SET: Final = (None, None)
_CLEARED: Final = ("", "")


def changes(seed: str, instants: Sequence[int]) -> Iterator[tuple[int, Sets, Item]]:
    """Yield when the flag of an issue was set and cleared, with the value and the history item as Jira writes them.

    `instants` are those of its status changes, in order. One flag in ten is never cleared. Jira's history names the
    option by a list of ids in text; a field that was never set is null there, one that was cleared an empty text.
    """
    rng = Random(f"{seed}/flag")
    before: tuple[str | None, str | None] = _NEVER_SET
    for entered, left in pairwise(instants):
        if rng.random() >= 0.1 or left - entered < 10:
            continue
        raised = entered + round((left - entered) * rng.uniform(0.1, 0.5))
        yield raised, ((c.FLAGGED, [option("10019", "Impediment")]),), _item(before, _IMPEDIMENT)
        if rng.random() < 0.1:
            return
        cleared = raised + round((left - raised) * rng.uniform(0.2, 0.9))
        yield cleared, ((c.FLAGGED, None),), _item(_IMPEDIMENT, _CLEARED)
        before = _CLEARED


def _item(before: tuple[str | None, str | None], after: tuple[str | None, str | None]) -> Item:
    return Item("Flagged", "custom", c.FLAGGED, *before, *after)
