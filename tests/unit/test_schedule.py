"""The beat schedule as data: which task is sent when, for which configuration."""

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from scheduler.schedule import MISSED, NIGHTLY, Cron, beat_schedule
from worker import runtime
from worker.runtime import Runtime
from worker.settings import Profile, Settings

SETTINGS = Settings(database_url="sqlite:///x.db", log_dir=Path("logs"), state_dir=Path("state"))


def test_each_profile_with_a_schedule_has_its_nightly_refresh() -> None:
    """The profile's schedule in the time zone of the installation. Without a schedule there is none."""
    nightly = Profile("payments", "acme", "project = PAY", schedule="30 2 * * 1-5")
    never = Profile("search", "acme", "project = SEA")
    entries = beat_schedule(
        replace(SETTINGS, timezone="Europe/Zagreb", profiles={"payments": nightly, "search": never})
    )
    assert set(entries) == {"refresh payments", "clean"}
    entry = entries["refresh payments"]
    assert (entry["task"], entry["args"]) == ("tasks.maintain.nightly", ("payments",))
    assert entry["schedule"] == Cron("30 2 * * 1-5", ZoneInfo("Europe/Zagreb"))


def test_the_tasks_of_the_schedule_exist() -> None:
    """A task is named by a string, so that a wrong name would fail only at night."""
    from tasks import maintain  # noqa: PLC0415 - registers the tasks
    from worker.app import app  # noqa: PLC0415 - the registry

    # The registry reads the configuration, and without a redis_url it would start a server here.
    runtime.adopt(Runtime(replace(SETTINGS, path=Path("flowbeat.toml"), redis_url="redis://127.0.0.1:1/0")))
    try:
        registered = set(app.tasks)
    finally:
        runtime.forget()
    assert maintain.nightly.name in registered
    named = {entry["task"] for entry in beat_schedule(SETTINGS).values()} | {NIGHTLY, MISSED}
    assert named <= registered
