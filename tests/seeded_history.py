"""A history from a seed: a team works in its Jira while two workers refresh a copy, are doubled, overtaken and killed.

    python tests/seeded_history.py SEED [COUNT]

Everything is in one process: the Jira, both workers, their clock, and the queue. Redis is real. A history ends with one
more refresh, after which the copy equals Jira's issues, and the metrics those of a new copy.
"""

import gc
import logging
import random
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from fault_databases import memory_folder
from fetch_world import NAME, World
from interleaving import CrashError
from living_team import LivingTeam
from message_worker import run_message
from seeded_bench import JQL, PAGES, Bench, open_bench

from models.metrics.calculate import calculate
from models.records import METRIC_TYPES, Run, RunOptions
from models.store import caches, operations, runs
from sandbox import catalogue, faults
from tasks import calculate as calculation
from tasks import steps
from tasks.fetch.task import work
from worker import runtime
from worker.app import app
from worker.jira import parse
from worker.jira.site import reader
from worker.snapshots import load_snapshot
from worker.view import load_view

SILENCE: Final = timedelta(seconds=31)
QUEUES: Final = ("maintain", "fetch", "calculate")
SWEEP: Final = "tasks.maintain.requeue_stalled"
ROUNDS: Final = 400
MOST_FAILURES: Final = 5
COMPARING_WHOLE: Final = 0.25  # of histories are compared with a new copy, and their metrics
FACTS: Final = "tasks.calculate.facts"
FIRST_METRIC: Final = f"tasks.calculate.{METRIC_TYPES[0]}"
# Before which message runs end, as if they were done, and in how many of ten histories: a whole calculation takes as
# long as all the rest.
ENDS: Final = {FACTS: 6, FIRST_METRIC: 3, "": 1}
FAULTS: Final[tuple[Callable[..., faults.Fault], ...]] = (
    faults.reset,
    faults.cut,
    lambda **more: faults.failing(500, **more),
    lambda **more: faults.failing(503, retry_after=600, **more),
)


