"""Values of metrics, their windows, and forecasts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args

from models.records.instants import Micros, instant, iso, require

DoraMetric = Literal["deployment_frequency", "lead_time", "cfr", "mttr", "rework_rate", "recovery_time"]
FlowMetric = Literal[
    "flow_velocity", "flow_time", "flow_efficiency", "flow_distribution", "service_level", "flow_blocked"
]
ProgressMetric = Literal["flow_load", "flow_age", "net_flow"]
MetricType = DoraMetric | FlowMetric | ProgressMetric
Group = Literal["DORA", "flow", "work in progress"]
# Commands that read stored results need only these parts; models/metrics/catalogue.py has all of each metric.
METRIC_GROUPS: Final[Mapping[Group, tuple[MetricType, ...]]] = {
    "DORA": get_args(DoraMetric),
    "flow": get_args(FlowMetric),
    "work in progress": get_args(ProgressMetric),
}
METRIC_TYPES: Final[tuple[MetricType, ...]] = tuple(name for names in METRIC_GROUPS.values() for name in names)
# Those in which undated releases are missing.
OF_DEPLOYMENTS: Final[frozenset[MetricType]] = frozenset(
    {"deployment_frequency", "lead_time", "cfr", "rework_rate", "recovery_time"}
)
# Findings that depend on the instant.
RESOLUTION_DISAGREES: Final = "resolution_disagrees"
OPEN_SUB_TASK: Final = "open_sub_task"
UNMAPPED: Final = "unmapped"  # in place of a category that no [categories] gives to a type
STATES: Final = ("success", "no_data", "missing_mapping", "calculation_error")
WindowKind = Literal["period", "week"]


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of time; ``effective_end`` is ``as_of`` where the window is still running, else ``end``."""

    kind: WindowKind
    start: Micros
    end: Micros
    effective_end: Micros

    @property
    def complete(self) -> bool:
        """Whether the window was over at ``as_of``."""
        return self.effective_end == self.end


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one metric says of one window, before it is a row: a value, or a state and a sentence what to do.

    ``before``: of a period that is calculated, what the metric says of as many days before it.
    """

    metric_type: str
    window: Window
    unit: str
    value: float | None
    level: str | None
    state: str
    message: str | None
    n_used: int
    exclusions: Mapping[str, int]
    details: Mapping[str, Any]
    before: "Measurement | None" = None

    @property
    def n_excluded(self) -> int:
        """How many candidates were left out, for whatever reason."""
        return sum(self.exclusions.values())


@dataclass(frozen=True, slots=True)
class MetricResult:
    """A row of ``metric_results``: a measurement and the span of as-of instants for which it was found."""

    profile: str
    metric_type: str
    window_kind: WindowKind
    window_start: datetime
    window_end: datetime
    rules_hash: str
    as_of: datetime
    confirmed_as_of: datetime
    value: float | None
    unit: str
    level: str | None
    state: str
    message: str | None
    n_used: int
    n_excluded: int
    exclusions: Mapping[str, int]
    details: Mapping[str, Any]
    complete: bool
    run_id: str
    calculated_at: datetime

    def __post_init__(self) -> None:
        """Refuse a success without number and unit, and any other state with a value or without a message."""
        require(self.metric_type in METRIC_TYPES, f"unknown metric_type {self.metric_type!r}")
        require(self.state in STATES, f"unknown state {self.state!r}")
        require((self.value is not None) == (self.state == "success"), "a value exists exactly in state success")
        require(self.state == "success" or bool(self.message), "a state without a value needs a message")
        require(self.value is None or math.isfinite(self.value), "a value is a finite number")

    @classmethod
    def of(
        cls,
        measured: Measurement,
        *,
        profile: str,
        as_of: datetime,
        rules_hash: str,
        run_id: str,
        calculated_at: datetime,
    ) -> "MetricResult":
        """Return a measurement as a row, found for one instant so far."""
        return cls(
            profile=profile,
            metric_type=measured.metric_type,
            window_kind=measured.window.kind,
            window_start=instant(measured.window.start),
            window_end=instant(measured.window.end),
            rules_hash=rules_hash,
            as_of=as_of,
            confirmed_as_of=as_of,
            value=measured.value,
            unit=measured.unit,
            level=measured.level,
            state=measured.state,
            message=measured.message,
            n_used=measured.n_used,
            n_excluded=measured.n_excluded,
            exclusions=dict(measured.exclusions),
            details={**measured.details, **_before(measured.before)},
            complete=measured.window.complete,
            run_id=run_id,
            calculated_at=calculated_at,
        )


def _before(measured: Measurement | None) -> dict[str, Any]:
    """Return the detail of a period that says what the value was in as many days before."""
    if measured is None:
        return {}
    start = iso(instant(measured.window.start))
    return {"before": {"start": start, "value": measured.value, "state": measured.state}}


@dataclass(frozen=True, slots=True)
class Backtest:
    """How often a line of a forecast held, of the past weeks at which it can be checked."""

    held: int
    checked: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """A forecast question at an ``as_of``, and its answers with their chances in percent.

    ``question`` is ``items`` (``asked``: how many; each answer has days and date, null beyond ten years) or ``until``
    (``asked``: a day; each answer has items). ``throughput``: delivered items of each past week that was drawn from.
    ``backtest``: percentage → held and checked. Without enough history ``state`` is ``no_data``, ``message`` says so,
    and ``answers`` is empty.
    """

    profile: str
    as_of: datetime
    question: Literal["items", "until"]
    asked: str
    seed: int
    trials: int
    history_weeks: int
    rules_hash: str
    state: str
    message: str | None
    throughput: list[int]
    answers: list[dict[str, Any]]
    backtest: dict[str, dict[str, int]]
    calculated_at: datetime
