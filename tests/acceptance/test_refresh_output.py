"""What refresh prints: a report for a person, more of it, nothing, or JSON for a program."""

import json
import re

from world import World

LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  payments  (calculation|jira request|run completed)  ")


def test_refresh_says_as_much_as_the_person_wants(refreshed_copy: World) -> None:
    """Quiet, it prints nothing of a success; verbose, the log entries of its run; JSON is for programs."""
    world = refreshed_copy
    world.start("worker", "-c", "1", "--without-mingle", "--without-gossip")
    quiet = world.run("refresh", "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    verbose = world.run("-v", "refresh")
    assert set(LINE.findall(verbose.stderr)) == {"calculation", "jira request", "run completed"}
    assert "celery" not in verbose.stderr
    (row,) = json.loads(world.run("refresh", "-q", "--format", "json").stdout)
    assert row["run_id"] == world.rows("select run_id from runs order by requested_at desc limit 1")[0][0]
    assert (row["profile"], row["state"], row["error"], row["shortcomings"]) == ("payments", "completed", None, [])
    requests, changed = world.rows("select api_calls_made, issues_changed from fetch_operations order by start_time")[
        -1
    ]
    assert (row["requests"], row["issues_changed"], row["cache_hit"]) == (requests, changed, False)
    assert row["issues"] == world.rows("select count(*) from issues where gone_at is null")[0][0]


def test_a_difference_is_reported_however_quiet(refreshed_copy: World) -> None:
    """A verification without one says nothing."""
    world = refreshed_copy
    world.start("worker", "-c", "1", "--without-mingle", "--without-gossip")
    assert world.run("refresh", "--verify", "-q").stdout == ""
    world.execute(
        "update issues set content_hash = 'x', summary = 'x' where issue_id = (select max(issue_id) from issues)"
    )
    assert "1 differs, and is repaired" in world.run("refresh", "--verify", "-q").stdout


def test_a_request_without_waiting_names_profile_and_run(refreshed_copy: World) -> None:
    """A person reads both; a script reads the id alone, or JSON. A second request finds the live run."""
    world = refreshed_copy
    first = world.run("refresh", "--no-wait")
    run_id = first.stdout.strip()
    assert (run_id, "queued") in world.rows("select run_id, state from runs")
    assert f"payments: run {run_id[:8]} is queued" in first.stderr
    again = world.run("refresh", "--no-wait", "--format", "json")
    assert json.loads(again.stdout) == [{"profile": "payments", "run_id": run_id, "state": "queued", "new": False}]
    assert f"run {run_id[:8]} is live already" in world.run("refresh", "--no-wait").stderr


def test_a_failure_is_reported_however_quiet(refreshed_copy: World) -> None:
    """The exit code and one sentence; verbose, the traceback too, without the token."""
    world = refreshed_copy
    failed = world.run("refresh", "-q", ACCEPTANCE_JIRA_TOKEN="another-token")
    assert failed.returncode == 1
    assert "failed: " in failed.stdout
    assert "Traceback" not in failed.stderr
    wrong = world.run("results", "-v", FLOWBEAT_DATABASE_URL="sqlite:////nowhere/flowbeat.db")
    assert wrong.returncode == 1
    assert "Traceback" in wrong.stderr
    assert wrong.stderr.splitlines()[-1].startswith("flowbeat: ")
    assert world.token not in wrong.stderr
