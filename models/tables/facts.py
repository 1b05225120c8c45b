"""What is derived from each issue: work items, incidents and deployments."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


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
