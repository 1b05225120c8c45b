"""The identity of the database."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


class InstallationRow(Base):
    """The one row that identifies this database; a worker publishes it, so that no other database's worker is used."""

    __tablename__ = "installation"
    installation_id: Mapped[str] = mapped_column(String(36), primary_key=True)
