"""The Flow metrics: what counts in which window, what is left out, and the figures beside each value."""

from dataclasses import replace
from typing import Any

import pytest
from metric_rows import REVIEW_WAITS, issue, measure, time, transition

from models.records import Issue, Rules

OCTOBER = Rules(time_period_days=31, workflow=REVIEW_WAITS, fields={"points": "cf"})
NONE = {"feature": 0, "defect": 0, "risk": 0, "debt": 0, "unmapped": 0}


def done(number: int, *moves: str, **more: Any) -> Issue:
    """Return a story started on the 5th and done on the 7th, if no other moves are given."""
    return issue(number, "10-01 → 1", *(moves or ("10-05 → 2", "10-07 → 4")), **more)


# --- flow_velocity ----------------------------------------------------------------------------------------------------


def test_flow_velocity_is_delivered_items_per_week() -> None:
    """Three in 31 days: 3 ÷ (31 ÷ 7) a week, 8.3 points."""
    items = (done(1, cf=3), done(2, cf=5.3, type="Bug"), done(3, type="Spike"))
    measured = measure("flow_velocity", OCTOBER, *items)
    assert (measured.value, measured.unit, measured.n_used) == (21 / 31, "per_week", 3)
    assert measured.details == {
        "count": 3,
        "points": 8.3,
        "without_points": 1,
        "by_category": NONE | {"feature": 1, "defect": 1, "unmapped": 1},
    }


def test_items_done_without_delivering_are_left_out() -> None:
    """Items resolved as Won't Do are not throughput."""
    measured = measure("flow_velocity", OCTOBER, done(1), done(2, resolution="won't do"))
    assert (measured.details["count"], measured.exclusions) == (1, {"not_delivered": 1})


@pytest.mark.parametrize("names", [("CLOSED",), ("5",), ("Abandoned", "closed")])
def test_items_done_in_an_excluded_status_are_left_out(names: tuple[str, ...]) -> None:
    """Closed delivers nothing here, neither for items that went there directly nor for those that came through Done."""
    rules = replace(OCTOBER, excluded_statuses=names)
    through = done(2, "10-05 → 2", "10-07 → 4", "10-09 → 5")
    direct, back = done(3, "10-07 → 5"), done(4, "10-06 → 5", "10-08 → 4")
    measured = measure("flow_velocity", rules, done(1), through, direct, back)
    assert (measured.details["count"], measured.exclusions) == (2, {"not_delivered": 2})
    measured = measure("flow_velocity", replace(rules, time_period_days=8), through, as_of="10-09")
    assert (measured.details["count"], measured.exclusions) == (1, {})  # not in Closed yet


def test_an_excluded_status_may_be_done_by_the_profiles_word_only() -> None:
    """Review counts as done. An item re-opened from it is not done, and not an exclusion."""
    rules = replace(OCTOBER, workflow={"done": ("Review",)}, excluded_statuses=("Review",))
    measured = measure("flow_velocity", rules, done(1, "10-05 → 3"), done(2, "10-05 → 3", "10-06 → 2"))
    assert (measured.details["count"], measured.exclusions) == (0, {"not_delivered": 1})


@pytest.mark.parametrize("points", ["many", True, {}])
def test_an_item_whose_points_are_no_number_still_counts(points: object) -> None:
    """An invalid field loses only the points."""
    measured = measure("flow_velocity", OCTOBER, done(1, cf=points), done(2, cf=2))
    assert (measured.details["count"], measured.details["points"], measured.exclusions) == (2, 2.0, {})
    assert measured.details["without_points"] == 1


def test_an_estimate_of_nothing_is_an_estimate() -> None:
    """0 points are points. An empty field or an empty list has none."""
    items = (done(1, cf=0), done(2, cf=None), done(3, cf=[]), done(4, cf=""))
    measured = measure("flow_velocity", OCTOBER, *items)
    assert (measured.details["points"], measured.details["without_points"]) == (0.0, 3)


def test_points_of_two_kinds_of_projects_add_up() -> None:
    """Each kind of project has its own field. The first one that is not empty counts."""
    rules = replace(OCTOBER, fields={"points": ("cf", "cf_2")})
    items = (done(1, cf=3, cf_2=None), done(2, cf=None, cf_2=5), done(3, cf=1, cf_2=8), done(4))
    measured = measure("flow_velocity", rules, *items)
    assert (measured.details["points"], measured.details["without_points"]) == (9.0, 1)


