"""The beat schedule as data: a nightly refresh per profile, and the daily clean-up."""

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
    return nightly | {"clean": {"task": "tasks.maintain.clean", "schedule": crontab.from_string(CLEAN_AT)}}
