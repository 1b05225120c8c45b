"""What a reading command has imported when it ends: most processor time of a short command is that of its imports."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import console_world as world
import pytest
from report_world import stored_variant

pytestmark = pytest.mark.xdist_group("start")  # one process makes what all tests here read

PROGRAM = """
import json, sys
from console.cli import run
code = run(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""
# What writes, waits or draws: no command that reads needs it.
OF_WORKERS = {"alembic", "celery", "kombu", "redis", "requests", "sandbox", "tornado", "urllib3"}
OF_CALCULATIONS = {"numpy", "models.metrics.calculate", "models.metrics.catalogue"}
# Large modules that a single call or option imports: np.unique, an option of PostgreSQL in a table of SQLite.
BY_THE_WAY = {"numpy.ma", "sqlalchemy.dialects.postgresql"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Iterator[Path]:
    """Return a folder with a team's stored results of a year."""
    place = tmp_path_factory.mktemp("team")
    with stored_variant(place, migrated_file, "year"):
        yield place


@pytest.mark.parametrize(
    "words",
    [
        ["results", "--window", "weeks"],
        ["results", "payments", "--window", "weeks", "--metric", "lead_time"],
        ["status"],
        ["overview"],
        ["performance"],
        ["results", "--window", "weeks", "--format", "json"],
        ["results"],
        ["results", "payments", "--metric", "lead_time"],
    ],
    ids=" ".join,
)
def test_a_command_that_reads_stored_rows_imports_no_calculation(folder: Path, words: list[str]) -> None:
    """Neither NumPy nor the metrics nor a library of workers."""
    assert _imported(folder, *words) & (OF_WORKERS | OF_CALCULATIONS | BY_THE_WAY) == set()


@pytest.mark.parametrize(
    "words",
    [
        ["results", "--as-of", "2026-10-01"],
        ["explain", "payments", "lead_time"],
        ["aging"],
    ],
    ids=" ".join,
)
def test_a_command_that_computes_what_it_shows_imports_no_library_of_workers(folder: Path, words: list[str]) -> None:
    """Values of a day that no calculation stored, contributions and ages are computed by NumPy from stored facts."""
    imported = _imported(folder, *words)
    assert imported & (OF_WORKERS | BY_THE_WAY) == set()
    assert "numpy" in imported


def _imported(folder: Path, *words: str) -> set[str]:
    """Return the names of all modules that a command has imported when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env=world.environment(folder),
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert (code, done.stdout != "") == (0, True)
    return set(modules)
