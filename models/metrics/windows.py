"""The windows a calculation measures, and where a local day begins and ends: the only place that asks a time zone."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from models.records import EPOCH, MICROSECOND, Micros, Rules, Window, instant

SECOND: Final = 1_000_000
_ONE_DAY: Final = timedelta(days=1)
_ONE_WEEK: Final = timedelta(days=7)
_HALF_A_WEEK: Final = _ONE_WEEK // (2 * MICROSECOND)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
EARLIEST: Final = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
LATEST: Final = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
# Room on both sides for the longest history and the widest offset: outside of it lies damage, not a day to measure.
_AS_OF_YEARS: Final = range(1970, 9999)


def windows(as_of: Micros, rules: Rules) -> tuple[Window, ...]:
    """Return the period first, then the ISO weeks from oldest to newest.

    - The period: the last ``time_period_days`` whole local days before the local day that holds ``as_of``.
    - The weeks: Monday to Monday, ``history_weeks`` of them, the last one holding ``as_of``.
    - A week that is not over at ``as_of`` runs: it is reckoned up to ``as_of``.
    - A window of zero length is left out: the week that begins at ``as_of``, the period of a day the zone skipped.
    """
    zone = ZoneInfo(rules.timezone)
    today = local_day(as_of, zone)
    midnight = start_of_day(today, zone)
    period = Window("period", start_of_day(today - rules.time_period_days * _ONE_DAY, zone), midnight, midnight)
    monday = today - today.weekday() * _ONE_DAY
    mondays = [monday - back * _ONE_WEEK for back in range(rules.history_weeks - 1, -1, -1)]
    periods = (period, *(_week(day, as_of, zone) for day in mondays))
    return tuple(window for window in periods if window.effective_end > window.start)


def previous_window(window: Window, rules: Rules) -> Window:
    """Return the week before a week, or as many days as the period has before the period."""
    zone = ZoneInfo(rules.timezone)
    days = 7 if window.kind == "week" else rules.time_period_days
    first = local_day(window.start, zone)
    start = start_of_day(first.fromordinal(first.toordinal() - days), zone)
    return Window(window.kind, start, window.start, window.start)


def local_day(at: Micros, zone: ZoneInfo) -> date:
    """Return the local day that holds an instant, by the days' own bounds: a clock set back over midnight returns to
    none.
    """
    day = instant(at).astimezone(zone).date()
    return day + _ONE_DAY if at >= end_of_day(day, zone) else day


def start_of_day(day: date, zone: ZoneInfo) -> Micros:
    """Return the local midnight that begins a day: the first of two, and the instant of the jump where the clock skips
    it.
    """
    wall = datetime.combine(day, time(), tzinfo=zone)
    before, after = _at(wall), _at(wall.replace(fold=1))
    # Only in a gap does the offset before the change name a later instant than the one after it.
    return _jump(after, before, zone) if after < before else before


def end_of_day(day: date, zone: ZoneInfo) -> Micros:
    """Return the local midnight that ends a day: the first instant that is no longer part of it."""
    return LATEST if day == date.max else start_of_day(day + _ONE_DAY, zone)


def last_second(day: date, zone: ZoneInfo) -> Micros:
    """Return when something dated with a day only has happened at the latest: one second before the day ends."""
    return end_of_day(day, zone) - SECOND


def parse_as_of(text: str, zone: ZoneInfo) -> Micros:
    """Return what a person means by an as-of: a day means its end in ``zone``, a time must carry its offset.

    Raises ``ValueError`` with a sentence for anything else.
    """
    try:
        parsed = instant_of(text) if not is_day(text) else end_of_day(date.fromisoformat(text), zone)
    except ValueError as error:
        message = f"as-of {text!r} is neither a day (2026-10-01) nor a time with its offset (2026-10-01T12:00+02:00)"
        raise ValueError(message) from error
    if instant(parsed).year not in _AS_OF_YEARS:
        message = f"as-of {text!r} lies outside the years {_AS_OF_YEARS.start} to {_AS_OF_YEARS.stop - 1}"
        raise ValueError(message)
    return parsed


def is_day(text: str) -> bool:
    """Return whether a text is written as a day without a time."""
    return bool(_DAY.fullmatch(text))


def instant_of(text: str) -> Micros:
    """Return the instant that an ISO 8601 time with an offset names (``Z``, ``+0000`` and ``+00:00`` alike).

    Raises ``ValueError`` for a time without an offset and for text that is not a time. Instants outside the years
    1 to 9999 in UTC are moved to their edge, so that every instant can be shown.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        message = f"a time without an offset is not an instant: {text!r}"
        raise ValueError(message)
    return clamped((moment - EPOCH) // MICROSECOND)


def clamped(at: Micros) -> Micros:
    """Return the nearest instant that a datetime in UTC can hold."""
    return min(max(at, EARLIEST), LATEST)


def week_name(window: Window, zone: ZoneInfo) -> str:
    """Return the ISO name of a weekly window, as in ``2026-W40``, also where the week began in another zone."""
    year, week, _ = local_day(window.start + _HALF_A_WEEK, zone).isocalendar()
    return f"{year}-W{week:02}"


def week_at(at: Micros, as_of: Micros, zone: ZoneInfo) -> Window:
    """Return the ISO week that holds an instant before ``as_of``, as far as it has run."""
    day = local_day(at, zone)
    return _week(day - day.weekday() * _ONE_DAY, as_of, zone)


def _week(monday: date, as_of: Micros, zone: ZoneInfo) -> Window:
    start, end = start_of_day(monday, zone), start_of_day(monday + _ONE_WEEK, zone)
    return Window("week", start, end, min(end, as_of))


def _at(wall: datetime) -> Micros:
    # A difference of aware datetimes heeds the offset, and unlike astimezone does not overflow at the edges of time.
    return clamped((wall - EPOCH) // MICROSECOND)


def _jump(low: Micros, high: Micros, zone: ZoneInfo) -> Micros:
    """Return the instant in (low, high] at which the offset changes, found by halving; offsets change at whole
    seconds.
    """
    offset = instant(high).astimezone(zone).utcoffset()
    while high - low > SECOND:
        middle = low + (high - low) // (2 * SECOND) * SECOND
        if instant(middle).astimezone(zone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return high
