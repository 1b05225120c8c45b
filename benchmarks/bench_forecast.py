"""How often each line of a forecast holds on made-up teams of constant throughput: a 85 % line should hold in 85 %.

Each team delivers a random number of items a week around the same mean, at random moments, for three years; each
question is asked at the beginning of every week before which there was enough history. The spans of neighbouring starts
overlap, so one team says little: the figures are those of twenty teams together.
"""

import random
import time
from collections import Counter

from models.metrics.forecast import PERCENTS, Past, backtest_days, backtest_items

WEEKS = 156
SEEDS = range(20)
TEAMS = ((6, 30), (12, 80), (20, 160))  # (items a week, items asked for)
DAYS = 30


def team(mean: int, seed: int) -> Past:
    """Return the past of a team whose items are done at random moments, independent of each other."""
    rng = random.Random(seed)
    days = Counter(rng.randrange(7 * WEEKS) for _ in range(mean * WEEKS))
    daily = [days[day] for day in range(7 * WEEKS)]
    return Past((), [sum(daily[7 * week : 7 * week + 7]) for week in range(WEEKS)], daily)


def main() -> None:
    """Print held of checked for each team, question and line, and the distance from the line in points."""
    print(f"{'team':24} {'question':12} " + " ".join(f"{percent:>16} %" for percent in PERCENTS))
    for mean, items in TEAMS:
        pasts = [team(mean, seed) for seed in SEEDS]
        questions = {
            f"{items} items": [backtest_items(past, items, seed=1) for past in pasts],
            f"in {DAYS} days": [backtest_days(past, DAYS, seed=1) for past in pasts],
        }
        for question, tested in questions.items():
            cells = []
            for percent in PERCENTS:
                held = sum(verdicts[percent].held for verdicts in tested)
                checked = sum(verdicts[percent].checked for verdicts in tested)
                cells.append(f"{held}/{checked} {100 * held / checked - percent:+5.1f}".rjust(18))
            print(f"{f'{mean} a week, {WEEKS} weeks':24} {question:12} " + " ".join(cells))


if __name__ == "__main__":
    begun = time.process_time()
    main()
    print(f"{time.process_time() - begun:.1f} s of processor time")
