"""Cache Metadata: how far the stored copy of a profile can be trusted."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from models.records.cursors import CopyCursor
from models.records.instants import require, utc

CACHE_VERSION: Final = "2"
_HEX32: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class CacheMetadata:
    """How far the stored copy of a profile can be trusted: of which configuration, until when, up to which instant.

    ``cache_key`` is the MD5 of the normalised configuration; ``data_as_of`` the instant, by Jira's clock, at which the
    last completed fetch began; ``cursor`` what the copy is of, and what the next fetch begins with.
    """

    cache_key: str
    creation_timestamp: datetime
    expiration_timestamp: datetime
    data_size_bytes: int
    version_identifier: str
    config_hash: str
    issue_count: int
    jql_query: str
    profile: str = ""
    data_as_of: datetime | None = None
    cursor: CopyCursor = field(default_factory=CopyCursor)
    invalidated: bool = False

    def __post_init__(self) -> None:
        """Refuse a key that is no MD5, an expiry before the creation, a hash that is not the key, negative sizes."""
        require(bool(_HEX32.fullmatch(self.cache_key)), "a cache key is 32 hex digits")
        require(self.config_hash == self.cache_key, "config_hash must match cache_key")
        require(utc(self.expiration_timestamp) > utc(self.creation_timestamp), "expiration must follow creation")
        require(self.data_size_bytes >= 0, "a size is not negative")
        require(self.issue_count >= 0, "an issue count is not negative")

    def state(self, now: datetime) -> Literal["valid", "expired", "invalidated"]:
        """Return whether it has not expired; another cache version or an explicit mark invalidates it."""
        if self.invalidated or self.version_identifier != CACHE_VERSION:
            return "invalidated"
        return "valid" if utc(now) < self.expiration_timestamp else "expired"
