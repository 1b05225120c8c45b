"""What travels through Flowbeat, in the order it travels: Jira's issue, the rules, the facts, the results, the traces.

Everything here is immutable and without I/O. Instants that people read are aware UTC datetimes; instants
that are calculated with are ``Micros``: whole microseconds since 1970-01-01T00:00Z, so that every sum is exact.
A record that breaks its own rules is refused with ``ValueError`` where it is made.
"""

import hashlib
import json
import math
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

Micros = int
Stage = Literal["todo", "active", "waiting", "done"]
STAGES: Final[tuple[Stage, ...]] = ("todo", "active", "waiting", "done")
Timeline = tuple[tuple[Micros, Stage], ...]
Invalid = Literal["invalid"]
INVALID: Final[Invalid] = "invalid"
# A mapped field's instant: a moment, None where the issue has no value, "invalid" where the value is no moment.
MappedInstant = Micros | Invalid | None

CACHE_VERSION: Final = "2"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
# Made once: json.dumps makes a new encoder for every call that asks for more than its defaults.
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)


def utc(value: datetime) -> datetime:
    """The same instant in UTC; a naive datetime is refused, for nobody knows which instant it is."""
    if value.tzinfo is UTC:
        return value
    if value.tzinfo is None or value.utcoffset() is None:
        message = f"a datetime without a zone is not an instant: {value.isoformat()}"
        raise ValueError(message)
    return value.astimezone(UTC)


def micros(value: datetime) -> Micros:
    """Whole microseconds from the epoch to an aware datetime."""
    return (utc(value) - EPOCH) // MICROSECOND


def instant(value: Micros) -> datetime:
    """The aware UTC datetime that lies ``value`` microseconds after the epoch."""
    return EPOCH + timedelta(microseconds=value)


def iso(value: datetime) -> str:
    """ISO 8601 in UTC with microseconds and ``Z``: the one written form of an instant."""
    return utc(value).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def digest(value: object) -> str:
    """32 hex digits naming a JSON value: equal for equal values whatever the order of their keys."""
    return hashlib.md5(_CANONICAL.encode(value).encode(), usedforsecurity=False).hexdigest()


# --- what Jira says -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Status:
    """A status the site lists; ``category`` is Jira's key: new, indeterminate, done or undefined."""

    status_id: str
    name: str
    category: str


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a project; ``release_date`` is a day without a time, as Jira keeps it."""

    version_id: str
    project: str
    name: str
    released: bool
    release_date: date | None
    archived: bool


@dataclass(frozen=True, slots=True)
class Field:
    """A field the site lists; ``schema`` is Jira's type ("user", "array", …), ``items`` that of its members."""

    field_id: str
    name: str
    schema: str
    items: str


class Transition(NamedTuple):
    """One item of a tracked field's history; ordered by (at, integer history id, position), the only trusted order.

    A tuple and no dataclass: there are several to an issue, and a tuple is made and sorted in a third of the time.
    """

    at: datetime
    history_number: int
    position: int
    field: str
    history_id: str
    from_id: str | None = None
    from_name: str | None = None
    to_id: str | None = None
    to_name: str | None = None


@dataclass(frozen=True, slots=True)
class Issue:
    """One Jira issue as Flowbeat keeps it: identity is the numeric id, the keys of issue and project may change.

    ``fields`` holds what was asked for beyond the columns: ``priority`` (name), ``fixVersions`` and ``versions`` (ids),
    ``links`` (ids of linked issues) and each mapped field under its id, as Jira sent it. No people.
    """

    issue_id: str
    key: str
    project: str
    type: str
    status_id: str
    created: datetime
    updated: datetime
    resolution: str | None
    resolved: datetime | None
    summary: str | None
    fields: Mapping[str, Any]
    transitions: tuple[Transition, ...] = ()
    # What the changelog's proof found: reason → count (see docs/metrics.md).
    findings: Mapping[str, int] = field(default_factory=dict)
    # Of the issue's own type: its level on Cloud (1 and above holds others, -1 is a part of one), and whether it is a
    # sub-task; None where Jira does not say.
    hierarchy_level: int | None = None
    subtask: bool | None = None
    project_id: str | None = None

    def content_hash(self) -> str:
        """Names the issue's content and history: equal in two copies exactly when the copies are equal."""
        return digest(
            [
                [self.issue_id, self.key, self.project, self.project_id],
                [self.type, self.hierarchy_level, self.subtask, self.status_id],
                [iso(self.created), iso(self.updated), self.resolution, self.resolved and iso(self.resolved)],
                [self.summary, self.fields],
                [
                    [iso(t.at), t.history_id, t.position, t.field, t.from_id, t.from_name, t.to_id, t.to_name]
                    for t in sorted(self.transitions, key=transition_key)
                ],
            ]
        )


