"""The database as mapped classes, one per table; names and columns are public, for people read them with SQL.

Times are UTC. Jira's ids are text, as Jira sends them. No query lives here: SQL is written in ``models/store`` only.
"""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import JSON

from models.records import utc

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime: SQLite drops the offset, so it is put into UTC before and marked as UTC after.

    Written and read without SQLAlchemy's own conversion in between, because a copy has millions of instants.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """Refuse a naive datetime, convert any other to UTC."""
        return _to_sqlite if dialect.name == "sqlite" else _to_postgresql

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:  # noqa: ARG002 - SQLAlchemy passes it
        """Give every stored instant back as aware UTC."""
        return from_sqlite if dialect.name == "sqlite" else _to_postgresql


class Json(TypeDecorator[Any]):
    """A JSON value, written and read without SQLAlchemy's own layers in between, as UtcDateTime is.

    PostgreSQL has a type of its own, and its driver reads it.
    """

    impl = JSON(none_as_null=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:
        """Text with sorted keys."""
        return _to_json if dialect.name == "sqlite" else super().bind_processor(dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """Return the value again; also of a text that somebody else wrote."""
        return _from_json if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


def to_json(value: object) -> str:
    """JSON with sorted keys, the one form in which values are stored."""
    return _ENCODER.encode(value)


def _to_json(value: object) -> str | None:
    return None if value is None else to_json(value)


def _from_json(text: str | None) -> Any:
    if text is None:
        return None
    try:
        # Without json.loads' look for white space around it: ours has none.
        return _DECODER.raw_decode(text)[0]
    except json.JSONDecodeError:
        return json.loads(text)


def _to_sqlite(value: datetime | None) -> str | None:
    return None if value is None else utc(value).isoformat(" ", "microseconds")[:SQLITE_INSTANT]


def from_sqlite(value: str | None) -> datetime | None:
    """Return the aware UTC datetime that a stored text means."""
    if value is None:
        return None
    if len(value) == SQLITE_INSTANT:
        return datetime.fromisoformat(value + "+00:00")
    # Somebody else wrote it: without an offset it is UTC like all others, and one with an offset means what it says.
    at = datetime.fromisoformat(value)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _to_postgresql(value: datetime | None) -> datetime | None:
    return None if value is None else utc(value)


class Base(DeclarativeBase):
    """The one metadata, with a name for every constraint so that migrations can address it on both databases."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads this class attribute once, and documents it as a dict
        datetime: UtcDateTime,
        dict[str, Any]: Json,
        list[Any]: Json,
        str: Text,
    }


# Made once: json.dumps makes a new encoder for every call that asks for more than its defaults.
_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_DECODER: Final = json.JSONDecoder()
SQLITE_INSTANT: Final = len("2026-01-01 00:00:00.000000")
STALE = text("facts_hash IS NULL AND gone_at IS NULL")
STALE_GONE = text("facts_hash IS NULL AND gone_at IS NOT NULL")
PRESENT = text("gone_at IS NULL")
SUB_TASKS = text("subtask AND gone_at IS NULL")
LIVE = text("state IN ('queued', 'running', 'paused')")


class InstallationRow(Base):
    """The one row that identifies this database; a worker publishes it, so that no other database's worker is used."""

    __tablename__ = "installation"
    installation_id: Mapped[str] = mapped_column(String(36), primary_key=True)


class RunRow(Base):
    """A refresh or calculation, from request to end; the partial unique index allows one live run per profile.

    ``rules_hash``: the rules its facts were made with; ``requested_rules_hash``: those configured where it was
    requested, field names as written. ``worker``: the node that worked at it last.
    """

    __tablename__ = "runs"
    run_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    profile: Mapped[str]
    kind: Mapped[str]
    as_of: Mapped[datetime | None]
    cursor: Mapped[dict[str, Any]]
    step: Mapped[str]
    state: Mapped[str]
    progress: Mapped[dict[str, Any]]
    heartbeat_at: Mapped[datetime]
    error: Mapped[str | None]
    attempt: Mapped[int]
    restarts: Mapped[int] = mapped_column(default=0)
    options: Mapped[dict[str, Any]]
    wait_until: Mapped[datetime | None]
    requested_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    rules_hash: Mapped[str | None]
    requested_rules_hash: Mapped[str | None]
    worker: Mapped[str | None]
    error_kind: Mapped[str | None]
    __table_args__ = (
        Index("uq_runs_live_profile", "profile", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
        Index("ix_runs_requested_at", "requested_at"),
    )


class IssueRow(Base):
    """An issue of a profile. ``census``: the run whose census last listed it, or what a run found out instead.

    ``gone_…``: of an issue that left, what it was then by its last history, and whether it still counts.
    ``history_read_at``: Jira's clock when its history was last read, by whatever stage of a fetch.
    """

    __tablename__ = "issues"
    profile: Mapped[str] = mapped_column(primary_key=True)
    issue_id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str]
    project: Mapped[str]
    type: Mapped[str]
    status_id: Mapped[str]
    created: Mapped[datetime]
    updated: Mapped[datetime]
    resolution: Mapped[str | None]
    resolved: Mapped[datetime | None]
    summary: Mapped[str | None]
    fields: Mapped[dict[str, Any]]
    content_hash: Mapped[str]
    facts_hash: Mapped[str | None]
    census: Mapped[str | None]
    history_read_at: Mapped[datetime | None]
    gone_at: Mapped[datetime | None]
    gone_reason: Mapped[str | None]
    gone_done_at: Mapped[datetime | None]
    gone_delivered: Mapped[bool | None]
    gone_counts: Mapped[bool | None]
    hierarchy_level: Mapped[int | None]
    subtask: Mapped[bool | None]
    project_id: Mapped[str | None]
    parent: Mapped[str | None]
    __table_args__ = (
        # What a calculation asks before all else, at a cost that follows what changed: whose facts are missing.
        Index("ix_issues_stale", "profile", "issue_id", sqlite_where=STALE, postgresql_where=STALE),
        Index("ix_issues_stale_gone", "profile", "issue_id", sqlite_where=STALE_GONE, postgresql_where=STALE_GONE),
        Index("ix_issues_sub_tasks", "profile", "parent", sqlite_where=SUB_TASKS, postgresql_where=SUB_TASKS),
        Index("ix_issues_present", "profile", "project", sqlite_where=PRESENT, postgresql_where=PRESENT),
        # Each row of a weekly chart asks when the copy begins.
        Index("ix_issues_created", "profile", "created"),
    )


class FormerKeyRow(Base):
    """A key that an issue had before it moved or its project was renamed."""

    __tablename__ = "former_keys"
    profile: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    issue_id: Mapped[str]


class TransitionRow(Base):
    """One item of a tracked field's history; ``position`` counts that history's items of the field."""

    __tablename__ = "transitions"
    profile: Mapped[str] = mapped_column(primary_key=True)
    issue_id: Mapped[str] = mapped_column(primary_key=True)
    history_id: Mapped[str] = mapped_column(primary_key=True)
    field: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    from_id: Mapped[str | None]
    from_name: Mapped[str | None]
    to_id: Mapped[str | None]
    to_name: Mapped[str | None]
    # Kept in the order of its key and nowhere else: most of a copy's rows are these, and they are read by their key.
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy reads this class attribute once


class StatusRow(Base):
    """A status of the profile: one that its site listed at the last fetch, else (not ``listed``) one of histories only.

    The site lists an id once. Histories may give an id several names, or none (empty here), and each has its row.
    ``stage`` is that of the rules last calculated with; null before the first calculation.
    """

    __tablename__ = "statuses"
    profile: Mapped[str] = mapped_column(primary_key=True)
    status_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    category: Mapped[str]
    stage: Mapped[str | None]
    listed: Mapped[bool] = mapped_column(server_default=text("true"))


class VersionRow(Base):
    """A version of a project of the profile, as of the last fetch."""

    __tablename__ = "versions"
    profile: Mapped[str] = mapped_column(primary_key=True)
    version_id: Mapped[str] = mapped_column(primary_key=True)
    project: Mapped[str]
    name: Mapped[str]
    released: Mapped[bool]
    release_date: Mapped[date | None] = mapped_column(Date)
    archived: Mapped[bool]


class DeploymentRow(Base):
    """A candidate deployment, derived from issues, versions or statuses, or (source ``table``) put there by users.

    ``deployed_at`` empty with a ``timeline`` means "when the deploying issue was done"; ``invalid`` a field that is not
    a time. Rows of source ``table`` name issues by key (``issue_keys``) and versions by name or id (``versions``);
    ``failed`` and ``rework`` are null where their writer does not know.
    """

    __tablename__ = "deployments"
    profile: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True, server_default="table")
    deployment_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    deployed_at: Mapped[datetime | None]
    failed: Mapped[bool | None]
    rework: Mapped[bool | None]
    invalid: Mapped[bool] = mapped_column(server_default=text("false"))
    created: Mapped[datetime | None]
    issue_id: Mapped[str | None]
    timeline: Mapped[list[Any] | None]
    version_ids: Mapped[list[Any] | None]
    issue_ids: Mapped[list[Any] | None]
    linked_ids: Mapped[list[Any] | None]
    issue_keys: Mapped[list[Any] | None]
    versions: Mapped[list[Any] | None]
    __table_args__ = (Index("ix_deployments_profile_issue_id", "profile", "issue_id"),)


class IncidentRow(Base):
    """An incident: its mapped instants (``invalid`` names those that are not a time), timeline, versions and links.

    ``excluded``: its resolution says that it was none.
    """

    __tablename__ = "incidents"
    profile: Mapped[str] = mapped_column(primary_key=True)
    issue_id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str]
    created: Mapped[datetime]
    detected_at: Mapped[datetime | None]
    restored_at: Mapped[datetime | None]
    invalid: Mapped[list[Any]]
    timeline: Mapped[list[Any]]
    version_ids: Mapped[list[Any]]
    linked_ids: Mapped[list[Any]]
    excluded: Mapped[bool] = mapped_column(server_default=text("false"))


