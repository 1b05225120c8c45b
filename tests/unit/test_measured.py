"""Which tests `make cover` measures."""

import os
import re
import subprocess
import sys
from pathlib import Path

TESTS = """
import pytest
from hypothesis import given, strategies

@pytest.mark.parametrize("reason", ["a", "b"])
@pytest.mark.parametrize("place", ["sqlite", "postgresql"])
@pytest.mark.parametrize("flavour", ["cloud", "datacenter"])
def test_everywhere(flavour, place, reason): pass

@pytest.mark.parametrize("number", range(3))
def test_numbers(number): pass

@given(strategies.integers())
def test_random(number): pass
"""
LISTED = """
import measured

def pytest_collection_finish(session):
    measured.mark(session)
    for item in session.items:
        print("measured:", item.name, not item.get_closest_marker("no_cover"))
"""


def measured_tests(folder: Path, *options: str) -> list[str]:
    """Return the names of the tests whose lines are counted."""
    (folder / "test_some.py").write_text(TESTS, encoding="utf-8")
    (folder / "conftest.py").write_text(LISTED, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV"))}
    environment = {**kept, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", f"--rootdir={folder}", *options, str(folder)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return re.findall(r"^measured: (.+) True$", done.stdout, re.MULTILINE)


def test_one_kind_of_jira_and_database_is_measured_and_no_random_data(tmp_path: Path) -> None:
    """Every other case is."""
    names = measured_tests(tmp_path, "--cov")
    assert sorted(re.sub(r"(cloud|datacenter)-(sqlite|postgresql)", "any", name) for name in names) == [
        "test_everywhere[any-a]",
        "test_everywhere[any-b]",
        "test_numbers[0]",
        "test_numbers[1]",
        "test_numbers[2]",
    ]


def test_without_coverage_nothing_pauses(tmp_path: Path) -> None:
    """All tests are then run as usual."""
    assert len(measured_tests(tmp_path)) == 12
