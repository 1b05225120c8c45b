"""The command line: its help, its command names, and one sentence with the right exit code for each failure."""

import importlib
import json
import re
import shlex
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import console_world as world
import pytest
from forked import run
from redis.exceptions import RedisError

from console.cli import TABLE, flowbeat
from console.processes import sandbox
from console.shared import errors
from report.asked import named_day

SECRET = "geheim-4711"
# Its output is as with PYTHONIOENCODING, which Python reads only at its start.
PROGRAM = """
import sys
sys.stdout.reconfigure(encoding="{encoding}")
sys.stderr.reconfigure(encoding="{encoding}")
from console.cli import main
main()
"""


def test_the_help_groups_every_command_within_80_columns(tmp_path: Path) -> None:
    """One line for each command, none wrapped."""
    said = world.say(tmp_path, "--help")
    assert said.code == 0
    assert max(len(line) for line in said.out.splitlines()) <= 80
    for group, commands in TABLE.items():
        assert f"{group}:" in said.out
        for name, (_, line) in commands.items():
            assert any(line_of_help.split() == [name, *line.split()] for line_of_help in said.out.splitlines())


def test_every_name_in_the_table_is_a_command_of_its_module_and_none_is_forgotten() -> None:
    """The table and the modules say the same."""
    named = {(module, name) for group in TABLE.values() for name, (module, _) in group.items()}
    modules = {module for module, _ in named}
    exported = {
        (module, command.name)
        for module in modules
        for command in importlib.import_module(f"console.{module}").COMMANDS
    }
    assert named == exported


@pytest.mark.parametrize("name", [name for group in TABLE.values() for name in group])
def test_every_command_has_an_example_that_it_takes(name: str) -> None:
    """The words after the command's name are its arguments and options."""
    (module,) = [group[name][0] for group in TABLE.values() if name in group]
    command = next(listed for listed in importlib.import_module(f"console.{module}").COMMANDS if listed.name == name)
    example = re.search(r"Example: flowbeat (.+)", f"{command.help}\n{command.epilog}")
    assert example, "add a line to the docstring, such as: Example: flowbeat status"
    words = shlex.split(example[1])
    assert words[0] == name
    while isinstance(command, click.Group):
        command = command.commands[words[1]]
        words = words[1:]
    files = [word for word in words if word.endswith(".csv")]
    given = ["-" if word in files else word for word in words[1:]]  # a file that need not exist here
    parent = click.Context(flowbeat, **flowbeat.context_settings)  # click keeps the names of the help option
    command.make_context(name, given, parent)


def test_no_help_points_to_a_document_that_is_not_installed() -> None:
    """An installed Flowbeat has no folder docs, so a help text gives the document's address."""
    for group in TABLE.values():
        for module, _ in group.values():
            for command in importlib.import_module(f"console.{module}").COMMANDS:
                texts = [
                    command.help,
                    command.epilog,
                    *(option.help for option in command.params if hasattr(option, "help")),
                ]
                assert not re.search(r"(?<!/main/)docs/\w+\.md", " ".join(text or "" for text in texts)), command.name


@pytest.mark.parametrize("name", [name for group in TABLE.values() for name in group])
def test_every_command_explains_itself(name: str, tmp_path: Path) -> None:
    """Its help works, fits the width and has no other effect. Celery's commands point to their options."""
    said = world.say(tmp_path, name, "-h")
    assert (said.code, said.err) == (0, "")
    assert f"Usage: flowbeat {name}" in said.out


@pytest.mark.parametrize("given", ["jira", "/jira", "/jira/", "jira/"])
def test_the_sandbox_takes_a_context_path_with_or_without_its_slash(given: str) -> None:
    """The server gets one slash before the path and none after it; an empty path stays empty."""
    assert sandbox.make_context("sandbox", ["--context", given]).params["context"] == "/jira"
    assert sandbox.make_context("sandbox", []).params["context"] == ""


