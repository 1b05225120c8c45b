"""How the parts of a metric give its value: in words, with the figures that a person can check."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from models.metrics.stats import HOUR
from models.records import Micros
from models.wording import format_count, format_exact, format_exact_count, format_nth

How = Literal["rate", "share", "sum", "median"]


@dataclass(frozen=True, slots=True)
class Addends:
    """The parts of a value that a window used: how many, the sums of their values and bases.

    ``width`` is the window's length, ``end`` its effective end as a person writes it, ``details`` those of the value.
    """

    count: int
    value: int
    base: int
    width: Micros
    end: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AddsUp:
    """How parts give a value; ``words`` says it with the figures, without the result.

    A part of a ``rate`` adds 1 ÷ the window's length in ``span``, of a ``share`` 100 × its value ÷ the sum of bases,
    of a ``sum`` its value; a ``median`` has no parts that add up.
    """

    how: How
    words: Callable[[Addends], str]
    span: Micros = 1


def rate(noun: str, span: Micros, span_noun: str) -> AddsUp:
    """Return the sum of a rate, such as deployments per day."""

    def words(parts: Addends) -> str:
        return f"{format_count(parts.count, noun)} ÷ {format_exact_count(parts.width / span, span_noun)}"

    return AddsUp("rate", words, span)


def share(part: str, whole: str) -> AddsUp:
    """Return the sum of a share of things counted, such as failed deployments; ``whole`` is one of all of them."""

    def words(parts: Addends) -> str:
        return f"{parts.value:,} {part} ÷ {format_count(parts.count, whole)}"

    return AddsUp("share", words)


def share_of_hours(part: str) -> AddsUp:
    """Return the sum of a share of the time that items spent in active or waiting stages."""

    def words(parts: Addends) -> str:
        hours, both = format_exact(parts.value / HOUR), format_exact(parts.base / HOUR)
        return f"{hours} h {part} ÷ {both} h active or waiting"

    return AddsUp("share", words)


def median() -> AddsUp:
    """Return the sum of a median: which of the durations, counted from the shortest, it is or lies between."""

    def words(parts: Addends) -> str:
        middle = parts.count // 2
        if parts.count % 2:
            return f"the median of {parts.count:,}: the {format_nth(middle + 1)} from the shortest"
        between = f"{format_nth(middle)} and the {format_nth(middle + 1)}"
        return f"the median of {parts.count:,}: halfway between the {between}"

    return AddsUp("median", words)