class IssueHead(NamedTuple):
    """What the facts need of an issue beside its dates and its history; a tuple, for they are read by the thousand."""

    issue_id: str
    key: str
    type: str
    status_id: str
    resolution: str | None
    fields: Mapping[str, Any]
    hierarchy_level: int | None = None
    subtask: bool | None = None


def transition_key(t: Transition) -> tuple[datetime, int, str, int]:
    """Sorts a history: by instant, integer history id, then field and position within the entry."""
    return (t.at, t.history_number, t.field, t.position)


# --- the rules of a profile -----------------------------------------------------------------------------------------

DEFAULT_CATEGORIES: Final[Mapping[str, tuple[str, ...]]] = {
    "feature": ("Story", "Task", "New Feature", "Improvement", "Feature"),
    "defect": ("Bug", "Defect"),
    "risk": ("Security", "Risk"),
    "debt": ("Technical Debt", "Chore", "Refactoring"),
}
CATEGORIES: Final = (*DEFAULT_CATEGORIES, "unmapped")
DEFAULT_IGNORED_TYPES: Final = ("Epic", "Sub-task", "Subtask")
DEFAULT_EXCLUDED_RESOLUTIONS: Final = (
    "Won't Do",
    "Won't Fix",
    "Duplicate",
    "Cannot Reproduce",
    "Invalid",
    "Declined",
    "Incomplete",
    "Not A Bug",
    "Abandoned",
)
DEFAULT_EXCLUDED_INCIDENTS: Final = ("Duplicate", "Cannot Reproduce", "Invalid", "Not A Bug")
DEFAULT_FAILURE_VALUES: Final = ("yes", "true", "failed", "failure")
# The bounds of elite, high and medium (DORA report 2023); which side is better is a property of the metric.
DEFAULT_LEVELS: Final[Mapping[str, tuple[float, float, float]]] = {
    "deployment_frequency": (1.0, 1 / 7, 1 / 30),
    "lead_time": (1.0, 7.0, 30.0),
    "cfr": (5.0, 10.0, 15.0),
    "mttr": (1.0, 24.0, 168.0),
}
FIELD_ROLES: Final = ("deployed_at", "committed_at", "change_failure", "detected_at", "restored_at", "points")
DEPLOYMENT_SOURCES: Final = ("issues", "versions", "status", "table")
GONE_ISSUES: Final = ("drop", "keep_done")
# Where a role's value lies: a field id, a field name, or a dotted path below one; several are asked in turn.
FieldMapping = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeploymentRules:
    """The ``[deployments]`` section: where deployments come from."""

    source: Literal["issues", "versions", "status", "table"]
    types: tuple[str, ...] = ()
    group_by: Literal["fixVersions"] | None = None
    statuses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentRules:
    """The ``[incidents]`` section: which issues are incidents; no priorities means all of them.

    ``excluded_resolutions``: what an incident is resolved as that was none.
    """

    types: tuple[str, ...]
    priorities: tuple[str, ...] = ()
    excluded_resolutions: tuple[str, ...] = DEFAULT_EXCLUDED_INCIDENTS


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything of a profile that can change a value, by metrics.md; two profiles with equal rules share a hash.

    ``workflow`` maps a stage to status ids or names; ``fields`` maps a role of ``FIELD_ROLES`` to a field id, a field
    name, or a dotted path below one; ``points`` to one of these or to several. After the fields of the site are known,
    names are replaced by ids. ``ignored_types`` is None where Jira's own hierarchy decides.
    """

    timezone: str = "UTC"
    time_period_days: int = 30
    history_weeks: int = 52
    workflow: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(DEFAULT_CATEGORIES))
    levels: Mapping[str, tuple[float, float, float]] = field(default_factory=lambda: dict(DEFAULT_LEVELS))
    fields: Mapping[str, FieldMapping] = field(default_factory=dict)
    deployments: DeploymentRules | None = None
    incidents: IncidentRules | None = None
    ignored_types: tuple[str, ...] | None = None
    excluded_statuses: tuple[str, ...] = ()
    excluded_resolutions: tuple[str, ...] = DEFAULT_EXCLUDED_RESOLUTIONS
    failure_values: tuple[str, ...] = DEFAULT_FAILURE_VALUES
    gone_issues: Literal["drop", "keep_done"] = "drop"

    def paths(self, role: str) -> tuple[str, ...]:
        """Return what a role is mapped to, in the order to ask; empty where it is not mapped."""
        mapping = self.fields.get(role, ())
        return (mapping,) if isinstance(mapping, str) else tuple(mapping)


# --- the facts of issues: what the metrics read ---------------------------------------------------------------------


class ItemHead(NamedTuple):
    """A work item without its timeline, as WorkItem; a tuple, for they are made by the thousand."""

    issue_id: str
    key: str
    type: str
    category: str
    excluded: bool
    committed_at: MappedInstant
    points: float | Invalid | None
    version_ids: tuple[str, ...]
    linked_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkItem:
    """The facts of one work item up to its last change; the metrics of any ``as_of`` read these, never transitions.

    ``timeline`` holds stage changes only and begins at the birth. ``excluded``: its resolution says nothing was
    delivered. ``points`` is None without a value. ``version_ids``: its fix versions. ``linked_ids``: linked issues.
    ``exclusions``: when it entered one of the excluded statuses or left them, alternately.
    """

    issue_id: str
    key: str
    type: str
    category: str
    excluded: bool
    timeline: Timeline
    committed_at: MappedInstant = None
    points: float | Invalid | None = None
    version_ids: tuple[str, ...] = ()
    linked_ids: tuple[str, ...] = ()
    resolved: Micros | None = None
    exclusions: tuple[Micros, ...] = ()

    @property
    def created(self) -> Micros:
        """When the item began to exist."""
        return self.timeline[0][0]


@dataclass(frozen=True, slots=True)
class Deployment:
    """One candidate deployment, before grouping and before an ``as_of``.

    ``at`` is the known instant (``invalid``: a mapped field that is no moment); None with a ``timeline`` means "when
    the deploying issue was done". ``failed`` is the deployment's own mark, None where it has none. ``issue_ids``: the
    items it names itself. ``linked_ids``: issues linked to its work item (source ``status``), where an incident may be
    among them.
    """

    deployment_id: str
    source: str
    name: str
    at: MappedInstant
    created: Micros | None = None
    timeline: Timeline = ()
    failed: bool | None = None
    version_ids: tuple[str, ...] = ()
    issue_ids: tuple[str, ...] = ()
    linked_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableDeployment:
    """A deployment that users or their pipeline put into the table: the row that source ``table`` counts.

    ``failed`` is None where nobody has said yet. ``issue_keys`` and ``versions`` (names or ids) are what it carried;
    neither need be known yet.
    """

    deployment_id: str
    name: str
    deployed_at: datetime
    failed: bool | None = None
    issue_keys: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident: mapped instants where the profile maps them, its timeline, affected versions and linked issues.

    ``excluded``: its resolution says that it was none.
    """

    issue_id: str
    key: str
    timeline: Timeline
    detected_at: MappedInstant = None
    restored_at: MappedInstant = None
    version_ids: tuple[str, ...] = ()
    linked_ids: tuple[str, ...] = ()
    excluded: bool = False

    @property
    def created(self) -> Micros:
        """When the incident's issue began to exist."""
        return self.timeline[0][0]


