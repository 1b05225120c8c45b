"""The records refuse values that break their rules, when they are created."""

import random
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import pytest

from models.records import (
    CACHE_VERSION,
    CacheMetadata,
    CalculationPerformance,
    FetchOperation,
    Issue,
    LogEntry,
    LogFile,
    MetricResult,
    PerformanceThreshold,
    Transition,
    digest,
    instant,
    iso,
    micros,
    utc,
)

NOW: Final = datetime(2026, 10, 5, 12, 0, 0, 250_000, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)
NAIVE: Final = datetime(2026, 10, 5, 12)  # noqa: DTZ001 - what the records refuse
CET: Final = timezone(timedelta(hours=2))


# --- instants ---------------------------------------------------------------------------------------------------------


def test_an_instant_is_the_same_in_every_zone_and_written_in_one_form() -> None:
    """Noon in Zagreb is ten o'clock in UTC, to the microsecond."""
    local = datetime(2026, 10, 5, 12, 0, 0, 7, tzinfo=CET)
    assert iso(local) == "2026-10-05T10:00:00.000007Z"
    assert instant(micros(local)) == local
    assert utc(local).tzinfo is UTC


def test_whole_microseconds_are_exact_far_from_the_epoch() -> None:
    """A float of seconds would lose the last digits of year 9999."""
    for moment in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        assert instant(micros(moment)) == moment


def test_a_datetime_without_a_zone_is_refused() -> None:
    """It could be any of several instants."""
    with pytest.raises(ValueError, match="without a zone"):
        micros(NAIVE)


def test_a_digest_heeds_values_and_not_the_order_of_keys() -> None:
    """Equal for equal JSON; 32 hex digits."""
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1}) != digest({"a": 1, "b": [3]})
    assert len(digest(None)) == 32


# --- issues -----------------------------------------------------------------------------------------------------------

HISTORY: Final = tuple(Transition(NOW, n, 0, "status", str(n), "1", "Open", "2", "Doing") for n in range(9, 12))
ISSUE: Final = Issue("1", "P-1", "P", "Story", "2", NOW, NOW, None, None, None, {"points": 3}, HISTORY)


def test_the_content_hash_does_not_hang_on_the_order_of_a_history() -> None:
    """Cloud and Data Center send opposite orders."""
    shuffled = random.Random(3).sample(HISTORY, len(HISTORY))
    assert replace(ISSUE, transitions=tuple(shuffled)).content_hash() == ISSUE.content_hash()


CHANGES: Final[tuple[dict[str, Any], ...]] = (
    {"issue_id": "2"},
    {"key": "P-2"},
    {"project": "Q"},
    {"project_id": "7"},
    {"type": "Bug"},
    {"hierarchy_level": 1},
    {"subtask": True},
    {"status_id": "3"},
    {"parent": "9"},
    {"created": NOW - SECOND},
    {"resolution": "Done"},
    {"updated": NOW + SECOND},
    {"resolved": NOW},
    {"summary": "New"},
    {"fields": {"points": 5}},
    {"transitions": HISTORY[:2]},
    {"transitions": (HISTORY[0]._replace(to_id="3"), *HISTORY[1:])},
)


def test_the_content_hash_is_tried_with_every_field() -> None:
    """A change of a field outside the hash would never be stored. Add a new field to the hash, and its change to
    CHANGES.
    """
    assert {name for change in CHANGES for name in change} == {field.name for field in fields(Issue)} - {"findings"}


@pytest.mark.parametrize("change", CHANGES)
def test_the_content_hash_changes_with_anything_stored(change: dict[str, Any]) -> None:
    """Two copies are equal exactly when their hashes are."""
    assert replace(ISSUE, **change).content_hash() != ISSUE.content_hash()


# --- results ----------------------------------------------------------------------------------------------------------

