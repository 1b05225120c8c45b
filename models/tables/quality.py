"""What a reader of the numbers should know."""

from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


class DataQualityRow(Base):
    """Something about an issue that a reader of its numbers should know: a reason and how often.

    ``issue_id`` is empty where it is about the profile as a whole.
    """

    __tablename__ = "data_quality"
    profile: Mapped[str] = mapped_column(primary_key=True)
    issue_id: Mapped[str] = mapped_column(primary_key=True)
    origin: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
