"""The reference's items in progress, blocked time and service level, compared with figures worked out by hand."""

from dataclasses import replace
from typing import Any

import pytest
from metric_rows import issue
from reference_rows import FLAG, RULES, SET, UNSET, Side, ask, flag

from models.records import Rules, ServiceLevelRules, Transition

IMPEDIMENT = [{"value": "Impediment"}]
# Only its history can set the flag. Created on 10-01, in progress from 10-02 to 10-06, waiting since 10-04.
MOVES = ("10-02 → 2", "10-04 → 3", "10-06 → 4")


@pytest.mark.parametrize(
    ("present", "changes", "days"),
    [
        pytest.param(IMPEDIMENT, [], 4, id="without any change the present value holds"),
        pytest.param(None, [], 0, id="null is empty"),
        pytest.param("", [], 0, id="an empty text is empty"),
        pytest.param([], [], 0, id="an empty list is empty"),
        pytest.param(False, [], 0, id="false is empty"),
        pytest.param(True, [], 4, id="true is not empty"),
        pytest.param(None, [("10-03", UNSET, SET), ("10-05", SET, UNSET)], 2, id="between two changes"),
        pytest.param(None, [("10-03", ("", ""), SET), ("10-05", SET, ("[]", ""))], 2, id="sides that name nothing"),
        pytest.param(None, [("10-03", ("[]", None), ("[]", "Impediment"))], 3, id="one half that names something"),
        pytest.param(None, [("10-03", ("[]", "[]"), (None, "x")), ("10-05", SET, UNSET)], 2, id="only a text"),
        pytest.param(IMPEDIMENT, [("10-05", SET, UNSET)], 3, id="the history decides, not the present value"),
        pytest.param(None, [("10-20", SET, UNSET)], 4, id="before its first change the flag was what that says"),
        pytest.param(None, [("11-20", SET, UNSET)], 4, id="also where that change lies after the as-of"),
        pytest.param(None, [("11-20", UNSET, SET)], 0, id="or says that it was not set"),
        pytest.param(None, [("09-20", UNSET, SET)], 4, id="a change before the birth counts at the birth"),
        pytest.param(None, [("09-20", UNSET, SET), ("09-21", SET, UNSET)], 0, id="of two, the later"),
        pytest.param(None, [("09-30", UNSET, SET), ("10-07", UNSET, SET)], 4, id="until the next change"),
    ],
)
def test_the_flag_is_set_while_its_history_says_so(
    present: Any, changes: list[tuple[str, Side, Side]], days: float
) -> None:
    """Of four days in progress."""
    history = tuple(flag(when, 900 + n, *sides) for n, (when, *sides) in enumerate(changes))
    answer = ask("flow_blocked", RULES, with_history(history, present))
    assert answer.details == {"n": 1, "blocked_days": days}
    assert answer.value == 100 * days / 4


def with_history(history: tuple[Transition, ...], present: Any = None) -> Any:
    """Return the issue of this module with changes of its flag."""
    item = issue(1, "10-01 → 1", *MOVES, **{FLAG: present})
    return replace(item, transitions=(*item.transitions, *history))


@pytest.mark.parametrize(
    ("blocked", "rules", "days"),
    [
        pytest.param(("review",), {}, 2, id="by name"),
        pytest.param(("3",), {}, 2, id="by id"),
        pytest.param(("2", "3"), {}, 4, id="several"),
        pytest.param(("Open", "Done"), {}, 0, id="time in todo and done does not count"),
        pytest.param(("3",), {"workflow": {"todo": ("3",)}}, 0, id="nor in a status that the profile calls todo"),
        pytest.param((), {"fields": {}}, None, id="an empty list is not a section"),
    ],
)
def test_blocked_statuses_block(blocked: tuple[str, ...], rules: dict[str, Any], days: float | None) -> None:
    """Two days are in status 2 and two in status 3."""
    answer = ask("flow_blocked", replace(RULES, blocked_statuses=blocked, **rules), with_history(()))
    assert answer.state == ("missing_mapping" if days is None else "success")
    assert answer.details.get("blocked_days") == days


def test_both_ways_at_once_count_once() -> None:
    """Flagged 10-03 to 10-05, in the blocked status 10-04 to 10-06: three days of four."""
    item = with_history((flag("10-03", 1, UNSET, SET), flag("10-05", 2, SET, UNSET)))
    assert ask("flow_blocked", replace(RULES, blocked_statuses=("3",)), item).value == 75


