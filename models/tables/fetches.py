"""Attempts to bring the copy up to date."""

from datetime import datetime

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


class FetchOperationRow(Base):
    """One attempt to bring the copy up to date; a cache hit is one too, with no calls.

    ``issues_verified``: compared with the copy because it was their turn; ``issues_differed``: of all that were read,
    those that differed though no change explained it.
    """

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
    issues_verified: Mapped[int] = mapped_column(server_default=text("0"))
    issues_differed: Mapped[int] = mapped_column(server_default=text("0"))
    state: Mapped[str]
    __table_args__ = (Index("ix_fetch_operations_profile_start_time", "profile", "start_time"),)
