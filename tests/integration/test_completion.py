"""Shells complete commands, options, profiles, metrics, weeks and runs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import console_world as world
import forked
import pytest

pytestmark = pytest.mark.xdist_group("completion")  # one process makes what all tests here read

PROGRAM = Path(sys.executable).with_name("flowbeat")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder with a refreshed profile, whose run has ended."""
    with world.refreshed(tmp_path_factory.mktemp("completion"), issues=20) as place:
        yield place


def completed(folder: Path, *words: str) -> list[str]:
    """Return what bash is offered for the last word."""
    asked = {"COMP_WORDS": " ".join(("flowbeat", *words)), "COMP_CWORD": str(len(words))}
    environment = {**os.environ, **asked, "_FLOWBEAT_COMPLETE": "bash_complete"}
    said = forked.run("-m", "console", cwd=folder, env=environment, timeout=60)
    said.check_returncode()
    assert said.stderr == ""
    return [line.partition(",")[2] for line in said.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("ove",), ["overview"]),
        (("results", "pay"), ["payments"]),
        (("explain", "payments", "lead"), ["lead_time"]),
        (("results", "--metric", "flow_t"), ["flow_time"]),
        (("check", "--loc"), ["--local"]),
    ],
)
def test_names_are_completed(folder: Path, words: tuple[str, ...], names: list[str]) -> None:
    """Those that begin with what was typed."""
    assert completed(folder, *words) == names


def test_weeks_and_runs_are_completed(folder: Path) -> None:
    """The weeks of a year, the newest first; the beginnings of the runs' ids as status shows them."""
    weeks = completed(folder, "explain", "payments", "lead_time", "--week", "2")
    assert len(weeks) == 53
    assert weeks[0] == f"{datetime.now(UTC):%G-W%V}"
    (run,) = world.say(folder, "status", "--format", "json").json
    assert completed(folder, "status", run["run_id"][:3]) == [run["run_id"][:8]]


def test_without_a_configuration_or_a_database_nothing_is_offered(tmp_path: Path) -> None:
    """A shell must not print an error in the middle of a line."""
    assert completed(tmp_path, "results", "pay") == []
    assert completed(tmp_path, "status", "a") == []
    (tmp_path / "flowbeat.toml").write_text("not = [toml", encoding="utf-8")
    assert completed(tmp_path, "results", "pay") == []
    assert completed(tmp_path, "status", "a") == []
    assert [path.name for path in tmp_path.iterdir()] == ["flowbeat.toml"]


def test_bash_takes_the_script() -> None:
    """As the help says to do it."""
    script = 'eval "$(flowbeat completion bash)" && complete -p flowbeat'
    environment = {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    said = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.endswith(" flowbeat\n")


@pytest.mark.parametrize(("shell", "word"), [("zsh", "compdef"), ("fish", "complete --no-files --command flowbeat")])
def test_other_shells_get_their_script(tmp_path: Path, shell: str, word: str) -> None:
    """Each shell has its own words for it."""
    assert word in world.say(tmp_path, "completion", shell).out
