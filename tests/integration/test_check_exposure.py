"""Warnings of check about data that other users can read or change, and the check without requests to Jira."""

import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import console_world as world
import pytest

from console.check import exposure, local
from models.database import open_engine
from sandbox.server import Options, build, running
from worker.runtime import Runtime
from worker.settings import Connection, Notify, Settings

BASE = "https://acme.atlassian.net"


def messages(settings: Settings) -> list[str]:
    """Return the warnings about a configuration."""
    return [f"{line.what}: {line.message}; {line.advice}" for line in exposure.look(settings)]


def at(url: str, file: Path | None = None) -> Settings:
    """Return settings with one connection, and a database that does not exist."""
    connection = Connection("acme", base_url=url, token_file=file)
    nowhere = Path("/nowhere")
    return Settings(
        database_url=f"sqlite:///{nowhere}/flowbeat.db",
        log_dir=nowhere,
        state_dir=nowhere,
        connections={"acme": connection},
    )


@pytest.mark.parametrize(
    ("url", "is_warned_of"),
    [
        (BASE, False),
        ("http://jira.acme.example", True),
        ("http://10.0.0.7:8080", True),
        ("http://localhost:8080", False),
        ("http://127.0.0.1:8080", False),
        ("http://[::1]:8080", False),
    ],
)
def test_plain_http_is_for_this_machine_only(url: str, *, is_warned_of: bool) -> None:
    """Others can read a token that is sent over plain HTTP."""
    assert any("token crosses the network unencrypted" in message for message in messages(at(url))) is is_warned_of


@pytest.mark.parametrize(("mode", "is_warned_of"), [(0o600, False), (0o640, True), (0o644, True)])
def test_a_webhook_that_others_can_read_is_warned_of(tmp_path: Path, mode: int, *, is_warned_of: bool) -> None:
    """Its address may be a secret."""
    file = tmp_path / "webhook"
    file.write_text("https://hooks.example/secret")
    file.chmod(mode)
    line = f"notify: other users of this machine can read the webhook's address in {file}; chmod 600 {file}"
    lines = messages(replace(at(BASE), notify=Notify(webhook_file=file)))
    assert lines == ([line] if is_warned_of else [])


@pytest.mark.parametrize(
    ("keys", "state", "message"),
    [
        ({}, None, None),
        ({"command": ("sh", "-c", "exit")}, "ok", "sh is called when a scheduled refresh fails"),
        ({"command": ("no-such-program",)}, "bad", "no-such-program is not a program"),
        ({"webhook_env": "NO_SUCH_VARIABLE"}, "bad", "NO_SUCH_VARIABLE does not hold an address"),
        ({"webhook_file": Path("/nowhere/webhook")}, "bad", "/nowhere/webhook cannot be read"),
    ],
)
def test_check_says_whether_the_operator_can_be_notified(
    keys: dict[str, Any], state: str | None, message: str | None
) -> None:
    """Before the first night fails; nothing is called."""
    lines = list(local.notices(Runtime(replace(at(BASE), notify=Notify(**keys)))))
    assert [line.state for line in lines] == ([] if state is None else [state])
    assert all(str(message) in line.message for line in lines)


@pytest.mark.parametrize(("mode", "is_warned_of"), [(0o600, False), (0o400, False), (0o640, True), (0o644, True)])
def test_a_token_that_others_can_read_is_warned_of(tmp_path: Path, mode: int, *, is_warned_of: bool) -> None:
    """The line has the command that makes the file private, and never its content."""
    file = tmp_path / "token"
    file.write_text("a-secret-token")
    file.chmod(mode)
    lines = messages(at(BASE, file))
    assert lines == (
        [f"Jira acme: other users of this machine can read its token in {file}; chmod 600 {file}"] * is_warned_of
    )


@pytest.mark.parametrize(
    ("url", "is_warned_of"),
    [
        (None, False),
        ("redis://127.0.0.1:6379/0", False),
        ("redis+socket:///run/valkey.sock", False),
        ("redis://queue.acme.example:6379/0", True),
        ("rediss://queue.acme.example:6379/0", True),
        ("redis://:password@queue.acme.example:6379/0", False),
        ("redis://user:password@10.0.0.7:6379/0", False),
    ],
)
def test_a_redis_that_anybody_can_use_is_warned_of(url: str | None, *, is_warned_of: bool) -> None:
    """Any user who can connect to it can send tasks and read the queue."""
    lines = messages(replace(at(BASE), redis_url=url))
    assert [line.partition(":")[0] for line in lines] == ["Redis"] * is_warned_of


def test_the_files_of_an_installation_are_private(folder: Path) -> None:
    """Only user and group can read the database and its side files, whatever the umask; check accepts that."""
    for file in folder.glob("flowbeat.db*"):
        assert stat.S_IMODE(file.stat().st_mode) & stat.S_IRWXO == 0, file
    settings = replace(at(BASE), database_url=f"sqlite:///{folder / 'flowbeat.db'}")
    assert messages(settings) == []
    (folder / "flowbeat.db").chmod(0o644)
    assert messages(settings) == [
        f"database: every user of this machine can read {folder}/flowbeat.db; chmod 640 {folder}/flowbeat.db"
    ]


def test_a_database_in_memory_makes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the file of a path is created."""
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite://", "sqlite:///:memory:"):
        with open_engine(url).connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Yield a configured folder with a schema."""
    jira = build(Options(issues=20), datetime.now(UTC))
    with running(jira) as url:
        world.configure(tmp_path, base_url=url)
        assert world.say(tmp_path, "migrate").code == 0
        yield tmp_path


def test_a_local_check_sends_no_request_to_jira(tmp_path: Path, redis_url: str) -> None:
    """It has all lines except those of Jira, and succeeds if Jira is down."""
    world.configure(tmp_path, base_url="http://127.0.0.1:1")
    assert world.say(tmp_path, "migrate").code == 0
    queue = redis_url.replace("unix://", "redis+socket://")
    whole = world.say_apart(tmp_path, "check", "--format", "json", FLOWBEAT_REDIS_URL=queue)
    local = world.say_apart(tmp_path, "check", "--local", "--format", "json", FLOWBEAT_REDIS_URL=queue)
    assert (whole.code, local.code) == (1, 0)
    of_jira = {"Jira sandbox"}
    assert of_jira <= {line["what"] for line in whole.json}
    assert [line for line in local.json if line["what"] in of_jira] == []
    assert {"configuration", "database", "Redis", "workers", "log files"} <= {line["what"] for line in local.json}
