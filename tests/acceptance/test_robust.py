"""Workers are killed, servers restarted, messages delivered twice: the run continues and ends with the same rows."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from world import PROGRAM, World, eventually

from models.records import METRIC_TYPES
from tasks.steps import STEPS

CONTENT = "select issue_id, content_hash, facts_hash is not null from issues order by 1"


def test_a_fetch_of_a_killed_worker_is_completed_by_the_next(make_world: Callable[..., World]) -> None:
    """The whole worker is killed with SIGKILL while it fetches; a new one requeues the stalled run."""
    world = make_world(latency=0.4, silent=5, issues=900, more='[connections.x]\nbase_url = "http://127.0.0.1:1"\n')
    worker = world.start("worker", "-c", "1", "--without-mingle", "--without-gossip")
    run_id = world.run("refresh", "--no-wait").stdout.strip()
    eventually(lambda: world.has("issues"))
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    assert world.rows("select state from runs") == [("running",)]
    world.hurry()
    world.start("worker", "-c", "1", "--without-mingle", "--without-gossip")
    world.start("beat")
    eventually(lambda: world.rows("select state from runs") == [("completed",)], 90)
    assert world.rows("select run_id, attempt > 1 from runs") == [(run_id, 1)]
    stored = world.rows(CONTENT)
    assert len(stored) == len({row[0] for row in stored})
    world.jira.log.clear()
    assert world.run("refresh", "--full").returncode == 0
    assert world.rows(CONTENT) == stored
    assert world.rows("select max(issues_changed) from fetch_operations where kind = 'full' and rowid > 1") == [(0,)]


# A statement that does not end before its process is killed: it counts every combination of six issues.
ENDLESS = "SELECT count(*) FROM issues a, issues b, issues c, issues d, issues e, issues f"
RESULTS = """select metric_type, window_kind, window_start, window_end, rules_hash, as_of, confirmed_as_of, value,
    state, message, n_used, exclusions, details, complete from metric_results order by 1, 2, 3, 4, 5, 6"""
STALLS = {
    "cfr": "BEFORE UPDATE ON runs WHEN NEW.state = 'running' AND NEW.step = 'cfr'",  # between cfr and lead_time
    "flow_time": "AFTER INSERT ON performance_thresholds WHEN NEW.metric_type = 'flow_time'",  # after its rows
}


def test_a_killed_calculation_stores_no_partial_metric_and_ends_with_the_same_rows(
    make_world: Callable[..., World],
) -> None:
    """One worker is killed between two metrics, the next one inside a metric; a third worker ends the run."""
    world = make_world(silent=5, issues=60)
    assert world.run("refresh").returncode == 0
    before = world.rows(RESULTS)
    world.execute("DELETE FROM metric_results")
    run_id = world.run("calculate", "--no-wait").stdout.strip()
    world.start("beat")
    measured = f"select metric_type from calculation_performance where run_id = '{run_id}' order by id"  # noqa: S608 - ours
    for step, event in STALLS.items():
        world.execute(f"CREATE TRIGGER stall {event} BEGIN {ENDLESS}; END")
        kill_while_at(world, step)
        world.execute("DROP TRIGGER stall")
        done = METRIC_TYPES[: METRIC_TYPES.index(step)]
        stored = dict(world.rows("select metric_type, count(*) from metric_results group by 1"))
        assert stored == dict.fromkeys(done, 13)
        assert [name for (name,) in world.rows(measured)] == list(done)
    world.start("worker", "-c", "1", "--without-mingle", "--without-gossip")
    eventually(lambda: ("completed", run_id) in world.rows("select state, run_id from runs"))
    assert world.rows(RESULTS) == before
    assert [name for (name,) in world.rows(measured)] == list(METRIC_TYPES)


def kill_while_at(world: World, step: str) -> None:
    """Run a worker until a transaction of the step hangs, and kill it with its children."""
    worker = world.start("worker", "-c", "1", "--without-mingle", "--without-gossip")
    eventually(lambda: (step,) in world.rows("select step from runs"))
    eventually(lambda: all(is_writing(world) for _ in range(10)))
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def is_writing(world: World) -> bool:
    """Return whether a transaction that writes is open, now and a moment later."""
    time.sleep(0.05)
    connection = sqlite3.connect(world.folder / "flowbeat.db", timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return True
    else:
        return False
    finally:
        connection.close()


def test_a_worker_survives_a_restart_of_redis_with_a_message_in_hand(make_world: Callable[..., World]) -> None:
    """`worker/patches.py` corrects kombu 5.7.0: without the patch the worker exits with code 1 here."""
    world = make_world(latency=0.3, silent=5, issues=900)
    world.run("status")
    worker = world.start("worker", "-c", "2", "--without-mingle", "--without-gossip")
    world.run("refresh", "--no-wait")
    eventually(lambda: world.has("issues"))
    os.kill(server_pid(world.folder), signal.SIGKILL)
    world.run("refresh", "--no-wait")  # any command that needs the queue starts the server again, with its data
    world.hurry()
    world.start("beat")
    # One run, or two: the worker also restarts the server, and may end its run before the second is requested.
    eventually(lambda: set(world.rows("select state from runs")) == {("completed",)}, 90)
    assert worker.poll() is None
    logged = world.run("logs", "--level", "warning").stdout
    assert "Connection to broker lost" in logged
    assert "Traceback" not in logged
    assert "CPendingDeprecationWarning" not in logged


def test_a_wait_outlives_its_server(make_world: Callable[..., World]) -> None:
    """The embedded server is killed while a refresh waits with its own worker: the refresh succeeds."""
    world = make_world(latency=0.4, silent=5, issues=900)
    waiting = world.start("refresh")
    eventually(lambda: world.has("issues"))
    os.kill(server_pid(world.folder), signal.SIGKILL)
    assert waiting.wait(120) == 0
    assert world.rows("select state from runs") == [("completed",)]
    assert len(world.rows("select * from latest_results")) == len(METRIC_TYPES)


def test_a_lone_worker_restarts_its_server(make_world: Callable[..., World]) -> None:
    """No other process would start the server that the worker tries to reach. One of its children has just died too."""
    world = make_world()
    worker = world.start("worker", "-c", "1", "--without-mingle", "--without-gossip")
    eventually(lambda: any("ready." in line["message"] for line in world.log_lines()))
    (child,) = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    os.kill(int(child), signal.SIGKILL)
    os.kill(server_pid(world.folder), signal.SIGKILL)
    eventually(lambda: sum(line["message"].startswith("Connected to") for line in world.log_lines()) == 2)
    assert world.run("refresh").returncode == 0
    assert worker.poll() is None
    assert not (world.folder / ".flowbeat" / "worker.out").exists()  # the refresh did not need its own worker


def test_two_waiting_refreshes_share_one_run(make_world: Callable[..., World]) -> None:
    """The second joins the first; both see it end."""
    world = make_world(latency=0.2)
    first = world.start("refresh")
    second = world.start("refresh")
    assert (first.wait(90), second.wait(90)) == (0, 0)
    states = world.rows("select state from runs")
    assert set(states) == {("completed",)}
    assert len(world.rows("select * from latest_results")) == len(METRIC_TYPES)


def test_a_message_of_an_older_attempt_does_nothing(refreshed_copy: World) -> None:
    """A run that has ended accepts no further message."""
    world = refreshed_copy
    before = world.rows("select * from metric_results order by 1, 2, 3, 4")
    script = (
        "import sys; from models.store import runs; from tasks import steps; from worker import runtime\n"
        "from worker.app import app\n"
        "with runtime.current().reads() as session:\n"
        "    run = runs.load(session, sys.argv[1])\n"
        "steps.enqueue(app, run, 'facts')"
    )
    world.python(script, world.rows("select run_id from runs")[0][0])
    world.start("worker", "-c", "1", "--without-mingle", "--without-gossip")
    eventually(lambda: any(line["message"] == "run has moved on" for line in world.log_lines()))
    assert world.rows("select * from metric_results order by 1, 2, 3, 4") == before
    assert STEPS[-1] == world.rows("select step from runs")[0][0]


def test_ctrl_c_keeps_the_run_and_says_so(make_world: Callable[..., World]) -> None:
    """An interrupted wait says at once what it waits for; the run is kept, and a later refresh ends it."""
    world = make_world(latency=0.4, silent=5, issues=900)
    waiting = world.start("refresh")
    eventually(lambda: world.has("issues"))
    waiting.send_signal(signal.SIGINT)
    said = world.folder / "refresh.out"
    eventually(lambda: "Ctrl-C again leaves at once\n" in said.read_text() and waiting.poll() is None, 1.5)
    assert waiting.wait(60) == 130
    world.hurry()
    assert "flowbeat status" in said.read_text()
    # The run waits for the next worker, or this worker has ended it before it saw that the refresh had exited.
    assert world.rows("select state from runs where state = 'failed'") == []
    assert world.run("refresh").returncode == 0
    assert world.rows("select count(*), max(state) from runs") == [(1, "completed")]


def server_pid(folder: Path) -> int:
    """Return the process id of a folder's embedded server, which runs in its data folder."""
    data = str(folder / ".flowbeat" / "redis")
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and _cwd(process) == data and "valkey" in _command(process):
            return int(process.name)
    raise AssertionError(f"no server runs on {data}")


