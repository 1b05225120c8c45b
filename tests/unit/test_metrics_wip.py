"""Age, arrivals and departures, and the service level."""

import pytest
from metric_rows import issue, measure

from models.records import Rules, ServiceLevelRules

OCTOBER = Rules(time_period_days=31)


def test_the_age_of_work_in_progress_runs_from_its_first_start() -> None:
    """On 1 November: 31 and 11 days. A re-opened item has the age of its first start; a done item has none."""
    items = (
        issue(1, "10-01 → 2"),
        issue(2, "10-05 → 1", "10-21 → 2", "10-23 → 4", "10-25 → 2"),
        issue(3, "10-05 → 2", "10-31 → 4"),
        issue(4, "10-05 → 1"),
    )
    measured = measure("flow_age", OCTOBER, *items)
    assert measured.value == (31 + 11) / 2
    assert (measured.n_used, measured.details["oldest_age_days"], measured.details["n"]) == (2, 31.0, 2)
    assert measure("flow_load", OCTOBER, *items).value == 2


def test_a_past_window_has_the_ages_at_its_own_end() -> None:
    """The last week ends on the 1st; the period of an as-of of the 15th on the 15th."""
    assert measure("flow_age", Rules(), issue(1, "10-01 → 2", "10-20 → 4"), as_of="10-15").value == 14


def test_no_work_in_progress_has_no_age() -> None:
    """No value and a message. The load is 0."""
    measured = measure("flow_age", OCTOBER, issue(1, "10-05 → 1"))
    assert (measured.state, measured.value, measured.details["oldest_age_days"]) == ("no_data", None, None)
    assert measure("flow_load", OCTOBER, issue(1, "10-05 → 1")).value == 0


@pytest.mark.parametrize(
    ("moves", "resolution", "arrivals", "departures", "left_out"),
    [
        (("10-01 → 1", "10-05 → 2"), None, 1, 0, 0),
        (("10-01 → 1", "10-05 → 2", "10-08 → 4"), None, 1, 1, 0),
        (("09-01 → 2", "10-08 → 4"), None, 0, 1, 0),
        (("09-01 → 2", "10-08 → 4"), "Duplicate", 0, 1, 0),
        (("10-01 → 1", "10-08 → 4"), None, 0, 0, 1),
        (("10-01 → 1", "10-08 → 4"), "Duplicate", 0, 0, 1),
        (("10-01 → 1", "10-05 → 2", "10-08 → 4", "10-09 → 2"), None, 1, 0, 0),
        (("09-01 → 1",), None, 0, 0, 0),
    ],
)
def test_arrivals_less_departures(
    moves: tuple[str, ...], resolution: str | None, arrivals: int, departures: int, left_out: int
) -> None:
    """Whatever the resolution. A re-opened item has not departed. A done item that never started is left out."""
    measured = measure("net_flow", OCTOBER, issue(1, *moves, resolution=resolution))
    assert measured.value == arrivals - departures
    assert measured.details == {"arrivals": arrivals, "departures": departures}
    assert measured.n_used == arrivals + departures
    assert measured.exclusions == ({"never_started": 1} if left_out else {})


def test_nothing_of_both_is_a_true_zero() -> None:
    """The state is not no_data."""
    assert (measure("net_flow", OCTOBER).state, measure("net_flow", OCTOBER).value) == ("success", 0)


@pytest.mark.parametrize(
    ("days", "within"), [(10.0, 2), (9.999999, 1), (9.999999999999, 2), (5.0, 1), (4.9, 0), (100.0, 2)]
)
def test_the_promise_is_kept_to_the_microsecond(days: float, within: int) -> None:
    """Flow times of 5 and 10 days. The promised days are rounded to a microsecond."""
    items = (issue(1, "10-01 → 2", "10-06 → 4"), issue(2, "10-01 → 2", "10-11 → 4"), issue(3, "10-01 → 1", "10-11 → 4"))
    measured = measure("service_level", Rules(service_level=ServiceLevelRules(days, 70)), *items)
    assert measured.value == 100 * within / 2
    assert measured.details == {"n": 2, "within": within, "days": days, "target_percent": 70}
    assert measured.exclusions == {"never_started": 1}


def test_no_promise_is_a_missing_mapping_and_no_item_no_data() -> None:
    """In both cases the value is not 0 %."""
    assert measure("service_level", Rules(), issue(1, "10-01 → 2", "10-06 → 4")).state == "missing_mapping"
    assert measure("service_level", Rules(service_level=ServiceLevelRules(5))).state == "no_data"