def test_the_help_needs_neither_celery_nor_the_database() -> None:
    """Slow imports belong to the commands that need them."""
    program = (
        "import sys; from console.cli import run; run(['--help']); "
        "print(sorted({'celery', 'sqlalchemy', 'tornado', 'rich', 'redis'} & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_the_version_is_told(tmp_path: Path) -> None:
    """It is the version of the package."""
    said = world.say(tmp_path, "--version")
    assert (said.code, said.out.split()[0]) == (0, "flowbeat,")


def test_an_unknown_command_is_answered_with_the_nearest(tmp_path: Path) -> None:
    """Bad usage is exit code 2."""
    said = world.say(tmp_path, "reslts")
    assert said.code == 2
    assert "No such command 'reslts'; did you mean results?" in said.err


def test_an_unknown_option_is_bad_usage(tmp_path: Path) -> None:
    """The sentence is Click's, the exit code is Flowbeat's."""
    said = world.say(tmp_path, "results", "--windw")
    assert said.code == 2
    assert "--window" in said.err


def test_a_wrong_configuration_is_exit_code_2_and_one_line_each(tmp_path: Path) -> None:
    """The key, the file and the nearest known name; no traceback."""
    (tmp_path / "flowbeat.toml").write_text('databse_url = "x"\nlog_levl = "INFO"\n', encoding="utf-8")
    said = world.say(tmp_path, "results")
    assert said.code == 2
    assert len(said.err.splitlines()) == 2
    assert "databse_url is not a known key; did you mean database_url?" in said.err


def test_a_missing_database_is_said_and_not_made(tmp_path: Path) -> None:
    """A reading command creates no file or folder and starts no server."""
    world.configure(tmp_path)
    for words in (["results"], ["status"], ["performance"], ["explain", "payments", "cfr"]):
        said = world.say(tmp_path, *words)
        assert said.code == 1
        assert (
            f"no database exists yet at {tmp_path / 'flowbeat.db'}; to create and fill it, run: flowbeat refresh"
            in said.err
        )
    assert [file.name for file in tmp_path.iterdir()] == ["flowbeat.toml"]


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    """The file is not changed."""
    world.configure(tmp_path)
    (tmp_path / "flowbeat.db").write_text("not a database, but long enough to be looked at" * 100, encoding="utf-8")
    said = world.say(tmp_path, "results")
    assert said.code == 1
    assert said.err.startswith("flowbeat: database_url does not lead to a readable database")


def test_an_unreachable_database_is_one_sentence_without_its_password(tmp_path: Path) -> None:
    """The driver's first line, never the URL's secret."""
    world.configure(tmp_path)
    said = world.say(tmp_path, "results", FLOWBEAT_DATABASE_URL=f"postgresql://me:{SECRET}@127.0.0.1:1/x")
    assert said.code == 1
    assert "the database cannot be used: connection failed" in said.err
    assert len(said.err.splitlines()) == 1
    assert SECRET not in said.err


def test_a_fault_of_redis_names_where_to_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded server has a log; another server has an address in the configuration."""
    monkeypatch.setenv("FLOWBEAT_CONFIG", str(world.configure(tmp_path)))
    assert f"see {tmp_path / '.flowbeat' / 'redis' / 'server.log'}" in errors.sentence(RedisError("it is gone"))
    monkeypatch.setenv("FLOWBEAT_REDIS_URL", "redis://127.0.0.1:1/0")
    assert "it is gone; check redis_url" in errors.sentence(RedisError("it is gone"))


def test_an_unexpected_error_is_one_sentence_and_a_traceback_in_the_log(tmp_path: Path) -> None:
    """A stored row that cannot be read is an example of a fault in Flowbeat."""
    world.configure(tmp_path)
    with world.world(tmp_path) as current:
        world.request(current, "refresh")
        with current.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE runs SET options = 'no json'")
    said = world.say_apart(tmp_path, "status")
    log = tmp_path / "logs" / "app.log"
    assert said.code == 1
    assert len(said.err.splitlines()) == 1
    assert said.err.rstrip().endswith(f"Details are in {log}")
    assert "Traceback" in log.read_text(encoding="utf-8")


def test_ctrl_c_is_one_short_line_and_exit_code_130(tmp_path: Path) -> None:
    """As shells expect it."""
    world.configure(tmp_path)
    command = [sys.executable, "-c", "from console.cli import main; main()", "logs", "--follow"]
    with subprocess.Popen(command, env=world.environment(tmp_path), stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            zone = process.stderr.readline()  # it is printed when the command has begun
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=20)
        finally:
            process.kill()
    rest = [text for text in said.splitlines() if text]
    assert (process.returncode, zone[:13], rest) == (130, "Times are in ", ["Interrupted."])


def test_a_reader_that_leaves_is_no_error_message(tmp_path: Path) -> None:
    """For example `flowbeat logs | head -1`, when the output is longer than the pipe's buffer."""
    world.configure(tmp_path)
    (tmp_path / "logs").mkdir()
    entry = {"timestamp": "2026-10-14T12:00:00.000000Z", "level": "INFO", "message": "x" * 1000}
    (tmp_path / "logs" / "app.log").write_text((json.dumps(entry) + "\n") * 500, encoding="utf-8")
    command = f"{shlex.join(world.program('logs'))} | head -1"
    done = subprocess.run(
        ["bash", "-c", command], env=world.environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert done.stderr.count("\n") == 1  # the time zone
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("words", [["check"], ["check", "--format", "csv"], ["check", "--format", "json"]])
def test_an_output_that_cannot_encode_a_character_replaces_it(tmp_path: Path, words: list[str]) -> None:
    """With an old locale, lines and check marks become question marks. The exit code stays."""
    world.configure(tmp_path)
    old, new = (
        run("-c", PROGRAM.format(encoding=encoding), *words, cwd=tmp_path, env=world.environment(tmp_path), timeout=120)
        for encoding in ("ascii", "utf-8")
    )
    assert old.returncode == new.returncode
    assert "Traceback" not in old.stderr
    assert "UnicodeEncodeError" not in old.stderr


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("today", "2026-03-30"),
        ("yesterday", "2026-03-29"),
        ("0d", "2026-03-30"),
        ("7d", "2026-03-23"),
        ("30d", "2026-02-28"),
        ("2026-01-02", "2026-01-02"),
        ("2026-01-02T03:00+01:00", "2026-01-02T03:00+01:00"),
        ("7 days", "7 days"),
    ],
)
def test_a_day_can_be_named_by_its_distance(text: str, day: str) -> None:
    """It is a day of the profile's zone: after midnight in Zagreb it is still the day before in UTC."""
    now = datetime(2026, 3, 29, 22, 30, tzinfo=UTC)
    assert named_day(text, ZoneInfo("Europe/Zagreb"), now) == day
