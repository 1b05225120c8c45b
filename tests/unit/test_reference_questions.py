"""The reference's ageing, comparisons and stays, compared with figures worked out by hand."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_rows import issue, time
from metric_teams import SOURCES, scene
from reference.against import Against, Side, previous
from reference.ageing import Ageing
from reference.formulas import MEDIANS, RATES, SHARES, SUMS
from reference.metrics import Reference
from reference.stays import stays
from reference_rows import RULES, SET, UNSET, flag, reference

from models.records import Issue, Rules, ServiceLevelRules

DAY = timedelta(days=1)
WEEKS = replace(RULES, history_weeks=4, service_level=ServiceLevelRules(4))
# Flow times of 1, 2, 3, 4, 5 and 6 days, all done within the four weeks before 11-01 (a Sunday; they begin on 10-05).
FINISHED = [issue(n, "10-01 → 1", "10-20 → 2", f"10-{20 + n} → 4") for n in range(1, 7)]


# --- ageing ----------------------------------------------------------------------------------------------------------


def test_items_in_progress_are_listed_oldest_first_then_by_id() -> None:
    """Two began on the same day: 9 comes before 10. Items in todo or done are not listed."""
    items = [
        issue(10, "10-01 → 1", "10-30 → 2"),
        issue(9, "10-01 → 1", "10-30 → 2", "10-31 → 3"),
        issue(8, "10-01 → 1", "10-02 → 3"),
        issue(7, "10-01 → 1"),
    ]
    aged = Ageing(reference(WEEKS, *items, *FINISHED)).items()
    assert [(item.issue_id, item.stage, item.age, item.in_status) for item in aged] == [
        ("8", "waiting", 30 * DAY, 30 * DAY),
        ("9", "waiting", 2 * DAY, DAY),
        ("10", "active", 2 * DAY, 2 * DAY),
    ]


@pytest.mark.parametrize(
    ("born", "pace", "chance"),
    [
        pytest.param("10-30", Fraction(100, 6), Fraction(200, 4), id="older than 1; of 3 4 5 6 two keep it"),
        pytest.param("10-31", Fraction(0), Fraction(300, 5), id="older than none; of 2 3 4 5 6 three keep it"),
        pytest.param("10-28", Fraction(300, 6), Fraction(0), id="the promise is over"),
        pytest.param("10-01", Fraction(100), Fraction(0), id="older than all"),
    ],
)
def test_pace_and_chance_are_shares_of_what_was_finished(born: str, pace: Fraction, chance: Fraction) -> None:
    """A chance needs at least five items that took longer; the item of two days has four."""
    (aged,) = Ageing(reference(WEEKS, issue(20, f"{born} → 2"), *FINISHED)).items()
    assert aged.pace == pace
    assert aged.chance == (None if born == "10-30" else chance)


def test_without_finished_items_or_a_promise_nobody_knows() -> None:
    """Items done before the oldest week are not compared with."""
    early = [issue(n, "09-01 → 1", "09-02 → 2", "10-04 → 4") for n in range(1, 9)]
    (aged,) = Ageing(reference(WEEKS, issue(20, "10-30 → 2"), *early)).items()
    assert (aged.pace, aged.chance) == (None, None)
    (aged,) = Ageing(reference(replace(WEEKS, service_level=None), issue(20, "10-30 → 2"), *FINISHED)).items()
    assert (aged.pace, aged.chance) == (Fraction(100, 6), None)


def test_blocked_since_is_the_start_of_the_stretch_that_lasts() -> None:
    """Flagged from 20 to 28 October, blocked by status from the 25th: one stretch. An earlier one ended on the 15th."""
    item = issue(1, "10-01 → 1", "10-02 → 2", "10-25 → 3")
    changes = [("10-10", UNSET, SET), ("10-15", SET, UNSET), ("10-20", UNSET, SET), ("10-28", SET, UNSET)]
    history = [flag(when, 900 + n, *sides) for n, (when, *sides) in enumerate(changes)]
    item = replace(item, transitions=(*item.transitions, *history))
    (aged,) = Ageing(reference(replace(WEEKS, blocked_statuses=("3",)), item)).items()
    assert aged.blocked_since == time("10-20")
    (aged,) = Ageing(reference(WEEKS, item)).items()
    assert aged.blocked_since is None


def test_blocked_time_does_not_begin_before_the_item_is_in_progress() -> None:
    """Flagged all the time, in progress again since 20 October."""
    item = issue(1, "10-01 → 1", "10-02 → 2", "10-10 → 1", "10-20 → 2")
    (aged,) = Ageing(reference(WEEKS, replace(item, fields={"cf_flag": "x"}))).items()
    assert aged.blocked_since == time("10-20")


# --- against ---------------------------------------------------------------------------------------------------------


def compared(metric: str, *issues: Issue, rules: Rules = WEEKS) -> Against:
    """Compare the last week before 11-01, 10-26 to 11-01, with the week before it."""
    made = reference(rules, *issues)
    span = made.spans[-1]
    return Against(Side(metric, made, span), Side(metric, made, previous(made, span)))


def test_who_came_and_who_left_add_up_to_the_difference() -> None:
    """One item in the week of six days before 1 November, two in the week before."""
    items = [issue(n, "10-01 → 1", "10-02 → 2", f"{day} → 4") for n, day in ((1, "10-27"), (2, "10-20"), (3, "10-21"))]
    against = compared("flow_velocity", *items)
    rows = against.differences()
    assert {key[0]: row.added for key, row in rows.items()} == {"1": Fraction(7, 6), "2": -1, "3": -1}
    assert against.difference == Fraction(7, 6) - 2


def test_an_item_in_both_changes_by_its_value() -> None:
    """In progress at both ends, it adds nothing to the difference of the load. A median has no parts."""
    items = [issue(1, "10-01 → 2"), issue(2, "10-01 → 1", "10-27 → 2")]
    against = compared("flow_load", *items)
    assert {key[0]: row.added for key, row in against.differences().items()} == {"1": 0, "2": 1}
    against = compared("flow_age", *items)
    assert {row.added for row in against.differences().values()} == {None}
    assert against.difference == Fraction(31 + 5, 2) - 25


def test_a_missing_value_has_no_difference() -> None:
    """Nothing was done in the week before."""
    against = compared("flow_distribution", issue(1, "10-01 → 1", "10-02 → 2", "10-27 → 4"))
    ((row),) = against.differences().values()
    assert (against.difference, row.added, row.second) == (None, None, None)


@pytest.mark.parametrize("source", SOURCES)
@given(seed=st.integers(0, 2**64), shift=st.integers(-20, 0))
@settings(max_examples=10)
def test_the_parts_of_any_pair_add_up_exactly(source: str, seed: int, shift: int) -> None:
    """Two weeks at two instants: as fractions, the parts are the difference of every metric that adds up."""
    team, rules, as_of = scene(source, seed)
    now, then = Reference(team, rules, as_of), Reference(team, rules, as_of + shift * DAY)
    for metric in (*RATES, *SHARES, *SUMS, *MEDIANS):
        for first, second in zip(now.spans, then.spans, strict=False):
            against = Against(Side(metric, now, first), Side(metric, then, second))
            added = [row.added for row in against.differences().values()]
            if metric in MEDIANS or against.difference is None:
                assert set(added) <= {None}
            else:
                assert sum(part for part in added if part is not None) == against.difference


# --- stays -----------------------------------------------------------------------------------------------------------


def test_each_status_change_begins_a_stay() -> None:
    """Also a change into the same status, and a stay of zero length. The last one has no end."""
    item = issue(1, "10-01 → 1", "10-02 → 2", "10-02 → 3", "10-05 → 3", status_id="4")
    rows = stays(reference(RULES, item).profile)
    assert [(row.visit, row.status_id, row.status_name, row.stage, row.length) for row in rows] == [
        (1, "1", "Open", "todo", DAY),
        (2, "2", "Doing", "active", timedelta(0)),
        (3, "3", "Review", "waiting", 3 * DAY),
        (4, "3", "Review", "waiting", None),
    ]


def test_an_issue_without_changes_is_in_its_status_since_its_birth() -> None:
    """The status has its name at the site."""
    (row,) = stays(reference(RULES, issue(1, "10-01 → 4")).profile)
    assert (row.visit, row.status_name, row.stage, row.entered_at, row.left_at) == (
        1,
        "Done",
        "done",
        time("10-01"),
        None,
    )