class DataQualityRow(Base):
    """Something about an issue that a reader of its numbers should know: a reason and how often.

    ``issue_id`` is empty where it is about the profile as a whole.
    """

    __tablename__ = "data_quality"
    profile: Mapped[str] = mapped_column(primary_key=True)
    issue_id: Mapped[str] = mapped_column(primary_key=True)
    origin: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]


class WorkItemRow(Base):
    """The facts of a work item up to its last change; ``timeline``: ``[[instant, stage], …]``, stage changes only.

    ``blocked_since``: the start of the unbroken stretch up to now in which it is in progress and blocked.
    """

    __tablename__ = "work_items"
    profile: Mapped[str] = mapped_column(primary_key=True)
    issue_id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str]
    type: Mapped[str]
    facts_hash: Mapped[str]
    started_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    active_seconds: Mapped[float]
    waiting_seconds: Mapped[float]
    category: Mapped[str]
    delivered: Mapped[bool]
    reason: Mapped[str | None]
    timeline: Mapped[list[Any]]
    committed_at: Mapped[datetime | None]
    points: Mapped[float | None]
    version_ids: Mapped[list[Any]]
    excluded: Mapped[bool]
    invalid: Mapped[list[Any]]
    blocked_since: Mapped[datetime | None]


class WorkItemColumnsRow(Base):
    """Work items once more, as columns that are read at once (a NumPy archive): written with the rows, never edited.

    A profile's chunks count from oldest to newest, and the newest row of an issue counts. ``issues``: the
    number in the chunk. ``rules_hash``: the rules by which the facts were made. ``format``: how the archive is to be
    read; one of another format is rebuilt, never read.
    """

    __tablename__ = "work_item_columns"
    profile: Mapped[str] = mapped_column(primary_key=True)
    chunk: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rules_hash: Mapped[str]
    format: Mapped[str] = mapped_column(server_default="")
    issues: Mapped[int]
    archive: Mapped[bytes] = mapped_column(LargeBinary)