def _cwd(process: Path) -> str:
    try:
        return str((process / "cwd").readlink())
    except OSError:
        return ""


def test_a_wait_starts_its_own_worker_when_the_other_dies(make_world: Callable[..., World]) -> None:
    """Another process's worker is killed while a refresh waits: the refresh runs one itself and succeeds."""
    world = make_world(latency=0.4, silent=5, issues=900)
    worker = world.start("worker", "-c", "1", "--without-mingle", "--without-gossip")
    eventually(lambda: any("ready." in line["message"] for line in world.log_lines()))
    waiting = world.start("refresh")
    eventually(lambda: world.has("issues"))
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    world.hurry()
    assert waiting.wait(120) == 0
    assert world.rows("select state from runs") == [("completed",)]


def test_a_terminated_wait_stops_its_worker(make_world: Callable[..., World]) -> None:
    """A closed terminal or a SIGTERM acts like Ctrl-C: no worker and no server keeps running."""
    world = make_world(latency=0.4, silent=5, issues=900)
    waiting = world.start("refresh")
    eventually(lambda: world.has("issues"))
    waiting.terminate()
    assert waiting.wait(60) == 130
    assert left(world.folder) == []


def test_a_second_ctrl_c_exits_at_once(make_world: Callable[..., World]) -> None:
    """The worker waits for a slow Jira; the command does not wait for the worker, which later exits by itself."""
    world = make_world(latency=6)
    waiting = world.start("refresh")
    eventually(lambda: world.has("runs") and world.rows("select state from runs") == [("running",)])
    waiting.send_signal(signal.SIGINT)
    eventually(lambda: "Ctrl-C again leaves at once" in (world.folder / "refresh.out").read_text())
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait(5) == 130
    assert left(world.folder) != []
    world.hurry()
    eventually(lambda: left(world.folder) == [], 90)


