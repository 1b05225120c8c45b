"""Every command that shows data in all formats: CSV for spreadsheets, and Markdown for a wiki or a chat."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import console_world as world
import pytest

pytestmark = pytest.mark.xdist_group("console formats")  # one process makes what all tests here read

COMMANDS = (
    "results",
    "results --window weeks",
    "results payments --window weeks --metric mttr",
    "overview",
    "aging",
    "issue PAY-109",
    "explain payments lead_time",
    "explain payments flow_blocked",
    "explain payments flow_velocity --week 2026-W41",
    "explain payments flow_time --against previous",
    "forecast payments",
    "forecast payments --until 2026-12-24",
    "performance",
    "status",
)
ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
SPREADSHEET = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder with a refreshed profile."""
    with world.refreshed(tmp_path_factory.mktemp("formats")) as place:
        yield place


@pytest.mark.parametrize("command", COMMANDS)
def test_csv_has_no_json_and_only_times_that_a_spreadsheet_reads(folder: Path, command: str) -> None:
    """As many rows as JSON has in its list; no cell is a list, an object, a formula or holds a control character."""
    rows = world.say(folder, *command.split(), "--format", "csv").csv
    assert rows
    for name, cell in ((name, cell) for row in rows for name, cell in row.items()):
        assert not cell.startswith(("{", "[", "=", "+", "@")), (name, cell)
        assert cell.isprintable(), (name, cell)
        if cell.startswith("-"):
            float(cell)
        if ISO.match(cell):
            assert SPREADSHEET.fullmatch(cell), (name, cell)


def test_an_instant_of_csv_is_that_of_json_in_utc(folder: Path) -> None:
    """The same row in both formats, to the second."""
    words = ("results", "--metric", "flow_time", "--format")
    (full,), (row,) = world.say(folder, *words, "json").json, world.say(folder, *words, "csv").csv
    names = ("window_start", "window_end", "as_of", "confirmed_as_of", "calculated_at")
    for name in names:
        instant = datetime.fromisoformat(full[name])
        assert instant.utcoffset() is not None
        assert row[name] == instant.strftime("%Y-%m-%d %H:%M:%S")
    assert row["window_start"] == "2026-09-13 22:00:00"  # midnight in Zagreb
    details = dict(pair.split("=") for pair in row["details"].split("; "))
    assert {name: float(value) for name, value in details.items()} == full["details"]


@pytest.mark.parametrize("command", COMMANDS)
def test_markdown_has_a_table_with_as_many_cells_in_every_line(folder: Path, command: str) -> None:
    """Nothing is cut, whatever the terminal's width, and no escape code or blank line splits a table."""
    said = world.say(folder, *command.split(), "--format", "markdown", columns=40)
    assert said.code == 0
    tables = [part.splitlines() for part in said.out.split("\n\n") if part.startswith("|")]
    assert tables
    for lines in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
        assert re.fullmatch(r"\|( -+:? \|)+", lines[1])
        assert len(lines) > 2
        assert not any("…" in line for line in lines)
    assert "\x1b" not in said.out


def test_an_unknown_value_is_a_dash_in_markdown_and_its_reason_is_below(tmp_path: Path) -> None:
    """Without a rule for incidents the time to restore is unknown: no zero, and which key to set."""
    folder = tmp_path / "profile"
    folder.mkdir()
    with world.refreshed(folder, incidents="") as place:
        said = world.say(place, "results", "--format", "markdown").out
    (line,) = [line for line in said.splitlines() if line.startswith("| mttr ")]
    assert [cell.strip() for cell in line.strip("|").split("|")][1] == "–"
    assert any("mttr" in note and "incidents" in note for note in said.split("\n\n")[2:])


def test_the_overview_is_one_table_in_markdown(folder: Path) -> None:
    """On a narrow terminal too, with each level beside its value."""
    said = world.say(folder, "overview", "--format", "markdown", columns=40).out
    assert sum(line.startswith("| payments") for line in said.splitlines()) == 1
    (row,) = world.say(folder, "overview", "--format", "json").json
    assert f"({row['lead_time_level']})" in said


def test_weeks_have_the_day_they_begin_with(folder: Path) -> None:
    """In CSV and JSON, beside the ISO name: the local Monday, though the instant is on Sunday evening in UTC."""
    words = ("results", "--metric", "flow_velocity", "--window", "weeks", "--format")
    for rows in (world.say(folder, *words, "json").json, world.say(folder, *words, "csv").csv):
        days = [date.fromisoformat(row["day"]) for row in rows]
        assert days == [date.fromisoformat(row["week"]) for row in rows]
        assert {str(row["window_start"])[:10] for row in rows}.isdisjoint(map(str, days))
