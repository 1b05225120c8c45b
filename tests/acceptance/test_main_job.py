"""The main job with real parts: a refresh by a prefork worker, and its results, logs and errors."""

import base64
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime

import pytest
from world import World

from models.records import METRIC_TYPES

STEPS = ("fetch", "facts", *METRIC_TYPES, "finish")


def test_a_refresh_without_a_worker_runs_one_and_stores_every_metric(make_world: Callable[..., World]) -> None:
    """The first refresh makes the schema, starts server and worker, stores rows and traces, and then stops them."""
    world = make_world()
    done = world.run_fresh("refresh")
    assert done.returncode == 0, done.stderr
    (seconds,) = re.findall(r"requests in [\d.]+ s, ([\d.]+) s in all\.$", done.stdout, re.MULTILINE)
    ((asked, ended),) = world.rows("select requested_at, ended_at from runs")
    waited = datetime.fromisoformat(ended) - datetime.fromisoformat(asked)  # includes the start of the worker
    assert float(seconds) == pytest.approx(waited.total_seconds(), abs=0.051)
    outcome, _, table = done.stdout.partition("flowbeat results payments\n")
    assert max(map(len, outcome.splitlines())) <= 80
    assert all(f"\n{metric} " in table for metric in METRIC_TYPES)  # the output ends with the table of metrics
    (run,) = world.rows("select state, step, error from runs")
    assert run == ("completed", "finish", None)
    stored = world.rows("select metric_type, count(*) from metric_results group by 1")
    assert {name for name, _ in stored} == set(METRIC_TYPES)
    assert {count for _, count in stored} == {13}  # the period, and 12 weeks with the running one
    performance = world.rows("select metric_type, cache_hits, cache_misses from calculation_performance")
    assert {row[0] for row in performance} == set(METRIC_TYPES)
    issues = world.rows("select count(*) from issues")[0][0]
    assert {row[1:] for row in performance} == {(0, issues)}
    assert len(world.rows("select * from performance_thresholds where threshold_status = 'pass'")) == len(METRIC_TYPES)
    (fetch,) = world.rows("select kind, state, cache_hit, data_volume_fetched, api_calls_made from fetch_operations")
    assert fetch == ("full", "completed", 0, issues, len(world.jira.log))
    assert len(world.rows("select * from latest_results")) == len(METRIC_TYPES)
    assert len(world.rows("select * from weekly_results")) == len(METRIC_TYPES) * 12


def test_a_second_refresh_sends_few_requests_and_a_calculation_none(refreshed_copy: World) -> None:
    """A refresh is incremental, and a calculation uses the cache: the stand-in Jira counts the requests."""
    world = refreshed_copy
    world.serve()
    world.jira.log.clear()
    refreshed = world.run("refresh", "payments")
    assert refreshed.returncode == 0, refreshed.stderr
    assert len(world.jira.log) <= 8  # 6 + one project's versions + one page of ids; nothing has changed
    world.jira.log.clear()
    done = world.run("calculate", "payments", "--as-of", "2026-01-31")
    assert done.returncode == 0, done.stderr
    assert "no request to Jira" in done.stdout
    for output in (refreshed.stdout, done.stdout):
        assert all(name in output for name in METRIC_TYPES)  # each ends with the table of results
    assert "payments: 2026-01-02 to 2026-01-31" in done.stdout
    assert world.jira.log == []
    hits = world.rows("select cache_hit, api_calls_made, state from fetch_operations where cache_hit")
    assert hits == [(1, 0, "completed")]


def test_no_secret_and_no_person_is_left_anywhere(refreshed_world: World) -> None:
    """No log, row or message in Redis contains the token, in any form, or a person of the sandbox."""
    world = refreshed_world
    email = world.jira.site.accounts[0].email
    files = [path for path in world.folder.rglob("*") if path.is_file() and path.name != "flowbeat.toml"]
    assert any(path.name == "app.log" for path in files)
    assert any(path.name == "flowbeat.db" for path in files)
    basic = base64.b64encode(f"{email}:{world.token}".encode())
    for path in files:
        content = path.read_bytes()
        for secret in (world.token.encode(), basic, email.encode(), b"@example"):
            assert secret not in content, f"{secret!r} in {path}"


def test_one_refresh_can_be_followed_through_its_log_lines(refreshed_world: World) -> None:
    """Each line about a task or request of a run has its run id, task and profile."""
    world = refreshed_world
    (run_id,) = world.rows("select run_id from runs")[0]
    lines = [line for line in world.log_lines() if line.get("context", {}).get("run_id") == run_id]
    assert {line["context"]["task_name"] for line in lines if "task_name" in line["context"]} >= {
        "tasks.fetch.slice",
        "tasks.calculate.finish",
    }
    requests = [line for line in lines if line["message"] == "jira request"]
    assert len(requests) == world.asked
    assert all(line["context"]["profile"] == "payments" for line in requests)


def test_without_waiting_the_run_is_queued_and_its_id_printed(make_world: Callable[..., World]) -> None:
    """A second command gets the same run, and both say that no worker answers."""
    world = make_world()
    first, second = world.run("refresh", "--no-wait"), world.run("refresh", "--no-wait")
    assert first.returncode == second.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert "flowbeat worker" in first.stderr
    assert world.rows("select state, run_id from runs") == [("queued", first.stdout.strip())]


def test_a_refused_login_is_one_sentence_and_changes_no_data(refreshed_copy: World) -> None:
    """The exit code is 1; the message says what to check; a failed fetch is stored; the copy is unchanged."""
    world = refreshed_copy
    before = dump(world)
    done = world.run("refresh", ACCEPTANCE_JIRA_TOKEN="another-token")
    assert done.returncode == 1
    assert "refused the login" in done.stdout
    assert "check email and token of connection 'sandbox'" in done.stdout
    assert dump(world) == before
    failed = world.rows("select error from fetch_operations where state = 'failed'")
    assert len(failed) == 1
    assert "refused the login" in failed[0][0]
    assert not any("exception" in line for line in world.log_lines())


def test_a_missing_token_is_a_wrong_configuration(make_world: Callable[..., World]) -> None:
    """The exit code is 2, with one sentence and no traceback; a calculation of a fetched copy needs no token."""
    world = make_world()
    done = world.run("refresh", ACCEPTANCE_JIRA_TOKEN="")
    assert done.returncode == 2
    assert "the environment variable ACCEPTANCE_JIRA_TOKEN is not set" in done.stdout
    assert not any("exception" in line for line in world.log_lines())
    assert world.run("refresh").returncode == 0
    assert world.run("calculate", ACCEPTANCE_JIRA_TOKEN="").returncode == 0


def test_a_wrong_key_names_file_key_and_the_nearest_known(make_world: Callable[..., World]) -> None:
    """The exit code is 2, and nothing is started."""
    world = make_world(more='jqll = "project = X"\n')
    done = world.run("refresh")
    assert done.returncode == 2
    assert "flowbeat.toml" in done.stderr
    assert "jqll" in done.stderr
    assert not (world.folder / ".flowbeat").exists()


def dump(world: World) -> list[str]:
    """Return the stored copy and the results as SQL text."""
    with closing(sqlite3.connect(world.folder / "flowbeat.db")) as connection, connection:
        tables = ("issues", "transitions", "statuses", "versions", "work_items", "metric_results", "cache_metadata")
        return [line for line in connection.iterdump() if any(f'INTO "{table}"' in line for table in tables)]
