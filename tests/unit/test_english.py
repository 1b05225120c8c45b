"""Plain English: no text of the repository has a mannerism that the word list names."""

from pathlib import Path

import pytest
from english import find_mannerisms, read_prose

ROOT = Path(__file__).parents[2]
ROOMS = ("benchmarks", "console", "docs", "models", "report", "sandbox", "scheduler", "tasks", "tests", "worker")
FILES = [
    *ROOT.glob("*.md"),
    *(ROOT / name for name in ("Dockerfile", "Makefile", "docker-compose.yml", "pyproject.toml")),
    *(path for room in ROOMS for path in (ROOT / room).rglob("*") if path.suffix in (".md", ".py")),
]
NAMES = sorted({str(path.relative_to(ROOT)) for path in FILES} - {"tests/english.py", "tests/unit/test_english.py"})


@pytest.mark.parametrize("name", NAMES)
def test_a_text_has_no_mannerism(name: str) -> None:
    """The failure shows each phrase with the words to use instead."""
    phrases = find_mannerisms(read_prose(ROOT / name))
    assert not phrases


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
