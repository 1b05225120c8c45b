"""What a person asks for: a known name, and an as-of, which is a day, an instant or a distance from today."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from models.metrics.windows import parse_as_of
from models.records import instant
from worker.config_schema import did_you_mean

_DAYS_AGO: Final = re.compile(r"(\d{1,4})d")


class UnknownNameError(ValueError):
    """A profile, metric, window or as-of that does not exist."""


def known(kind: str, name: str, names: Iterable[str]) -> str:
    """Return the name if it is among the names; raise UnknownNameError with the nearest one otherwise."""
    choices = tuple(dict.fromkeys(names))
    if name in choices:
        return name
    advice = did_you_mean(name, choices) or (f"; known: {', '.join(choices)}" if choices else "")
    raise UnknownNameError(f"There is no {kind} {name!r}{advice}")


def parse_asked(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the instant of an as-of; raise ValueError for other text than a day or an instant.

    Besides what ``parse_as_of`` takes, ``today``, ``yesterday`` and ``7d`` (seven days ago) are days of the zone.
    """
    return instant(parse_as_of(named_day(text, zone, now), zone))


def named_day(text: str, zone: ZoneInfo, now: datetime) -> str:
    """Return the day that a word names in a zone, as it is written; any other text as it is."""
    ago = {"today": 0, "yesterday": 1}.get(text)
    if ago is None and (span := _DAYS_AGO.fullmatch(text)):
        ago = int(span[1])
    return text if ago is None else (now.astimezone(zone).date() - timedelta(days=ago)).isoformat()
