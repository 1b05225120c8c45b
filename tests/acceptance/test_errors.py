"""Faults of Jira and of our own data: the run waits, goes on, or says in a sentence why it cannot."""

import re
import signal
from collections.abc import Callable

from world import World, eventually

from models.records import METRIC_TYPES
from sandbox import faults


def test_a_long_pause_gives_the_worker_back_and_the_run_goes_on(make_world: Callable[..., World]) -> None:
    """Retry-After beyond what a slot sleeps: the run waits with the reason, its slot is free, and then it ends well."""
    world = make_world()
    world.jira.faults.append(faults.too_many(retry_after=17, endpoint="search/jql"))
    world.start("worker", "-c", "1", "--without-mingle", "--without-gossip")
    run_id = world.run("refresh", "--no-wait").stdout.strip()
    waiting = eventually(lambda: world.rows("select state, error, wait_until from runs where state = 'paused'"))
    assert "429" in waiting[0][1]
    status = world.run("status", run_id[:8])
    assert status.returncode == 0
    eventually(lambda: world.rows("select state from runs") == [("completed",)])


def test_a_jira_nobody_can_reach_is_told_at_once_and_who_leaves_leaves_the_run_queued(
    make_world: Callable[..., World],
) -> None:
    """At its first try; the sentence says why, that it goes on by itself, and what Ctrl-C does."""
    world = make_world()
    config = world.folder / "flowbeat.toml"
    config.write_text(config.read_text().replace(world.url, "http://127.0.0.1:1"))
    refresh, said = world.start("refresh"), world.folder / "refresh.out"
    eventually(lambda: "127.0.0.1:1 cannot be reached (Connection refused)" in said.read_text())
    eventually(lambda: "Ctrl-C stops waiting; the run stays queued" in " ".join(said.read_text().split()))
    assert re.search(r"paused for [23] s:", said.read_text())  # two and a bit, told in whole seconds
    refresh.send_signal(signal.SIGTERM)  # the same as Ctrl-C, which a test run in the background would ignore
    assert refresh.wait(30) == 130
    assert "The run continues when a worker is available" in " ".join(said.read_text().split())
    assert world.rows("select state from runs") == [("paused",)]


def test_a_refused_jql_is_told_in_jiras_words(make_world: Callable[..., World]) -> None:
    """Exit code 1, Jira's sentence and what to mend, and no issue touched."""
    world = make_world()
    config = world.folder / "flowbeat.toml"
    config.write_text(config.read_text().replace("project = PAY", "projct = PAY"))
    done = world.run("refresh")
    assert done.returncode == 1
    assert "projct" in done.stdout
    assert "; correct profiles.payments.jql\n" in done.stdout
    assert world.rows("select count(*) from issues") == [(0,)]
    assert world.rows("select state from fetch_operations") == [("failed",)]


def test_a_field_nobody_knows_is_told_with_the_nearest_name(make_world: Callable[..., World]) -> None:
    """A mapping is a person's words: a slip of the pen is answered with the right name."""
    world = make_world()
    config = world.folder / "flowbeat.toml"
    config.write_text(config.read_text().replace("Story point estimate", "Story point estimat"))
    done = world.run("refresh")
    assert done.returncode == 1
    assert "Story point estimate" in done.stdout


def test_a_metric_that_raises_is_a_row_and_the_others_go_on(refreshed_copy: World) -> None:
    """Damage below the calculation: a version id that cannot be read spoils what reads it, and only says so."""
    world = refreshed_copy
    world.execute('update incidents set timeline = \'[["no instant", "todo"]]\'')
    done = world.run("calculate", "payments", "--as-of", "2026-11-01")
    assert done.returncode == 1, done.stdout  # each of them needs the incidents: nothing was calculated
    assert "every metric raised an error" in done.stdout
    states = dict(world.rows("select metric_type, state from metric_results where as_of < '2026-11-10'"))
    assert set(states.values()) == {"calculation_error"}
    assert len(states) == len(METRIC_TYPES)
    messages = world.rows("select distinct message from metric_results where state = 'calculation_error'")
    assert "flowbeat logs --level ERROR" in messages[0][0]
    assert any(line["level"] == "ERROR" and "exception" in line for line in world.log_lines())
