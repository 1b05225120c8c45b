"""The items in progress, how their age compares with finished work, and how many items each stage holds."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_rows import REVIEW_WAITS, STATUSES, at, issue, time
from metric_teams import SOURCES, Scene, scene, snapshot_of
from reference.ageing import Aged as Expected
from reference.ageing import Ageing
from reference.metrics import Reference
from reference.teams import Team

from models.metrics import evidence
from models.metrics.ageing import Aged, ageing, chance, pace, yardstick
from models.metrics.calculate import calculate
from models.metrics.evidence import Stay
from models.metrics.flow import promise_of
from models.metrics.rules import Context
from models.metrics.snapshot import Snapshot
from models.metrics.stage_counts import stage_counts
from models.metrics.stats import DAY
from models.records import Issue, Rules, ServiceLevelRules, micros

RULES = Rules(time_period_days=31, workflow=REVIEW_WAITS)
TIMES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


def stays_of(made: Scene, snapshot: Snapshot) -> Mapping[str, list[Stay]]:
    """Return the stays of each issue of a team, up to the as-of."""
    team, rules, _ = made
    trail = evidence.Trail.of((*team.issues, *team.gone), Context.of(rules, team.statuses), snapshot.as_of)
    return {issue_id: evidence.stays(trail, issue_id) for issue_id in trail.issues}


def aged_of(*issues: Issue, as_of: str = "11-01") -> list[Aged]:
    """Return the items in progress among these issues."""
    made: Scene = Team(issues, STATUSES, (), ()), RULES, time(as_of)
    snapshot = snapshot_of(*made)
    return ageing(snapshot, stays_of(made, snapshot))


# --- one item ---------------------------------------------------------------------------------------------------------


def test_an_item_is_as_old_as_its_first_instant_in_progress() -> None:
    """Begun on the 5th and moved to a waiting status on the 10th: 27 days in progress, 22 of them in its status."""
    (item,) = aged_of(issue(1, "10-01 → 1", "10-05 → 2", "10-10 → 3"))
    assert (item.key, item.status, item.stage) == ("P-1", "Review", "waiting")
    assert (item.started, item.entered, item.age) == (at("10-05"), at("10-10"), 27 * DAY)
    assert (item.pace, item.chance) == (None, None)  # nothing was finished, and nothing is promised


def test_what_is_not_begun_or_already_done_is_not_in_progress() -> None:
    """Two of four items, the oldest first."""
    aged = aged_of(
        issue(1, "10-01 → 1"),
        issue(2, "10-01 → 1", "10-20 → 2"),
        issue(3, "10-01 → 1", "10-05 → 2", "10-07 → 4"),
        issue(4, "10-01 → 1", "10-06 → 2"),
    )
    assert [item.key for item in aged] == ["P-4", "P-2"]
    assert [item.pace for item in aged] == [100.0, 100.0]  # the one that is done took two days


def test_of_equally_old_items_the_lower_id_comes_first() -> None:
    """As numbers: 9 before 10."""
    aged = aged_of(issue(10, "10-01 → 1", "10-05 → 2"), issue(9, "10-01 → 1", "10-05 → 2"))
    assert [item.issue_id for item in aged] == ["9", "10"]


# --- pace and chance --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("age", "percent"), [(0, 0), (1, 0), (2, 10), (5, 40), (11, 100)])
def test_the_pace_is_the_percentage_that_took_less(age: int, percent: float) -> None:
    """Items that took exactly as long are not counted."""
    assert pace(TIMES, age) == percent


def test_nobody_knows_a_pace_without_finished_items() -> None:
    """The pace is unknown, not 0."""
    assert pace([], 5) is None


@pytest.mark.parametrize(
    ("age", "promise", "percent"),
    [
        (0, 5, 50),  # 5 of 10
        (2, 5, 37.5),  # 3 of the 8 that took longer than 2
        (5, 10, 100),  # all of the 5 that took longer
        (6, 10, None),  # only 4 took longer
        (5, 5, 0),  # already as old as the promise
        (9, 5, 0),
        (5, None, None),
    ],
)
def test_the_chance_is_that_of_the_items_that_took_longer(age: int, promise: int | None, percent: float | None) -> None:
    """By hand, of items that took 1 to 10."""
    assert chance(TIMES, age, promise) == percent


# --- against the reference --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES)
@given(seed=st.integers(0, 2**64), promised=st.sampled_from([None, 1.5, 7.0, 40.0]))
@settings(max_examples=25)
def test_both_readings_of_ageing_say_the_same_of_any_team(source: str, seed: int, promised: float | None) -> None:
    """The same items in the same order, with equal ages, stages, statuses, paces and chances."""
    team, rules, as_of = scene(source, seed)
    level = None if promised is None else ServiceLevelRules(days=promised)
    made: Scene = team, replace(rules, service_level=level), as_of
    snapshot = snapshot_of(*made)
    items = ageing(snapshot, stays_of(made, snapshot), promise_of(made[1]))
    expected = Ageing(Reference(*made)).items()
    assert [_own(item, snapshot) for item in items] == [_plain(item) for item in expected]
    assert yardstick(snapshot) == sorted(_micros(length) for length in Ageing(Reference(*made)).yardstick())


def _own(item: Aged, snapshot: Snapshot) -> tuple[object, ...]:
    spans = (item.age, snapshot.as_of - item.entered, item.blocked_since)
    return (item.issue_id, item.stage, *spans, item.pace, item.chance)


def _plain(item: Expected) -> tuple[object, ...]:
    shares = (item.pace, item.chance)
    since = None if item.blocked_since is None else micros(item.blocked_since)
    spans = (_micros(item.age), _micros(item.in_status), since)
    return (item.issue_id, item.stage, *spans, *map(_percent, shares))


def _micros(length: timedelta) -> int:
    return length // timedelta(microseconds=1)


def _percent(share: Fraction | None) -> float | None:
    return None if share is None else float(share)


# --- counts of stages -------------------------------------------------------------------------------------------------


def test_an_item_counts_in_the_stage_that_it_was_in_just_before_each_edge() -> None:
    """One item through all stages, one created later. At the instant of a move, the stage before it counts."""
    items = snapshot_of(
        Team((issue(1, "10-01 → 1", "10-05 → 2", "10-07 → 3", "10-09 → 4"), issue(2, "10-06 → 1")), STATUSES, (), ()),
        RULES,
        time("11-01"),
    ).dataset.items
    edges = [at(day) for day in ("10-01", "10-02", "10-05", "10-06", "10-07", "10-08", "10-09", "10-10")]
    counts = {stage: numbers.tolist() for stage, numbers in stage_counts(items, edges).items()}
    assert counts == {
        "todo": [0, 1, 1, 0, 1, 1, 1, 1],
        "active": [0, 0, 0, 1, 1, 0, 0, 0],
        "waiting": [0, 0, 0, 0, 0, 1, 1, 0],
        "done": [0, 0, 0, 0, 0, 0, 0, 1],
    }


@pytest.mark.parametrize("source", SOURCES)
@given(seed=st.integers(0, 2**64))
@settings(max_examples=25)
def test_the_counts_of_stages_are_the_load_of_the_same_instant(source: str, seed: int) -> None:
    """For any team and week, active plus waiting just before the end is the flow load."""
    team, rules, as_of = scene(source, seed)
    snapshot = snapshot_of(team, rules, as_of)
    loads = [measured for measured in calculate("flow_load", snapshot) if measured.state == "success"]
    loads.sort(key=lambda measured: measured.window.effective_end)
    counts = stage_counts(snapshot.dataset.items, [measured.window.effective_end for measured in loads])
    totals = (counts["active"] + counts["waiting"]).tolist()
    assert totals == [measured.value for measured in loads]
    assert snapshot.as_of == micros(as_of)
