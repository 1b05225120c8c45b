"""Runs: refreshes and calculations, from request to end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from models.records.run_parts import RunOptions, RunProgress

LIVE_STATES: Final = ("queued", "running", "paused")
ENDED_STATES: Final = ("completed", "failed")


@dataclass(frozen=True, slots=True)
class Run:
    """A refresh or calculation from request to end. ``attempt`` fences: a message of an older attempt ends at once.

    ``cursor`` is where the current step continues; ``progress`` is done and total of it; ``wait_until`` is set during a
    pause; ``options`` are the words of the request (full, verify). ``rules_hash`` identifies the
    rules its facts were made with, by ``worker``; ``requested_rules_hash`` those configured where it was requested,
    their field names as written. ``due_at`` is the instant of the schedule that it answers, None where a person asked.
    """

    run_id: str
    profile: str
    kind: Literal["refresh", "calculate"]
    state: str
    step: str
    attempt: int
    requested_at: datetime
    heartbeat_at: datetime
    as_of: datetime | None = None
    cursor: Mapping[str, Any] = field(default_factory=dict)
    progress: RunProgress = field(default_factory=RunProgress)
    options: RunOptions = field(default_factory=RunOptions)
    wait_until: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str | None = None
    error_kind: str | None = None
    rules_hash: str | None = None
    requested_rules_hash: str | None = None
    worker: str | None = None
    due_at: datetime | None = None

    @property
    def live(self) -> bool:
        """Whether the run still has something to do."""
        return self.state in LIVE_STATES
