"""What seeded histories share: a first copy and its Jira, which are restored for each, two workers, and Redis."""

import pickle
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import requests
from databases import begin_with_schema
from fetch_world import NOW, PROFILE, QuickRuntime, World, mounted, settings_of
from interleaving import Actor, StoppingConnection, pass_by, stop
from living_team import end_planned_lives
from message_worker import connect
from redis import ConnectionPool, Redis
from sqlalchemy import event

from sandbox.api import Jira
from sandbox.shapes import millis
from sandbox.site import Bounds, Clock, Site
from sandbox.team import TOKEN, generate
from tasks import calculate as calculation
from tasks.fetch.task import work
from worker import embedded
from worker.app import app
from worker.jira.reader import PageSizes
from worker.settings import ChangelogAudit

PAGES: Final = PageSizes(whole=5, plain=10, few=4)
RULES: Final = replace(PROFILE.rules, history_weeks=1, fields={**PROFILE.rules.fields, "flagged": "Flagged"})
JQL: Final = 'project in (PAY, OPS) AND issuetype != Bug OR summary ~ "never"'
NAMES: Final = ("copy", "fresh")


class StoppingRuntime(QuickRuntime):
    """A worker's runtime: it stops at each call of Redis, which is real."""

    @cached_property
    def redis(self) -> Redis:
        """Redis by a connection that stops."""
        path = str(self.settings.redis_url).removeprefix("unix://")
        return Redis(connection_pool=ConnectionPool(connection_class=StoppingConnection, path=path))


@dataclass(eq=False)
class Bench:
    """What all histories share: an empty database, a first copy, the Jira it was made of, two workers and Redis."""

    folder: Path
    redis: Redis
    worlds: Mapping[str, World]
    runtimes: tuple[StoppingRuntime, StoppingRuntime]
    actors: tuple[Actor, Actor]
    site: bytes

    def replace_actors(self) -> None:
        """Take two new workers: the threads of the last ones stand where their history failed."""
        self.actors = (Actor(), Actor())

    def restore(self) -> None:
        """Begin with the first copy, an empty database for the new copy, and the Jira of then."""
        for current in (*self.runtimes, *(world.current for world in self.worlds.values())):
            current.engine.dispose()
        for name in self.worlds:
            for suffix in ("-wal", "-shm"):
                (self.folder / f"{name}.db{suffix}").unlink(missing_ok=True)
            shutil.copy(self.folder / f"{name}.kept", self.folder / f"{name}.db")
        self.redis.flushall()
        site: Site = pickle.loads(self.site)  # noqa: S301 - this process has made it
        clock = Clock(NOW)
        for world in self.worlds.values():
            world.jira, world.clock = Jira(site, clock), clock
            world.current.now = clock
        for current in self.runtimes:
            current.now = clock


@contextmanager
def open_bench(folder: Path) -> Iterator[Bench]:
    """Yield a bench; its first copy is of a dozen issues."""
    handle = embedded.ensure(folder / "server")
    site = generate(5, 20, NOW - timedelta(weeks=2), per_week=6)
    site.bounds = Bounds(
        page_of_ids=9, page_with_fields=10, page_of_search=20, bulk_issues=PAGES.whole, bulk_plain_issues=PAGES.plain
    )
    site.advance(millis(NOW))
    end_planned_lives(site)
    (folder / "token").write_text(TOKEN)
    jira = Jira(site, Clock(NOW))
    worlds = {name: World(jira, Clock(NOW), _runtime(QuickRuntime, folder, name, handle.client_url)) for name in NAMES}
    runtimes = [_runtime(StoppingRuntime, folder, "copy", handle.client_url) for _ in range(2)]
    for current in (*runtimes, *(world.current for world in worlds.values())):
        current.open_session = lambda _: _session(worlds["copy"].jira)
    for current in runtimes:
        event.listen(current.engine, "engine_connect", _stop_before_writing)
        event.listen(current.engine, "commit", pass_by)
        event.listen(current.sessions, "after_commit", pass_by)
    connect(app, "memory://", worlds["copy"].current)
    with Redis.from_url(handle.client_url) as redis:
        for name, world in worlds.items():
            if name == "copy":
                run = world.request()
                work(world.current, run)
                calculation.work(world.current, world.latest(run))
                world.end_early(world.latest(run))
            world.current.engine.dispose()
            shutil.copy(folder / f"{name}.db", folder / f"{name}.kept")
        actors = (Actor(), Actor())
        yield Bench(folder, redis, worlds, (runtimes[0], runtimes[1]), actors, pickle.dumps(site))
    handle.close()


def _session(jira: Jira) -> requests.Session:
    session = mounted(jira, stop)
    session.trust_env = False  # no proxy is looked for at each request
    return session


def _stop_before_writing(connection: Any) -> None:
    if not connection.get_execution_options().get("readonly", False):
        stop()


def _runtime(kind: type[Any], folder: Path, name: str, redis_url: str) -> Any:
    url = f"sqlite:///{folder / name}.db"
    begin_with_schema(url)
    audit = ChangelogAudit(every_days=0)  # the team adds versions without a change of `updated`
    profile = replace(PROFILE, jql=JQL, rules=RULES)
    settings = settings_of(folder, url, redis_url, concurrency=1, profile=profile, changelog_audit=audit)
    return kind(settings, Clock(NOW), pages=PAGES)
