"""A line of a log and its timestamp, as bytes and back."""

import json
from typing import Any

from models.records import instant


def format_timestamp(created: float) -> str:
    at = instant(round(created * 1_000_000))
    return at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_line(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("timestamp"), str) else None