def test_points_are_unknown_where_the_profile_maps_none() -> None:
    """The value is None, never 0."""
    details = measure("flow_velocity", Rules(time_period_days=31), done(1, cf=3)).details
    assert (details["points"], details["without_points"]) == (None, None)


def test_the_sum_of_points_does_not_hang_on_the_order_of_rows() -> None:
    """As floats, 0.1 + 0.2 + 0.3 depends on the order."""
    forwards = [done(number, cf=points) for number, points in enumerate((0.1, 0.2, 0.3, 1e12, -1e12), start=1)]
    sums = [measure("flow_velocity", OCTOBER, *order).details["points"] for order in (forwards, forwards[::-1])]
    assert sums == [0.6, 0.6]


@pytest.mark.parametrize(
    ("moment", "counts"),
    [("09-30 23:59:59.999999", 0), ("10-01", 1), ("10-31 23:59:59.999999", 1), ("11-01", 0)],
)
def test_a_window_holds_its_start_and_not_its_end(moment: str, counts: int) -> None:
    """Half-open: October begins at its first midnight and ends before November's."""
    measured = measure("flow_velocity", OCTOBER, issue(1, "09-01 → 1", f"{moment} → 4"), as_of="11-01 12:00")
    assert measured.details["count"] == counts


# --- flow_time --------------------------------------------------------------------------------------------------------


def test_flow_time_is_the_median_of_days_from_start_to_done() -> None:
    """2, 4 and 12 days: median 4, mean 6, p75 = 4 + 0.5 × 8, p85 = 4 + 0.7 × 8, p95 = 4 + 0.9 × 8."""
    items = (done(1), done(2, "10-05 → 2", "10-09 → 4"), done(3, "10-05 → 2", "10-17 → 4"))
    measured = measure("flow_time", OCTOBER, *items)
    assert (measured.value, measured.unit, measured.n_used) == (4.0, "days", 3)
    assert measured.details == {"n": 3, "mean": 6.0, "p75": 8.0, "p85": 9.6, "p95": 11.2}


@pytest.mark.parametrize("metric", ["flow_time", "flow_efficiency"])
def test_who_never_started_or_delivered_nothing_is_left_out_with_the_reason(metric: str) -> None:
    """Open → Done was never started. The same as a duplicate counts only as not delivered."""
    items = (done(1), done(2, "10-07 → 4"), done(3, "10-07 → 4", resolution="Duplicate"))
    measured = measure(metric, OCTOBER, *items)
    assert (measured.n_used, measured.exclusions) == (1, {"never_started": 1, "not_delivered": 1})
    assert measured.n_excluded == 2


# --- flow_efficiency --------------------------------------------------------------------------------------------------


def test_flow_efficiency_weighs_all_active_time_against_all_time_in_progress() -> None:
    """2 of 2 days active and 1 of 4: 100 × 3 ÷ 6 = 50 %, though the items' own shares are 100 % and 25 %."""
    items = (done(1), done(2, "10-05 → 2", "10-06 → 3", "10-09 → 4"))
    measured = measure("flow_efficiency", OCTOBER, *items)
    assert (measured.value, measured.unit) == (50.0, "percent")
    assert measured.details == {"n": 2, "median_share": 62.5}


def test_time_back_in_todo_is_neither_active_nor_waiting() -> None:
    """Active a day, todo three days, waiting a day: 50 %."""
    item = done(1, "10-05 → 2", "10-06 → 1", "10-09 → 3", "10-10 → 4")
    assert measure("flow_efficiency", OCTOBER, item).value == 50.0


def test_no_second_in_progress_is_no_efficiency() -> None:
    """The item was started and done at one instant: it is used, but its time in progress is zero."""
    measured = measure("flow_efficiency", OCTOBER, done(1, "10-05 → 2", "10-05 → 4"))
    assert (measured.state, measured.value, measured.n_used) == ("no_data", None, 1)
    assert measured.details == {"n": 1, "median_share": None}