# --- results --------------------------------------------------------------------------------------------------------

METRIC_TYPES: Final = (
    "deployment_frequency",
    "lead_time",
    "cfr",
    "mttr",
    "flow_velocity",
    "flow_time",
    "flow_efficiency",
    "flow_load",
    "flow_distribution",
)
UNITS: Final[Mapping[str, str]] = {
    "deployment_frequency": "per_day",
    "lead_time": "days",
    "cfr": "percent",
    "mttr": "hours",
    "flow_velocity": "per_week",
    "flow_time": "days",
    "flow_efficiency": "percent",
    "flow_load": "items",
    "flow_distribution": "percent",
}
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
    """What one metric says of one window, before it is a row: a value, or a state and a sentence what to do."""

    metric_type: str
    window: Window
    value: float | None
    level: str | None
    state: str
    message: str | None
    n_used: int
    exclusions: Mapping[str, int]
    details: Mapping[str, Any]

    @property
    def unit(self) -> str:
        """The unit of the value."""
        return UNITS[self.metric_type]

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
        """A result without success has no value and says what to do; one with success has both number and unit."""
        _require(self.metric_type in METRIC_TYPES, f"unknown metric_type {self.metric_type!r}")
        _require(self.state in STATES, f"unknown state {self.state!r}")
        _require((self.value is not None) == (self.state == "success"), "a value exists exactly in state success")
        _require(self.state == "success" or bool(self.message), "a state without a value needs a message")
        _require(self.value is None or math.isfinite(self.value), "a value is a finite number")

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
            unit=UNITS[measured.metric_type],
            level=measured.level,
            state=measured.state,
            message=measured.message,
            n_used=measured.n_used,
            n_excluded=measured.n_excluded,
            exclusions=dict(measured.exclusions),
            details=dict(measured.details),
            complete=measured.window.complete,
            run_id=run_id,
            calculated_at=calculated_at,
        )


