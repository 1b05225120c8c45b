"""The histories of issues: their tracked changes and former keys."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


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
