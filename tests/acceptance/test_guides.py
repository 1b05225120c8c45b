"""The pages for newcomers are true: their commands run in order, and the messages they quote are the program's."""

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from terminal import terminal
from world import World

from worker.settings import load

ROOT: Final = Path(__file__).parents[2]
WORDS_OF_JIRA: Final = {"AUTHENTICATED_FAILED", "scope does not match"}
ROOMS: Final = ("console", "models", "report", "tasks", "worker")


def commands(page: str) -> list[list[str]]:
    """Return the words of every `flowbeat` line in the shell blocks of a page, in order."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("flowbeat ")]


def bare(make_world: Callable[..., World]) -> World:
    """Return a world without a configuration."""
    world = make_world()
    (world.folder / "flowbeat.toml").unlink()
    return world


def test_the_first_hour_works_as_written(make_world: Callable[..., World]) -> None:
    """From init on a terminal, with the answers of a person, to the report; each command succeeds."""
    world = bare(make_world)
    account = world.jira.site.accounts[0]
    (first, *others) = commands("first-hour.md")
    assert first == ["init"]
    with terminal(world.folder, world.environment, *first, new_program=True) as screen:
        screen.answer("Jira's address", world.url)
        screen.answer("Where the token is kept", "file")
        screen.answer("E-mail of the account", account.email)
        screen.answer("Token (it is not shown)", account.token)
        screen.answer("Which issues are the team's?", "project = PAY")
        screen.answer("Write flowbeat.toml?", "y")
        assert screen.end() == 0, screen.text
    for words in others:
        done = world.run(*words)
        assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), (words, done.stdout, done.stderr)
    assert {"check", "refresh", "results", "issue", "explain", "aging", "calculate", "report"} <= {
        words[0] for words in others
    }
    assert world.token not in screen.text


def test_the_commands_about_tokens_work_as_written(make_world: Callable[..., World]) -> None:
    """With the address and the account of the stand-in Jira in place of the example's."""
    world = bare(make_world)
    account = world.jira.site.accounts[0]
    (world.folder / "jira.token").write_text(account.token)
    example = {"https://acme.atlassian.net": world.url, "metrics@acme.example": account.email}
    for words in commands("token.md"):
        done = world.run(*(example.get(word, word) for word in words))
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    assert load(world.folder / "flowbeat.toml", {}).connections["jira"].token_file == world.folder / "jira.token"


@pytest.mark.parametrize("page", ["troubleshooting.md", "faq.md"])
def test_every_command_of_a_page_works(refreshed_copy: World, page: str) -> None:
    """On a team whose data is there."""
    for words in commands(page):
        done = refreshed_copy.run(*words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)


def quoted_messages() -> Iterator[str]:
    """Yield the parts of the messages that the first columns of two pages quote, without the places of names."""
    for page in ("troubleshooting.md", "token.md"):
        for line in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines():
            (cell,) = re.findall(r"^\| (.*?) \|", line) or [""]
            for message in re.findall(r"`([^`]+)`", cell):
                yield from (part.strip() for part in re.split(r"…|[()]|\d{3}|: |flowbeat\.toml", message))


def test_the_messages_that_the_pages_quote_are_the_programs() -> None:
    """Each part of a quoted message occurs in the program's text, so that a person finds it by a search."""
    source = "\n".join(
        re.sub(r'"\s*\n\s*f?"', "", path.read_text(encoding="utf-8"))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
    )
    parts = {part for part in quoted_messages() if len(part) > 3 and part not in WORDS_OF_JIRA}
    assert len(parts) > 20
    assert not {part for part in parts if part not in source}
