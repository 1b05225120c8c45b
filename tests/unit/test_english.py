"""Plain English: no text of the repository has a mannerism that the word list names."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from english import find_mannerisms, read_prose

ROOT = Path(__file__).parents[2]
ROOMS = ("benchmarks", "console", "docs", "models", "report", "sandbox", "scheduler", "tasks", "tests", "worker")
WORD_LIST = {ROOT / "tests" / "english.py", Path(__file__)}


def texts(room: str) -> Iterator[Path]:
    """Yield the files of a room, or those at the top, that have prose."""
    if room == "top":
        yield from ROOT.glob("*.md")
        yield from (ROOT / name for name in ("Dockerfile", "Makefile", "docker-compose.yml", "pyproject.toml"))
    else:
        yield from (path for path in (ROOT / room).rglob("*") if path.suffix in (".md", ".py"))


@pytest.mark.parametrize("room", ["top", *ROOMS])
def test_no_text_of_a_room_has_a_mannerism(room: str) -> None:
    """The failure shows each phrase with the words to use instead."""
    phrases = {str(path.relative_to(ROOT)): find_mannerisms(read_prose(path)) for path in {*texts(room)} - WORD_LIST}
    assert phrases
    assert not {name: listed for name, listed in phrases.items() if listed}


@pytest.mark.parametrize(
    "sentence",
    [
        "Use this command, for it asks for a password.",
        "The log is short, for a reader has little time.",
        "None is no fault.",
        "The list is read anew.",
        "At most so many issues.",
        "The worker goes on with the run.",
        "SQLite has but one writer.",
        "The reader is told why.",
        "Who leaves a wait stops it.",
        "It is over.\nWhoever waits can go.",
        "It is over.\n\nWhoever waits can go.",
        "The copy knows nothing.",
        "The reason stands beside the value.",
    ],
)
def test_the_list_finds_a_mannerism(sentence: str) -> None:
    """One example of each kind."""
    assert find_mannerisms(sentence)


def test_the_list_leaves_plain_sentences_alone() -> None:
    """Questions, and *for* before a noun."""
    plain = (
        "Who may read it? Wait for a worker, for the run and its steps. It is no longer live. Unknown is never zero."
    )
    assert not find_mannerisms(plain)


def test_code_in_markdown_is_not_prose(tmp_path: Path) -> None:
    """Names in backticks and code blocks are quoted, not written."""
    page = tmp_path / "page.md"
    page.write_text("Run `x is no y`.\n\n```\nis no y\n```\n")
    assert not find_mannerisms(read_prose(page))