RESULT: Final = MetricResult(
    profile="payments",
    metric_type="cfr",
    window_kind="period",
    window_start=NOW - 30 * 86_400 * SECOND,
    window_end=NOW,
    rules_hash="0" * 32,
    as_of=NOW,
    confirmed_as_of=NOW,
    value=25.0,
    unit="percent",
    level="low",
    state="success",
    message=None,
    n_used=4,
    n_excluded=0,
    exclusions={},
    details={},
    complete=True,
    run_id="run",
    calculated_at=NOW,
)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"metric_type": "velocity"}, "unknown metric_type"),
        ({"state": "fine"}, "unknown state"),
        ({"value": None}, "exactly in state success"),
        ({"state": "no_data", "message": "Nothing here."}, "exactly in state success"),
        ({"state": "no_data", "value": None}, "needs a message"),
        ({"value": float("nan")}, "finite"),
        ({"value": float("inf")}, "finite"),
    ],
)
def test_a_result_has_a_value_or_a_sentence(change: dict[str, Any], says: str) -> None:
    """No data is None, never 0, and has a message."""
    with pytest.raises(ValueError, match=says):
        replace(RESULT, **change)


# --- the six entities -------------------------------------------------------------------------------------------------

ENTRY: Final = LogEntry("2026-10-05T12:00:00.250000Z", "INFO", "worker.jira.client", "get", 12, "request")


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": "2026-10-05T12:00:00Z"},  # no microseconds
        {"timestamp": "2026-10-05T12:00:00.25Z"},  # two digits of microseconds
        {"timestamp": "2026-10-05T12:00:00.250000+00:00"},  # another notation of UTC
        {"timestamp": "yesterday"},
        {"level": "LOUD"},
        {"level": "info"},
        {"module": "worker/jira"},
        {"module": ""},
        {"line": -1},
        {"context": {1: "a"}},
    ],
)
def test_a_log_entry_refuses_what_is_no_line_of_a_log(change: dict[str, Any]) -> None:
    """It needs UTC with six digits, a standard level, a dotted module and named context."""
    with pytest.raises(ValueError):  # noqa: PT011 - the datetime's own words are among the messages
        replace(ENTRY, **change)


FILE: Final = LogFile("logs/app.log", 100, NOW, 0, NOW)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"size_bytes": -1}, "a size is not negative"),
        ({"rotation_sequence": 6}, "between 0 and 5"),
        ({"rotation_sequence": -1}, "between 0 and 5"),
        ({"log_level_filter": "LOUD"}, "unknown log level"),
        ({"creation_date": NAIVE}, "without a zone"),
        ({"last_modified": NAIVE}, "without a zone"),
    ],
)
def test_a_log_file_refuses_what_no_file_can_be(change: dict[str, Any], error: str) -> None:
    """Sizes from 0, up to 5 archives, dates with a zone."""
    with pytest.raises(ValueError, match=error):
        replace(FILE, **change)


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"size_bytes": 10_485_759}, "active"),
        ({"size_bytes": 10_485_760}, "rotating"),
        ({"rotation_sequence": 1}, "archived"),
        ({"rotation_sequence": 5, "size_bytes": 10_485_760}, "archived"),
    ],
)
def test_a_log_file_is_active_then_rotating_then_archived(change: dict[str, Any], state: str) -> None:
    """The limit is 10,485,760 bytes."""
    assert replace(FILE, **change).state == state


CACHE: Final = CacheMetadata("a" * 32, NOW, NOW + 86_400 * SECOND, 10, CACHE_VERSION, "a" * 32, 5, "project = P")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"cache_key": "A" * 32, "config_hash": "A" * 32}, "32 hex digits"),
        ({"cache_key": "a" * 31, "config_hash": "a" * 31}, "32 hex digits"),
        ({"config_hash": "b" * 32}, "must match"),
        ({"expiration_timestamp": NOW}, "must follow"),
        ({"expiration_timestamp": NAIVE}, "without a zone"),
        ({"data_size_bytes": -1}, "a size is not negative"),
        ({"issue_count": -1}, "an issue count is not negative"),
    ],
)
def test_cache_metadata_refuses_what_no_copy_can_be(change: dict[str, Any], error: str) -> None:
    """Its key is an MD5, and its end is after its beginning."""
    with pytest.raises(ValueError, match=error):
        replace(CACHE, **change)


@pytest.mark.parametrize(
    ("change", "later", "state"),
    [
        ({}, 86_399, "valid"),
        ({}, 86_400, "expired"),
        ({"invalidated": True}, 0, "invalidated"),
        ({"version_identifier": "0"}, 0, "invalidated"),
    ],
)
def test_a_copy_is_valid_until_it_expires_or_is_invalidated(change: dict[str, Any], later: int, state: str) -> None:
    """Another version of the application does not use it."""
    assert replace(CACHE, **change).state(NOW + later * SECOND) == state


