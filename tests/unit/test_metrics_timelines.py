"""The facts of a timeline at an instant: started, done, and the time in each stage."""

import pytest
from metric_rows import REVIEW_WAITS, STATUSES, at, issue
from one_issue import FactsOf, facts_of, line_of

from models.metrics.stats import DAY, HOUR
from models.metrics.statuses import StatusStages

STAGES = StatusStages.of(STATUSES, REVIEW_WAITS)

# A day in todo, two in active, one back in todo, one waiting, one in active; done on the 7th, a hop on the 9th.
MOVES = ("10-02 → 2", "10-04 → 1", "10-05 → 3", "10-06 → 2", "10-07 → 4", "10-09 → 5")
LIFE = line_of(issue(1, "10-01 → 1", *MOVES), STAGES)


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        ("10-01", None),  # created at the as-of: does not exist
        ("10-01 06:00", FactsOf("todo", None, None, 0, 0)),
        ("10-02", FactsOf("todo", None, None, 0, 0)),  # the change at the as-of has not happened
        ("10-03", FactsOf("active", at("10-02"), None, DAY, 0)),
        ("10-04 12:00", FactsOf("todo", at("10-02"), None, 2 * DAY, 0)),  # back in todo: neither grows
        ("10-05 12:00", FactsOf("waiting", at("10-02"), None, 2 * DAY, 12 * HOUR)),
        ("10-08", FactsOf("done", at("10-02"), at("10-07"), 3 * DAY, DAY)),
        ("11-30", FactsOf("done", at("10-02"), at("10-07"), 3 * DAY, DAY)),  # time in done is not counted
        (None, FactsOf("done", at("10-02"), at("10-07"), 3 * DAY, DAY)),
    ],
)
def test_facts_are_those_of_what_had_happened_before_the_as_of(as_of: str | None, expected: FactsOf | None) -> None:
    """Time in active: 2 → 4 and 6 → 7 October, three days; in waiting: 5 → 6, one day."""
    assert facts_of(LIFE, at(as_of) if as_of else None) == expected


def test_a_reopened_issue_is_not_done_and_time_in_an_earlier_done_counts_in_neither() -> None:
    """Active on days 2 to 3, done until 5, active again: on the 6th two days of work."""
    again = line_of(issue(1, "10-01 → 1", "10-02 → 2", "10-03 → 4", "10-05 → 2"), STAGES)
    assert facts_of(again, at("10-06")) == FactsOf("active", at("10-02"), None, 2 * DAY, 0)


def test_done_again_is_done_at_the_last_entry() -> None:
    """Done on the 3rd, re-opened on the 5th, done on the 7th."""
    again = line_of(issue(1, "10-01 → 1", "10-02 → 2", "10-03 → 4", "10-05 → 2", "10-07 → 4"), STAGES)
    assert facts_of(again, at("10-08")) == FactsOf("done", at("10-02"), at("10-07"), 3 * DAY, 0)


def test_born_in_done_is_done_at_creation_and_never_started() -> None:
    """The issue records something that was already finished."""
    assert facts_of(line_of(issue(1, "10-01 → 4"), STAGES), at("10-02")) == FactsOf("done", None, at("10-01"), 0, 0)


def test_a_stage_passed_through_within_an_instant_was_entered() -> None:
    """An automation moved Open → Doing → Done: started and done at once, without time in progress."""
    at_once = line_of(issue(1, "10-01 → 1", "10-02 → 2", "10-02 → 4"), STAGES)
    assert facts_of(at_once, at("10-03")) == FactsOf("done", at("10-02"), at("10-02"), 0, 0)
