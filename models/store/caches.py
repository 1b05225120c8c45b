"""Cache Metadata: how far the stored copy of a profile can be trusted."""

from dataclasses import fields
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.records import CacheMetadata, CopyCursor
from models.store.shared import row_of, upsert
from models.tables.cache import CacheMetadataRow

_CACHES: Final = CacheMetadataRow.__table__.c
_COLUMNS: Final = [_CACHES[field.name] for field in fields(CacheMetadata)]


def save(session: Session, cache: CacheMetadata) -> None:
    """Store the profile's Cache Metadata in place of what was there."""
    upsert(session, CacheMetadataRow, [row_of(cache) | {"cursor": cache.cursor.to_json()}])


def find(session: Session, profile: str) -> CacheMetadata | None:
    """Return the profile's Cache Metadata, None where it was never fetched."""
    query = select(*_COLUMNS).where(_CACHES.profile == profile)
    row = session.execute(query).mappings().first()
    return None if row is None else CacheMetadata(**{**row, "cursor": CopyCursor.from_json(row["cursor"])})
