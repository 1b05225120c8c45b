"""The check command against a real Redis-compatible server and a sandbox Jira over HTTP."""

import json
import resource
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import console_world as world
import forked
import pytest
from redis import Redis

from console.check import local
from sandbox.server import Options, build, running
from sandbox.shapes import Flavour
from sandbox.team import EMAIL, TOKEN

pytestmark = pytest.mark.xdist_group("console check")  # one process makes what all tests here read

Lines = list[tuple[str, str, str]]


@pytest.fixture(scope="module")
def jira() -> Iterator[str]:
    """Yield the URL of a made-up team's Jira Cloud."""
    with running(build(Options(issues=60), datetime.now(UTC))) as url:
        yield url


@pytest.fixture
def folder(jira: str, tmp_path: Path) -> Path:
    """Return a configured folder with a schema, and a schedule that no scheduler serves."""
    return _folder(tmp_path, jira)


@pytest.fixture
def queue(redis_url: str) -> str:
    """Return the server's URL in a form that Celery accepts too."""
    return redis_url.replace("unix://", "redis+socket://")


def test_a_healthy_set_up_is_exit_code_0(folder: Path, queue: str) -> None:
    """Every line is printed; a process that is not running yet is a warning with what to do."""
    lines = _lines(folder, queue, code=0)
    assert {line[:2] for line in lines} == {
        ("configuration", "ok"),
        ("database", "ok"),
        ("Redis", "ok"),
        ("workers", "warning"),
        ("scheduler", "warning"),
        ("Jira sandbox", "ok"),
        ("profile payments", "ok"),
        ("log files", "ok"),
        ("data payments", "warning"),
    }
    messages = [line[2] for line in lines]
    assert "logged in; the account's time zone is America/New_York" in messages
    assert any(message.startswith("fields found: points is customfield_10016") for message in messages)
    assert any(message.startswith("its JQL finds about ") for message in messages)


def test_data_center_is_checked_by_rest_v2(tmp_path: Path, queue: str) -> None:
    """The lines are the same, from the endpoints of REST v2."""
    with running(build(Options(issues=60, flavour="datacenter"), datetime.now(UTC))) as url:
        lines = _lines(_folder(tmp_path, url), queue, code=0)
    assert ("Jira sandbox", "ok", f"{url.removeprefix('http://')} answers (datacenter)") in lines
    assert any(line[2].startswith("its JQL finds about ") for line in lines)


def test_a_wrong_flavour_is_the_only_error(folder: Path, queue: str) -> None:
    """With the wrong flavour endpoints are missing, which says nothing about the address or the JQL."""
    lines = _lines(folder, queue, {"FLOWBEAT_CONNECTIONS__SANDBOX__FLAVOUR": "datacenter"})
    of_jira = [line for line in lines if line[0] in ("Jira sandbox", "profile payments")]
    assert [(state, message.partition(" ")[2]) for _, state, message in of_jira] == [
        ("bad", "says it is cloud, and flavour says datacenter")
    ]


def test_the_table_has_a_mark_for_every_line_and_fits(folder: Path, queue: str) -> None:
    """A long line continues below."""
    lines = world.say_apart(folder, "check", FLOWBEAT_REDIS_URL=queue).out.splitlines()
    assert max(len(line) for line in lines) <= 80
    assert {line[0] for line in lines} == {"✓", "!", " "}


def test_no_secret_and_no_mail_address_is_shown(folder: Path, queue: str) -> None:
    """Neither the screen nor the log of the requests has them."""
    said = world.say_apart(folder, "check", "--format", "json", FLOWBEAT_REDIS_URL=queue)
    log = (folder / "logs" / "app.log").read_text(encoding="utf-8")
    assert "jira request" in log
    for secret in (TOKEN, EMAIL):
        assert secret not in said.out + said.err + log


