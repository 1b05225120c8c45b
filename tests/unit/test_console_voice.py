"""The options that every command has: how much it says, and whether in colours."""

import os
from pathlib import Path

import click
import console_world as world
import pytest

from console.cli import TABLE, flowbeat

NAMES = sorted(name for group in TABLE.values() for name in group)
PASS_ON = ("beat", "flower", "worker")  # their options are Celery's
ESCAPE = "\x1b["


@pytest.mark.parametrize("name", NAMES)
def test_every_command_takes_them(name: str) -> None:
    """Also the commands inside a command, and each once."""
    command = flowbeat.get_command(click.Context(flowbeat), name)
    again = flowbeat.get_command(click.Context(flowbeat), name)
    assert command is not None
    assert again is command
    inner = command.commands.values() if isinstance(command, click.Group) else []
    for each_command in (command, *inner):
        options = [text for option in each_command.params for text in option.opts if text in ("-q", "-v", "--color")]
        assert options == ([] if name in PASS_ON else ["-q", "-v", "--color"])


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a refreshed world with one line of its log, to be read."""
    folder = tmp_path_factory.mktemp("refreshed")
    world.configure(folder)
    with world.world(folder, issues=20) as current:
        world.refresh(current)
    (folder / "logs").mkdir(exist_ok=True)
    line = '{"timestamp": "2026-10-14T12:00:00.000000Z", "level": "ERROR", "module": "tasks", "message": "it broke"}\n'
    (folder / "logs" / "app.log").write_text(line, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("words", "environ", "coloured"),
    [
        (("logs",), {}, ""),
        (("logs", "--color", "always"), {}, ESCAPE),
        (("--color", "always", "logs"), {}, ESCAPE),
        (("logs", "--color", "always"), {"NO_COLOR": "1"}, ESCAPE),
        (("logs",), {"FORCE_COLOR": "1"}, ESCAPE),
        (("logs",), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, ""),
        (("logs", "--color", "never"), {"FORCE_COLOR": "1"}, ""),
        (("status", "--color", "always"), {}, ESCAPE),
        (("status", "--color", "never"), {"FORCE_COLOR": "1"}, ""),
    ],
)
def test_colours_are_those_that_the_person_wants(
    refreshed: Path, words: tuple[str, ...], environ: dict[str, str], coloured: str
) -> None:
    """The option is stronger than the environment, and NO_COLOR than FORCE_COLOR."""
    said = world.say(refreshed, *words, **environ)
    assert said.code == 0
    assert [text for text in (ESCAPE,) if text in said.out] == ([coloured] if coloured else [])


def test_a_choice_is_forgotten_before_the_next_command_line(tmp_path: Path) -> None:
    """Two command lines in one process do not share it."""
    world.configure(tmp_path)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "app.log").write_text("", encoding="utf-8")
    assert "Times are in" not in world.say(tmp_path, "logs", "-q").err
    assert "Times are in" in world.say(tmp_path, "logs").err
    assert "FORCE_COLOR" not in os.environ
