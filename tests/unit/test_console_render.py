"""Output for people and programs: figures, bars, sparklines, tables that fit the width, whole JSON and CSV."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.cells import cell_len

from console.shared import output
from console.shared.csv_cells import csv_cell
from console.shared.output import Column, Sheet
from report import words

AT = datetime(2026, 10, 14, 12, 0, 0, 250, tzinfo=UTC)
ROWS: tuple[dict[str, Any], ...] = (
    {"name": "alpha", "value": 0.1 + 0.2, "at": AT, "details": {"n": [1, None]}, "whole": True},
    {"name": "a name, with \x1b[31mcolour\x1b[0m", "value": None, "at": None, "details": {}, "whole": False},
)
COLUMNS = (
    Column("name", lambda row: row["name"]),
    Column("value", lambda row: words.format_number(row["value"]), right=True),
)
SHEET = Sheet(("name", "value", "at", "details", "whole"), ROWS, COLUMNS, "Some rows", ("A note.",))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (3.0, "3"),
        (0.4, "0.4"),
        (0.4666, "0.467"),
        (1 / 30, "0.033"),
        (2.267, "2.27"),
        (14.4064, "14.4"),
        (11.96, "12"),
        (100.4, "100"),
        (12345.6, "12,346"),
        (-3.25, "−3.25"),
        (-1.0, "−1"),
    ],
)
def test_a_figure_keeps_three_digits_at_most(value: float | None, text: str) -> None:
    """Three digits are enough to compare values. JSON has all digits."""
    assert words.format_number(value) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [("open_sub_task", "open sub-task"), ("sub_tasks", "sub-tasks"), ("not_delivered", "not delivered")],
)
def test_a_name_of_the_program_is_written_as_people_write_it(name: str, text: str) -> None:
    """A person writes sub-task with a hyphen."""
    assert words.in_words(name) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0123, "12 ms"),
        (1.25, "1.2 s"),
        (59, "59.0 s"),
        (60, "1 min"),
        (7200, "2 h"),
        (90_000, "25 h"),
        (864_000, "10 d"),
    ],
)
def test_a_duration_is_shown_in_its_largest_fitting_unit(seconds: float, text: str) -> None:
    """A day and an hour are 25 h. From two days on, hours are left out."""
    assert words.format_duration(seconds) == text


def test_a_sparkline_begins_at_zero_and_marks_what_is_missing() -> None:
    """The largest value fills the cell, zero is the lowest mark, an unknown value is a dot. Zeros alone stay low."""
    assert output.sparkline([0.0, 4.0, None, 8.0]) == "▁▅·█"
    assert output.sparkline([0.0, 0.0]) == "▁▁"
    assert output.sparkline([]) == ""


def test_a_bar_stays_within_its_width() -> None:
    """Shares below 0 and above 1 are cut off."""
    assert [output.format_bar(share, 4) for share in (-1.0, 0.5, 3.0)] == ["░░░░", "██░░", "████"]


def test_a_moment_is_shown_in_the_zone_asked_for() -> None:
    """Noon UTC is two o'clock in Zagreb in summer."""
    assert words.format_time(AT, ZoneInfo("Europe/Zagreb")) == "2026-10-14 14:00"
    assert words.format_time(None, ZoneInfo("UTC")) == "–"


def test_json_has_every_field_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers keep all digits, instants are ISO 8601 in UTC, and nested values stay nested."""
    output.show("json", SHEET)
    first, second = json.loads(capsys.readouterr().out)
    assert first == {
        "name": "alpha",
        "value": 0.30000000000000004,
        "at": "2026-10-14T12:00:00.000250Z",
        "details": {"n": [1, None]},
        "whole": True,
    }
    assert second["value"] is None


def test_several_sheets_are_one_json_object_and_the_first_csv(capsys: pytest.CaptureFixture[str]) -> None:
    """CSV has only the first sheet, because a CSV file has one header."""
    empty = Sheet(("b",), (), ())
    output.show("json", {"one": SHEET, "two": empty})
    assert list(json.loads(capsys.readouterr().out)) == ["one", "two"]
    output.show("csv", {"one": SHEET, "two": empty})
    assert capsys.readouterr().out.count("name,value,at,details,whole") == 1


def test_csv_has_a_header_also_without_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """Programs that read columns by name need the header."""
    output.show("csv", Sheet(("a", "b"), (), ()))
    assert capsys.readouterr().out == "a,b\n"


def test_csv_is_full_and_quoted_where_needed(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown value is an empty cell, a time is one that spreadsheets read, in UTC, and a nested value is text."""
    output.show("csv", SHEET)
    first, second = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert first == {
        "name": "alpha",
        "value": "0.30000000000000004",
        "at": "2026-10-14 12:00:00",
        "details": "n=1, ",
        "whole": "true",
    }
    assert (second["value"], second["at"], second["whole"]) == ("", "", "false")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('=HYPERLINK("http://evil.example";"Login")', '\'=HYPERLINK("http://evil.example";"Login")'),
        ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("- remove the old login", "'- remove the old login"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", " '=1"),
        ("＝1+1", "'＝1+1"),
        ("-3.5", "'-3.5"),
        ("+7", "'+7"),
        ("a;=1+1", "a;'=1+1"),
        ("\x1b[31mred\x9b\r\nnext \u202eevil", " [31mred   next  evil"),
        ("👩\u200d💻 決済", "👩\u200d💻 決済"),
        ("PAY-1 = done", "PAY-1 = done"),
        ("'quoted'", "'quoted'"),
        ("", ""),
    ],
)
def test_text_in_csv_is_no_formula(capsys: pytest.CaptureFixture[str], text: str, written: str) -> None:
    """A spreadsheet would calculate a summary that begins like a formula. JSON has the text unchanged."""
    sheet = Sheet(("summary", "value"), [{"summary": text, "value": -3.5}], ())
    output.show("csv", sheet)
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))
    assert row == {"summary": written, "value": "-3.5"}
    output.show("json", sheet)
    assert json.loads(capsys.readouterr().out) == [{"summary": text, "value": -3.5}]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None),
        (-3, -3),
        (0.1 + 0.2, 0.1 + 0.2),
        (True, "true"),
        (date(2026, 11, 30), "2026-11-30"),
        (datetime(2026, 11, 30, 15, 5, tzinfo=ZoneInfo("Europe/Zagreb")), "2026-11-30 14:05:00"),
        (["a", "=b", 3, None], "a; '=b; 3; "),
        ([], ""),
        ({}, ""),
        ({"no_data": 2, "open": 1}, "no_data=2; open=1"),
        (
            {"by": {"feature": 0.5, "defect": None}, "at": [AT, True]},
            "by.feature=0.5; by.defect=; at=2026-10-14 12:00:00, true",
        ),
        ([{"status": "=Done", "days": -1.5}, {"status": "To Do"}], "status==Done, days=-1.5; status=To Do"),
        ([[1, 2], [3]], "1, 2; 3"),
    ],
)
def test_a_cell_of_csv_has_no_json(value: object, written: object) -> None:
    """Numbers stay numbers; a list is joined by semicolons, a mapping is key=value, deeper ones have dotted keys."""
    assert csv_cell(value) == written


