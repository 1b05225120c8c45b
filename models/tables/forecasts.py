"""Questions about the future, and their answers."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


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
