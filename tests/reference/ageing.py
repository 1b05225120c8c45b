"""The items in progress, oldest first, for the reference: ageing in section 4 of metrics.md."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from models.records import Issue

from .lives import PROGRESS, Visited
from .metrics import Reference
from .names import id_order

FEW = 5


@dataclass(frozen=True)
class Aged:
    """An item in progress; pace and chance are percentages, None if unknown."""

    issue_id: str
    status: Visited
    stage: str
    age: timedelta
    in_status: timedelta
    blocked_since: datetime | None
    pace: Fraction | None
    chance: Fraction | None


@dataclass(frozen=True)
class Ageing:
    """The items in progress at the instant of a reference."""

    reference: Reference

    def items(self) -> list[Aged]:
        """Return the items in progress, oldest first, then by id."""
        profile, as_of = self.reference.profile, self.reference.as_of
        aged = [self.item(item) for item in profile.items if profile.life(item).stage(as_of) in PROGRESS]
        return sorted(aged, key=lambda item: (-item.age, id_order(item.issue_id)))

    def item(self, item: Issue) -> Aged:
        """Return one item in progress."""
        profile, as_of = self.reference.profile, self.reference.as_of
        life, started = profile.life(item), profile.started(item)
        assert started is not None
        age, entered = as_of - started, [at for at, _ in life.visits if at < as_of][-1]
        return Aged(
            issue_id=item.issue_id,
            status=life.status(as_of),
            stage=str(life.stage(as_of)),
            age=age,
            in_status=as_of - entered,
            blocked_since=self.reference.measures.blocking(item).blocked_since(as_of),
            pace=self.pace(age),
            chance=self.chance(age),
        )

    def yardstick(self) -> list[timedelta]:
        """Return the flow times of the items done since the oldest week began."""
        measures = self.reference.measures
        weeks = [span for span in self.reference.spans if span.kind == "week"]
        return [measures.flow_length(item) for span in weeks for item in measures.begun(span)[0]]

    def pace(self, age: timedelta) -> Fraction | None:
        """Return the share of finished items that took less time."""
        lengths = self.yardstick()
        shorter = len([length for length in lengths if length < age])
        return Fraction(100 * shorter, len(lengths)) if lengths else None

    def chance(self, age: timedelta) -> Fraction | None:
        """Return the share of finished items that were this old and kept the promise."""
        promise = self.reference.measures.promise()
        if promise is None:
            return None
        if age >= promise:
            return Fraction(0)
        older = [length for length in self.yardstick() if length > age]
        kept = len([length for length in older if length <= promise])
        return Fraction(100 * kept, len(older)) if len(older) >= FEW else None