class History(LivingTeam):
    """One history: what happens, in the order that its seed decides, and what must hold at its end."""

    def __init__(self, bench: Bench, seed: int) -> None:
        """Begin with the bench's first copy."""
        random.seed(seed)  # the jitter of back-offs
        self.random = random.Random(seed)
        self.bench, self.world = bench, bench.worlds["copy"]
        connection: Any = app.connection_for_read()
        self.channel = connection.channel()
        for queue in QUEUES:
            self.channel.queue_purge(queue)
        self.ends_before = self.random.choices(list(ENDS), list(ENDS.values()))[0]
        self.is_compared_whole = self.random.random() < COMPARING_WHOLE
        self.waiting: list[tuple[datetime, Any]] = []
        self.unacknowledged: list[Any] = []  # their worker died: they come back

    def play(self) -> None:
        """Let it happen, let it end, and compare."""
        for _ in range(self.random.randint(1, 4)):
            self._change()
        self._request()
        for _ in range(self.random.randint(5, 50)):
            self.random.choices(*zip(*((act, weight) for act, weight in self._acts().items()), strict=True))[0]()
        self._until_quiet()
        self._is_nothing_lost()
        self.world.clock.advance(timedelta(hours=1))
        self._happens()
        self.ends_before = FIRST_METRIC if self.is_compared_whole else FACTS
        self.bench.redis.flushall()  # all pauses are over
        self._request(kind="refresh")
        self._until_quiet()
        self._compare()

    # --- what happens -------------------------------------------------------------------------------------------------

    def _acts(self) -> dict[Callable[[], None], int]:
        """Return what may happen next, and how often it does."""
        return {
            self._step: 60,
            self._sweep: 4,
            self._crash: 4,
            self._fault: 3,
            self._change: 3,
            self._request: 2,
            self._redeliver: 2,
        }

    def _change(self) -> None:
        """Let the team do something."""
        number, other = self.random.randrange(1_000), self.random.randrange(1_000)
        changes: list[Callable[[], Any]] = [
            lambda: self.create("PAY", self.random.choice(["Story", "Bug"])),
            lambda: self.estimate(number, float(other % 9)),
            lambda: self.retype(number, self.random.choice(["Story", "Bug", "Incident"])),
            lambda: self.transition(number, self.random.choice(["To Do", "In Progress", "Done"])),
            lambda: self.comment(number),
            lambda: self.hide(number) if sum(issue.shown for issue in self.site.issues.values()) > 8 else None,
            self.reveal,
            lambda: self.move(number, self.random.choice(["PAY", "OPS"])),
            lambda: self.plan_and_release(number, "2026-03-01"),
            lambda: self.link(number, other),
            lambda: self.flag(number, flags=bool(other % 2), silent=False),
            lambda: self.drop_versions(number),
            lambda: self.rename_and_recategorise("Under way", catalogue.NEW),
        ]
        self.random.choice(changes)()

    def _request(self, kind: str | None = None) -> None:
        """Ask for a run, as a command or the schedule does."""
        kind = kind or self.random.choice(["refresh", "refresh", "calculate"])
        options = RunOptions(full=self.random.random() < 0.1, verify=self.random.random() < 0.1)
        now, sessions = self.world.clock(), self.world.current.sessions
        run, is_new = steps.request(sessions, NAME, kind, now, options=options)
        if is_new and self.random.random() < 0.95:  # else the command is killed before it sends the message
            steps.enqueue(app, run, run.step)

    def _fault(self) -> None:
        """Let Jira answer with errors for a while."""
        self.world.jira.faults.append(self.random.choice(FAULTS)(after=self.random.randint(0, 3), times=1))

    def _sweep(self) -> None:
        """Let half a minute pass, after which a run without a sign of life is taken from its worker."""
        self.world.clock.advance(SILENCE)
        self._happens()
        app.send_task(SWEEP)

    def _crash(self) -> None:
        """Let a worker die at one of its next operations."""
        self.random.choice(self.bench.actors).operations_left = self.random.randint(1, 12)

    def _redeliver(self) -> None:
        """Let the message of a dead worker come back."""
        if self.unacknowledged:
            message = self.unacknowledged.pop(self.random.randrange(len(self.unacknowledged)))
            app.send_task(message.headers["task"], message.payload[0])

    def _step(self) -> None:
        """Let a worker run to its next stop, with a new message if it has none."""
        number = self.random.randrange(2)
        actor = self.bench.actors[number]
        if not actor.is_busy:
            message = self._take()
            if message is None:
                return
            actor.begin(partial(self._carry_out, message))
        runtime.adopt(self.bench.runtimes[number])
        actor.resume()

    def _is_due(self) -> bool:
        """Return whether a message may be taken now."""
        is_over = any(due <= self.world.clock() for due, _ in self.waiting)
        return is_over or any(self.channel._size(queue) for queue in QUEUES)

    def _take(self) -> Any:
        """Return a message that is due; the run ends in place of those beyond the end of this history's runs."""
        now = self.world.clock()
        for pair in [pair for pair in self.waiting if pair[0] <= now]:
            self.waiting.remove(pair)
            return pair[1]
        for queue in QUEUES:
            message = self.channel.basic_get(queue, no_ack=True)
            if message is None:
                continue
            eta = message.headers.get("eta")
            if eta is not None:
                self.waiting.append((now + (datetime.fromisoformat(eta) - datetime.now(UTC)), message))
            elif message.headers["task"] != self.ends_before:
                return message
            else:
                self._end(*message.payload[0])
        return None

    def _end(self, run_id: str, attempt: int) -> None:
        with self.world.current.sessions.begin() as session:
            runs.end(session, run_id, attempt, self.world.clock())

    def _carry_out(self, message: Any) -> None:
        try:
            run_message(app, message)
        except CrashError:
            self.unacknowledged.append(message)
            raise

    # --- its end ------------------------------------------------------------------------------------------------------

    def _until_quiet(self) -> None:
        """Let both workers work until no run is live and no message is left."""
        self.world.jira.faults.clear()
        for actor in self.bench.actors:
            actor.operations_left = 0
        for _ in range(ROUNDS):
            while any(actor.is_busy for actor in self.bench.actors) or self._is_due():
                self._step()
            while self.unacknowledged:
                self._redeliver()
            if self.waiting:
                self.world.clock.now = max(self.world.clock.now, min(due for due, _ in self.waiting))
                self.bench.redis.flushall()  # a pause of the limiter would be over too
            elif self._live():
                self._sweep()
            else:
                return
        raise AssertionError(f"runs stay live: {self._live()}")

    def _live(self) -> list[Run]:
        with self.world.current.reads() as session:
            return runs.live(session)

    def _is_nothing_lost(self) -> None:
        """Assert that each run ended, with a reason if it failed, and that its fetch did not end better than it."""
        with self.world.current.reads() as session:
            for run in runs.load_newest(session, 50):
                fetch = operations.fetch_of(session, run.run_id)
                assert run.state in {"completed", "failed"}, run
                assert (run.state == "failed") == bool(run.error), run
                assert fetch is None or fetch.state == "completed" or run.state == fetch.state == "failed", (run, fetch)

    def _compare(self) -> None:
        """Assert that the copy equals Jira; in some histories also all of it, and the metrics, those of a new copy."""
        with self.world.current.reads() as session:
            (last, *_) = runs.load_newest(session, 1)
        if last.state == "failed" and "lost a permission" in str(last.error):
            return  # a project became empty: that is refused, and reported
        assert last.state == "completed", last
        assert self.world.copy()["hashes"] == self._hashes_of_jira()
        if self.is_compared_whole:
            self._compare_whole(self.bench.worlds["fresh"])

    def _hashes_of_jira(self) -> dict[str, str]:
        """Return issue id → content hash of all issues that Jira shows."""
        current = self.world.current
        with current.reads() as session:
            cache = caches.find(session, NAME)
        assert cache is not None
        identity = cache.cursor.identity
        client = current.client(current.settings.connections["sandbox"])
        jira = reader(client, "cloud", parse.Wanted(identity.mapped, flagged=identity.flagged), pages=PAGES)
        ids, position = list[str](), None
        while True:
            page = jira.census(JQL, position)
            ids += page.updates
            if not page.after:
                break
            position = page.after
        groups = [ids[at : at + PAGES.whole] for at in range(0, len(ids), PAGES.whole)]
        issues = jira.issues(*groups).issues
        return {issue.issue_id: issue.content_hash() for issue in issues}

    def _compare_whole(self, fresh: World) -> None:
        run = fresh.request()
        assert work(fresh.current, run) == "facts"
        calculation.work(fresh.current, fresh.latest(run))
        copied, expected = self.world.copy(), fresh.copy()
        for part in ("issues", "hashes", "statuses", "versions"):
            assert copied[part] == expected[part], part
        assert _metrics(self.world) == _metrics(fresh)


