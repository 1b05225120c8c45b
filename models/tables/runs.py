"""Refreshes and calculations."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base

LIVE = text("state IN ('queued', 'running', 'paused')")


class RunRow(Base):
    """A refresh or calculation, from request to end; the partial unique index allows one live run per profile.

    ``rules_hash``: the rules its facts were made with; ``requested_rules_hash``: those configured where it was
    requested, field names as written. ``worker``: the node that worked at it last. ``due_at``: the instant of the
    schedule that it answers, null where a person asked.
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
    due_at: Mapped[datetime | None]
    __table_args__ = (
        Index("uq_runs_live_profile", "profile", unique=True, sqlite_where=LIVE),
        Index("ix_runs_requested_at", "requested_at"),
    )
