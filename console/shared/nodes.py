"""The workers and schedulers that answer, those to restart, and the reason why a run is not taken."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from models.records import Run
from models.store import installation as stored_installation
from report import reading
from tasks import steps
from worker import nodes, queues, settings
from worker.app import app
from worker.runtime import Runtime

PING_SECONDS: Final = 1.0
RESTART: Final = "restart it"
WITHOUT_QUEUES: Final = "restart it without -Q"
QUEUES: Final = queues.NAMES
SEPARATE: Final = "restart it, or give each installation its own redis_url"


@dataclass(frozen=True, slots=True)
class Answering:
    """The nodes that answer: workers of this database and of others, and schedulers.

    ``outdated`` are workers of this database and schedulers that started with another configuration.
    ``elsewhere`` are workers of this database that consume none of Flowbeat's queues, ``unserved`` the queues that
    no worker of this database consumes.
    """

    workers: tuple[str, ...] = ()
    schedulers: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    unserved: tuple[str, ...] = QUEUES

    @property
    def serve(self) -> bool:
        """Return whether the workers take every message of a run."""
        return not self.unserved


def answering(current: Runtime) -> Answering:
    """Return the nodes that answer on the broker within a second; schedulers answer pings too."""
    names = sorted(name for answer in app.control.ping(timeout=PING_SECONDS) or () for name in answer)
    published, installation = nodes.load(current.redis, names), _installation(current)
    foreign = tuple(name for name in names if _is_foreign(published.get(name), installation))
    own = [name for name in names if name not in foreign]
    schedulers = tuple(name for name in own if _is_scheduler(name))
    consumed = _consumed([name for name in own if not _is_scheduler(name)])
    workers = tuple(name for name in consumed if consumed[name])
    elsewhere = tuple(name for name in consumed if not consumed[name])
    outdated = tuple(name for name in (*workers, *schedulers) if _is_outdated(published.get(name), current))
    unserved = tuple(queue for queue in QUEUES if not any(queue in consumed[name] for name in workers))
    return Answering(workers, schedulers, outdated, foreign, elsewhere, unserved)


def other_configuration(current: Runtime, name: str) -> str:
    """Return the sentence about a node that started with another configuration."""
    return f"{name} works with another configuration than {current.settings.path}"


def other_database(name: str) -> str:
    """Return the sentence about a worker of another database."""
    return f"{name} works with another database than database_url names"


def other_queue(name: str) -> str:
    """Return the sentence about a worker that does not take Flowbeat's messages."""
    return f"{name} consumes none of the queues {', '.join(QUEUES)}"


def no_queue(queue: str) -> str:
    """Return the sentence about a queue that no worker consumes."""
    return f"no worker consumes the queue {queue}; start one: flowbeat worker -Q {queue}"


def must_restart(current: Runtime, value: Answering) -> list[str]:
    """Return a sentence for each node that must be restarted."""
    return [
        *(f"{other_database(name)}; {SEPARATE}" for name in value.foreign),
        *(f"{other_configuration(current, name)}; {RESTART}" for name in value.outdated),
        *(f"{other_queue(name)}; {WITHOUT_QUEUES}" for name in value.elsewhere),
        *(no_queue(queue) for queue in value.unserved if value.workers),
    ]


def why_queued(current: Runtime, run: Run) -> str:
    """Return why a run stays queued although workers answer; empty if none answers."""
    result = answering(current)
    stranger = nodes.who_did_not_know(current.redis, run.run_id)
    if stranger is not None and stranger not in result.foreign:
        return f"{stranger} received its message and has no such run in its database; {SEPARATE}"
    if not result.workers:
        return "; ".join(must_restart(current, replace(result, outdated=())))
    queue = steps.queue_of(run.step)
    if queue in result.unserved:
        return no_queue(queue)
    takers = _takers(result.workers, queue)
    busy = _busy(takers)
    if len(busy) == len(takers):
        return f"all workers are busy ({', '.join(busy)}); start another one: flowbeat worker"
    return f"workers answer ({', '.join(result.workers)}), but none took it; see flowbeat logs --level WARNING"


def _installation(current: Runtime) -> str | None:
    """Return the id of the database that database_url names; None if it does not exist yet."""
    file = reading.database_file(current.settings)
    if file is not None and not file.exists():
        return None
    with current.reads() as session:
        return stored_installation.load_id(session)


def _takers(names: Sequence[str], queue: str) -> tuple[str, ...]:
    """Return the workers that consume a queue."""
    consumed = _consumed(names)
    return tuple(name for name in names if queue in consumed[name])


def _consumed(names: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return the queues of Flowbeat that each worker consumes; a worker that does not say counts for all."""
    if not names:
        return {}
    answers: dict[str, list[Any]] = app.control.inspect(list(names), timeout=PING_SECONDS).active_queues() or {}
    everything = frozenset(QUEUES)
    return {name: everything & {*_names_of(answers[name])} if name in answers else everything for name in names}


def _names_of(queues: Iterable[Any] | None) -> list[str]:
    return [queue["name"] for queue in queues or ()]


def _is_scheduler(name: str) -> bool:
    return name.startswith("celerybeat@")


def _is_foreign(node: nodes.Node | None, installation: str | None) -> bool:
    return node is not None and node.installation not in (None, installation)


def _is_outdated(node: nodes.Node | None, current: Runtime) -> bool:
    return node is not None and node.configuration != settings.fingerprint(current.settings)


def _busy(names: Iterable[str]) -> list[str]:
    """Return the workers with a task in every process."""
    inspect = app.control.inspect(list(names), timeout=PING_SECONDS)
    active: dict[str, list[Any]] = inspect.active() or {}
    stats: Any = inspect.stats() or {}
    processes = {name: stat.get("pool", {}).get("max-concurrency", 1) for name, stat in stats.items()}
    return [name for name, tasks in active.items() if name in processes and len(tasks) >= processes[name]]