@dataclass(frozen=True, slots=True)
class Backtest:
    """How often a forecast's 85 % line held, of the past weeks that can tell."""

    held: int
    checked: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What was asked of the future at an ``as_of``, and the answers with their chances in percent.

    ``question`` is ``items`` (``asked``: how many; each answer has weeks and date, null beyond ten years) or ``until``
    (``asked``: a day; each answer has items). ``throughput``: delivered items of each past week that was drawn from.
    Without enough of them ``state`` is ``no_data``, ``message`` says so, and there are no answers.
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
    backtest: dict[str, int]
    calculated_at: datetime


# --- runs: the trace of what was asked for --------------------------------------------------------------------------

LIVE_STATES: Final = ("queued", "running", "waiting")
ENDED_STATES: Final = ("completed", "failed")


@dataclass(frozen=True, slots=True)
class Run:
    """A refresh or calculation from request to end. ``attempt`` fences: a message of an older attempt ends at once.

    ``cursor`` is where the current step goes on; ``progress`` is done and total of it; ``wait_until`` is set while Jira
    asked for patience; ``options`` are the words of the request (full, verify, as_of). ``rules_hash`` identifies the
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
    progress: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
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


# --- the six entities of the design ---------------------------------------------------------------------------------

LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
MAX_LOG_BYTES: Final = 10_485_760
MAX_LOG_BACKUPS: Final = 5
SMALL_ISSUES: Final = 1000
MEDIUM_ISSUES: Final = 5000
WARNING_FACTOR: Final = 1.2
SizeCategory = Literal["small", "medium", "large"]
ThresholdStatus = Literal["pass", "warning", "fail"]
_DOTTED: Final = re.compile(r"[A-Za-z_]\w*(\.\w+)*")
_STAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_HEX32: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A line of ``logs/*.log``; redaction has happened before one is made."""

    timestamp: str
    level: str
    module: str
    function: str
    line: int
    message: str
    exception: str | None = None
    context: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Refuse a timestamp that is not UTC with microseconds, an unknown level, a module that is no dotted name."""
        _require(bool(_STAMP.fullmatch(self.timestamp)), "a timestamp is UTC with six digits of a second and Z")
        datetime.fromisoformat(self.timestamp)
        _require(self.level in LOG_LEVELS, f"unknown log level {self.level!r}")
        _require(bool(_DOTTED.fullmatch(self.module)), f"not a dotted module name: {self.module!r}")
        _require(self.line >= 0, "a line number is not negative")
        for key in self.context or {}:
            _require(isinstance(key, str), "context keys are strings")


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log file on disk; sequence 0 is the live file, 1 to 5 its archives from newest to oldest."""

    file_path: str
    size_bytes: int
    creation_date: datetime
    rotation_sequence: int
    last_modified: datetime
    log_level_filter: str | None = None

    def __post_init__(self) -> None:
        """Refuse a negative size, a sequence beyond the last archive, naive dates, an unknown level."""
        _require(self.size_bytes >= 0, "a size is not negative")
        _require(0 <= self.rotation_sequence <= MAX_LOG_BACKUPS, "a rotation sequence lies between 0 and 5")
        _require(self.log_level_filter in (None, *LOG_LEVELS), f"unknown log level {self.log_level_filter!r}")
        utc(self.creation_date)
        utc(self.last_modified)

    @property
    def state(self) -> Literal["active", "rotating", "archived"]:
        """Active below the size limit, rotating at it, archived as ``.log.N``."""
        if self.rotation_sequence:
            return "archived"
        return "rotating" if self.size_bytes >= MAX_LOG_BYTES else "active"


