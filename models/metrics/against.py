"""Two values of a metric compared: what came, what left, what changed, and what each adds to the difference."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal, assert_never

import numpy as np

from models.metrics.calculate import Explanation
from models.metrics.catalogue import METRICS
from models.metrics.contributions import Contribution
from models.metrics.stats import median
from models.records import Micros, Window

Kind = Literal["came", "left", "changed", "same"]
KINDS: Final[tuple[Kind, ...]] = ("came", "left", "changed", "same")
_ZERO: Final = Fraction(0)
# A subject, the name of its instant, and which of several alike it is.
_Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Pair:
    """A contribution of either side or both.

    ``part``: what it adds to the first value less what it adds to the second; None where nothing adds up, because the
    metric is a median or a value is missing.
    """

    kind: Kind
    first: Contribution | None
    second: Contribution | None
    part: Fraction | None

    @property
    def subject(self) -> Contribution:
        """The contribution of the first side, else that of the second."""
        present = self.first or self.second
        if present is None:
            message = "a pair has at least one side"
            raise ValueError(message)
        return present


@dataclass(frozen=True, slots=True)
class Comparison:
    """A value compared with another; ``difference`` is None where either is missing."""

    first: Explanation
    second: Explanation
    difference: Fraction | None
    pairs: tuple[Pair, ...]

    def of_kind(self, kind: Kind) -> list[Pair]:
        """Return the pairs of a kind, in their order."""
        return [pair for pair in self.pairs if pair.kind == kind]


def compare(first: Explanation, second: Explanation) -> Comparison:
    """Return what distinguishes two explanations of one metric: those of the first side first, each by instant."""
    values = exact_value(first), exact_value(second)
    difference = None if values[0] is None or values[1] is None else values[0] - values[1]
    adds_up = difference is not None and METRICS[first.measurement.metric_type].adds_up.how != "median"
    keyed = _by_key(first), _by_key(second)
    weights = _Weights.of(first), _Weights.of(second)
    pairs = []
    for key in dict.fromkeys((*keyed[0], *keyed[1])):
        sides = keyed[0].get(key), keyed[1].get(key)
        part = weights[0].added(sides[0]) - weights[1].added(sides[1]) if adds_up else None
        pairs.append(Pair(_kind(*sides), *sides, part))
    return Comparison(first, second, difference, tuple(pairs))


def exact_value(explanation: Explanation) -> Fraction | None:
    """Return the value of a measurement as a fraction, from its parts; None without a value."""
    measured = explanation.measurement
    metric = METRICS[measured.metric_type]
    if measured.value is None:
        return None
    if metric.adds_up.how == "median":
        spans = np.sort(np.array([part.value for part in explanation.used], np.int64))
        return median(spans) / metric.part_unit.size
    weights = _Weights.of(explanation)
    return sum((weights.added(part) for part in explanation.used), _ZERO)


def seen_at(window: Window, as_of: Micros) -> Window | None:
    """Return the same window as far as it had run at an earlier instant; None where it had not begun."""
    return Window(window.kind, window.start, window.end, min(window.end, as_of)) if as_of > window.start else None


@dataclass(frozen=True, slots=True)
class _Weights:
    """What one unit of a part's value adds to the value of a window."""

    unit: Fraction

    @classmethod
    def of(cls, explanation: Explanation) -> "_Weights":
        measured = explanation.measurement
        metric, window = METRICS[measured.metric_type], measured.window
        match metric.adds_up.how:
            case "rate":
                return cls(Fraction(metric.adds_up.span, window.effective_end - window.start))
            case "share":
                base = sum(part.base for part in explanation.used)
                return cls(Fraction(100, base) if base else _ZERO)
            case "sum" | "median":  # nothing asks what a part adds to a median
                return cls(Fraction(1))
            case _:  # mypy reports a kind of How that no case names
                assert_never(metric.adds_up.how)

    def added(self, part: Contribution | None) -> Fraction:
        """Return what a part adds; one that is left out adds nothing."""
        return _ZERO if part is None or part.reason is not None else part.value * self.unit


def _by_key(explanation: Explanation) -> dict[_Key, Contribution]:
    seen, keyed = Counter[tuple[str, str]](), {}
    for part in _by_instant((*explanation.used, *explanation.left_out)):
        name = part.subject_id, _placing(part)
        keyed[*name, seen[name]] = part
        seen[name] += 1
    return keyed


def _by_instant(parts: Iterable[Contribution]) -> Sequence[Contribution]:
    return sorted(parts, key=lambda part: (part.at, part.subject_id))


def _placing(part: Contribution) -> str:
    """Return the name of the instant that places a part in its window."""
    names = [name for name, at in part.instants if at == part.at]
    return names[-1] if names else ""


def _kind(first: Contribution | None, second: Contribution | None) -> Kind:
    if second is None:
        return "came"
    if first is None:
        return "left"
    is_same = (first.value, first.base, first.reason) == (second.value, second.base, second.reason)
    return "same" if is_same else "changed"