@pytest.mark.parametrize(
    ("environ", "broken"),
    [
        ({"SANDBOX_TOKEN": "wrong"}, {"Jira sandbox": "AUTHENTICATED_FAILED); check email and token"}),
        ({"SANDBOX_TOKEN": ""}, {"Jira sandbox": "the environment variable SANDBOX_TOKEN is not set"}),
        (
            {
                "FLOWBEAT_CONNECTIONS__SANDBOX__BASE_URL": "http://127.0.0.1:1",
                "FLOWBEAT_DATABASE_URL": "postgresql://me@127.0.0.1:1/x",
                "FLOWBEAT_LOG_DIR": "/dev/null/logs",
            },
            {
                "Jira sandbox": "127.0.0.1:1 cannot be reached (Connection refused)",
                "database": "the database cannot be used",
                "log files": "cannot be written",
            },
        ),
        ({"FLOWBEAT_PROFILES__PAYMENTS__JQL": "projct = PAY"}, {"profile payments": "its JQL was refused"}),
        (
            {"FLOWBEAT_PROFILES__PAYMENTS__FIELDS__POINTS": "Story pints"},
            {"profile payments": "did you mean 'Story point estimate'?"},
        ),
    ],
)
def test_a_broken_part_is_reported_and_hides_no_other(
    folder: Path, queue: str, environ: dict[str, str], broken: dict[str, str]
) -> None:
    """The exit code is 1; each broken part has a line with what to do, and all others have their lines too."""
    lines = _lines(folder, queue, environ)
    for what, sentence in broken.items():
        assert any(line[:2] == (what, "bad") and sentence in line[2] for line in lines)
    assert {"configuration", "database", "Redis", "Jira sandbox", "log files"} <= {line[0] for line in lines}


NOWHERE = {
    "FLOWBEAT_DATABASE_URL": "sqlite:////dev/null/flowbeat.db",
    "FLOWBEAT_STATE_DIR": "/dev/null/.flowbeat",
    "FLOWBEAT_LOG_DIR": "/dev/null/logs",
}


def test_a_folder_that_cannot_be_written_is_reported_once_in_the_words_of_refresh(folder: Path) -> None:
    """The line names everything that belongs there; parts that depend on it are not checked."""
    sentence = "/dev/null cannot be written (Not a directory), where flowbeat.db, .flowbeat and logs should be"
    lines = world.say_apart(folder, "check", "--format", "json", **NOWHERE).json
    assert [line["message"] for line in lines if line["state"] == "bad"] == [sentence]
    assert "not checked; fix that first, then workers and Jira are checked" in [line["message"] for line in lines]
    for words in (("refresh",), ("calculate", "--no-wait")):
        said = world.say_apart(folder, *words, **NOWHERE)
        assert (said.code, said.out) == (1, "")
        assert said.err == f"flowbeat: {sentence}; make it writable, or set database_url, state_dir and log_dir\n"


def test_migrate_names_the_folder_that_cannot_be_written(folder: Path) -> None:
    """The words are the same."""
    said = world.say_apart(folder, "migrate", FLOWBEAT_DATABASE_URL=NOWHERE["FLOWBEAT_DATABASE_URL"])
    assert said.code == 1
    assert "/dev/null cannot be written (Not a directory), where flowbeat.db should be; make it wri" in said.err


def test_https_to_a_server_without_it_is_reported_at_once(folder: Path, queue: str, jira: str) -> None:
    """Check does not retry with a back-off, as a refresh would."""
    environ = {"FLOWBEAT_CONNECTIONS__SANDBOX__BASE_URL": jira.replace("http:", "https:")}
    lines = _lines(folder, queue, environ)
    (message,) = [line[2] for line in lines if line[0] == "Jira sandbox"]
    assert "answers, but not by https" in message
    assert "is it http?" in message


