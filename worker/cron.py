"""The instants of a schedule of five fields in a time zone, as Debian's cron has them on nights whose clocks change.

In spring a fixed time that does not exist comes when the clocks have changed; in autumn it comes once, the first time.
Celery's crontab is an hour late on one of these nights and leaves out another.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_LEAP_YEAR = datetime(2024, 1, 1)  # noqa: DTZ001 - any year with all days serves


def check(line: str) -> None:
    """Raise ValueError for a line that is not a schedule of five fields, or whose day never comes."""
    try:
        next(CronSim(line, _LEAP_YEAR))
    except CronSimError as error:
        raise ValueError(str(error)) from error
    except StopIteration as error:
        raise ValueError("Its day never comes") from error


def next_due(line: str, zone: ZoneInfo, after: datetime) -> datetime:
    """Return the first instant of a schedule later than ``after``, in UTC."""
    instants = CronSim(line, after.astimezone(zone))
    while True:  # in the hour that comes twice, the first answer may be of its first time
        due = next(instants).astimezone(UTC)
        if due > after:
            return due


def last_due(line: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the last instant of a schedule that is not later than ``now``, in UTC."""
    last = next(CronSim(line, now.astimezone(zone), reverse=True)).astimezone(UTC)
    while (following := next_due(line, zone, last)) <= now:
        last = following
    return last
