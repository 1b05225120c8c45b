"""When N items will be done, or how many by a day: Monte Carlo over what past weeks delivered, and its back-test.

A trial draws for each week to come one of the past weeks, each with the same chance. The draws of a week are the same
whatever is asked, so that more items never come out earlier, and a later day never with fewer items.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from models.metrics import flow, wip
from models.metrics.contributions import within
from models.metrics.snapshot import Snapshot
from models.metrics.windows import windows
from models.records import Backtest, Window

PERCENTS: Final = (50, 70, 85, 95)
CHECKED_PERCENT: Final = 85
TRIALS: Final = 10_000
BACKTEST_TRIALS: Final = 1_000
BACKTEST_STARTS: Final = 52
LEAST_WEEKS: Final = 4  # with a delivery; from fewer nothing can be drawn that says more than a guess
HORIZON: Final = 520
_DAYS: Final = 7


def history(snapshot: Snapshot, weeks: int) -> tuple[list[Window], list[int]]:
    """Return the last ``weeks`` ISO weeks that were over at the as-of, oldest first, and the items delivered in each.

    - A week that began before the first work item was created is left out.
    """
    rules = replace(snapshot.rules, history_weeks=weeks + 1)
    over = [window for window in windows(snapshot.as_of, rules) if window.kind == "week" and window.complete]
    born = min(snapshot.dataset.items.created().tolist(), default=snapshot.as_of)
    known = [window for window in over if window.start >= born]
    slices = within(flow.delivery_contributions(snapshot), known)
    return known, [len(parts.used) for parts in slices]


def in_progress(snapshot: Snapshot) -> int:
    """Return the items in progress at the as-of, as flow_load counts them."""
    now = Window("period", snapshot.as_of - 1, snapshot.as_of, snapshot.as_of)
    (parts,) = wip.load_contributions(snapshot, (now,))
    return len(parts)


def is_enough(throughput: Sequence[int]) -> bool:
    """Return whether past weeks suffice for a forecast: something was delivered in at least ``LEAST_WEEKS`` of them."""
    return sum(count > 0 for count in throughput) >= LEAST_WEEKS


def weeks_for(
    throughput: Sequence[int], items: int, seed: int, *, trials: int = TRIALS, horizon: int = HORIZON
) -> dict[int, int | None]:
    """Return of each percentage the least number of weeks in which at least that share of trials delivered the items.

    None where that takes more weeks than ``horizon``.
    """
    found: dict[int, int | None] = dict.fromkeys(PERCENTS)
    totals = [0] * trials
    draws = _draws(throughput, seed, trials)
    for week in range(1, horizon + 1):
        totals = [total + drawn for total, drawn in zip(totals, next(draws), strict=True)]
        done = sum(total >= items for total in totals)
        for percent in PERCENTS:
            if found[percent] is None and done * 100 >= percent * trials:
                found[percent] = week
        if found[PERCENTS[-1]] is not None:
            break
    return found


def items_in(throughput: Sequence[int], days: int, seed: int, *, trials: int = TRIALS) -> dict[int, int]:
    """Return of each percentage the largest number of items that at least that share of trials delivered in ``days``
    days.

    Of a last week that is not whole its share of days counts, rounded down.
    """
    draws = _draws(throughput, seed, trials)
    totals = [0] * trials
    for share in _shares(days):
        totals = [total + drawn * share // _DAYS for total, drawn in zip(totals, next(draws), strict=True)]
    totals.sort(reverse=True)
    return {percent: totals[-(-percent * trials // 100) - 1] for percent in PERCENTS}


def backtest_items(throughput: Sequence[int], items: int, seed: int) -> Backtest:
    """Return how often the items were done in the weeks that the line of ``CHECKED_PERCENT`` would have said in the
    past.

    - Asked at the beginning of each past week, of the weeks before it. Where its line reaches beyond the last week that
      is over, nobody knows yet: not counted.
    """

    def held(start: int) -> bool | None:
        later = throughput[start:]
        line = weeks_for(throughput[:start], items, seed, trials=BACKTEST_TRIALS, horizon=len(later))
        weeks = line[CHECKED_PERCENT]
        return None if weeks is None else sum(later[:weeks]) >= items

    return _backtest(throughput, held)


def backtest_days(throughput: Sequence[int], days: int, seed: int) -> Backtest:
    """Return how often the line of ``CHECKED_PERCENT`` held in the past for this number of items or days.

    - As ``backtest_items``; of a last week that is not whole, its share of days is taken of what was delivered.
    """

    def held(start: int) -> bool | None:
        later, shares = throughput[start:], _shares(days)
        if len(shares) > len(later):
            return None
        line = items_in(throughput[:start], days, seed, trials=BACKTEST_TRIALS)[CHECKED_PERCENT]
        return sum(count * share // _DAYS for count, share in zip(later, shares, strict=False)) >= line

    return _backtest(throughput, held)


def _backtest(throughput: Sequence[int], held: Callable[[int], bool | None]) -> Backtest:
    """Return the verdict over the last ``BACKTEST_STARTS`` weeks before which there was enough history."""
    starts = [start for start in range(len(throughput)) if is_enough(throughput[:start])]
    verdicts = [verdict for verdict in map(held, starts[-BACKTEST_STARTS:]) if verdict is not None]
    return Backtest(sum(verdicts), len(verdicts))


def _draws(throughput: Sequence[int], seed: int, trials: int) -> Iterator[list[int]]:
    """For each week to come what it delivers in each of the trials."""
    source = random.Random(seed)
    while True:
        yield source.choices(throughput, k=trials)


def _shares(days: int) -> list[int]:
    """Days as weeks: 7 for each whole one, and the rest."""
    whole, rest = divmod(days, _DAYS)
    return [_DAYS] * whole + ([rest] if rest else [])
