"""A line of a log, and a log file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from models.records.instants import require, utc

LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
MAX_LOG_BYTES: Final = 10_485_760
MAX_LOG_BACKUPS: Final = 5
_DOTTED: Final = re.compile(r"[A-Za-z_]\w*(\.\w+)*")
_STAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A line of ``logs/*.log``; redaction has happened before one is made."""

    timestamp: str
    level: str
    module: str
    function: str
    line: int
    message: str
    exception: str | None = None
    context: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Refuse a timestamp that is not UTC with microseconds, an unknown level, a module without a dotted name."""
        require(bool(_STAMP.fullmatch(self.timestamp)), "a timestamp is UTC with six digits of a second and Z")
        datetime.fromisoformat(self.timestamp)
        require(self.level in LOG_LEVELS, f"unknown log level {self.level!r}")
        require(bool(_DOTTED.fullmatch(self.module)), f"not a dotted module name: {self.module!r}")
        require(self.line >= 0, "a line number is not negative")
        for key in self.context or {}:
            require(isinstance(key, str), "context keys are strings")


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log file on disk; sequence 0 is the live file, 1 to 5 its archives from newest to oldest."""

    file_path: str
    size_bytes: int
    creation_date: datetime
    rotation_sequence: int
    last_modified: datetime
    log_level_filter: str | None = None

    def __post_init__(self) -> None:
        """Refuse a negative size, a sequence beyond the last archive, naive dates, an unknown level."""
        require(self.size_bytes >= 0, "a size is not negative")
        require(0 <= self.rotation_sequence <= MAX_LOG_BACKUPS, "a rotation sequence lies between 0 and 5")
        require(self.log_level_filter in (None, *LOG_LEVELS), f"unknown log level {self.log_level_filter!r}")
        utc(self.creation_date)
        utc(self.last_modified)

    @property
    def state(self) -> Literal["active", "rotating", "archived"]:
        """Active below the size limit, rotating at it, archived as ``.log.N``."""
        if self.rotation_sequence:
            return "archived"
        return "rotating" if self.size_bytes >= MAX_LOG_BYTES else "active"