# --- flow_load --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("as_of", "load", "stages", "oldest"),
    [
        ("10-05", 0, (0, 0), None),  # the start at the end of the window has not happened
        ("10-06", 1, (1, 0), 1.0),
        ("10-08", 1, (0, 1), 3.0),  # the age counts from the first start
        ("10-10", 0, (0, 0), None),
        ("10-13", 1, (1, 0), 8.0),  # re-opened: as old as its first start
    ],
)
def test_flow_load_counts_what_is_in_progress_just_before_the_end(
    as_of: str, load: int, stages: tuple[int, int], oldest: float | None
) -> None:
    """Doing on the 5th, Review on the 7th, Done on the 9th, Doing again on the 12th."""
    item = done(1, "10-05 → 2", "10-07 → 3", "10-09 → 4", "10-12 → 2", type="Bug")
    measured = measure("flow_load", OCTOBER, item, as_of=as_of)
    assert (measured.value, measured.n_used, measured.unit) == (load, load, "items")
    assert measured.details["by_stage"] == dict(zip(("active", "waiting"), stages, strict=True))
    assert measured.details["by_category"] == NONE | {"defect": load}
    assert measured.details["oldest_age_days"] == oldest


def test_flow_load_looks_at_each_windows_own_end() -> None:
    """In progress from the 5th to the 7th: at the end of that week the load is 0, and the item counts as done."""
    rules = Rules(history_weeks=4, workflow=REVIEW_WAITS)
    long, short = done(1, "10-05 → 2", "10-15 → 4"), done(2)
    values = [measure("flow_load", rules, long, short, as_of="10-26", window=week).value for week in (1, 2, 3)]
    assert values == [1.0, 0.0, 0.0]  # weeks to 12, 19 and 26 October


def test_the_oldest_age_is_that_of_the_item_started_first() -> None:
    """Started on the 5th and on the 8th: on the 10th the age is five days, in any order of rows."""
    old, young = done(1, "10-05 → 2"), done(2, "10-08 → 2")
    for order in ((old, young), (young, old)):
        assert measure("flow_load", OCTOBER, *order, as_of="10-10").details["oldest_age_days"] == 5.0


def test_a_running_week_is_loaded_as_of_now() -> None:
    """On Wednesday the 7th at noon: two and a half days in progress."""
    measured = measure("flow_load", OCTOBER, done(1, "10-05 → 2", "10-08 → 4"), as_of="10-07 12:00", window=-1)
    assert (measured.value, measured.details["oldest_age_days"]) == (1.0, 2.5)
    assert measured.details["effective_end"] == "2026-10-07T12:00:00.000000Z"


# --- flow_distribution ------------------------------------------------------------------------------------------------


def test_flow_distribution_is_the_share_of_features_and_shows_every_category() -> None:
    """Two features, one defect, one unmapped: 50 %."""
    items = (done(1), done(2), done(3, type="Bug"), done(4, type="Spike"), done(5, resolution="Invalid"))
    measured = measure("flow_distribution", OCTOBER, *items)
    assert (measured.value, measured.n_used, measured.exclusions) == (50.0, 4, {"not_delivered": 1})
    assert measured.details == {
        "by_category": NONE | {"feature": 2, "defect": 1, "unmapped": 1},
        "shares": {"feature": 50.0, "defect": 25.0, "risk": 0.0, "debt": 0.0, "unmapped": 25.0},
    }


def test_the_share_of_features_may_be_a_true_zero() -> None:
    """One defect and nothing else is 0 % features, not no data."""
    measured = measure("flow_distribution", OCTOBER, done(1, type="Bug"))
    assert (measured.state, measured.value) == ("success", 0.0)


def test_flow_efficiency_without_a_waiting_status_lists_where_active_time_was_spent() -> None:
    """The statuses with the most active time come first; ignored types do not count."""
    measured = measure(
        "flow_efficiency",
        replace(OCTOBER, workflow={"active": ("Open",)}),
        issue(1, "10-01 → 1", "10-02 → 2", "10-07 → 3", "10-09 → 4"),
        issue(2, "10-01 → 2", "10-03 → 4"),
        issue(3, "10-01 → 3", type="Epic"),
    )
    assert (measured.state, measured.value) == ("missing_mapping", None)
    assert "Active time was spent in: Doing, Review, Open (longest first)." in (measured.message or "")


def test_a_waiting_status_that_only_histories_know_is_enough() -> None:
    """Jira no longer lists the status, but the profile names it and an ignored issue was in it."""
    old = transition(time("10-03"), 77, "9", "4")
    old = old._replace(from_name="Parked")
    rules = replace(OCTOBER, workflow={"waiting": ("parked",)})
    epic = replace(issue(3, "10-01 → 1", type="Epic"), transitions=(old,))
    measured = measure("flow_efficiency", rules, issue(1, "10-01 → 2", "10-07 → 4"), epic)
    assert (measured.state, measured.value) == ("success", 100.0)
    assert measure("flow_efficiency", rules, issue(1, "10-01 → 2", "10-07 → 4")).state == "missing_mapping"
