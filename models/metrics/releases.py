"""Released versions: their dates, and those that are not deployments because they have none, or one in the future."""

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from models.metrics import windows
from models.records import Micros, Version

# Findings about a profile as a whole.
UNDATED_RELEASE: Final = "released_without_date"
FUTURE_RELEASE: Final = "released_in_future"


def id_order(text: str) -> tuple[Any, ...]:
    """Return what sorts ids: those that are numbers as numbers, before all others."""
    if not (text.isascii() and text.isdecimal()):
        return (1, 0, text, "")
    digits = text.lstrip("0")
    return (0, len(digits), digits, text)


def version_findings(
    versions: Iterable[Version], projects: Collection[str], as_of: Micros, timezone: str
) -> dict[str, list[Version]]:
    """Return the released versions of ``projects`` that are not deployments at ``as_of``, by reason, in id order.

    They have no date, or one whose last second is at or after ``as_of``.
    """
    zone = ZoneInfo(timezone)
    findings: dict[str, list[Version]] = {UNDATED_RELEASE: [], FUTURE_RELEASE: []}
    for version, day in released(versions, projects):
        if day is None:
            findings[UNDATED_RELEASE].append(version)
        elif windows.last_second(day, zone) >= as_of:
            findings[FUTURE_RELEASE].append(version)
    ordered = {reason: sorted(finding, key=lambda v: id_order(v.version_id)) for reason, finding in findings.items()}
    return {reason: item for reason, item in ordered.items() if item}


def released(versions: Iterable[Version], projects: Collection[str]) -> list[tuple[Version, date | None]]:
    return [(version, version.release_date) for version in versions if version.released and version.project in projects]
