"""The forecast's arithmetic: exact results where chance plays no part, results near the exact chance elsewhere."""

from collections import defaultdict
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_rows import STATUSES, issue, time
from metric_teams import snapshot_of
from reference.teams import Team

from models.metrics.forecast import (
    PERCENTS,
    Backtests,
    Past,
    backtest_days,
    backtest_items,
    days_for,
    history,
    in_progress,
    is_enough,
    items_in,
)
from models.metrics.snapshot import Snapshot
from models.metrics.windows import week_name
from models.records import Issue, Rules

FIVE = [5] * 8


def past_of(throughput: list[int]) -> Past:
    """Return a past with deliveries spread evenly over the days of each week, rounded down."""
    daily = [count * day // 7 - count * (day - 1) // 7 for count in throughput for day in range(1, 8)]
    return Past((), throughput, daily)


def verdicts(backtests: Backtests) -> dict[int, tuple[int, int]]:
    """Return percentage → held and checked."""
    return {percent: (tested.held, tested.checked) for percent, tested in backtests.items()}


UNTIMED = settings(deadline=None, max_examples=60)  # the machine may be busy
UTC = ZoneInfo("UTC")
weekly = st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any)
seeds = st.integers(0, 1_000)


def test_a_constant_throughput_leaves_nothing_to_chance() -> None:
    """5 a week: of 12 items 10 take 14 days, and 2 of the next 5 are there after 3 more; 10 take exactly 14."""
    assert days_for(FIVE, 12, seed=1) == dict.fromkeys(PERCENTS, 17)
    assert days_for(FIVE, 10, seed=1) == dict.fromkeys(PERCENTS, 14)


@pytest.mark.parametrize(("days", "items"), [(7, 5), (14, 10), (10, 7), (1, 0), (0, 0)])
def test_of_a_last_week_its_share_of_days_counts_rounded_down(days: int, items: int) -> None:
    """10 days at 5 a week: 5 and 5 × 3 ÷ 7 = 2.1; one day: 0.7."""
    assert items_in(FIVE, days, seed=1) == dict.fromkeys(PERCENTS, items)


def test_what_takes_longer_than_the_horizon_has_no_number() -> None:
    """Four weeks deliver 20 of the 21 items."""
    assert days_for(FIVE, 21, seed=1, horizon=4) == dict.fromkeys(PERCENTS)
    assert days_for(FIVE, 20, seed=1, horizon=4) == dict.fromkeys(PERCENTS, 28)


def test_the_chances_are_those_of_a_coin() -> None:
    """0 or 6 items a week, evenly: 6 are there after 1 week with 50 %, 2 with 75, 3 with 87.5, 4 with 94, 5 with 97."""
    days = days_for([0, 6], 6, seed=1)
    assert (days[70], days[85], days[95]) == (14, 21, 35)
    # Of two weeks none bring anything in 25 %, at least one does in 75, both do in 25.
    assert items_in([0, 6], 14, seed=1) == {50: 6, 70: 6, 85: 0, 95: 0}


def test_the_same_seed_gives_the_same_answer_and_another_may_not() -> None:
    """With few trials, so that seeds give different answers."""
    answers = [days_for([0, 1, 9], 40, seed, trials=20) for seed in range(20)]
    assert answers == [days_for([0, 1, 9], 40, seed, trials=20) for seed in range(20)]
    assert len({str(answer) for answer in answers}) > 1


@UNTIMED
@given(weekly, st.integers(1, 60), seeds)
def test_more_items_are_never_done_earlier(throughput: list[int], items: int, seed: int) -> None:
    """With the same seed, at every chance. A higher chance never needs less time."""
    fewer = days_for(throughput, items, seed, trials=50)
    more = days_for(throughput, items + 1, seed, trials=50)
    assert all((fewer[percent] or 9999) <= (more[percent] or 9999) for percent in PERCENTS)
    assert sorted(days or 9999 for days in fewer.values()) == [days or 9999 for days in fewer.values()]


@UNTIMED
@given(weekly, st.integers(0, 60), seeds)
def test_a_later_day_never_has_fewer_items(throughput: list[int], days: int, seed: int) -> None:
    """With the same seed, at every chance. A higher chance never gives more items."""
    sooner, later = (items_in(throughput, count, seed, trials=50) for count in (days, days + 1))
    assert all(sooner[percent] <= later[percent] for percent in PERCENTS)
    assert sorted(sooner.values(), reverse=True) == list(sooner.values())