FETCH: Final = FetchOperation("6d1e2f0a-5f3c-4b0e-9f6e-2d7a1c3b4e5f", "project = P", NOW)
ENDED: Final = replace(FETCH, end_time=NOW + 2 * SECOND, duration_seconds=2.0, state="completed", api_calls_made=3)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"request_id": "17"}, "UUID"),
        ({"duration_seconds": None}, "come together"),
        ({"end_time": None}, "come together"),
        ({"end_time": NOW - SECOND, "duration_seconds": -1.0}, "end before it starts"),
        ({"duration_seconds": 2.5}, "duration = end - start"),
        ({"api_calls_made": -1}, "not negative"),
        ({"rate_limit_delays": -1}, "not negative"),
        ({"data_volume_fetched": -1}, "not negative"),
        ({"cache_hit": True}, "made no calls"),
        ({"state": "in_progress"}, "exactly when it ended"),
        ({"end_time": None, "duration_seconds": None}, "exactly when it ended"),
        ({"state": "failed"}, "failed fetch has an error"),
        ({"error": "Jira refused the login."}, "failed fetch has an error"),
    ],
)
def test_a_fetch_operation_refuses_what_no_fetch_can_be(change: dict[str, Any], error: str) -> None:
    """Its end, duration, calls and error must agree."""
    with pytest.raises(ValueError, match=error):
        replace(ENDED, **change)


def test_a_fetch_operation_may_be_a_free_hit_or_a_failure_with_its_error() -> None:
    """The two cases besides the usual one."""
    assert replace(ENDED, cache_hit=True, api_calls_made=0).cache_hit
    assert replace(ENDED, state="failed", error="Jira refused the login.").error


PERFORMANCE: Final = CalculationPerformance("cfr", NOW, NOW + SECOND, 1.0, 1000, 10, 900, 100)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"metric_type": "velocity"}, "unknown metric_type"),
        ({"end_time": NOW, "duration_seconds": 0.0}, "positive"),
        ({"duration_seconds": 1.5}, "duration = end - start"),
        ({"end_time": NAIVE}, "without a zone"),
        ({"input_data_size": -1}, "not negative"),
        ({"result_data_size": -1}, "not negative"),
        ({"cache_hits": -1}, "not negative"),
        ({"cache_misses": -1}, "not negative"),
    ],
)
def test_a_calculation_performance_refuses_what_no_clock_says(change: dict[str, Any], error: str) -> None:
    """The duration is at least a microsecond and the difference of the instants."""
    with pytest.raises(ValueError, match=error):
        replace(PERFORMANCE, **change)


@pytest.mark.parametrize(
    ("issues", "seconds", "category", "target", "status"),
    [
        (0, 2.0, "small", 2.0, "pass"),
        (1000, 2.4, "small", 2.0, "warning"),  # 1.2 × 2 s
        (1000, 2.41, "small", 2.0, "fail"),
        (1001, 2.41, "medium", 5.0, "pass"),
        (5000, 6.0, "medium", 5.0, "warning"),
        (5001, 5.0, "large", 5.001, "pass"),  # 5 s per 5,000
        (20_000, 20.1, "large", 20.0, "warning"),
        (20_000, 25.0, "large", 20.0, "fail"),
    ],
)
def test_a_threshold_grows_with_the_dataset(
    issues: int, seconds: float, category: str, target: float, status: str
) -> None:
    """Pass up to the target, warning up to 1.2 times it, else fail."""
    end = NOW + timedelta(seconds=seconds)
    threshold = PerformanceThreshold.of(
        replace(PERFORMANCE, end_time=end, duration_seconds=seconds, input_data_size=issues)
    )
    assert (threshold.dataset_size_category, threshold.target_duration_seconds, threshold.threshold_status) == (
        category,
        target,
        status,
    )


@pytest.mark.parametrize("change", [{"target_duration_seconds": 0.0}, {"actual_duration_seconds": 0.0}])
def test_a_threshold_refuses_durations_that_are_not_positive(change: dict[str, Any]) -> None:
    """Every calculation takes time."""
    threshold = PerformanceThreshold.of(PERFORMANCE)
    with pytest.raises(ValueError, match="positive"):
        replace(threshold, **change)
