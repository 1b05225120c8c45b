"""A run that stays queued although workers answer: commands say why, and which worker to change."""

from collections.abc import Callable

from queued_wait import explanation, make_old
from world import World, eventually

from sandbox import faults

OPS = """
[profiles.ops]
connection = "sandbox"
jql = "project = OPS"
"""
OTHER_QUEUE = "deaf@host consumes none of the queues fetch, calculate, maintain; restart it without -Q"


def test_a_worker_of_another_queue_is_named_and_does_not_count(make_world: Callable[..., World]) -> None:
    """Each command that requests a run names the worker, and so does status; refresh works with its own worker."""
    world = make_world(issues=60)
    world.start("worker", "-c", "1", "-n", "deaf@host", "-Q", "elsewhere")
    eventually(lambda: "deaf@host consumes none" in folded(world, "check"))
    assert "answer: deaf@host" not in folded(world, "check")
    asked = world.run("refresh", "--no-wait")
    assert OTHER_QUEUE in asked.stderr
    assert "No worker is running" in asked.stderr
    assert "still queued" not in folded(world, "status")
    make_old(world)
    run_id = asked.stdout.strip()
    assert f"{run_id[:8]}: still queued: {OTHER_QUEUE}" in folded(world, "status")
    assert f"Still queued: {OTHER_QUEUE}" in folded(world, "status", run_id[:8])
    assert f"payments: still queued: {OTHER_QUEUE}" in explanation(world, run_id)
    done = world.run("refresh")
    assert done.returncode == 0, done.stderr
    assert OTHER_QUEUE in done.stderr


def test_workers_that_are_busy_are_named(make_world: Callable[..., World]) -> None:
    """The second of two runs waits for the only process and says so; another worker would help."""
    world = make_world(issues=300, more=OPS)
    worker = world.start("worker", "-c", "1", "-n", "busy@host")
    eventually(lambda: "1 answer: busy@host" in world.run("check").stdout)
    world.jira.faults.append(faults.slow(10.0, times=faults.EVERY_TIME))
    assert world.run("refresh", "--no-wait", "payments").returncode == 0
    eventually(lambda: world.rows("SELECT state FROM runs") == [("running",)])
    asked = world.run("refresh", "--no-wait", "ops")
    busy = "still queued: all workers are busy (busy@host); start another one: flowbeat worker"
    make_old(world)
    assert f"{asked.stdout[:8]}: {busy}" in folded(world, "status")
    assert f"ops: {busy}" in explanation(world, asked.stdout.strip())
    world.hurry()
    eventually(lambda: ("completed",) in world.rows("SELECT state FROM runs"))
    worker.terminate()
    assert worker.wait(60) == 0  # it exits by itself, and so releases the embedded server


def test_status_of_a_queued_run_says_that_no_worker_answers(make_world: Callable[..., World]) -> None:
    """The command starts no server to find that out."""
    world = make_world(issues=60)
    assert world.run("refresh", "--no-wait").returncode == 0
    make_old(world)
    log = world.folder / ".flowbeat" / "redis" / "server.log"
    before = log.read_text()
    assert "still queued: no worker answers; start one: flowbeat worker" in folded(world, "status")
    assert log.read_text() == before


def test_a_worker_that_only_fetches_continues_paused_and_stalled_fetches(make_world: Callable[..., World]) -> None:
    """No worker takes from the queue `maintain`: what belongs to a run is sent to the queue of its step."""
    world = make_world(issues=60, silent=5)
    worker = world.start("worker", "-c", "1", "-n", "fetch@host", "-Q", "fetch")
    eventually(lambda: "1 answer: fetch@host" in world.run("check").stdout)
    world.jira.faults.append(faults.failing(503, times=1, retry_after=16))  # now, because check asks Jira too
    asked = world.run("refresh", "--no-wait")
    assert "no worker consumes the queue maintain; start one: flowbeat worker -Q maintain" in asked.stderr
    fetched = [("facts", "queued", 1)]
    eventually(lambda: world.rows("SELECT step, state, attempt FROM runs") == fetched)
    messages = [line["message"] for line in world.log_lines()]
    assert "run waits" in messages
    assert "silent run picked up" not in messages

    past = "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-1 minute')"  # six digits, as the program writes instants
    taken = f"step = 'fetch', state = 'running', cursor = '{{}}', heartbeat_at = {past}"
    world.execute(f"UPDATE runs SET {taken}")  # noqa: S608 - a test's own words
    eventually(lambda: "silent run picked up" in [line["message"] for line in world.log_lines()])
    eventually(lambda: world.rows("SELECT step, state, attempt FROM runs") == [("facts", "queued", 2)])
    worker.terminate()
    assert worker.wait(60) == 0


def folded(world: World, *words: str) -> str:
    """Return what a command printed, with single spaces between the words."""
    return " ".join(world.run(*words).stdout.split())
