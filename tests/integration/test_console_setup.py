"""The commands init and migrate, and configuration errors of all commands."""

import socket
import subprocess
import sys
from pathlib import Path

import console_world as world
import pytest

from models.database import newest_revision
from worker.settings import PLACEHOLDER, load


def test_init_names_the_variable_that_points_to_another_folder(tmp_path: Path) -> None:
    """The demo recommends to set FLOWBEAT_CONFIG; without the name, init would only say that the file exists."""
    config = world.configure(tmp_path)
    said = world.say(tmp_path, "init", FLOWBEAT_CONFIG=str(config))
    assert said.code == 1
    assert "unset FLOWBEAT_CONFIG" in said.err
    assert "unset" not in world.say(tmp_path, "init", FLOWBEAT_CONFIG="").err
    said = world.say(tmp_path, "init", FLOWBEAT_CONFIG=str(tmp_path / "none" / "flowbeat.toml"))
    assert said.code == 1
    assert "cannot be written: No such file or directory; to write one into this folder, first run: unset" in said.err


def test_init_writes_a_configuration_that_loads(tmp_path: Path) -> None:
    """The file is complete as written; the output says what to fill in and what to run."""
    said = world.say(tmp_path, "init")
    assert said.code == 0
    assert load(tmp_path / "flowbeat.toml", {}).profiles.keys() == {"team"}
    assert "flowbeat check" in said.out


@pytest.mark.parametrize("words", [("refresh",), ("calculate", "team", "--no-wait")])
def test_an_unedited_configuration_is_an_error_before_anything_is_made(tmp_path: Path, words: tuple[str, ...]) -> None:
    """The error names the placeholder with file and line; no request is sent to its host."""
    world.say(tmp_path, "init")
    lines = (tmp_path / "flowbeat.toml").read_text(encoding="utf-8").splitlines()
    (line,) = [number for number, line in enumerate(lines, 1) if PLACEHOLDER in line]
    said = world.say(tmp_path, *words)
    assert said.code == 2
    assert f"{tmp_path / 'flowbeat.toml'}, line {line}: connections.jira.base_url is still the placeholder" in said.err
    assert [file.name for file in tmp_path.iterdir()] == ["flowbeat.toml"]


def test_check_reports_the_placeholder_in_the_same_words(tmp_path: Path) -> None:
    """The words are in its line about that Jira, to which no request is sent."""
    world.say(tmp_path, "init")
    lines = {line["what"]: line for line in world.say_apart(tmp_path, "check", "--format", "json").json}
    assert lines["Jira jira"]["state"] == "bad"
    assert f"base_url is still the placeholder https://{PLACEHOLDER}" in lines["Jira jira"]["message"]


def test_init_never_overwrites(tmp_path: Path) -> None:
    """The file keeps every byte, and the error says so."""
    file = tmp_path / "flowbeat.toml"
    file.write_text("# mine", encoding="utf-8")
    said = world.say(tmp_path, "init")
    assert (said.code, file.read_text(encoding="utf-8")) == (1, "# mine")
    assert "was not changed" in said.err


def test_init_says_where_it_cannot_write(tmp_path: Path) -> None:
    """The folder does not exist."""
    said = world.say(tmp_path, "init", FLOWBEAT_CONFIG=str(tmp_path / "none" / "flowbeat.toml"))
    assert said.code == 1
    assert "cannot be written: No such file or directory" in said.err


def test_init_without_a_named_file_writes_into_this_folder(tmp_path: Path) -> None:
    """An empty FLOWBEAT_CONFIG counts as not set."""
    assert world.say(tmp_path, "init", FLOWBEAT_CONFIG="").code == 0
    assert (tmp_path / "flowbeat.toml").exists()


def test_migrate_prints_both_revisions(tmp_path: Path) -> None:
    """The second time it says that the schema is up to date."""
    world.configure(tmp_path)
    first, second = world.say(tmp_path, "migrate"), world.say(tmp_path, "migrate")
    assert first.out == f"The schema was updated from nothing to revision {newest_revision()}.\n"
    assert second.out == f"The schema is up to date: revision {newest_revision()}.\n"


def test_an_old_schema_is_an_error_before_anything_is_read(tmp_path: Path) -> None:
    """A reading command says what to run, and does not migrate."""
    world.configure(tmp_path)
    world.say(tmp_path, "migrate")
    with world.world(tmp_path) as current, current.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    said = world.say(tmp_path, "results")
    assert said.code == 1
    assert f"schema is 0001, and this program needs {newest_revision()}: flowbeat migrate" in said.err


@pytest.mark.parametrize(
    "words",
    [
        "refresh",
        "calculate",
        "status",
        "results",
        "explain payments cfr",
        "performance",
        "logs",
        "migrate",
        "worker",
        "beat",
        "flower",
    ],
)
def test_a_wrong_folder_is_named_and_not_changed(tmp_path: Path, words: str) -> None:
    """The error has file, folder and advice; the exit code is 2; no database, logs or queue are made there."""
    said = world.say(tmp_path, *words.split(), FLOWBEAT_CONFIG="")
    assert said.code == 2
    assert f"no flowbeat.toml exists in {tmp_path}, and FLOWBEAT_CONFIG names none" in said.err
    assert said.err.rstrip().endswith("write one here: flowbeat init")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("way", ["option", "variable"])
def test_flower_names_a_taken_port_before_it_shows_a_password(tmp_path: Path, way: str) -> None:
    """One line names port and address, however the port was chosen."""
    world.configure(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words, environ = ([f"--port={port}"], {}) if way == "option" else ([], {"FLOWER_PORT": port})
        said = world.say_apart(tmp_path, "flower", *words, **environ)
    sentence = f"--port {port} at 127.0.0.1: Address already in use; choose another, or 0 for any free"
    assert (said.code, said.err) == (2, f"flowbeat: {sentence}\n")


@pytest.mark.parametrize(("config", "sentence"), [(None, "no flowbeat.toml exists in"), ("jqll = 1", "jqll is not")])
def test_the_celery_command_prints_one_sentence_too(tmp_path: Path, config: str | None, sentence: str) -> None:
    """It prints no traceback."""
    if config:
        (tmp_path / "flowbeat.toml").write_text(config, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "worker.app", "worker"],
        env={**world.environment(tmp_path), "FLOWBEAT_CONFIG": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_profile_is_an_error_with_the_file_that_was_read(tmp_path: Path) -> None:
    """The wrong folder may have another configuration."""
    file = world.configure(tmp_path)
    said = world.say(tmp_path, "refresh", "paymets")
    assert said.code == 2
    assert f"{file} has no profile 'paymets'; did you mean 'payments'?" in said.err
