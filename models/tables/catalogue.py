"""The statuses and versions of a profile."""

from datetime import date

from sqlalchemy import Date, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


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