def test_a_jira_that_never_answers_is_not_waited_for_long(folder: Path, queue: str) -> None:
    """Check waits for one time-out, not for one per attempt."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environ = {
            "FLOWBEAT_CONNECTIONS__SANDBOX__BASE_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "FLOWBEAT_CONNECTIONS__SANDBOX__TIMEOUT_SECONDS": "1",
        }
        started = time.monotonic()
        lines = _lines(folder, queue, environ)
    assert time.monotonic() - started < 15
    assert [line[1] for line in lines if line[0] == "Jira sandbox"] == ["bad"]


def test_a_folder_on_a_full_disk_is_reported_with_the_reason(tmp_path: Path) -> None:
    """A full disk accepts names and empty files, so check tries to write as much as a log needs."""
    assert local.trouble(tmp_path / "new") == ""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        why = local.trouble(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert why == "File too large"
    assert list(tmp_path.iterdir()) == [tmp_path / "new"]


def test_misspelt_names_are_named_with_the_nearest(folder: Path, queue: str) -> None:
    """A wrong name that changes what counts is an error; one of a retired status may be right, so it is a warning."""
    environ = {
        "FLOWBEAT_PROFILES__PAYMENTS__INCIDENTS__TYPES": "Incidnt",
        "FLOWBEAT_PROFILES__PAYMENTS__INCIDENTS__PRIORITIES": "Hihgest",
        "FLOWBEAT_PROFILES__PAYMENTS__WORKFLOW__WAITING": "In Reviw,blocked,3",
        "FLOWBEAT_PROFILES__PAYMENTS__EXCLUDED_RESOLUTIONS": "won't do,Declined,Dubplicate",
    }
    said = world.say_apart(folder, "check", "--format", "json", FLOWBEAT_REDIS_URL=queue, **environ)
    reported = {line["message"]: (line["state"], line["advice"]) for line in said.json if "has no" in line["message"]}
    start = "profiles.payments."
    assert reported == {
        f"{start}incidents.types: this Jira has no issue type 'Incidnt'": ("bad", "did you mean 'Incident'?"),
        f"{start}incidents.priorities: this Jira has no priority 'Hihgest'": ("bad", "did you mean 'Highest'?"),
        f"{start}workflow.waiting: this Jira has no status 'In Reviw'": ("warning", "did you mean 'In Review'?"),
        f"{start}excluded_resolutions: this Jira has no resolution 'Dubplicate'": (
            "warning",
            "did you mean 'Duplicate'?",
        ),
    }
    assert said.code == 1


def test_a_name_near_no_other_gets_the_list(folder: Path, queue: str) -> None:
    """The user can copy the right name from it."""
    environ = {"FLOWBEAT_PROFILES__PAYMENTS__INCIDENTS__PRIORITIES": "P1"}
    said = world.say_apart(folder, "check", "--format", "json", FLOWBEAT_REDIS_URL=queue, **environ)
    assert "it has Highest, High, Medium, Low, Lowest" in [line["advice"] for line in said.json]


@pytest.mark.parametrize("flavour", ["cloud", "datacenter"])
def test_sub_tasks_that_count_as_work_are_reported(tmp_path: Path, queue: str, flavour: Flavour) -> None:
    """If the JQL finds sub-tasks and no list names their type, a line says what to write; otherwise there is none."""
    with running(build(Options(issues=300, flavour=flavour), datetime.now(UTC))) as url:
        folder = _folder(tmp_path, url)
        default = _subtask_lines(folder, queue)
        ignored = _subtask_lines(folder, queue, "Epic")
    assert default == []
    (line,) = ignored
    assert line["state"] == "warning"
    assert line["message"].endswith("count as work beside their parents (Sub-task)")
    assert line["advice"].endswith('ignored_types = ["Epic", "Sub-task"]')


def test_workers_and_the_scheduler_are_distinguished(folder: Path, queue: str) -> None:
    """Beat answers a ping like a worker, but takes no task."""
    environ = {**world.environment(folder), "FLOWBEAT_REDIS_URL": queue}
    with _celery(folder, environ, "beat"):
        _until(folder, queue, ("scheduler", "ok"))
        with _celery(folder, environ, "worker", "--pool", "solo", "--hostname", "here@test"):
            lines = _until(folder, queue, ("workers", "ok"))
            _same_and_another_configuration(folder, queue)
        with _celery(folder, environ, "beat"):
            _until(folder, queue, ("scheduler", "ok"), "2 answer, and one of them sends: celerybeat@")
    assert ("workers", "ok", "1 answer: here@test") in lines


def _same_and_another_configuration(folder: Path, queue: str) -> None:
    """Assert that processes with an older configuration are reported only when the file differs."""
    assert not [line for line in _lines(folder, queue, code=0) if "another configuration" in line[2]]
    lines = _lines(folder, queue, {"FLOWBEAT_PROFILES__PAYMENTS__TIME_PERIOD_DAYS": "7"}, code=0)
    stale = [
        line for line in lines if line[2].endswith(f"works with another configuration than {folder}/flowbeat.toml")
    ]
    assert [line[:2] for line in stale] == [("workers", "warning"), ("scheduler", "warning")]


def test_without_redis_the_rest_is_checked(folder: Path) -> None:
    """The cause is reported once; workers and Jira are "not checked", because a request needs the limiter."""
    lines = _lines(folder, "redis://127.0.0.1:1/0")
    states = {line[0]: line[1] for line in lines}
    assert (states["Redis"], states["database"], states["log files"]) == ("bad", "ok", "ok")
    assert [line[0] for line in lines if "127.0.0.1:1" in line[2]] == ["Redis"]
    for what in ("workers", "Jira sandbox"):
        assert (what, "warning", "not checked, because Redis does not answer") in lines


def test_a_queue_that_may_lose_tasks_is_reported(folder: Path, queue: str, redis_url: str) -> None:
    """An eviction policy with a limit is an error; an append-only file that is off is a warning."""
    with Redis.from_url(redis_url) as client:
        before = {name: client.config_get(name)[name] for name in ("maxmemory", "maxmemory-policy", "appendonly")}
        for name, value in (("maxmemory-policy", "allkeys-lru"), ("maxmemory", "500mb"), ("appendonly", "no")):
            client.config_set(name, value)
        try:
            lines = _lines(folder, queue)
        finally:
            for name, value in before.items():
                client.config_set(name, value)
    assert ("Redis", "bad", "maxmemory-policy is allkeys-lru, which deletes tasks") in lines
    assert ("Redis", "warning", "its append-only file is off") in lines


def test_a_moving_jql_is_warned_of(folder: Path, queue: str) -> None:
    """It works today, but its past results will shrink."""
    lines = _lines(folder, queue, {"FLOWBEAT_PROFILES__PAYMENTS__JQL": "project = PAY AND created >= -90d"}, code=0)
    assert ("profile payments", "warning", "jql contains the relative date -90d") in lines


def test_the_data_lines_report_age_failure_and_findings(folder: Path, queue: str) -> None:
    """By this machine's clock, a copy fetched at NOW has expired or lies in the future."""
    with world.world(folder) as current:
        world.refresh(current)
        with current.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE cache_metadata SET expiration_timestamp = '2026-10-15 12:00:00'")
            connection.exec_driver_sql("UPDATE fetch_operations SET state = 'failed', error = 'no more money'")
            connection.exec_driver_sql(
                "INSERT INTO data_quality (profile, issue_id, origin, reason, count)"
                " SELECT profile, issue_id, 'facts', 'broken_chain', 1 FROM issues LIMIT 2"
            )
    lines = [line for line in _lines(folder, queue) if line[0] == "data payments"]
    assert ("data payments", "bad", "the last fetch failed: no more money") in lines
    (odd,) = [message for _, state, message in lines if state == "warning" and message.startswith("odd histories")]
    assert "broken chain in 2" in odd.removeprefix("odd histories, by issues: ").split(", ")


