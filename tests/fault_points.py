"""Runs a piece of work with a fault at one of its operations, and reports what is left: a line of JSON for each point.

    python tests/fault_points.py SCENARIO EVERY SEED             # each EVERY-th of all points, in an order by the seed
    python tests/fault_points.py SCENARIO KIND EFFECT NUMBER     # one point, or one for each of EFFECT,EFFECT

``postgresql`` as the last word takes that in place of SQLite. The first line has the number of operations of each kind.
Each point is a fork of this process, which has done the same work before: it costs no import and no compiled query.
"""

import gc
import json
import os
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Final, NoReturn

import fault_scenarios
from compared_rows import Rows, compared_rows, differences
from databases import BOTH as BACKENDS
from fault_databases import Database, memory_folder, postgresql_databases, sqlite_files
from fault_scenarios import LATER, NOW, SCENARIOS, SPOILED, Place, Scenario, open_place
from fault_seams import RedisProxy, watch_databases, watch_files
from fault_trap import BEGIN, EFFECTS
from fetch_world import NAME
from message_worker import Worker, connect, expire
from redis import Redis

from models.database import migrate
from models.store import operations, runs
from worker import embedded, logs
from worker.app import app

POINT_SECONDS: Final = 30  # a second is usual


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a point left: whether its fault fired, and what is wrong."""

    has_fired: bool
    faults: list[str]


@dataclass(frozen=True, slots=True)
class Point:
    """The ``number``-th operation of a kind, from 1, and what happens there."""

    kind: str
    effect: str
    number: int


@dataclass(eq=False)
class Bench:
    """A place that is made ready again for each point, and what an undisturbed work leaves there."""

    place: Place
    scenario: Scenario
    server: str
    direct: Redis
    copy_database: Callable[[str, str], None]
    expected: tuple[Rows, Rows] = ({}, {})
    counts: Mapping[str, int] = field(default_factory=dict)

    def keep(self) -> None:
        """Keep the database as it is now for all points."""
        self.place.current.engine.dispose()
        self.copy_database("flowbeat", "kept")

    def restore(self) -> None:
        """Begin with the kept database, an empty Redis and no file of the last point."""
        self.place.current.engine.dispose()
        self.copy_database("kept", "flowbeat")
        for name in ("logs", "state", "report"):
            shutil.rmtree(self.place.folder / name, ignore_errors=True)
        self.direct.flushall()

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        """Yield a worker of this process, with Redis behind a proxy."""
        current, folder = self.place.current, self.place.folder
        current.engine.dispose(close=False)
        proxy = folder / "proxy.sock"
        proxy.unlink(missing_ok=True)
        RedisProxy(proxy, self.server, self.place.trap)
        connect(app, f"redis+socket://{proxy}", current)
        logs.configure(folder / "logs", "INFO", console=False)
        yield Worker(app, current, self.direct, self.place.clock.advance)

    def rows(self) -> Rows:
        """Return the rows to be compared."""
        with self.place.current.reads() as session:
            return compared_rows(session)


def disturb(bench: Bench, worker: Worker) -> Outcome:
    """Do the work with the armed trap, and what follows it."""
    trap = bench.place.trap
    trap.is_armed = True
    bench.scenario.begin(bench.place, worker)
    worker.until_quiet()
    trap.is_armed = False
    return Outcome(trap.has_fired, finish(bench, worker))


def finish(bench: Bench, worker: Worker) -> list[str]:
    """Let the interrupted work end, then do it again undisturbed; return what is wrong."""
    worker.until_quiet()
    worker.redeliver()
    bench.scenario.remind(bench.place, worker)
    worker.until_quiet()
    faults = _wrong_states(bench, NOW) + _false_success(bench)
    bench.place.move_to(LATER)
    expire(bench.direct, LATER - NOW)  # a pause for which Jira asked is over
    bench.scenario.again(bench.place)
    lines = differences(bench.rows(), bench.expected[1])
    faults += [f"after one more: {line}" for line in lines if not _is_found_later(line)]
    return faults + _wrong_states(bench, LATER) + _locks(bench.direct)


def _is_found_later(line: str) -> bool:
    """Return whether a row is a finding of the last verification: it finds what an interrupted one did not reach."""
    return line.startswith("data_quality") and "'origin': 'verify'" in line


def _wrong_states(bench: Bench, since: datetime) -> list[str]:
    """Return what is wrong with the runs requested since then: none, an unknown end, or a failure without a reason."""
    wrong = []
    with bench.place.current.reads() as session:
        requested = [run for run in runs.load_newest(session, 20) if run.requested_at >= since]
        fetches = {run.run_id: operations.fetch_of(session, run.run_id) for run in requested}
    if not requested and bench.scenario.is_promised:
        return ["no run was requested"]
    for run in requested:
        fetch = fetches[run.run_id]
        if run.state not in {"completed", "failed"} or (run.state == "failed") != bool(run.error):
            wrong.append(f"run {run.kind} is {run.state}: {run.error}")
        if fetch is not None and fetch.state != "completed" and not fetch.state == run.state == "failed":
            wrong.append(f"run {run.kind} is {run.state}, its fetch {fetch.state}")
    if since == LATER and requested[0].state != "completed":
        wrong.append(f"one more run is {requested[0].state}: {requested[0].error}")
    return wrong


def _false_success(bench: Bench) -> list[str]:
    """Return the rows that differ although the run says that it is completed."""
    with bench.place.current.reads() as session:
        last = runs.last_ended(session, NAME)
    if last is None or last.state != "completed" or last.requested_at < NOW:
        return []
    return [f"although completed: {line}" for line in differences(bench.rows(), bench.expected[0])]


def _locks(redis: Redis) -> list[str]:
    """Return what is left in Redis that no time would remove."""
    lasting = [
        key.decode() for key in redis.scan_iter() if redis.pttl(key) == -1 and not key.startswith(b"_kombu.binding")
    ]
    return [f"left in Redis for ever: {key}" for key in lasting]


# --- processes ------------------------------------------------------------------------------------------------------


def forked(work: Callable[[], Outcome]) -> Outcome | None:
    """Return the outcome of some work in a fork of this process; None if it was killed."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        gc.disable()  # it lives for a second
        signal.signal(signal.SIGALRM, _hangs)
        signal.alarm(POINT_SECONDS)
        os.close(ours)
        code = 1
        try:
            os.write(theirs, json.dumps(asdict(work())).encode())
            code = 0
        except BaseException:  # noqa: BLE001 - whatever it was, the parent reports it
            os.write(theirs, json.dumps(asdict(Outcome(has_fired=True, faults=[traceback.format_exc()]))).encode())
        finally:
            os._exit(code)
    os.close(theirs)
    with os.fdopen(ours, "rb") as answer:
        said = answer.read()
    _, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status) == -signal.SIGKILL:
        return None
    return Outcome(**json.loads(said))


