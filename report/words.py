"""Numbers, durations and instants in words for a person."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from models.records import Backtest

NOTHING: Final = "–"
MINUS: Final = "−"
_SPANS: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def format_number(value: float | None) -> str:
    """Return at most three significant digits: ``0.467``, ``−12.3``, ``1,234``; a dash for no value."""
    if value is None:
        return NOTHING
    if float(value).is_integer() or abs(value) >= 100:  # noqa: PLR2004 - from there on decimals say nothing
        return f"{value:,.0f}".replace("-", MINUS)
    places = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3  # noqa: PLR2004 - three digits in all
    return f"{value:.{places}f}".rstrip("0").rstrip(".").replace("-", MINUS)


def format_unit(unit: str) -> str:
    """Return a metric's unit in words."""
    return in_words(unit)


def in_words(name: str) -> str:
    """Return a name of the program, as of a reason or a state, as a person writes it: ``open sub-task``."""
    return name.replace("sub_task", "sub-task").replace("_", " ")


def format_duration(seconds: float) -> str:
    """Return a duration in its largest fitting unit: ``12 ms``, ``3.4 s``, ``5 min``, ``7 h``, ``12 d``."""
    for size, name in _SPANS:
        if seconds >= size * (2 if name == "d" else 1):
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def format_time(at: datetime | None, zone: ZoneInfo) -> str:
    """Return an instant to the minute, in a time zone."""
    return NOTHING if at is None else at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def for_profile(message: str, profile: str) -> str:
    """Return a stored message with the profile's name in place of ``<name>``: the calculation of a metric does not have
    it.
    """
    return message.replace("[profiles.<name>.", f"[profiles.{profile}.")


def format_backtest(tested: Backtest) -> str:
    """Return how often a line held in the past, as in ``39 of 46, 85 %``; a dash if it cannot be checked."""
    if not tested.checked:
        return NOTHING
    return f"{tested.held:,} of {tested.checked:,}, {100 * tested.held / tested.checked:.0f} %"