def test_a_folder_without_configuration_says_what_to_do(tmp_path: Path, queue: str) -> None:
    """The only error is the wrong folder; nothing else is checked, and no file is made there."""
    said = world.say_apart(tmp_path, "check", "--format", "json", FLOWBEAT_CONFIG="", FLOWBEAT_REDIS_URL=queue)
    assert said.code == 1
    (line,) = said.json
    assert (line["what"], line["state"]) == ("configuration", "bad")
    assert f"no flowbeat.toml exists in {tmp_path}" in line["message"]
    assert line["advice"].endswith("flowbeat init")
    assert list(tmp_path.iterdir()) == []


def _folder(place: Path, url: str) -> Path:
    world.configure(place, base_url=url, keys='schedule = "0 2 * * *"')
    assert world.say(place, "migrate").code == 0
    return place


@contextmanager
def _celery(folder: Path, environ: Mapping[str, str], *words: str) -> Iterator[None]:
    (folder / ".flowbeat").mkdir(exist_ok=True)
    process = forked.start_quiet("-m", "celery", "-A", "worker.app", *words, env=environ, cwd=folder)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def _until(folder: Path, queue: str, wanted: tuple[str, str], beginning: str = "") -> Lines:
    """Return the lines as soon as the wanted one is among them, because processes need time to start."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        lines = _lines(folder, queue, code=0)
        if any(line[:2] == wanted and line[2].startswith(beginning) for line in lines):
            return lines
    raise AssertionError(f"never said {wanted}")


def _subtask_lines(folder: Path, queue: str, ignored: str = "") -> list[dict[str, str]]:
    environ = {"FLOWBEAT_REDIS_URL": queue, "FLOWBEAT_PROFILES__PAYMENTS__IGNORED_TYPES": ignored}
    said = world.say_apart(folder, "check", "--format", "json", **environ)
    return [line for line in said.json if "sub-tasks" in line["message"]]


def _lines(folder: Path, queue: str, environ: Mapping[str, str] = MappingProxyType({}), *, code: int = 1) -> Lines:
    said = world.say_apart(folder, "check", "--format", "json", **{"FLOWBEAT_REDIS_URL": queue, **environ})
    assert said.code == code, said.err
    return [(line["what"], line["state"], line["message"]) for line in json.loads(said.out)]