def _metrics(world: World) -> list[Any]:
    with world.current.reads() as session:
        snapshot = load_snapshot(session, NAME, load_view(world.current, session, NAME, None))
    return [calculate(metric, snapshot) for metric in METRIC_TYPES]


def failure_of(bench: Bench, seed: int) -> str | None:
    """Play one history; return what failed and how to repeat it."""
    bench.restore()
    try:
        History(bench, seed).play()
    except Exception:  # noqa: BLE001 - whatever it was, it is reported
        return f"{traceback.format_exc()}repeat it with: python tests/seeded_history.py {seed}"
    return None


def main(words: list[str]) -> int:
    """Play histories, and print how many a second there were; return the exit code."""
    first, count = int(words[0]), int(words[1]) if len(words) > 1 else 1
    logging.disable(logging.CRITICAL)
    failures = []
    with memory_folder("seeds") as folder, open_bench(folder) as bench:
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        began, spent = time.monotonic(), time.process_time()
        for seed in range(first, first + count):
            failure = failure_of(bench, seed)
            if failure is not None:
                failures.append(failure)
                bench.replace_actors()
            if len(failures) == MOST_FAILURES:
                break
        seconds, processor = time.monotonic() - began, time.process_time() - spent
    rates = f"{count / seconds:.1f} a second, {count / processor:.1f} a second of processor time"
    sys.stdout.write("\n".join([*failures, f"{count} histories from {first} on, {len(failures)} failed: {rates}", ""]))
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
