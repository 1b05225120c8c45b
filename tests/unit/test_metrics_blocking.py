"""Blocked time: by statuses, by a flag and its history, and what blocked an item."""

from dataclasses import replace
from typing import Any

import pytest
from metric_rows import STATUSES, at, issue, measure, time
from metric_teams import snapshot_of
from reference.teams import Team

from models.metrics import evidence
from models.metrics.evidence import Trail
from models.metrics.rules import Context
from models.records import Issue, Rules, Transition

FLAG = "cf"
SET = ("1", "Impediment")
CLEAR = ("", "")
REVIEW: dict[str, Any] = {"blocked_statuses": ("review",)}
BY_FLAG: dict[str, Any] = {"fields": {"flagged": FLAG}}
BOTH = REVIEW | BY_FLAG
# In progress from the 1st until it is done on the 11th: ten days, of which the 5th to the 7th in Review.
MOVES = ("10-01 → 2", "10-05 → 3", "10-07 → 2", "10-11 → 4")


def flagged(story: Issue, *changes: tuple[str, tuple[str | None, str | None], tuple[str | None, str | None]]) -> Issue:
    """Return the issue with changes of its flag: when, from what, to what."""
    history = [
        Transition(time(when), 9000 + n, 0, FLAG, str(9000 + n), *before, *after)
        for n, (when, before, after) in enumerate(changes)
    ]
    return replace(story, transitions=(*story.transitions, *history))


def item(*moves: str, **fields: Any) -> Issue:
    """Return an issue that starts in progress on 1 October."""
    return issue(1, *(moves or MOVES), **fields)


CASES: dict[str, tuple[dict[str, Any], Issue, float]] = {
    "its status is one of the blocked": (REVIEW, item(), 2),
    "by the id of the status": ({"blocked_statuses": ("3",)}, item(), 2),
    "a blocked status of stage done adds nothing": ({"blocked_statuses": ("Done",)}, item(), 0),
    "a blocked status of stage todo adds nothing": (REVIEW | {"workflow": {"todo": ("Review",)}}, item(), 0),
    "its flag is set and cleared": (BY_FLAG, flagged(item(), ("10-02", CLEAR, SET), ("10-05", SET, CLEAR)), 3),
    "status and flag at once count once": (BOTH, flagged(item(), ("10-04", CLEAR, SET), ("10-06", SET, CLEAR)), 3),
    "a flag that nobody clears, until it is done": (BY_FLAG, flagged(item(), ("10-09", CLEAR, SET)), 2),
    "before its first change it is what that says": (BY_FLAG, flagged(item(cf=[]), ("10-03", SET, CLEAR)), 2),
    "also where that lies after the as-of": (BY_FLAG, flagged(item(cf=[]), ("12-03", SET, CLEAR)), 10),
    "without any change its present value": (BY_FLAG, item(cf=[{"value": "Impediment"}]), 10),
    "without any change and empty": (BY_FLAG, item(cf=[]), 0),
    "without any change and false": (BY_FLAG, item(cf=False), 0),
    "a present 0 is a value": (BY_FLAG, item(cf=0), 10),
    "a change before the birth counts at the birth": (BY_FLAG, flagged(item(), ("09-01", CLEAR, SET)), 10),
    "a side is empty with brackets as its text": (BY_FLAG, flagged(item(), ("10-03", SET, (None, "[]"))), 2),
    "an id alone is a value": (BY_FLAG, flagged(item(), ("10-03", (None, None), ("7", None))), 8),
    "time in todo between": (
        BY_FLAG,
        flagged(item("10-01 → 2", "10-03 → 1", "10-06 → 2", "10-11 → 4"), ("10-02", CLEAR, SET)),
        6,
    ),
    "re-opened: its time in done counts for nothing": (
        BY_FLAG,
        flagged(item("10-01 → 2", "10-03 → 4", "10-06 → 2", "10-11 → 4"), ("10-02", CLEAR, SET)),
        6,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_item_is_blocked_for_so_many_days(case: str) -> None:
    """Of ten days in progress. The share and the days are computed from the same seconds."""
    rules, story, days = CASES[case]
    measured = measure("flow_blocked", Rules(**rules), story)
    spent = 10 if "between" not in case and "re-opened" not in case else 7
    assert measured.details["blocked_days"] == days
    assert measured.value == 100 * days / spent
    assert measured.details["n"] == 1


def test_nothing_says_when_an_item_is_blocked() -> None:
    """Without blocked statuses and without a flag the mapping is missing, and the message names both."""
    measured = measure("flow_blocked", Rules(), item())
    assert measured.state == "missing_mapping"
    assert "flagged" in (measured.message or "")
    assert "[profiles.<name>.blocked]" in (measured.message or "")


def test_each_span_names_what_blocked_it() -> None:
    """A change of the status, a change of the flag, or both."""
    story = flagged(item(), ("10-02", CLEAR, SET), ("10-03", SET, CLEAR), ("10-05", CLEAR, SET), ("10-06", SET, CLEAR))
    rules = Rules(**BOTH)
    trail = Trail.of([story], Context.of(rules, STATUSES), at("11-01"))
    first, second = evidence.blocked(trail, "1")
    assert (first.at, first.until) == (at("10-02"), at("10-03"))
    assert [(by.field, by.after) for by in first.by] == [(FLAG, "Impediment")]
    assert (second.at, second.until) == (at("10-05"), at("10-07"))
    assert [(by.field, by.after) for by in second.by] == [("status", "Review"), (FLAG, "Impediment")]


def test_the_spans_that_are_shown_add_up_to_the_number() -> None:
    """In every case, explain lists what was counted."""
    for rules, story, days in CASES.values():
        trail = Trail.of([story], Context.of(Rules(**rules), STATUSES), at("11-01"))
        spans = evidence.blocked(trail, "1")
        assert sum(span.until - span.at for span in spans) == days * 86_400_000_000
        assert all(span.by for span in spans)


def test_an_item_in_progress_is_blocked_until_the_as_of() -> None:
    """The span has not ended."""
    story = flagged(item("10-01 → 2"), ("10-20", CLEAR, SET))
    ready = snapshot_of(Team((story,), STATUSES), Rules(**BY_FLAG), time("10-25"))
    assert ready.blocked.tolist() == [5 * 86_400_000_000]
