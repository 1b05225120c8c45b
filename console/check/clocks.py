"""The checks of other clocks: the database's, that of Redis, that of Jira."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from redis import Redis

from console.check.local import Line
from models.database import is_sqlite
from report.words import format_duration
from worker.runtime import Runtime

ALLOWED_SECONDS: Final = 5.0
_ADVICE: Final = "set both by a time service (NTP)"


def of_database(current: Runtime) -> Iterator[Line]:
    """Yield a warning if the database server's time differs; SQLite has this machine's clock."""
    if not is_sqlite(current.engine):
        before, other = current.now(), current.run_time()
        yield from compare("database", other, before, current.now())


def of_redis(current: Runtime) -> Iterator[Line]:
    """Yield a warning if the Redis server's time differs."""
    before, other = current.now(), _time_of(current.redis)
    yield from compare("Redis", other, before, current.now())


def compare(what: str, other: datetime, before: datetime, after: datetime) -> Iterator[Line]:
    """Yield a warning if another clock's time was outside the time of its request on this machine."""
    off = max((other - after).total_seconds(), (before - other).total_seconds())
    if off > ALLOWED_SECONDS:
        which = "ahead of" if other > after else "behind"
        yield Line(what, "warning", f"its clock is {format_duration(off)} {which} this machine's", _ADVICE)


def _time_of(client: Redis) -> datetime:
    seconds, micros = client.time()
    return datetime.fromtimestamp(seconds + micros / 1_000_000, UTC)
