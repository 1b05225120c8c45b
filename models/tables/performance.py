"""How long calculations took, and their targets."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


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
