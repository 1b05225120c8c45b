"""Runs, and the entities that say what a run cost: fetches, calculations, thresholds, the cache."""

import math
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from models.records.cursors import CopyCursor
from models.records.instants import require, utc
from models.records.results import METRIC_TYPES
from models.records.run_parts import RunOptions, RunProgress

CACHE_VERSION: Final = "2"


LIVE_STATES: Final = ("queued", "running", "paused")
ENDED_STATES: Final = ("completed", "failed")


@dataclass(frozen=True, slots=True)
class Run:
    """A refresh or calculation from request to end. ``attempt`` fences: a message of an older attempt ends at once.

    ``cursor`` is where the current step continues; ``progress`` is done and total of it; ``wait_until`` is set during a
    pause; ``options`` are the words of the request (full, verify). ``rules_hash`` identifies the
    rules its facts were made with, by ``worker``; ``requested_rules_hash`` those configured where it was requested,
    their field names as written.
    """

    run_id: str
    profile: str
    kind: Literal["refresh", "calculate"]
    state: str
    step: str
    attempt: int
    requested_at: datetime
    heartbeat_at: datetime
    as_of: datetime | None = None
    cursor: Mapping[str, Any] = field(default_factory=dict)
    progress: RunProgress = field(default_factory=RunProgress)
    options: RunOptions = field(default_factory=RunOptions)
    wait_until: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str | None = None
    error_kind: str | None = None
    rules_hash: str | None = None
    requested_rules_hash: str | None = None
    worker: str | None = None

    @property
    def live(self) -> bool:
        """Whether the run still has something to do."""
        return self.state in LIVE_STATES


SMALL_ISSUES: Final = 1000
MEDIUM_ISSUES: Final = 5000
WARNING_FACTOR: Final = 1.2
SizeCategory = Literal["small", "medium", "large"]
ThresholdStatus = Literal["pass", "warning", "fail"]
_HEX32: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class CacheMetadata:
    """How far the stored copy of a profile can be trusted: of which configuration, until when, up to which instant.

    ``cache_key`` is the MD5 of the normalised configuration; ``data_as_of`` the instant, by Jira's clock, at which the
    last completed fetch began; ``cursor`` what the copy is of, and what the next fetch begins with.
    """

    cache_key: str
    creation_timestamp: datetime
    expiration_timestamp: datetime
    data_size_bytes: int
    version_identifier: str
    config_hash: str
    issue_count: int
    jql_query: str
    profile: str = ""
    data_as_of: datetime | None = None
    cursor: CopyCursor = field(default_factory=CopyCursor)
    invalidated: bool = False

    def __post_init__(self) -> None:
        """Refuse a key that is no MD5, an expiry before the creation, a hash that is not the key, negative sizes."""
        require(bool(_HEX32.fullmatch(self.cache_key)), "a cache key is 32 hex digits")
        require(self.config_hash == self.cache_key, "config_hash must match cache_key")
        require(utc(self.expiration_timestamp) > utc(self.creation_timestamp), "expiration must follow creation")
        require(self.data_size_bytes >= 0, "a size is not negative")
        require(self.issue_count >= 0, "an issue count is not negative")

    def state(self, now: datetime) -> Literal["valid", "expired", "invalidated"]:
        """Return whether it has not expired; another cache version or an explicit mark invalidates it."""
        if self.invalidated or self.version_identifier != CACHE_VERSION:
            return "invalidated"
        return "valid" if utc(now) < self.expiration_timestamp else "expired"


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