@UNTIMED
@given(weekly, st.integers(1, 25))
def test_the_lines_lie_where_the_exact_chances_are(throughput: list[int], items: int) -> None:
    """Computed here by adding up all ways; 3 percent apart is six times what 10,000 trials vary by."""
    exact = [_chance(throughput, items, weeks) for weeks in range(41)]
    for percent, days in days_for(throughput, items, seed=1, horizon=40).items():
        weeks = None if days is None else -(-days // 7)
        if weeks is None:
            assert exact[40] < percent / 100 + 0.03
        else:
            assert exact[weeks] > percent / 100 - 0.03
            assert exact[weeks - 1] < percent / 100 + 0.03


@UNTIMED
@given(weekly, st.integers(0, 45), seeds)
def test_both_questions_agree(throughput: list[int], days: int, seed: int) -> None:
    """As many items as some days bring at a chance are done in these days at that chance; one more is not.

    Twenty trials, so that often exactly half of them, or 17 or 19, decide it.
    """
    for percent, items in items_in(throughput, days, seed, trials=20).items():
        assert items == 0 or (days_for(throughput, items, seed, trials=20)[percent] or 9999) <= days
        assert (days_for(throughput, items + 1, seed, trials=20)[percent] or 9999) > days


def test_the_back_test_of_items_by_hand() -> None:
    """Asked for 4 items at the beginning of each week from the sixth on.

    - Week 6, after 4 4 4 4 4: every line is 7 days; they brought 2: none held.
    - Week 7, after 4 4 4 4 4 2: 7 days have 83 %, 11 have 97. Week 7 brought 2, and 11 days 2 + 2.
    - Week 8, after 4 4 4 4 4 2 2: 7 days have 71 %, 11 have 92, 14 have 100. Weeks 8 and 9 brought 4 each.
    - Week 9, after 4 4 4 4 4 2 2 4: 7 days have 75 %; the other lines reach beyond the last week.
    """
    tested = verdicts(backtest_items(past_of([4, 4, 4, 4, 4, 2, 2, 4, 4]), 4, seed=1))
    assert (tested[50], tested[85], tested[95]) == ((2, 4), (2, 3), (2, 3))


def test_the_back_test_of_a_day_by_hand() -> None:
    """Asked for 7 days: after five weeks of 4 the lines are 4, and 2 came; after another of 2 only 83 % have 4."""
    tested = verdicts(backtest_days(past_of([4, 4, 4, 4, 4, 2, 3]), 7, seed=1))
    assert tested == {50: (0, 2), 70: (0, 2), 85: (1, 2), 95: (1, 2)}
    # Of 10 days: 4 and 4 × 3 ÷ 7 = 1; the sixth week brought 2, and three days of the seventh 1.
    assert verdicts(backtest_days(past_of([4, 4, 4, 4, 4, 2, 3]), 10, seed=1)) == dict.fromkeys(PERCENTS, (0, 1))


def test_the_back_test_of_a_constant_throughput_always_holds() -> None:
    """20 weeks: the 15 after the first five, less the last one where more than one week is needed."""
    past = past_of([5] * 20)
    assert verdicts(backtest_items(past, 5, seed=1)) == dict.fromkeys(PERCENTS, (15, 15))
    assert verdicts(backtest_items(past, 6, seed=1)) == dict.fromkeys(PERCENTS, (14, 14))
    assert verdicts(backtest_days(past, 14, seed=1)) == dict.fromkeys(PERCENTS, (14, 14))


def test_weeks_without_a_delivery_are_not_enough() -> None:
    """Five weeks with a delivery are needed. Empty weeks between them are part of the past."""
    assert not is_enough([3, 0, 2, 0, 1, 1])
    assert is_enough([3, 0, 2, 0, 1, 1, 1])
    assert verdicts(backtest_items(past_of([3, 0, 2, 0, 1, 1]), 2, seed=1)) == dict.fromkeys(PERCENTS, (0, 0))


# --- what the past was ------------------------------------------------------------------------------------------------


def _seen(*issues: Issue, as_of: str = "10-28 12:00") -> Snapshot:
    """Return the snapshot of Wednesday of week 44. Its past weeks begin on 10-05, 10-12, 10-19 and 10-26."""
    return snapshot_of(Team(issues, STATUSES, (), ()), Rules(), time(as_of))


def test_the_past_is_what_was_delivered_in_weeks_that_are_over() -> None:
    """Two in week 42, none in 43. The running week and items that delivered nothing are not counted."""
    ready = _seen(
        issue(1, "10-04 → 1", "10-12 → 4"),
        issue(2, "10-04 → 1", "10-18 23:59 → 4"),
        issue(3, "10-04 → 1", "10-26 → 4"),
        issue(4, "10-04 → 1", "10-20 → 4", resolution="Won't Do"),
    )
    past = history(ready, 3)
    assert [week_name(week, UTC) for week in past.weeks] == ["2026-W41", "2026-W42", "2026-W43"]
    assert past.throughput == [0, 2, 0]
    assert past.daily == [0] * 7 + [1, 0, 0, 0, 0, 0, 1] + [0] * 7
    assert (past.delivered(1, 6), past.delivered(1, 7)) == (1, 2)
    assert history(ready, 2).throughput == [2, 0]


def test_weeks_before_the_first_item_are_no_past() -> None:
    """They would count as weeks without a delivery. So would the week of the first creation."""
    ready = _seen(issue(1, "10-07 → 1", "10-13 → 4"))
    assert history(ready, 52).throughput == [1, 0]
    assert history(_seen(issue(1, "10-05 → 1", "10-13 → 4")), 52).throughput == [0, 1, 0]


def test_a_week_that_ends_at_the_as_of_is_over() -> None:
    """The as-of is Monday at midnight."""
    ready = _seen(issue(1, "10-04 → 1", "10-25 23:00 → 4"), as_of="10-26")
    assert history(ready, 2).throughput == [0, 1]


def test_what_is_in_progress_is_what_flow_load_counts() -> None:
    """Started and not done. An item started exactly at the as-of is not in progress yet."""
    ready = _seen(
        issue(1, "10-04 → 1", "10-12 → 2"),
        issue(2, "10-04 → 1", "10-12 → 2", "10-13 → 4"),
        issue(3, "10-04 → 1", "10-28 12:00 → 2"),
        issue(4, "10-04 → 1"),
    )
    assert in_progress(ready) == 1


def _chance(throughput: list[int], items: int, weeks: int) -> float:
    """Return the chance that this many weeks deliver at least the items; larger sums are counted as one."""
    ways = defaultdict(float, {0: 1.0})
    for _ in range(weeks):
        after: defaultdict[int, float] = defaultdict(float)
        for total, chance in ways.items():
            for count in throughput:
                after[min(items, total + count)] += chance / len(throughput)
        ways = after
    return ways[items]
