"""The forecast's arithmetic: exact where nothing is left to chance, near the exact chance where something is."""

from collections import Counter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_rows import STATUSES, issue, time
from metric_teams import snapshot_of
from reference.teams import Team

from models.metrics.forecast import (
    PERCENTS,
    backtest_days,
    backtest_items,
    history,
    in_progress,
    is_enough,
    items_in,
    weeks_for,
)
from models.metrics.snapshot import Snapshot
from models.metrics.windows import week_name
from models.records import Backtest, Issue, Rules

FIVE = [5] * 8
UNTIMED = settings(deadline=None, max_examples=60)  # a busy machine is no fault
UTC = ZoneInfo("UTC")
weekly = st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any)
seeds = st.integers(0, 1_000)


def test_a_constant_throughput_leaves_nothing_to_chance() -> None:
    """5 a week: 12 items take 3 weeks, for 2 bring only 10; 10 are done in exactly 2."""
    assert weeks_for(FIVE, 12, seed=1) == dict.fromkeys(PERCENTS, 3)
    assert weeks_for(FIVE, 10, seed=1) == dict.fromkeys(PERCENTS, 2)


@pytest.mark.parametrize(("days", "items"), [(7, 5), (14, 10), (10, 7), (1, 0), (0, 0)])
def test_of_a_last_week_its_share_of_days_counts_rounded_down(days: int, items: int) -> None:
    """10 days at 5 a week: 5 and 5 × 3 ÷ 7 = 2.1; one day: 0.7."""
    assert items_in(FIVE, days, seed=1) == dict.fromkeys(PERCENTS, items)


def test_what_takes_longer_than_the_horizon_has_no_number() -> None:
    """4 weeks bring 20 of the 21 items."""
    assert weeks_for(FIVE, 21, seed=1, horizon=4) == dict.fromkeys(PERCENTS)
    assert weeks_for(FIVE, 20, seed=1, horizon=4) == dict.fromkeys(PERCENTS, 4)


def test_the_chances_are_those_of_a_coin() -> None:
    """0 or 6 items a week, evenly: 6 are there after 1 week with 50 %, 2 with 75, 3 with 87.5, 4 with 94, 5 with 97."""
    found = weeks_for([0, 6], 6, seed=1)
    assert (found[70], found[85], found[95]) == (2, 3, 5)
    # Of two weeks none bring anything in 25 %, at least one does in 75, both do in 25.
    assert items_in([0, 6], 14, seed=1) == {50: 6, 70: 6, 85: 0, 95: 0}


def test_the_same_seed_gives_the_same_answer_and_another_may_not() -> None:
    """Few trials, so that seeds differ."""
    answers = [weeks_for([0, 1, 9], 40, seed, trials=20) for seed in range(20)]
    assert answers == [weeks_for([0, 1, 9], 40, seed, trials=20) for seed in range(20)]
    assert len({str(answer) for answer in answers}) > 1


@UNTIMED
@given(weekly, st.integers(1, 60), seeds)
def test_more_items_are_never_done_earlier(throughput: list[int], items: int, seed: int) -> None:
    """With the same seed, at every chance; and a greater chance never needs less time."""
    fewer = weeks_for(throughput, items, seed, trials=50)
    more = weeks_for(throughput, items + 1, seed, trials=50)
    assert all((fewer[percent] or 999) <= (more[percent] or 999) for percent in PERCENTS)
    assert sorted(weeks or 999 for weeks in fewer.values()) == [weeks or 999 for weeks in fewer.values()]


@UNTIMED
@given(weekly, st.integers(0, 60), seeds)
def test_a_later_day_never_has_fewer_items(throughput: list[int], days: int, seed: int) -> None:
    """With the same seed, at every chance; and a greater chance never promises more."""
    sooner, later = (items_in(throughput, count, seed, trials=50) for count in (days, days + 1))
    assert all(sooner[percent] <= later[percent] for percent in PERCENTS)
    assert sorted(sooner.values(), reverse=True) == list(sooner.values())


@UNTIMED
@given(weekly, st.integers(1, 25))
def test_the_lines_lie_where_the_exact_chances_are(throughput: list[int], items: int) -> None:
    """Computed here by adding up all ways; 3 percent apart is six times what 10,000 trials vary by."""
    exact = [_chance(throughput, items, weeks) for weeks in range(41)]
    for percent, weeks in weeks_for(throughput, items, seed=1, horizon=40).items():
        if weeks is None:
            assert exact[40] < percent / 100 + 0.03
        else:
            assert exact[weeks] > percent / 100 - 0.03
            assert exact[weeks - 1] < percent / 100 + 0.03


@UNTIMED
@given(weekly, st.integers(1, 6), seeds)
def test_both_questions_agree(throughput: list[int], weeks: int, seed: int) -> None:
    """As many items as so many weeks bring at a chance are done in these weeks at that chance; one more is not.

    Twenty trials, so that often exactly half of them, or 17 or 19, decide it.
    """
    for percent, items in items_in(throughput, 7 * weeks, seed, trials=20).items():
        assert (weeks_for(throughput, max(1, items), seed, trials=20)[percent] or 999) <= weeks or items == 0
        assert (weeks_for(throughput, items + 1, seed, trials=20)[percent] or 999) > weeks