def test_only_the_time_that_flow_efficiency_counts_can_be_blocked() -> None:
    """Flagged all the time: two days active, one in todo, one in an earlier done, one active again."""
    item = issue(1, "10-01 → 1", "10-02 → 2", "10-04 → 1", "10-05 → 2", "10-06 → 4", "10-07 → 2", "10-08 → 4")
    item = replace(item, fields={FLAG: IMPEDIMENT})
    answer = ask("flow_blocked", RULES, item)
    assert (answer.value, answer.details["blocked_days"]) == (100, 4)


def test_no_time_in_progress_is_no_data() -> None:
    """Started and done at the same instant."""
    answer = ask("flow_blocked", RULES, issue(1, "10-01 → 1", "10-02 → 2", "10-02 → 4"))
    assert (answer.state, answer.n_used) == ("no_data", 1)


def test_age_runs_from_the_first_start_to_the_windows_end() -> None:
    """At the end of 31 October three are in progress, one of them re-opened. Items in done or todo are not."""
    items = [
        issue(1, "10-01 → 1", "10-30 → 2"),  # 2 days
        issue(2, "10-01 → 1", "10-22 → 3"),  # 10 days
        issue(3, "10-01 → 1", "10-12 → 2", "10-13 → 4", "10-31 → 2"),  # 20 days
        issue(4, "10-01 → 1", "10-02 → 2", "10-03 → 1"),
        issue(5, "10-01 → 1", "10-02 → 2", "10-03 → 4"),
    ]
    answer = ask("flow_age", RULES, *items)
    assert (answer.value, answer.n_used, answer.exclusions) == (10, 3, {})
    assert answer.details == {"n": 3, "mean": 32 / 3, "p75": 15, "p85": 17, "p95": 19, "oldest_age_days": 20}
    assert ask("flow_age", RULES, *items[3:]).state == "no_data"


def test_net_flow_is_arrivals_less_departures_whatever_the_resolution() -> None:
    """Three start and two leave, one of them as a duplicate; one was done without ever being in progress."""
    items = [
        issue(1, "09-01 → 1", "10-30 → 2"),
        issue(2, "10-01 → 2"),  # born in progress
        issue(3, "10-01 → 1", "10-03 → 2", "10-04 → 4", resolution="Duplicate"),
        issue(4, "09-01 → 1", "09-02 → 2", "10-04 → 4"),
        issue(5, "10-01 → 1", "10-04 → 4", resolution="Duplicate"),
        issue(6, "09-01 → 1", "09-02 → 2"),
    ]
    answer = ask("net_flow", RULES, *items)
    assert (answer.value, answer.n_used, answer.exclusions) == (1, 5, {"never_started": 1})
    assert answer.details == {"arrivals": 3, "departures": 2}
    assert (ask("net_flow", RULES).value, ask("net_flow", RULES).state) == (0, "success")


@pytest.mark.parametrize(
    ("days", "done", "within"),
    [
        (2, "10-04", 1),
        (2, "10-04 00:00:00.000001", 0),
        (1.5, "10-03 12:00", 1),
        (1e-11, "10-02 00:00:00.000001", 1),  # 0.864 µs is one
        (4e-12, "10-02 00:00:00.000001", 0),  # 0.346 µs is none
    ],
)
def test_the_promise_is_kept_to_the_microsecond(days: float, done: str, within: int) -> None:
    """Started on 2 October. The target percentage does not change the value."""
    rules = replace(RULES, service_level=ServiceLevelRules(days, 90))
    answer = ask("service_level", rules, issue(1, "10-01 → 1", "10-02 → 2", f"{done} → 4"))
    assert answer.value == 100 * within
    assert answer.details == {"n": 1, "within": within, "days": days, "target_percent": 90}


def test_the_promise_is_asked_of_items_with_a_flow_time() -> None:
    """One of two keeps it. One was never started, one is a duplicate. Without a section nothing is promised."""
    items = [
        issue(1, "10-01 → 1", "10-02 → 2", "10-03 → 4"),
        issue(2, "10-01 → 1", "10-02 → 2", "10-05 → 4"),
        issue(3, "10-01 → 1", "10-05 → 4"),
        issue(4, "10-01 → 1", "10-02 → 2", "10-03 → 4", resolution="Duplicate"),
    ]
    answer = ask("service_level", RULES, *items)
    assert (answer.value, answer.n_used) == (50, 2)
    assert answer.exclusions == {"never_started": 1, "not_delivered": 1}
    assert ask("service_level", RULES).state == "no_data"
    assert ask("service_level", Rules(), *items).state == "missing_mapping"
