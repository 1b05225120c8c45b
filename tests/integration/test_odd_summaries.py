"""Summaries that are wide, right-to-left, or look like a formula, markup or control characters are shown unchanged."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import console_world as world
import pytest
from metric_rows import STATUSES, issue, time
from reference.teams import Team
from rich.cells import cell_len
from stored_team import stored

from models.records import Rules

pytestmark = pytest.mark.xdist_group("odd summaries")  # one process makes what all tests here read

FORMULAS = ('=HYPERLINK("http://evil.example","click")', "+1+cmd|' /C calc'!A0", "@SUM(1)", "-2+3")
SUMMARIES = (
    *FORMULAS,
    "決済の再試行が二重に計上される問題 🚧👩‍💻",
    "שלום עולם \u202eevil",
    "tab\there\nand a line",
    "[red]markup[/red] [link=http://x]l[/link]",
    "a" * 400,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Iterator[Path]:
    """Yield nine stories of two days, each with one of the summaries."""
    place = tmp_path_factory.mktemp("odd")
    items = tuple(
        replace(issue(number, "10-02 → 1", "10-10 → 2", "10-12 → 4"), summary=summary)
        for number, summary in enumerate(SUMMARIES, start=1)
    )
    with stored(place, migrated_file, Team(items, STATUSES), Rules(), time("11-01")):
        yield place


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_table_holds_every_item_on_lines_that_fit(folder: Path, columns: int) -> None:
    """A wide letter has two columns; no summary breaks a line, colours a cell or reverses the text direction."""
    said = world.say(folder, "explain", "payments", "flow_time", columns=columns).out
    lines = said.splitlines()
    assert sum(line.startswith("P-") for line in lines) == len(SUMMARIES)
    assert max(map(cell_len, lines)) <= columns
    assert not {"\t", "\x1b", "\u202e"} & set(said)
    if columns == 120:
        assert "[red]markup[/red]" in said
        assert "決済の再試行" in said


def test_json_has_each_summary_unchanged(folder: Path) -> None:
    """The value is two days, whatever the summaries are."""
    explained = world.say(folder, "explain", "payments", "flow_time", "--format", "json").json
    assert {part["key"]: part["summary"] for part in explained["used"]} == {
        f"P-{number}": summary for number, summary in enumerate(SUMMARIES, start=1)
    }
    (result,) = explained["result"]
    assert (result["value"], result["n_used"]) == (2.0, len(SUMMARIES))


def test_csv_is_harmless_in_a_spreadsheet(folder: Path) -> None:
    """A summary that begins like a formula has the mark of text before it; a control character is a blank."""
    rows = world.say(folder, "explain", "payments", "flow_time", "--format", "csv").csv
    written = [row["summary"] for row in sorted(rows, key=lambda row: int(row["subject_id"]))]
    plain = [re.sub("[\t\n\u202e]", " ", text) for text in SUMMARIES]
    assert written == [f"'{text}" if text in FORMULAS else text for text in plain]


def test_markdown_shows_each_summary_as_text(folder: Path) -> None:
    """One line for each item; no bracket, pipe or tag acts."""
    said = world.say(folder, "explain", "payments", "flow_time", "--format", "markdown").out
    lines = [line for line in said.splitlines() if line.startswith(("| P-", "| [P-"))]
    assert len(lines) == len(SUMMARIES)
    assert len({line.count(" | ") for line in lines}) == 1
    assert "[red]markup[/red]" in said
    assert "cmd\\|' /C calc'!A0" in said
    assert not {"\t", "\u202e"} & set(said)
