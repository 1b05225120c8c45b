"""A process's hold on the database, opened when first needed: all that who only reads stored rows has to import."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from models.database import Sessions, open_engine, open_sessions
from models.store import runs
from worker.errors import ConfigError
from worker.settings import Profile, Settings


@dataclass(eq=False)
class Stored:
    """The configuration, the one wall clock of tasks and commands (``now``), and the database."""

    settings: Settings
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    @cached_property
    def engine(self) -> Engine:
        """The database."""
        return open_engine(self.settings.database_url)

    @cached_property
    def sessions(self) -> Sessions:
        """Sessions that write, one unit of work each: ``with sessions.begin() as session``."""
        return open_sessions(self.engine)

    @cached_property
    def reads(self) -> Sessions:
        """Sessions that only read: they wait for no writer, and none waits for them."""
        return open_sessions(self.engine.execution_options(readonly=True))

    def clock(self, session: Session) -> datetime:
        """Return the time by which runs are timed: requests, signs of life, pauses, ends."""
        return runs.clock(session, self.now())

    def run_time(self) -> datetime:
        """Return the same outside a unit of work."""
        with self.reads() as session:
            return self.clock(session)

    def profile(self, name: str) -> Profile:
        """Return the configured profile; a run of one that is no longer configured is an error."""
        profile = self.settings.profiles.get(name)
        if profile is None:
            raise ConfigError(f"profile {name!r} is not in {self.settings.path or 'the configuration'}")
        return profile

    def close(self) -> None:
        """Give the database back, if it was opened."""
        if "engine" in self.__dict__:
            self.engine.dispose()


def zone_of(current: Stored, profile: str) -> ZoneInfo:
    """Return the zone of a profile's days; without such a profile in the configuration, the zone of schedules."""
    result = current.settings.profiles.get(profile)
    return ZoneInfo(result.rules.timezone if result else current.settings.timezone)
