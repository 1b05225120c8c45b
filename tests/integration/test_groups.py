"""Tests of a group run in one process, and are named without it; so do neighbours in a file that have no group."""

import os
import re
import subprocess
import sys
from pathlib import Path

from groups import NEIGHBOURS

TESTS = """
import pytest

@pytest.mark.xdist_group("first")
@pytest.mark.parametrize("number", range(8))
def test_first(number): pass

@pytest.mark.xdist_group("second")
@pytest.mark.parametrize("name", ["a@b", *range(7)])
def test_second(name): assert name != 6

@pytest.mark.parametrize("number", range(30))
def test_without(number): pass
"""


def test_each_group_has_a_process_of_its_own(tmp_path: Path) -> None:
    """Otherwise each process would make what a module's tests share, and nothing would fail."""
    (tmp_path / "test_groups.py").write_text(TESTS, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = {**kept, "PYTHONPATH": str(Path(__file__).parents[1])}
    words = [sys.executable, "-m", "pytest", "-p", "groups", "-n", "2", "--dist", "loadgroup", "--no-loadscope-reorder"]
    command = [*words, "-v", f"--rootdir={tmp_path}", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    ran = re.findall(
        r"\[(gw\d)\] .* (?:PASSED|FAILED) test_groups\.py::test_(\w+)\[(.+)\] $", done.stdout, re.MULTILINE
    )
    assert len(ran) == 46, done.stdout
    places = {(process, name) for process, name, _ in ran if name != "without"}
    assert len(places) == 2
    assert {name for _, name in places} == {"first", "second"}
    without = [process for process, name, number in ran if name == "without" and int(number) < NEIGHBOURS]
    assert len(without) == NEIGHBOURS
    assert len(set(without)) == 1
    again = [sys.executable, "-m", "pytest", "--last-failed", "-q", f"--rootdir={tmp_path}", str(tmp_path)]
    done = subprocess.run(again, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1].startswith("1 failed in ")
