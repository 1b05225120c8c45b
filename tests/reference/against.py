"""Two windows of a metric compared, for the reference: against in section 4 of metrics.md."""

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from .formulas import MEDIANS, Part, value_of, weight
from .metrics import Reference
from .teams import DAY, Span, midnight

# A subject, the name of its instant, and a number where a deploying item has several deployments in one window.
Key = tuple[str, str, int]


class Difference(NamedTuple):
    """A contribution of one side or both; ``added`` is None if the values have no difference."""

    first: Part | None
    second: Part | None
    added: Fraction | None


@dataclass(frozen=True)
class Side:
    """A metric in one window."""

    metric: str
    reference: Reference
    span: Span

    @cached_property
    def parts(self) -> list[Part]:
        """Return the contributions that count, and those left out."""
        if self.reference.is_missing(self.metric):
            return []
        return self.reference.measured(self.metric, self.span)[0]

    @property
    def value(self) -> Fraction | None:
        """Return the exact value."""
        if self.reference.is_missing(self.metric):
            return None
        return value_of(self.metric, self.parts, self.span.days)

    def by_key(self) -> dict[Key, Part]:
        """Return the contributions by what identifies them on both sides."""
        seen, keyed = Counter[tuple[str, str]](), {}
        for part in self.parts:
            seen[part.subject, part.instant] += 1
            keyed[part.subject, part.instant, seen[part.subject, part.instant]] = part
        return keyed

    def added(self, part: Part | None) -> Fraction:
        """Return what a contribution adds to the value."""
        return Fraction(0) if part is None else weight(self.metric, part, self.parts, self.span.days)


@dataclass(frozen=True)
class Against:
    """The comparison of two sides."""

    first: Side
    second: Side

    @property
    def difference(self) -> Fraction | None:
        """Return the first value less the second; None if either is missing."""
        first, second = self.first.value, self.second.value
        return None if first is None or second is None else first - second

    def differences(self) -> dict[Key, Difference]:
        """Return each contribution of either side, in pairs."""
        first, second = self.first.by_key(), self.second.by_key()
        adds_up = self.difference is not None and self.first.metric not in MEDIANS
        rows = {}
        for key in dict.fromkeys((*first, *second)):
            pair = first.get(key), second.get(key)
            added = self.first.added(pair[0]) - self.second.added(pair[1]) if adds_up else None
            rows[key] = Difference(*pair, added)
        return rows


def previous(reference: Reference, span: Span) -> Span:
    """Return the week before a week, or as many days before the period, at the same instant."""
    zone = reference.rules.timezone
    days = 7 if span.kind == "week" else reference.rules.time_period_days
    first = span.start.astimezone(ZoneInfo(zone)).date() - days * DAY
    return Span(span.kind, midnight(first, zone), span.start, span.start)
