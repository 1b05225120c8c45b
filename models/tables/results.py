"""The values of the metrics."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


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
