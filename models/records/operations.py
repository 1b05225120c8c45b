"""What a run cost: fetches, calculations and the targets these were held to."""

import math
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from models.records.instants import require, utc
from models.records.results import METRIC_TYPES
from models.records.runs import ENDED_STATES

SMALL_ISSUES: Final = 1000
MEDIUM_ISSUES: Final = 5000
WARNING_FACTOR: Final = 1.2
SizeCategory = Literal["small", "medium", "large"]
ThresholdStatus = Literal["pass", "warning", "fail"]


@dataclass(frozen=True, slots=True)
class FetchOperation:
    """One attempt to bring the copy up to date, also when it was a cache hit that asked Jira nothing."""

    request_id: str
    jql_query: str
    start_time: datetime
    end_time: datetime | None = None
    duration_seconds: float | None = None
    data_volume_fetched: int = 0
    cache_hit: bool = False
    api_calls_made: int = 0
    rate_limit_delays: int = 0
    error: str | None = None
    run_id: str = ""
    profile: str = ""
    kind: Literal["full", "incremental", "verify"] = "incremental"
    issues_changed: int = 0
    issues_gone: int = 0
    issues_verified: int = 0
    issues_differed: int = 0
    state: Literal["initiated", "in_progress", "completed", "failed"] = "initiated"

    def __post_init__(self) -> None:
        """Refuse what no fetch can be: an end before its start, a duration that differs, a cache hit with calls."""
        uuid.UUID(self.request_id)
        require((self.end_time is None) == (self.duration_seconds is None), "end and duration come together")
        if self.end_time is not None and self.duration_seconds is not None:
            span = (utc(self.end_time) - utc(self.start_time)).total_seconds()
            require(span >= 0, "a fetch cannot end before it starts")
            require(math.isclose(self.duration_seconds, span, abs_tol=1e-6), "duration = end - start")
        require(
            min(self.api_calls_made, self.rate_limit_delays, self.data_volume_fetched) >= 0,
            "counts are not negative",
        )
        require(not (self.cache_hit and self.api_calls_made), "a cache hit made no calls")
        require(
            (self.end_time is not None) == (self.state in ENDED_STATES),
            "a fetch has an end exactly when it ended",
        )
        require((self.error is not None) == (self.state == "failed"), "a failed fetch has an error, and only it")


@dataclass(frozen=True, slots=True)
class CalculationPerformance:
    """How long one metric of one calculation took; the end is the start plus a monotonic difference."""

    metric_type: str
    start_time: datetime
    end_time: datetime
    duration_seconds: float
    input_data_size: int
    result_data_size: int
    cache_hits: int
    cache_misses: int
    run_id: str = ""
    profile: str = ""

    def __post_init__(self) -> None:
        """Refuse a duration that is not positive or not the difference, and negative sizes or counts."""
        require(self.metric_type in METRIC_TYPES, f"unknown metric_type {self.metric_type!r}")
        span = (utc(self.end_time) - utc(self.start_time)).total_seconds()
        require(self.duration_seconds > 0, "a duration is positive")
        require(math.isclose(self.duration_seconds, span, abs_tol=1e-6), "duration = end - start")
        sizes = (self.input_data_size, self.result_data_size, self.cache_hits, self.cache_misses)
        require(min(sizes) >= 0, "sizes and counts are not negative")


@dataclass(frozen=True, slots=True)
class PerformanceThreshold:
    """The target a calculation was held to, and whether it met it."""

    metric_type: str
    target_duration_seconds: float
    actual_duration_seconds: float
    threshold_status: ThresholdStatus
    dataset_size_category: SizeCategory
    run_id: str = ""
    profile: str = ""

    @classmethod
    def of(cls, performance: CalculationPerformance) -> "PerformanceThreshold":
        """Small ≤ 1000 issues: 2 s; medium ≤ 5000: 5 s; large: 5 s per 5000. Pass ≤ target, warning ≤ 1.2 × target."""
        category, target = _size_target(performance.input_data_size)
        return cls(
            metric_type=performance.metric_type,
            target_duration_seconds=target,
            actual_duration_seconds=performance.duration_seconds,
            threshold_status=_threshold_status(performance.duration_seconds, target),
            dataset_size_category=category,
            run_id=performance.run_id,
            profile=performance.profile,
        )

    def __post_init__(self) -> None:
        """Refuse targets and durations that are not positive."""
        require(self.target_duration_seconds > 0, "a target is positive")
        require(self.actual_duration_seconds > 0, "a duration is positive")


def _size_target(issues: int) -> tuple[SizeCategory, float]:
    if issues <= SMALL_ISSUES:
        return "small", 2.0
    return ("medium", 5.0) if issues <= MEDIUM_ISSUES else ("large", 5.0 * issues / MEDIUM_ISSUES)


def _threshold_status(actual: float, target: float) -> ThresholdStatus:
    if actual <= target:
        return "pass"
    return "warning" if actual <= WARNING_FACTOR * target else "fail"
