"""What a metric is: its functions, its words, and how a person reads it; one frozen record of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from models.metrics.contributions import Contributions
from models.metrics.snapshot import Snapshot
from models.metrics.stats import HOUR
from models.metrics.sums import AddsUp
from models.records import OF_DEPLOYMENTS, MetricType, Micros, Window, WindowKind

Figures = tuple[float | None, dict[str, Any]]
Unit = Literal["per_day", "per_week", "days", "hours", "percent", "items"]
# On which side of its bounds a value reaches a level.
Levels = Literal["at_least", "at_most", "below"]
Beside = Literal["category", "stage", "points", "base", "stays", "failures", "blocked", "rework", "recovery"]


@dataclass(frozen=True, slots=True)
class PartUnit:
    """What a part of a metric is counted in: the heading of its column, and how many microseconds one is (else 1).

    ``base_heading`` heads the column of what a part is held against.
    """

    heading: str
    size: Micros = 1
    base_heading: str = ""


COUNT: Final = PartUnit("count")
HOURS: Final = PartUnit("hours", HOUR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric as everything else reads it; no part has a default, so that none can be forgotten.

    - ``title``: its name for a person. ``definition``: a sentence that says how it is computed.
    - ``contributions``: what counts in each window, used or left out. ``figures``: the value and details of those used.
    - ``part_unit``: what a part is counted in. ``adds_up``: how the parts give the value. ``beside``: what else is
      shown of a part.
    - ``no_data``: the sentence for a window without a value. ``missing_mapping``: what the configuration lacks, as a
      sentence that says what to put where; None where it lacks nothing.
    - ``levels``: on which side of the profile's bounds a level lies; None for a metric without levels.
    - ``about``: what a part is. ``at_end``: whether the
      facts are those of a window's effective end, not of the as-of.
    """

    name: MetricType
    title: str
    definition: str
    unit: Unit
    contributions: Callable[[Snapshot, Sequence[Window]], Sequence[Contributions]]
    figures: Callable[[Contributions, Window, Snapshot], Figures]
    part_unit: PartUnit
    adds_up: AddsUp
    beside: frozenset[Beside]
    no_data: str
    missing_mapping: Callable[[Snapshot], str | None]
    levels: Levels | None
    about: Literal["issue", "deployment"]
    at_end: bool
    windows: tuple[WindowKind, ...]

    @property
    def of_deployments(self) -> bool:
        """Whether undated releases are missing in it."""
        return self.name in OF_DEPLOYMENTS


EVERY_WINDOW: Final[tuple[WindowKind, ...]] = ("period", "week")
