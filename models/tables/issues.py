"""The copy of Jira's issues."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base

STALE = text("facts_hash IS NULL AND gone_at IS NULL")
STALE_GONE = text("facts_hash IS NULL AND gone_at IS NOT NULL")
PRESENT = text("gone_at IS NULL")
SUB_TASKS = text("subtask AND gone_at IS NULL")


class IssueRow(Base):
    """An issue of a profile. ``census``: the run whose census last listed it, or what a run found out instead.

    ``gone_…``: of an issue that left, what it was then by its last history, and whether it still counts.
    ``history_read_at``: Jira's clock when its history was last read, by whatever stage of a fetch. ``verified_at``:
    when the whole issue was last read and compared with this copy.
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
    verified_at: Mapped[datetime | None]
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
        Index("ix_issues_stale", "profile", "issue_id", sqlite_where=STALE),
        Index("ix_issues_stale_gone", "profile", "issue_id", sqlite_where=STALE_GONE),
        Index("ix_issues_sub_tasks", "profile", "parent", sqlite_where=SUB_TASKS),
        Index("ix_issues_present", "profile", "project", sqlite_where=PRESENT),
        # What a night compares: the issues that were compared longest ago.
        Index("ix_issues_verified", "profile", "verified_at", "issue_id", sqlite_where=PRESENT),
        # Each row of a weekly chart asks when the copy begins.
        Index("ix_issues_created", "profile", "created"),
    )