class MetricResultRow(Base):
    """A value, and the span of as-of instants (``as_of`` to ``confirmed_as_of``) for which it was found."""

    __tablename__ = "metric_results"
    profile: Mapped[str] = mapped_column(primary_key=True)
    metric_type: Mapped[str] = mapped_column(primary_key=True)
    window_kind: Mapped[str] = mapped_column(primary_key=True)
    window_start: Mapped[datetime] = mapped_column(primary_key=True)
    window_end: Mapped[datetime] = mapped_column(primary_key=True)
    rules_hash: Mapped[str] = mapped_column(primary_key=True)
    as_of: Mapped[datetime] = mapped_column(primary_key=True)
    confirmed_as_of: Mapped[datetime]
    value: Mapped[float | None]
    unit: Mapped[str]
    level: Mapped[str | None]
    state: Mapped[str]
    message: Mapped[str | None]
    n_used: Mapped[int]
    n_excluded: Mapped[int]
    exclusions: Mapped[dict[str, Any]]
    details: Mapped[dict[str, Any]]
    complete: Mapped[bool]
    run_id: Mapped[str]
    calculated_at: Mapped[datetime]


class ForecastRow(Base):
    """What was asked of the future, and the answers; the same question asked again replaces its own row."""

    __tablename__ = "forecasts"
    profile: Mapped[str] = mapped_column(primary_key=True)
    as_of: Mapped[datetime] = mapped_column(primary_key=True)
    question: Mapped[str] = mapped_column(primary_key=True)
    asked: Mapped[str] = mapped_column(primary_key=True)
    seed: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    history_weeks: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rules_hash: Mapped[str] = mapped_column(primary_key=True)
    trials: Mapped[int]
    state: Mapped[str]
    message: Mapped[str | None]
    throughput: Mapped[list[Any]]
    answers: Mapped[list[Any]]
    backtest: Mapped[dict[str, Any]]
    calculated_at: Mapped[datetime]


