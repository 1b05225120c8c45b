"""How far the stored copies can be trusted."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


class CacheMetadataRow(Base):
    """How far the stored copy of a profile can be trusted, one row per profile.

    ``recomputed_at``: when its facts and results were last made again from issues and transitions, and compared.
    """

    __tablename__ = "cache_metadata"
    profile: Mapped[str] = mapped_column(primary_key=True)
    cache_key: Mapped[str] = mapped_column(String(32))
    creation_timestamp: Mapped[datetime]
    expiration_timestamp: Mapped[datetime]
    data_size_bytes: Mapped[int] = mapped_column(BigInteger)
    version_identifier: Mapped[str]
    config_hash: Mapped[str] = mapped_column(String(32))
    issue_count: Mapped[int]
    jql_query: Mapped[str]
    data_as_of: Mapped[datetime | None]
    cursor: Mapped[dict[str, Any]]
    invalidated: Mapped[bool]
    recomputed_at: Mapped[datetime | None]
