"""The documents match the program: what they name exists, and what exists is named."""

import re
from pathlib import Path

import pytest
from sqlalchemy import Table

from console.cli import TABLE
from models import status_times
from models.epoch_views import NAMES, select_of
from models.metrics.catalogue import METRICS
from models.records import DEFAULT_EXCLUDED_RESOLUTIONS, DEFAULT_LEVELS, STATES
from models.tables.whole import METADATA
from models.views import WEEK_COLUMNS

ROOT = Path(__file__).parents[2]
TABLES = (ROOT / "docs" / "tables.md").read_text()
README = (ROOT / "README.md").read_text()
ROOMS = ("console", "models", "report", "sandbox", "scheduler", "tasks", "worker")
NUMBERS = "four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen"


@pytest.mark.parametrize("table", METADATA.sorted_tables, ids=lambda table: table.name)
def test_every_table_and_column_is_described(table: Table) -> None:
    """docs/tables.md describes each table and column."""
    assert f"{table.name}" in TABLES
    for column in table.columns:
        assert f"`{column.name}`" in TABLES, f"add the column {table.name}.{column.name} to docs/tables.md"


def test_the_tables_document_names_no_column_that_is_gone() -> None:
    """The first cell of each row under a table's heading lists columns."""
    known = {column.name for table in METADATA.sorted_tables for column in table.columns}
    known.update(re.findall(r" AS (\w+)", status_times.SELECT["sqlite"]))
    known.update(WEEK_COLUMNS)
    known.update(name for view in NAMES for name in re.findall(r" AS (\w+)", select_of(view, "sqlite")))
    for section in TABLES.split("\n### ")[1:]:
        for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE):
            assert set(re.findall(r"`([a-z_]+)`", row)) <= known, row


def test_every_metric_its_unit_and_every_state_is_defined() -> None:
    """docs/metrics.md is the definition that users read."""
    text = (ROOT / "docs" / "metrics.md").read_text()
    for metric in METRICS.values():
        assert re.search(rf"^\| `{metric.name}` \|.*\| {metric.unit} \|", text, re.MULTILINE), (
            f"add a row to the table in docs/metrics.md: | `{metric.name}` | … | {metric.unit} | … |"
        )
    assert all(f"`{state}`" in text for state in STATES)
    folded = " ".join(text.split())
    assert all(resolution in folded for resolution in DEFAULT_EXCLUDED_RESOLUTIONS)
    assert all(level in text for level in DEFAULT_LEVELS)


@pytest.mark.parametrize("pattern", ["*.md", "docs/*.md", "benchmarks/*", *(f"{room}/**/*.py" for room in ROOMS)])
def test_no_text_counts_the_metrics_by_hand(pattern: str) -> None:
    """A number of metrics in a text would be wrong when the next metric is added."""
    counts = re.compile(rf"\b(?:{NUMBERS}|\d+) (?:(?:DORA|Flow) )?metrics\b", re.IGNORECASE)
    texts = {path.name: path.read_text() for path in ROOT.glob(pattern) if path.suffix in {".md", ".py"}}
    assert texts
    assert not {name: counts.findall(text) for name, text in texts.items() if counts.search(text)}


def test_every_command_of_the_readme_exists() -> None:
    """Each `flowbeat something` of a code line or a table is a command, and every command is named somewhere."""
    commands = {name for group in TABLE.values() for name in group}
    named = set(re.findall(r"^flowbeat ([a-z]+)", README, re.MULTILINE)) | set(
        re.findall(r"`flowbeat ([a-z]+)", README)
    )
    assert named <= commands
    assert commands - named <= {"demo", "migrate", "sandbox"}  # make demo, and what the others do by themselves


def test_the_links_of_the_documents_lead_somewhere() -> None:
    """A relative link names a file that is there."""
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} → {target}"


def test_the_make_targets_of_the_readme_exist() -> None:
    """A newcomer types these first."""
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"make ([a-z]+)`?", README)) - {"lists"}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
