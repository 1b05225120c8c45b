"""The formulas that make a metric's value of its parts: the only place in the tests that has them."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Final, NamedTuple

# The length of the unit, in days.
RATES: Final = {"deployment_frequency": 1, "flow_velocity": 7}
MEDIANS: Final = ("lead_time", "mttr", "flow_time", "flow_age", "recovery_time")
SHARES: Final = ("cfr", "flow_efficiency", "flow_distribution", "flow_blocked", "service_level", "rework_rate")
SUMS: Final = ("flow_load", "net_flow")
# By the kind that a metric has in its record (How in models/metrics/sums.py).
KINDS: Final = {"rate": tuple(RATES), "median": MEDIANS, "share": SHARES, "sum": SUMS}
ONE: Final = Fraction(1)


class Part(NamedTuple):
    """What an issue or a deployment adds to a metric, or why it adds nothing.

    ``instant``: the name of the instant that places it in the window. ``base``: what a share is taken of.
    """

    subject: str
    instant: str
    value: Fraction = ONE
    base: Fraction = ONE
    reason: str | None = None


def used(parts: Sequence[Part]) -> list[Part]:
    """Return the parts that count."""
    return [part for part in parts if part.reason is None]


def quantile(values: Sequence[Fraction], share: Fraction) -> Fraction:
    """Return the quantile of Hyndman-Fan type 7: walk (n − 1) × share steps along the sorted values."""
    ordered = sorted(values)
    rank = (len(ordered) - 1) * share
    low = ordered[math.floor(rank)]
    high = ordered[math.ceil(rank)]
    return low + (high - low) * (rank - math.floor(rank))


def value_of(metric: str, parts: Sequence[Part], days: Fraction) -> Fraction | None:
    """Return the value of a metric in a window of ``days`` days; None if nothing can be measured."""
    counting = used(parts)
    if metric in MEDIANS:
        return quantile([part.value for part in counting], Fraction(1, 2)) if counting else None
    if metric in SHARES and not sum(part.base for part in counting):
        return None
    return sum((weight(metric, part, counting, days) for part in counting), Fraction(0))


def weight(metric: str, part: Part, parts: Sequence[Part], days: Fraction) -> Fraction:
    """Return what a part adds to its window's value, for a metric that adds up."""
    if part.reason is not None:
        return Fraction(0)
    if metric in RATES:
        return part.value / (days / RATES[metric])
    if metric in SHARES:
        return 100 * part.value / sum((other.base for other in used(parts)), Fraction(0))
    assert metric in SUMS, (
        f"add {metric!r} to RATES, MEDIANS, SHARES or SUMS in tests/reference/formulas.py, or handle its kind"
    )
    return part.value
