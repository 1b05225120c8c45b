"""The beat schedule as data: a nightly refresh per profile, the sweep for silent runs, the daily clean-up."""

from typing import Any, Final

from celery.schedules import crontab

from worker.settings import Settings

CLEAN_AT: Final = "30 4 * * *"


def beat_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Entry name → what beat sends and when; tasks are named by string, so nothing of them is imported here."""
    nightly = {
        f"refresh {name}": {
            "task": "tasks.maintain.nightly",
            "schedule": crontab.from_string(profile.schedule),
            "args": (name,),
        }
        for name, profile in settings.profiles.items()
        if profile.schedule
    }
    every = settings.sweep.every_seconds
    return nightly | {
        # A sweep that found no worker in time is worthless: the next one is on its way.
        "sweep": {"task": "tasks.maintain.sweep", "schedule": every, "options": {"expires": every}},
        "clean": {"task": "tasks.maintain.clean", "schedule": crontab.from_string(CLEAN_AT)},
    }