def test_the_worker_of_a_killed_wait_exits(make_world: Callable[..., World]) -> None:
    """The worker notices that its parent was killed, and exits; the server, which no process uses, exits too."""
    world = make_world(latency=0.4, silent=5, issues=900)
    waiting = world.start("refresh")
    eventually(lambda: world.has("issues"))
    waiting.kill()
    waiting.wait()
    eventually(lambda: left(world.folder) == [], 60)  # its slice has 30 s to end on a commit
    assert world.rows("select state in ('queued', 'running', 'paused') from runs") == [(1,)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_stopped_by_a_signal_has_not_failed(make_world: Callable[..., World], number: signal.Signals) -> None:
    """After one Ctrl-C, or a service manager's SIGTERM, its exit code is 0; it is a new program, as people start it."""
    world = make_world()
    worker = world.spawn("worker", *PROGRAM, "worker", "-c", "1", "--without-mingle", "--without-gossip")
    eventually(lambda: any("ready." in line["message"] for line in world.log_lines()))
    worker.send_signal(number)
    assert worker.wait(30) == 0


@pytest.mark.parametrize("words", [("refresh",), ("refresh", "--no-wait"), ("calculate",)])
def test_a_command_that_redis_refuses_stores_no_run(make_world: Callable[..., World], words: tuple[str, ...]) -> None:
    """Otherwise a later refresh would continue a run that was reported as failed."""
    world = make_world()
    said = world.run(*words, FLOWBEAT_REDIS_URL="redis://127.0.0.1:1/0")
    assert said.returncode == 1
    assert "Redis cannot be used" in said.stderr
    assert world.rows("select * from runs") == []


def left(folder: Path) -> list[str]:
    """Return the command lines of a world's processes: those in its folder, and the server in its data folder."""
    folders = (str(folder), str(folder / ".flowbeat" / "redis"))
    processes = [process for process in Path("/proc").iterdir() if process.name.isdigit() and _cwd(process) in folders]
    return [words for process in processes if (words := _command(process))]


def _command(process: Path) -> str:
    """Return a process's words; empty when it has ended meanwhile, or is a zombie."""
    try:
        return (process / "cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""
