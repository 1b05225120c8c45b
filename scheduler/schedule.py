"""The beat schedule as data: a nightly refresh per profile, and the daily clean-up."""

from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from celery.schedules import BaseSchedule, schedstate

from worker.cron import last_due, next_due
from worker.settings import Settings

CLEAN_AT: Final = "30 4 * * *"
NIGHTLY: Final = "tasks.maintain.nightly"
MISSED: Final = "tasks.maintain.missed"
CLEAN: Final = "tasks.maintain.clean"


class Cron(BaseSchedule):
    """A schedule of five fields in a time zone, for Celery's beat."""

    def __init__(self, line: str, zone: ZoneInfo, **options: Any) -> None:
        """Keep both."""
        super().__init__(**options)
        self.line = line
        self.zone = zone

    def remaining_estimate(self, last_run_at: Any) -> timedelta:
        """Return the time until it is due next, counted from ``last_run_at``; negative when that is over."""
        return next_due(self.line, self.zone, last_run_at) - self.now()

    def is_due(self, last_run_at: Any) -> schedstate:
        """Return whether it is due, and the seconds until it is due the next time."""
        left = self.remaining_estimate(last_run_at).total_seconds()
        if left > 0:
            return schedstate(is_due=False, next=left)
        return schedstate(is_due=True, next=self.remaining_estimate(self.now()).total_seconds())

    def last_due(self) -> str:
        """Return the instant at which it was due last, as text for a message."""
        return last_due(self.line, self.zone, self.now()).isoformat()

    def __eq__(self, other: object) -> bool:
        """Return whether it is the same line in the same time zone."""
        return isinstance(other, Cron) and (self.line, self.zone) == (other.line, other.zone)

    def __hash__(self) -> int:
        """Return what is equal for equal schedules."""
        return hash((self.line, self.zone))


def beat_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Entry name → what beat sends and when; tasks are named by string, so nothing of them is imported here."""
    zone = ZoneInfo(settings.timezone)
    nightly = {
        f"refresh {name}": {"task": NIGHTLY, "schedule": Cron(profile.schedule, zone), "args": (name,)}
        for name, profile in settings.profiles.items()
        if profile.schedule
    }
    return nightly | {"clean": {"task": CLEAN, "schedule": Cron(CLEAN_AT, zone)}}
