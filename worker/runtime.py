"""A process's handles, built when first needed: settings, database, Redis, limiters, Jira clients."""

import atexit
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Final

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from worker import embedded, ending, logs, settings
from worker.database import Stored
from worker.jira.reader import PageSizes
from worker.limiter import Limiter, limiter_key
from worker.settings import Connection, Settings

if TYPE_CHECKING:
    from requests import Session

    from worker.jira.client import Client

REDIS_SECONDS: Final = 5.0


def _open_session(connections: int) -> "Session":
    from worker.jira.client import open_session  # noqa: PLC0415 - a command that asks no Jira needs no HTTP

    return open_session(connections)


@dataclass(eq=False)
class Runtime(Stored):
    """All that touches the world outside, opened on first use: the database, and what work needs besides.

    ``open_session`` opens a session to a Jira for this many parallel readers.
    """

    open_session: "Callable[[int], Session]" = field(default=_open_session)
    pages: PageSizes = field(default_factory=PageSizes)
    """How many issues a request names."""
    node: str | None = None
    """The Celery node name of this process's worker; None in a process that is not a worker."""
    installation: str | None = None
    """The id of the database that this process's worker began with."""

    @cached_property
    def server(self) -> embedded.Handle | None:
        """The hold on the embedded server; None where ``redis_url`` names another."""
        if self.settings.redis_url:
            return None
        ending.exit_when_told()
        with ending.uninterrupted():
            handle = embedded.ensure(self.settings.state_dir)
            atexit.register(handle.close)
        return handle

    @property
    def broker_url(self) -> str:
        """Redis as Celery wants it named."""
        url = self.server.url if self.server else str(self.settings.redis_url)
        return url.replace("unix://", "redis+socket://", 1)

    @cached_property
    def redis(self) -> "Redis":
        """Redis for the limiter."""
        url = self.server.client_url if self.server else client_url(str(self.settings.redis_url))
        # redis-py would try ten times more, up to a minute; a run that waits costs less than a worker that does.
        retry = Retry(ExponentialBackoff(cap=0.5, base=0.05), 1)
        timeouts = {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}
        return Redis.from_url(url, retry=retry, **timeouts)

    def client(self, connection: Connection, tried: int = 0, *, fault: str = "", heard: bool = False) -> "Client":
        """Return a client of one Jira, behind the limiter all workers share; the rest of the arguments are the run's
        past.
        """
        from worker.jira.client import Client  # noqa: PLC0415 - see _open_session

        settings.require_address(self.settings, connection)
        token = connection.token(os.environ)
        session = self.open_session(connection.concurrency)
        limiter = self.limiter(connection, token)
        return Client(connection, token, limiter, session=session, tried=tried, fault=fault, heard=heard, now=self.now)

    def limiter(self, connection: Connection, token: str | None) -> Limiter:
        """Return the one limiter of a base URL and credential."""
        return limiter_of(self.redis, connection, token)

    def close(self) -> None:
        """Give everything back; what was never opened stays closed."""
        super().close()
        opened = self.__dict__
        if "redis" in opened:
            self.redis.close()
        if opened.get("server") is not None:
            opened["server"].close()


def client_url(redis_url: str) -> str:
    """Return a ``redis_url`` as redis-py takes it."""
    return redis_url.replace("redis+socket://", "unix://", 1)


def limiter_of(redis: "Redis", connection: Connection, token: str | None) -> Limiter:
    """Return the limiter of a base URL and credential at this Redis."""
    key = limiter_key(connection.base_url, f"{connection.email or ''}:{token or ''}")
    return Limiter(
        redis,
        key=key,
        requests=connection.requests,
        per_seconds=connection.per_seconds,
        timeout=connection.timeout_seconds * 2,  # connecting and reading each have their own time-out
    )


_current: list[Runtime] = []


def current() -> Runtime:
    """Return this process's runtime, from its configuration; built once."""
    if not _current:
        _current.append(Runtime(settings.load(None, os.environ)))
    return _current[0]


def adopt(runtime: Runtime) -> None:
    """Make this the process's runtime: a command that built one shares it with the Celery application."""
    _current[:] = [runtime]


def forget() -> None:
    """Forget this process's runtime without closing it: another one has its handles, or closes them."""
    _current.clear()


def configure_logs(configured: Settings, *, console: bool = True) -> None:
    """Attach the one handler set, with every configured secret known to it."""
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells what it found at every start
    secrets = settings.secrets(configured, os.environ)
    keep = timedelta(days=configured.retention.logs_days)
    logs.configure(configured.log_dir, configured.log_level, secrets=secrets, console=console, keep=keep)
