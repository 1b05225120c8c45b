"""Errors of Jira and of the stored data: the run waits, continues, or says in one sentence why it cannot."""

import re
import signal
from collections.abc import Callable

from world import World, eventually

from models.records import METRIC_TYPES
from sandbox import faults


def test_a_long_pause_frees_the_worker_and_the_run_continues(make_world: Callable[..., World]) -> None:
    """A Retry-After longer than a task may sleep pauses the run with the reason; then the run is completed."""
    world = make_world()
    world.jira.faults.append(faults.too_many(retry_after=17, endpoint="search/jql"))
    world.start("worker", "-c", "1", "--without-mingle", "--without-gossip")
    run_id = world.run("refresh", "--no-wait").stdout.strip()
    waiting = eventually(lambda: world.rows("select state, error, wait_until from runs where state = 'paused'"))
    assert "429" in waiting[0][1]
    status = world.run("status", run_id[:8])
    assert status.returncode == 0
    eventually(lambda: world.rows("select state from runs") == [("completed",)])


def test_an_unreachable_jira_is_reported_at_once_and_ctrl_c_keeps_the_run(
    make_world: Callable[..., World],
) -> None:
    """The first failed request is reported: why it failed, that the run continues by itself, and what Ctrl-C does."""
    world = make_world()
    config = world.folder / "flowbeat.toml"
    config.write_text(config.read_text().replace(world.url, "http://127.0.0.1:1"))
    refresh, said = world.start("refresh"), world.folder / "refresh.out"
    eventually(lambda: "127.0.0.1:1 cannot be reached (Connection refused)" in said.read_text())
    eventually(lambda: "Ctrl-C stops waiting; the run stays queued" in " ".join(said.read_text().split()))
    assert re.search(r"paused for [23] s:", said.read_text())  # a little over 2 seconds, in whole seconds
    refresh.send_signal(signal.SIGTERM)  # handled like Ctrl-C, which a process in the background ignores
    assert refresh.wait(30) == 130
    assert "The run continues when a worker is available" in " ".join(said.read_text().split())
    assert world.rows("select state from runs") == [("paused",)]


def test_a_refused_jql_is_reported_in_jiras_words(make_world: Callable[..., World]) -> None:
    """The command exits with code 1, prints Jira's sentence and the key to correct, and stores no issue."""
    world = make_world()
    config = world.folder / "flowbeat.toml"
    config.write_text(config.read_text().replace("project = PAY", "projct = PAY"))
    world.serve()
    done = world.run("refresh")
    assert done.returncode == 1
    assert "projct" in done.stdout
    assert "; correct profiles.payments.jql\n" in done.stdout
    assert world.rows("select count(*) from issues") == [(0,)]
    assert world.rows("select state from fetch_operations") == [("failed",)]


def test_an_unknown_field_is_reported_with_the_nearest_name(make_world: Callable[..., World]) -> None:
    """A field name with a typing error is answered with the name that Jira has."""
    world = make_world()
    config = world.folder / "flowbeat.toml"
    config.write_text(config.read_text().replace("Story point estimate", "Story point estimat"))
    world.serve()
    done = world.run("refresh")
    assert done.returncode == 1
    assert "Story point estimate" in done.stdout


def test_metrics_that_raise_are_stored_as_errors(refreshed_copy: World) -> None:
    """A stored timeline that cannot be read is an error of every metric; the rows say which command shows it."""
    world = refreshed_copy
    world.serve()
    world.execute('update incidents set timeline = \'[["no instant", "todo"]]\'')
    done = world.run("calculate", "payments", "--as-of", "2026-11-01")
    assert done.returncode == 1, done.stdout  # every metric needs the incidents, so nothing was calculated
    assert "every metric raised an error" in done.stdout
    states = dict(world.rows("select metric_type, state from metric_results where as_of < '2026-11-10'"))
    assert set(states.values()) == {"calculation_error"}
    assert len(states) == len(METRIC_TYPES)
    messages = world.rows("select distinct message from metric_results where state = 'calculation_error'")
    assert "flowbeat logs --level ERROR" in messages[0][0]
    assert any(line["level"] == "ERROR" and "exception" in line for line in world.log_lines())
