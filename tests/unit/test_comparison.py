"""The comparison with other programs names a source for each, and takes its figures from the benchmarks."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
BENCHMARKS: Final = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
PROGRAMS: Final = (
    "Lighthouse",
    "mcs-mcp",
    "Apache DevLake",
    "JiraMetrics",
    "jira-agile-metrics",
    "Jira's control chart",
)


def _section(title: str) -> str:
    (text,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


def test_each_program_is_better_at_something_and_has_a_dated_source() -> None:
    """The day of reading stands above the table; a row has an address and a version, a commit or what is missing."""
    sources = _section("What we looked at")
    assert re.search(r"^Read on \d{4}-\d\d-\d\d\.$", sources, re.MULTILINE)
    for program in PROGRAMS:
        text = _section(program)
        assert "**Better**: " in text
        assert "**Flowbeat is better at**: " in text
        row = rf"^\| {re.escape(program)} \| \[.*\]\((\S+)\) \| (.+) \|$"
        ((address, version),) = re.findall(row, sources, re.MULTILINE)
        assert address.startswith("https://")
        assert re.search(r"commit|without a date", version)


def test_every_figure_of_a_table_is_one_of_the_benchmarks() -> None:
    """A table with figures is measured; a benchmark that runs again changes this page too."""
    cells = [
        cell.strip()
        for title in ("jira-agile-metrics", "Copying Jira")
        for row in re.findall(r"^\| (\w.*\|)$", _section(title), re.MULTILINE)
        for cell in row.split("|")[1:]
        if not row.startswith("the same issues")  # a heading
    ]
    figures = {figure for cell in cells for figure in re.findall(r"\d[\d.]*", cell)}
    assert len(figures) > 15
    known = set(re.findall(r"\d[\d.,]*\d|\d", BENCHMARKS))
    assert figures <= known, figures - known
    for program in ("tap-jira", "dlt"):
        (row,) = re.findall(rf"^\| {program} \| (\d+ requests, [\d to]+ s) \|", PAGE, re.MULTILINE)
        assert f"| {program} | {row} |" in BENCHMARKS
