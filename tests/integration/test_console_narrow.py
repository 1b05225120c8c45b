"""On a narrow terminal a table may be too wide, but no figure, key or instant is cut."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import console_world as world
import pytest

from models.records import METRIC_TYPES

pytestmark = pytest.mark.xdist_group("console narrow")  # one process makes what all tests here read

COMMANDS = [
    ["results"],
    ["results", "--window", "weeks"],
    ["results", "--window", "weeks", "--metric", "flow_load"],
    ["status"],
    ["performance"],
    *(["explain", "payments", metric] for metric in METRIC_TYPES),
    ["explain", "payments", "flow_efficiency", "--history"],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a profile with more than 1,000 issues: keys have four digits, and hours have a comma."""
    with world.refreshed(tmp_path_factory.mktemp("narrow"), issues=1100) as place:
        yield place


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_figure_or_key_is_cut_on_a_narrow_terminal(folder: Path, words: list[str]) -> None:
    """Each is there as often as on a wide one; only the days in each status need more room, and a line says so."""
    on_wide = world.say(folder, *words, columns=300).out
    rest = _without_times(on_wide)
    wide = _words_with_digits(rest)
    assert wide
    for columns in (40, 60, 80):
        on_narrow = world.say(folder, *words, columns=columns).out
        assert wide - _words_with_digits(on_narrow) == Counter(), columns
        assert ("columns or more also shows the days in" in " ".join(on_narrow.split())) == (rest != on_wide)


def test_markdown_shows_the_days_in_each_status_at_any_width(folder: Path) -> None:
    """A page or a chat has its own width, not that of the terminal it was written in."""
    said = world.say(folder, "explain", "payments", "lead_time", "--format", "markdown", columns=40).out
    assert "| days in status |" in " ".join(said.split())
    assert "columns or more" not in said


def _without_times(said: str) -> str:
    """Return a table's text without its column of the days in each status."""
    lines = said.split("\n")
    headings = next((line for line in lines if "days in status" in line), None)
    if headings is None:
        return said
    first, last = headings.index("days in status"), headings.index("summary")
    begin = lines.index(headings)
    end = lines.index("", begin)
    return "\n".join([*lines[:begin], *(line[:first] + line[last:] for line in lines[begin:end]), *lines[end:]])


def _words_with_digits(said: str) -> Counter[str]:
    """Return the words with a digit, without the `(3)` at the end of a made-up summary, because summaries are cut."""
    return Counter(word for word in re.sub(r"\(\d+\)", "", said).split() if any(map(str.isdigit, word)))


def test_words_are_not_broken_either(folder: Path) -> None:
    """A profile's name and the state of its run stay readable."""
    said = world.say(folder, "status", columns=40).out.split()
    assert {"payments", "completed"} <= set(said)