def test_the_back_test_of_items_by_hand() -> None:
    """Asked for 4 items at the beginning of each week from the fifth on.

    - Week 5, after 4 4 4 4: the line is 1 week; it brought 2: not held.
    - Week 6, after 4 4 4 4 2: 1 week has 80 %, 2 have 100; weeks 6 and 7 brought 2 + 4: held.
    - Week 7, after 4 4 4 4 2 2: 1 week has 67 %, 2 have 100; weeks 7 and 8 brought 4 + 4: held.
    - Week 8, after 4 4 4 4 2 2 4: 1 week has 71 %, so it takes 2, and only one has passed: nobody knows.
    """
    assert backtest_items([4, 4, 4, 4, 2, 2, 4, 4], 4, seed=1) == Backtest(held=2, checked=3)


def test_the_back_test_of_a_day_by_hand() -> None:
    """Asked for 7 days: after 4 4 4 4 the line is 4, and 2 came; after 4 4 4 4 2 it is 2 (4 has 80 %), and 3 came."""
    assert backtest_days([4, 4, 4, 4, 2, 3], 7, seed=1) == Backtest(held=1, checked=2)
    # Of 10 days: 4 and 4 × 3 ÷ 7 = 1; the fifth and sixth week brought 2 and 3 × 3 ÷ 7 = 1.
    assert backtest_days([4, 4, 4, 4, 2, 3], 10, seed=1) == Backtest(held=0, checked=1)


def test_the_back_test_of_a_constant_throughput_always_holds() -> None:
    """20 weeks: the 16 after the first four, less the last one where two weeks are needed."""
    assert backtest_items([5] * 20, 5, seed=1) == Backtest(16, 16)
    assert backtest_items([5] * 20, 6, seed=1) == Backtest(15, 15)
    assert backtest_days([5] * 20, 14, seed=1) == Backtest(15, 15)


def test_weeks_without_a_delivery_are_not_enough() -> None:
    """Four weeks with one; empty weeks between them count as weeks, but not as these."""
    assert not is_enough([3, 0, 2, 0, 1])
    assert is_enough([3, 0, 2, 0, 1, 1])
    assert backtest_items([3, 0, 2, 0, 1], 2, seed=1) == Backtest(0, 0)


# --- what the past was ------------------------------------------------------------------------------------------------


def _seen(*issues: Issue, as_of: str = "10-28 12:00") -> Snapshot:
    """On Wednesday of week 44; its weeks began on 10-05, 10-12, 10-19 and 10-26."""
    return snapshot_of(Team(issues, STATUSES, (), ()), Rules(), time(as_of))


def test_the_past_is_what_was_delivered_in_weeks_that_are_over() -> None:
    """Two in week 42, none in 43; what was done this week is not counted, nor what delivered nothing."""
    ready = _seen(
        issue(1, "10-04 → 1", "10-12 → 4"),
        issue(2, "10-04 → 1", "10-18 23:59 → 4"),
        issue(3, "10-04 → 1", "10-26 → 4"),
        issue(4, "10-04 → 1", "10-20 → 4", resolution="Won't Do"),
    )
    weeks, counts = history(ready, 3)
    assert [week_name(week, UTC) for week in weeks] == ["2026-W41", "2026-W42", "2026-W43"]
    assert counts == [0, 2, 0]
    assert history(ready, 2)[1] == [2, 0]


def test_weeks_before_the_first_item_are_no_past() -> None:
    """They would count as weeks in which nothing was delivered; so would the week it was created in."""
    ready = _seen(issue(1, "10-07 → 1", "10-13 → 4"))
    assert history(ready, 52)[1] == [1, 0]
    assert history(_seen(issue(1, "10-05 → 1", "10-13 → 4")), 52)[1] == [0, 1, 0]


def test_a_week_that_ends_at_the_as_of_is_over() -> None:
    """Asked on Monday at midnight."""
    ready = _seen(issue(1, "10-04 → 1", "10-25 23:00 → 4"), as_of="10-26")
    assert history(ready, 2)[1] == [0, 1]


def test_what_is_in_progress_is_what_flow_load_counts() -> None:
    """Started and not done; started at the very as-of is not yet."""
    ready = _seen(
        issue(1, "10-04 → 1", "10-12 → 2"),
        issue(2, "10-04 → 1", "10-12 → 2", "10-13 → 4"),
        issue(3, "10-04 → 1", "10-28 12:00 → 2"),
        issue(4, "10-04 → 1"),
    )
    assert in_progress(ready) == 1


def _chance(throughput: list[int], items: int, weeks: int) -> float:
    """Return how likely so many weeks bring at least the items; sums above are kept together."""
    ways = Counter({0: 1.0})
    for _ in range(weeks):
        after: Counter[int] = Counter()
        for total, chance in ways.items():
            for count in throughput:
                after[min(items, total + count)] += chance / len(throughput)
        ways = after
    return ways[items]