def test_markdown_is_a_table_whose_cells_cannot_break_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Title, aligned columns, figures to the right, an unknown value as a dash, and each note as a paragraph."""
    rows: list[dict[str, Any]] = [
        {"name": "a|b *c* <b>&lt; `d` [e] [f](g) [[h]] _f_ g_h \\ \x1b", "value": None},
        {"name": "", "value": 7.5},
        {"name": "", "value": 0.0},
    ]
    columns = (Column("na\nme", lambda row: row["name"]), *COLUMNS[1:])
    output.show("markdown", Sheet(("name",), rows, columns, "Some_ rows", ("A <note>.", "Another.")))
    name = "a\\|b \\*c\\* &lt;b>&amp;lt; \\`d\\` [e] [f\\](g) \\[[h]] \\_f\\_ g_h \\\\  "
    blank, rule = " " * len(name), "-" * len(name)
    assert capsys.readouterr().out.split("\n") == [
        "**Some\\_ rows**",
        "",
        f"| {'na me':<{len(name)}} | value |",
        f"| {rule} | ----: |",
        f"| {name} |     – |",
        f"| {blank} |   7.5 |",
        f"| {blank} |     0 |",
        "",
        "A &lt;note>.",
        "",
        "Another.",
        "",
    ]


def test_markdown_has_links_headings_and_what_is_below(capsys: pytest.CaptureFixture[str]) -> None:
    """An address that would end the link early is left out. Wide letters count as two columns."""
    rows: list[dict[str, Any]] = [
        {"heading": "Flow", "key": "Flow", "url": "", "level": ""},
        {"key": "", "url": "", "level": ""},
        {"key": "PAY-1", "url": "https://jira.example/browse/PAY-1", "level": "high"},
        {"key": "[a]", "url": "https://jira.example/a", "level": ""},
        {"key": "決済", "url": "https://jira.example/a)b", "level": ""},
    ]
    column = Column("key", lambda row: row["key"], link=lambda row: row["url"], below=lambda row: row["level"])
    output.show("markdown", Sheet(("key",), rows, (column, Column("none", lambda _row: ""))))
    lines = capsys.readouterr().out.splitlines()
    assert [line.strip("| ") for line in lines[2:]] == [
        "**Flow**",
        "[PAY-1](https://jira.example/browse/PAY-1) (high)",
        "[\\[a\\]](https://jira.example/a)",
        "決済",
    ]
    assert {cell_len(line) for line in lines} == {cell_len(lines[0])}


def test_markdown_without_rows_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Several sheets follow each other; one without columns has a title and notes only."""
    output.show("markdown", {"one": Sheet(("a",), (), COLUMNS, empty="No run yet."), "two": replace(SHEET, columns=())})
    assert capsys.readouterr().out == "No run yet.\n\n**Some rows**\n\nA note.\n"


def test_a_table_is_plain_when_piped_and_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither colours nor escape codes from Jira are printed. Title and note surround the rows."""
    output.show("table", SHEET)
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert said.splitlines()[0] == "Some rows"
    assert said.rstrip().splitlines()[-1] == "A note."
    assert any(line.startswith("alpha") and line.rstrip().endswith("0.3") for line in said.splitlines())


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_table_fits_the_width(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column that may be clipped is narrowed first, so that the others stay whole."""
    monkeypatch.setenv("COLUMNS", str(width))
    columns = (
        Column("key", lambda row: row["key"], keep=True),
        Column("summary", lambda row: row["summary"], clip=True),
    )
    output.show("table", Sheet(("key", "summary"), [{"key": "PAY-12345", "summary": "long words " * 20}], columns))
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines) <= width
    assert len(lines) == 3
    assert "PAY-12345" in lines[2]
    assert "…" in lines[2]


@pytest.mark.parametrize("width", [40, 60, 100])
def test_a_table_ends_no_line_with_blanks(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A padded line would wrap on a narrower terminal."""
    monkeypatch.setenv("COLUMNS", str(width))
    output.show("table", SHEET)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 4
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_sheet_without_rows_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """An empty table would not say whether there is data."""
    output.show("table", Sheet(("a",), (), COLUMNS, empty="No run yet."))
    assert capsys.readouterr().out == "No run yet.\n"
