"""When N items will be done, or how many by a day: Monte Carlo over what past weeks delivered, and its back-test.

A trial draws for each week to come one of the past weeks, each with the same chance. The draws of a week are the same
whatever is asked, so that more items never come out earlier, and a later day never with fewer items.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from models.metrics import flow, wip
from models.metrics.contributions import within
from models.metrics.snapshot import Snapshot
from models.metrics.windows import local_day, start_of_day, windows
from models.records import Backtest, Window

PERCENTS: Final = (50, 70, 85, 95)
TRIALS: Final = 10_000
BACKTEST_TRIALS: Final = 1_000
LEAST_WEEKS: Final = 5  # with a delivery; from fewer nothing can be drawn that says more than a guess
HORIZON: Final = 520
_DAYS: Final = 7

Backtests = Mapping[int, Backtest]


@dataclass(frozen=True, slots=True)
class Past:
    """The complete weeks to draw from, oldest first, with the items delivered in each, and on each of their days."""

    weeks: Sequence[Window]
    throughput: Sequence[int]
    daily: Sequence[int]

    def delivered(self, start: int, days: int) -> int:
        """Return how many items were delivered in these days, from the beginning of a week on."""
        return sum(self.daily[_DAYS * start : _DAYS * start + days])


def history(snapshot: Snapshot, weeks: int) -> Past:
    """Return the last ``weeks`` ISO weeks that were over at the as-of.

    A week that began before the first work item was created is not history, and is left out.
    """
    rules = replace(snapshot.rules, history_weeks=weeks + 1)
    over = [window for window in windows(snapshot.as_of, rules) if window.kind == "week" and window.complete]
    born = min(snapshot.dataset.items.created().tolist(), default=snapshot.as_of)
    known = [window for window in over if window.start >= born]
    parts = flow.delivery_contributions(snapshot)
    zone = ZoneInfo(rules.timezone)
    days = [day for window in known for day in _days(window, zone)]
    throughput = [len(within_week.used) for within_week in within(parts, known)]
    return Past(known, throughput, [len(within_day.used) for within_day in within(parts, days)])


def _days(window: Window, zone: ZoneInfo) -> list[Window]:
    """Return the seven local days of a week."""
    first = local_day(window.start, zone)
    edges = [start_of_day(first + timedelta(days=day), zone) for day in range(_DAYS)] + [window.end]
    return [Window("week", start, end, end) for start, end in pairwise(edges)]


def in_progress(snapshot: Snapshot) -> int:
    """Return the items in progress at the as-of, as flow_load counts them."""
    now = Window("period", snapshot.as_of - 1, snapshot.as_of, snapshot.as_of)
    (parts,) = wip.load_contributions(snapshot, (now,))
    return len(parts)


def is_enough(throughput: Sequence[int]) -> bool:
    """Return whether past weeks suffice for a forecast: something was delivered in at least ``LEAST_WEEKS`` of them."""
    return sum(count > 0 for count in throughput) >= LEAST_WEEKS


def days_for(
    throughput: Sequence[int], items: int, seed: int, *, trials: int = TRIALS, horizon: int = HORIZON
) -> dict[int, int | None]:
    """Return for each percentage the fewest days in which at least that share of trials delivered the items.

    A drawn week delivers evenly over its days, as in ``items_in``. None where it takes more weeks than ``horizon``.
    """
    draws = _draws(throughput, seed, trials)
    totals, ended = [0] * trials, list[int]()
    for week in range(horizon):
        before, totals = totals, [total + drawn for total, drawn in zip(totals, next(draws), strict=True)]
        ended += [
            _DAYS * week - (-_DAYS * (items - earlier) // (total - earlier))
            for earlier, total in zip(before, totals, strict=True)
            if earlier < items <= total
        ]
        if len(ended) * 100 >= PERCENTS[-1] * trials:
            break
    ended.sort()
    places = {percent: -(-percent * trials // 100) for percent in PERCENTS}
    return {percent: ended[place - 1] if place <= len(ended) else None for percent, place in places.items()}


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


def backtest_items(past: Past, items: int, seed: int) -> Backtests:
    """Return for each percentage how often the items were done in the days that its line would have said in the past.

    The question is asked at the beginning of each past week, of the weeks before it. A line that reaches beyond the
    last complete week cannot be checked yet, and does not count.
    """

    def check(start: int) -> Iterator[tuple[int, bool]]:
        left = len(past.throughput) - start
        lines = days_for(past.throughput[:start], items, seed, trials=BACKTEST_TRIALS, horizon=left)
        for percent, days in lines.items():
            if days is not None:
                yield percent, past.delivered(start, days) >= items

    return _backtest(past, check)


def backtest_days(past: Past, days: int, seed: int) -> Backtests:
    """Return for each percentage how often as many items were done in these days as its line would have said."""

    def check(start: int) -> Iterator[tuple[int, bool]]:
        if days > _DAYS * (len(past.throughput) - start):
            return
        delivered = past.delivered(start, days)
        lines = items_in(past.throughput[:start], days, seed, trials=BACKTEST_TRIALS)
        yield from ((percent, delivered >= items) for percent, items in lines.items())

    return _backtest(past, check)


def _backtest(past: Past, check: Callable[[int], Iterable[tuple[int, bool]]]) -> Backtests:
    """Return the verdicts over every past week before which there was enough history."""
    checked, held = Counter[int](), Counter[int]()
    for start in range(len(past.throughput)):
        if is_enough(past.throughput[:start]):
            for percent, is_held in check(start):
                checked[percent] += 1
                held[percent] += is_held
    return {percent: Backtest(held[percent], checked[percent]) for percent in PERCENTS}


def _draws(throughput: Sequence[int], seed: int, trials: int) -> Iterator[list[int]]:
    """For each week to come what it delivers in each of the trials."""
    source = random.Random(seed)
    while True:
        yield source.choices(throughput, k=trials)


def _shares(days: int) -> list[int]:
    """Days as weeks: 7 for each whole one, and the rest."""
    whole, rest = divmod(days, _DAYS)
    return [_DAYS] * whole + ([rest] if rest else [])
