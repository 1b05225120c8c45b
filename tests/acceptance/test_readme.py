"""The README is true: its commands run, its configuration is used, its SQL and its log filter return rows."""

import json
import re
import shlex
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from world import PROGRAM, TOKEN_VARIABLE, World

from models.records import METRIC_TYPES

README = (Path(__file__).parents[2] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language in the README."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands(name: str) -> list[list[str]]:
    """Return the words of every shell line in the README that begins with a program's name."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith(f"{name} ")]


def test_the_demo_shows_every_metric_and_what_to_do_next(make_world: Callable[..., World]) -> None:
    """The demo runs twice in an empty folder, the second time incrementally; its database and its logs exist."""
    world = make_world()
    (world.folder / "flowbeat.toml").unlink()
    for changed in (r"\b([1-9]\d*) changed", r"\b\d+ changed"):
        done = world.run_fresh("demo")
        assert done.returncode == 0, done.stderr
        assert all(metric in done.stdout for metric in METRIC_TYPES)
        assert re.search(changed, done.stdout)
        for word in ("Database", "Logs", "Page"):
            (path,) = re.findall(rf"^{word}\s+(\S+)", done.stdout, re.MULTILINE)
            assert (world.folder / path).exists()
        assert done.stdout.splitlines()[-1].startswith("Page")
        assert "In progress now" in (world.folder / path).read_text(encoding="utf-8")
    (config,) = re.findall(r"export FLOWBEAT_CONFIG=(\S+)", done.stdout)
    assert config == str(world.folder / ".flowbeat" / "demo" / "flowbeat.toml")  # it works from any folder
    with closing(sqlite3.connect(world.folder / ".flowbeat" / "demo" / "flowbeat.db")) as connection, connection:
        kinds = [row[0] for row in connection.execute("select kind from fetch_operations order by start_time")]
    assert kinds == ["full", "incremental"]


def test_the_commands_for_another_jira_work_as_written(make_world: Callable[..., World]) -> None:
    """The commands run in their order, with the README's configuration and the URL of the stand-in Jira."""
    world = make_world()
    config = world.folder / "flowbeat.toml"
    email = world.jira.site.accounts[0].email
    config.unlink()
    (written,) = blocks("toml")
    steps = commands("flowbeat")
    assert [words[0] for words in steps] == ["init", "check", "refresh", "results"]
    for words in steps:
        done = world.run_fresh(*words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        if words[0] == "init":
            assert config.exists()
            pointed = written.replace("https://acme.atlassian.net", world.url).replace("metrics@acme.example", email)
            config.write_text(pointed.replace("ACME_JIRA_TOKEN", TOKEN_VARIABLE))
    assert all(metric in done.stdout for metric in METRIC_TYPES)
    (sql,) = [words[1] for words in commands("sqlite3")]
    assert {row[0] for row in world.rows(sql)} == set(METRIC_TYPES)


def test_the_log_filter_follows_one_refresh(refreshed_world: World) -> None:
    """The entries have the fields that the jq line reads."""
    world = refreshed_world
    (words,) = commands("jq")
    fields = re.findall(r"\.([a-z_.]+)", words[1])
    assert fields == ["context.run_id", "timestamp", "context.task_name", "message"]
    (run_id,) = world.rows("select run_id from runs")[0]
    lines = (world.folder / words[2]).read_text().splitlines()
    entries = [entry for entry in map(json.loads, lines) if entry.get("context", {}).get("run_id") == run_id]
    assert {entry["context"].get("task_name") for entry in entries} >= {
        f"tasks.calculate.{metric}" for metric in METRIC_TYPES
    }


def test_the_program_prints_its_version() -> None:
    """The version is that of the installed package."""
    done = subprocess.run([*PROGRAM, "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert re.search(r"\d+\.\d+\.\d+", done.stdout)