def _hangs(*_: object) -> NoReturn:
    raise AssertionError("the work does not end")


def run_point(bench: Bench, point: Point) -> Outcome:
    """Return the outcome of one point."""
    bench.restore()
    bench.place.trap.set(point.kind, point.effect, point.number)

    def first() -> Outcome:
        with bench.worker() as worker:
            return disturb(bench, worker)

    def second() -> Outcome:
        with bench.worker() as worker:
            return Outcome(has_fired=True, faults=finish(bench, worker))

    return forked(first) or forked(second) or Outcome(has_fired=True, faults=["the second process was killed"])


def all_points(counts: Mapping[str, int]) -> list[Point]:
    """Return a point for each operation of an undisturbed work and each effect, and one beyond the last operation."""
    return [
        Point(kind, effect, number)
        for kind, effects in EFFECTS.items()
        for effect in effects
        for number in range(1, counts[kind] + 2)
        if counts[kind] and (effect != "is locked" or counts[BEGIN])
    ]


@contextmanager
def open_bench(name: str, folder: Path, database: Database) -> Iterator[Bench]:
    """Yield a bench for a scenario; this process has then done its work once."""
    handle = embedded.ensure(folder / "server")
    server = handle.client_url.removeprefix("unix://")
    redis_url = f"unix://{folder / 'proxy.sock'}?socket_timeout=1"
    place = open_place(folder, database.url, redis_url)
    watch_databases(place.trap)
    watch_files(folder, place.trap)
    with Redis.from_url(handle.client_url) as direct:
        bench = Bench(place, {**SCENARIOS, **SPOILED}[name], server, direct, database.copy)
        _prepare(bench)
        yield bench
    handle.close()


def _prepare(bench: Bench) -> None:
    place = bench.place
    migrate(place.current.engine)
    bench.keep()
    with bench.worker() as worker:
        fault_scenarios.refresh(place, worker)
        worker.until_quiet()
        if not bench.scenario.has_copy:
            bench.restore()
        bench.direct.flushall()
        place.move_to(NOW)
        bench.scenario.prepare(place)
        place.settle()
        bench.keep()
        place.trap.is_armed = True
        bench.scenario.begin(place, worker)
        worker.until_quiet()
        place.trap.is_armed = False
        bench.counts, first = Counter(place.trap.counts), bench.rows()
        place.move_to(LATER)
        bench.scenario.again(place)
        bench.expected = (first, bench.rows())
        place.move_to(NOW)
        place.current.engine.dispose()
    gc.collect()
    gc.freeze()


@contextmanager
def reporting_errors() -> Iterator[None]:
    """Print an error of this program itself: Flowbeat's logs would take it."""
    try:
        yield
    except BaseException:
        traceback.print_exc()
        raise


def main(words: list[str]) -> None:
    """Print the points of a scenario."""
    *words, backend = words if words[-1] in BACKENDS else [*words, "sqlite"]
    name, *numbers = words
    with (
        reporting_errors(),
        memory_folder("faults") as folder,
        postgresql_databases() if backend == "postgresql" else sqlite_files(folder) as database,
        open_bench(name, folder, database) as bench,
    ):
        _report({"counts": dict(bench.counts)})
        for point in _chosen(bench.counts, numbers):
            _report({**asdict(point), **asdict(run_point(bench, point))})


def _report(line: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _chosen(counts: Mapping[str, int], words: list[str]) -> list[Point]:
    if len(words) == len(("kind", "effect", "number")):
        return [Point(words[0], effect, int(words[2])) for effect in words[1].split(",")]
    points, (every, seed) = all_points(counts), map(int, words)
    Random(seed).shuffle(points)
    return points[::every]


if __name__ == "__main__":
    main(sys.argv[1:])
