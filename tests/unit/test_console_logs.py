"""The logs command: entries as text or as JSON lines, filtered and followed."""

import json
import re
import select
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import console_world as world
import pytest

from console.log_lines import line

EARLY = "2026-10-14T12:00:00.000000Z"
LATE = "2026-10-14T13:00:00.000000Z"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return two entries an hour apart."""
    world.configure(tmp_path)
    (tmp_path / "logs").mkdir()
    _write(tmp_path, _entry(EARLY, "INFO", "jira request", profile="payments", task_id="t1", status=200))
    _write(tmp_path, {**_entry(LATE, "ERROR", "it broke", profile="orders"), "exception": "Traceback\nValueError: x"})
    return tmp_path


def test_a_line_has_time_level_message_and_context(folder: Path) -> None:
    """An exception follows, indented. Ids that a person cannot use are left out."""
    first, second, *trace = world.say(folder, "logs").out.splitlines()
    assert first.endswith(":00  payments  jira request  status=200")
    assert "t1" not in first
    assert "orders    ERROR  it broke" in second
    assert trace == ["    Traceback", "    ValueError: x"]


GONE = "redis.exceptions.ConnectionError: the connection to Redis is gone"
NONE = "AttributeError: 'NoneType' object has no attribute 'channel'"


@pytest.mark.parametrize(
    ("module", "message", "raised", "lines"),
    [
        ("celery.worker.request", "Couldn't ack '78e6'", GONE, 1),
        ("celery.worker.request", "Couldn't reject '78e6'", "BrokenPipeError: [Errno 32] Broken pipe", 1),
        ("celery.worker.consumer.consumer", "Connection to broker lost", "kombu.exceptions.OperationalError: x", 1),
        ("kombu.transport.redis", "will retry", "ConnectionResetError: [Errno 104] Connection reset by peer", 1),
        ("celery.bootsteps", f"Error on restarting Gossip: {NONE}", NONE, 1),
        ("celery.bootsteps", f"Error on stopping Gossip: {NONE}", NONE, 3),
        ("celery.worker.request", "Task handler raised error", GONE, 3),
        ("celery.worker.request", "Couldn't ack '78e6'", "ValueError: task_done() called too many times", 3),
        ("celery.worker.worker", "Unrecoverable error", GONE, 3),
        ("celery.app.trace", "Task tasks.fetch.slice raised unexpected", GONE, 3),
        ("worker.task", "attempt failed", GONE, 3),
        ("worker.task", "attempt failed", "requests.exceptions.ConnectionError: no route", 3),
    ],
)
def test_a_lost_connection_of_celery_is_one_line(module: str, message: str, raised: str, lines: int) -> None:
    """The line says where its traceback is. Errors that do not end by themselves show the traceback."""
    entry = _entry(EARLY, "ERROR", message)
    printed = line({**entry, "module": module, "exception": f"Traceback (most recent call last):\n{raised}\n"})
    assert len(printed.splitlines()) == lines
    assert ("(traceback: --format json)" in printed) == (lines == 1)


def test_the_entries_of_a_run_are_found_by_the_beginning_of_its_id(folder: Path) -> None:
    """`flowbeat status` shows this beginning. Other runs are left out."""
    run = "5e1f7a34-1c2d-4e5f-8a9b-000000000001"
    _write(folder, _entry(LATE, "INFO", "run completed", run_id=run))
    said = world.say(folder, "logs", "--run", run[:8], "--format", "json")
    assert [entry["message"] for entry in map(json.loads, said.out.splitlines())] == ["run completed"]


@pytest.mark.parametrize(
    ("words", "ending"),
    [
        (["--profile", "paymets"], "matches; did you mean payments?"),
        (["--profile", "x"], "matches; known profiles: payments"),
        (["--run", "ffff"], "matches"),
    ],
)
def test_a_filter_that_finds_nothing_says_so(folder: Path, words: list[str], ending: str) -> None:
    """An empty answer alone would look like a log without trouble. Programs read an empty standard output."""
    said = world.say(folder, "logs", *words)
    assert (said.code, said.out) == (0, "")
    assert said.err.splitlines()[0].startswith("Times are in ")
    assert said.err.rstrip().endswith(ending)


def test_json_gives_the_lines_as_they_were_written(folder: Path) -> None:
    """One object for each line."""
    said = world.say(folder, "logs", "--format", "json").out
    assert said == (folder / "logs" / "app.log").read_text(encoding="utf-8")


def test_csv_has_the_fields_of_an_entry(folder: Path) -> None:
    """The context is text, and times have the form that spreadsheets read."""
    first, second = world.say(folder, "logs", "--format", "csv").csv
    assert "status=200" in first["context"].split("; ")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", row["timestamp"]) for row in (first, second))
    assert second["exception"] == "Traceback ValueError: x"


@pytest.mark.parametrize(
    ("words", "messages"),
    [
        (["--level", "warning"], ["it broke"]),
        (["--profile", "payments"], ["jira request"]),
        (["--task", "t1"], ["jira request"]),
        (["--since", "2026-10-14T12:30:00Z"], ["it broke"]),
        (["--since", "2026-10-10"], ["jira request", "it broke"]),
        (["--since", "2026-10-20"], []),
        (["--since", "100000d"], ["jira request", "it broke"]),
    ],
)
def test_entries_are_chosen(folder: Path, words: list[str], messages: list[str]) -> None:
    """By minimum level, by profile, by task and by time."""
    said = world.say(folder, "logs", "--format", "json", *words)
    assert [json.loads(line)["message"] for line in said.out.splitlines()] == messages


def test_so_long_ago_is_reckoned_from_now(folder: Path) -> None:
    """A duration counts back from now: an hour is shorter than two days."""
    now = datetime.now(UTC)
    _write(folder, _entry(_stamp(now - timedelta(minutes=90)), "INFO", "lately"))
    counts = [world.say(folder, "logs", "--since", ago).out.count("lately") for ago in ("2d", "2h", "1h", "30m", "5s")]
    assert counts == [1, 1, 0, 0, 0]


def test_what_is_no_time_is_bad_usage(folder: Path) -> None:
    """The message has an example of each valid form."""
    said = world.say(folder, "logs", "--since", "yesterday")
    assert said.code == 2
    assert "30m, 2h, 1d" in said.err


def test_no_log_yet_is_said(tmp_path: Path) -> None:
    """Reading does not create the folder."""
    world.configure(tmp_path)
    said = world.say(tmp_path, "logs")
    assert said.code == 1
    assert "no log exists yet" in said.err
    assert not (tmp_path / "logs").exists()


def test_following_shows_what_is_written_later(folder: Path) -> None:
    """Only new entries, each as soon as it is there."""
    command = world.program("logs", "--follow", "--format", "json")
    environ = {**world.environment(folder), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            while not select.select([process.stdout], [], [], 0.5)[0]:  # until it has started to follow
                _write(folder, _entry(LATE, "INFO", "fresh"))
            said = process.stdout.readline()
        finally:
            process.terminate()
    assert json.loads(said)["message"] == "fresh"


REQUEST = {"method": "GET", "path": "/rest/api/3/status", "query": {}, "delay": 0.0, "duration": 0.0123, "status": 200}
FAILED = {name: value for name, value in REQUEST.items() if name != "status"} | {"error": "Timeout"}
FETCH = {
    "kind": "incremental",
    "error": None,
    "cache_hit": False,
    "data_volume_fetched": 900,
    "issues_changed": 12,
    "issues_gone": 1,
    "api_calls_made": 7,
    "duration_seconds": 3.21,
}
CALCULATION = {"metric_type": "cfr", "input_data_size": 900, "duration_seconds": 0.004, "cache_misses": 12}


@pytest.mark.parametrize(
    ("message", "context", "figures"),
    [
        ("jira request", REQUEST, "GET /rest/api/3/status: 200 in 12 ms"),
        ("jira request", REQUEST | {"delay": 4.2}, "GET /rest/api/3/status: 200 in 12 ms, after 4.2 s"),
        ("jira request", FAILED, "GET /rest/api/3/status: Timeout in 12 ms"),
        ("fetch operation", FETCH, "incremental: 12 issues changed, 1 gone, 7 requests in 3.2 s"),
        ("fetch operation", FETCH | {"cache_hit": True}, "900 issues from the stored copy, no request"),
        ("fetch operation", FETCH | {"error": "the login was refused"}, "the login was refused"),
        ("calculation", CALCULATION, "cfr: 900 issues in 4 ms"),
        ("calculation", {"metric_type": "cfr", "rows": 3}, "metric_type=cfr rows=3"),
        ("old rows and logs deleted", {"deleted": {"runs": 3}}, 'deleted={"runs": 3}'),
    ],
)
def test_the_entries_that_come_most_have_their_figures_in_words(
    message: str, context: dict[str, object], figures: str
) -> None:
    """An entry without these figures shows what it has."""
    assert click.unstyle(line(_entry(EARLY, "INFO", message, **context))).endswith(f"  {message}  {figures}")


def test_a_line_fits_the_terminal(folder: Path) -> None:
    """Its figures are cut, but never the message; without a terminal nothing is cut."""
    entry = _entry(EARLY, "INFO", "jira request", profile="payments", **REQUEST)
    assert len(click.unstyle(line(entry, 8, 70))) == 70
    assert "jira request  GET /rest/api/3/sta…" in click.unstyle(line(entry, 8, 20))
    _write(folder, _entry(LATE, "INFO", "long", what="x" * 500))
    assert "x" * 500 in world.say(folder, "logs").out


@pytest.mark.parametrize(
    ("words", "number"), [((), 1), (("--all",), 3), (("--task", "t9"), 1), (("--level", "WARNING"), 1)]
)
def test_routine_lines_are_left_out(folder: Path, words: tuple[str, ...], number: int) -> None:
    """Lines of Celery and of the schedule are hidden, but not their warnings, and not where they are asked for."""
    for module, level in (("celery.app.trace", "INFO"), ("scheduler.beat", "INFO"), ("celery.beat", "WARNING")):
        task = "t9" if module == "celery.app.trace" else "t8"
        _write(folder, {**_entry(LATE, level, "routine", task_id=task), "module": module})
    assert world.say(folder, "logs", *words).out.count("routine") == number


def test_a_message_cannot_steer_the_terminal() -> None:
    """Escape codes in a message are replaced by spaces."""
    printed = line(_entry(EARLY, "INFO", "a\x1b]0;title\x07b", path="x y"))
    assert "\x07" not in printed
    assert "\x1b]" not in printed
    assert 'path="x y"' in printed


def _entry(at: str, level: str, message: str, **context: object) -> dict[str, object]:
    return {
        "timestamp": at,
        "level": level,
        "module": "worker.jira",
        "function": "call",
        "line": 1,
        "message": message,
        "context": context,
    }


def _write(folder: Path, entry: dict[str, object]) -> None:
    with (folder / "logs" / "app.log").open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