@dataclass(frozen=True, slots=True)
class CacheMetadata:
    """How far the stored copy of a profile can be trusted: of which configuration, until when, up to which instant.

    ``cache_key`` is the MD5 of the normalised configuration; ``data_as_of`` the instant, by Jira's clock, at which the
    last completed fetch began; ``cursor`` holds the ``updated`` watermark, Jira's own.
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
    cursor: Mapping[str, Any] = field(default_factory=dict)
    invalidated: bool = False

    def __post_init__(self) -> None:
        """Refuse a key that is no MD5, an expiry before the creation, a hash that is not the key, negative sizes."""
        _require(bool(_HEX32.fullmatch(self.cache_key)), "a cache key is 32 hex digits")
        _require(self.config_hash == self.cache_key, "config_hash must match cache_key")
        _require(utc(self.expiration_timestamp) > utc(self.creation_timestamp), "expiration must follow creation")
        _require(self.data_size_bytes >= 0, "a size is not negative")
        _require(self.issue_count >= 0, "an issue count is not negative")

    def state(self, now: datetime) -> Literal["valid", "expired", "invalidated"]:
        """Valid until it expires; another cache version or an explicit mark invalidates it."""
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
        _require((self.end_time is None) == (self.duration_seconds is None), "end and duration come together")
        if self.end_time is not None and self.duration_seconds is not None:
            span = (utc(self.end_time) - utc(self.start_time)).total_seconds()
            _require(span >= 0, "a fetch cannot end before it starts")
            _require(math.isclose(self.duration_seconds, span, abs_tol=1e-6), "duration = end - start")
        _require(
            min(self.api_calls_made, self.rate_limit_delays, self.data_volume_fetched) >= 0,
            "counts are not negative",
        )
        _require(not (self.cache_hit and self.api_calls_made), "a cache hit made no calls")
        _require(
            (self.end_time is not None) == (self.state in ENDED_STATES),
            "a fetch has an end exactly when it ended",
        )
        _require((self.error is not None) == (self.state == "failed"), "a failed fetch has an error, and only it")


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
        _require(self.metric_type in METRIC_TYPES, f"unknown metric_type {self.metric_type!r}")
        span = (utc(self.end_time) - utc(self.start_time)).total_seconds()
        _require(self.duration_seconds > 0, "a duration is positive")
        _require(math.isclose(self.duration_seconds, span, abs_tol=1e-6), "duration = end - start")
        sizes = (self.input_data_size, self.result_data_size, self.cache_hits, self.cache_misses)
        _require(min(sizes) >= 0, "sizes and counts are not negative")


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
        _require(self.target_duration_seconds > 0, "a target is positive")
        _require(self.actual_duration_seconds > 0, "a duration is positive")


def _size_target(issues: int) -> tuple[SizeCategory, float]:
    if issues <= SMALL_ISSUES:
        return "small", 2.0
    return ("medium", 5.0) if issues <= MEDIUM_ISSUES else ("large", 5.0 * issues / MEDIUM_ISSUES)


def _threshold_status(actual: float, target: float) -> ThresholdStatus:
    if actual <= target:
        return "pass"
    return "warning" if actual <= WARNING_FACTOR * target else "fail"


def _require(condition: bool, message: str) -> None:  # noqa: FBT001 - a guard reads as a sentence with the condition first
    if not condition:
        raise ValueError(message)
