"""How long Jira asks to wait: its headers read into seconds. Pure; they slow us down and never speed us up."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_WAIT: Final = 86_400.0  # whatever a header says
NEAR_LIMIT_WAIT: Final = 1.0  # between requests while less than a fifth of a quota is left
UNKNOWN_REFILL: Final = 1.0  # a bucket is empty and nobody says when it fills: the burst limits are per second
_SECONDS: Final = re.compile(r"\d{1,9}(\.\d+)?", re.ASCII)


def asked(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds a refusal asks for, at most a day: Retry-After as seconds or date, else X-RateLimit-Reset.

    None where it names none that can be read, as a gateway's 429. A date is measured against the answer's own ``Date``,
    for the clock that set it is Jira's; ``now`` stands in for one that is missing.
    """
    here = date(headers.get("Date", "")) or now
    value = headers.get("Retry-After", "").strip()
    seconds = _number(value)
    if seconds is None:
        seconds = _left(date(value), here)
    if not seconds:
        seconds = _left(_iso(headers.get("X-RateLimit-Reset", "")), here) or seconds
    return None if seconds is None else min(seconds, LONGEST_WAIT)


def slowing(headers: Mapping[str, str]) -> float:
    """Return seconds to hold back after an answer that was given, 0.0 mostly.

    - Data Center's bucket is empty (X-RateLimit-Remaining 0): until it gets tokens, by its Retry-After, else a whole
      interval. A Retry-After of 0 is on every other answer and no wait.
    - A quota of Cloud is used up (``RateLimit: "name";r=0;t=600``): its ``t``; of several the longest.
    - A quota is nearly used up (X-RateLimit-NearLimit): a second.
    """
    waits = [0.0, *_used_up(headers.get("RateLimit", ""))]
    if _number(headers.get("X-RateLimit-Remaining", "")) == 0:
        waits.append(_refill(headers))
    if headers.get("X-RateLimit-NearLimit", "").strip().lower() == "true":
        waits.append(NEAR_LIMIT_WAIT)
    return min(max(waits), LONGEST_WAIT)


def date(value: str) -> datetime | None:
    """Return an instant as HTTP writes it, None for what is none."""
    try:
        return _aware(parsedate_to_datetime(value))
    except (ValueError, OverflowError):
        return None


def _refill(headers: Mapping[str, str]) -> float:
    named = ("Retry-After", "X-RateLimit-Interval-Seconds")
    return next((seconds for name in named if (seconds := _number(headers.get(name, "")))), UNKNOWN_REFILL)


def _used_up(value: str) -> Iterator[float]:
    for quota in value.split(","):
        said = dict(re.findall(r";\s*([rt])=(\d{1,9})(?!\d)", quota, re.ASCII))
        if said.get("r") and int(said["r"]) == 0:
            yield float(said.get("t", UNKNOWN_REFILL))


def _number(value: str) -> float | None:
    return float(value) if _SECONDS.fullmatch(value.strip()) else None


def _left(until: datetime | None, now: datetime) -> float | None:
    return None if until is None else max(0.0, (until - now).total_seconds())


def _iso(value: str) -> datetime | None:
    """Return an instant as Jira writes it, also without seconds: ``2026-03-26T16:00Z``."""
    try:
        return _aware(datetime.fromisoformat(value.strip()))
    except ValueError:
        return None


def _aware(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