class CalculationPerformanceRow(Base):
    """How long one metric of one calculation took."""

    __tablename__ = "calculation_performance"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    run_id: Mapped[str]
    profile: Mapped[str]
    metric_type: Mapped[str]
    start_time: Mapped[datetime]
    end_time: Mapped[datetime]
    duration_seconds: Mapped[float]
    input_data_size: Mapped[int] = mapped_column(BigInteger)
    result_data_size: Mapped[int] = mapped_column(BigInteger)
    cache_hits: Mapped[int]
    cache_misses: Mapped[int]
    __table_args__ = (Index("uq_calculation_performance_run_metric", "run_id", "metric_type", unique=True),)


class PerformanceThresholdRow(Base):
    """The target a calculation was held to; one per Calculation Performance row."""

    __tablename__ = "performance_thresholds"
    performance_id: Mapped[int] = mapped_column(
        ForeignKey("calculation_performance.id", ondelete="CASCADE"), primary_key=True
    )
    run_id: Mapped[str]
    profile: Mapped[str]
    metric_type: Mapped[str]
    target_duration_seconds: Mapped[float]
    actual_duration_seconds: Mapped[float]
    threshold_status: Mapped[str]
    dataset_size_category: Mapped[str]


class FetchOperationRow(Base):
    """One attempt to bring the copy up to date; a cache hit is one too, with no calls."""

    __tablename__ = "fetch_operations"
    request_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    run_id: Mapped[str]
    profile: Mapped[str]
    kind: Mapped[str]
    jql_query: Mapped[str]
    start_time: Mapped[datetime]
    end_time: Mapped[datetime | None]
    duration_seconds: Mapped[float | None]
    data_volume_fetched: Mapped[int]
    cache_hit: Mapped[bool]
    api_calls_made: Mapped[int]
    rate_limit_delays: Mapped[int]
    error: Mapped[str | None]
    issues_changed: Mapped[int]
    issues_gone: Mapped[int]
    state: Mapped[str]
    __table_args__ = (Index("ix_fetch_operations_profile_start_time", "profile", "start_time"),)


class CacheMetadataRow(Base):
    """How far the stored copy of a profile can be trusted, one row per profile."""

    __tablename__ = "cache_metadata"
    profile: Mapped[str] = mapped_column(primary_key=True)
    cache_key: Mapped[str] = mapped_column(String(32))
    creation_timestamp: Mapped[datetime]
    expiration_timestamp: Mapped[datetime]
    data_size_bytes: Mapped[int] = mapped_column(BigInteger)
    version_identifier: Mapped[str]
    config_hash: Mapped[str] = mapped_column(String(32))
    issue_count: Mapped[int]
    jql_query: Mapped[str]
    data_as_of: Mapped[datetime | None]
    cursor: Mapped[dict[str, Any]]
    invalidated: Mapped[bool]
