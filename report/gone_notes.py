"""Notes about delivered issues that are gone from Jira: how many, why, and whether they still count."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from models.store import departures


def gone_notes(session: Session, profile: str, start: datetime, end: datetime) -> tuple[str, ...]:
    """Return sentences about the gone issues that were delivered in ``[start, end)``; empty without any."""
    counts = departures.count(session, profile, start, end)
    dropped = {reason: number for (reason, counts_still), number in counts.items() if not counts_still}
    kept = {reason: number for (reason, counts_still), number in counts.items() if counts_still}
    advice = f'To keep what was done, write under [profiles.{profile}]: gone_issues = "keep_done".'
    return (
        *((f"Note: {_which(dropped)}. None of them counts for any day. {advice}",) if dropped else ()),
        *((f"Note: {_which(kept)}. They count as they were last read.",) if kept else ()),
    )


def _which(reasons: Mapping[str, int]) -> str:
    number = sum(reasons.values())
    items, are = ("1 delivered issue", "is") if number == 1 else (f"{number:,} delivered issues", "are")
    why = ", ".join(f"{reason or 'for an unknown reason'} {count:,}" for reason, count in sorted(reasons.items()))
    return f"{items} of these days {are} gone from Jira ({why})"
