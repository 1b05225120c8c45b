"""What operators have been notified of."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


class RefreshNoticeRow(Base):
    """The state of a profile's scheduled refreshes, and whether the operator was notified of its last change.

    ``next_try_at`` is null where nothing is to be sent.
    """

    __tablename__ = "refresh_notices"
    profile: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    before: Mapped[str]
    changed_at: Mapped[datetime]
    watched_since: Mapped[datetime]
    message: Mapped[str | None]
    run_id: Mapped[str | None] = mapped_column(String(36))
    tries: Mapped[int]
    next_try_at: Mapped[datetime | None]
    notified_at: Mapped[datetime | None]
