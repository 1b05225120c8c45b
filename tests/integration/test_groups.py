"""Tests of a group run in one process."""

import os
import re
import subprocess
import sys
from pathlib import Path

TESTS = """
import pytest

@pytest.mark.xdist_group("first")
@pytest.mark.parametrize("number", range(8))
def test_first(number): pass

@pytest.mark.xdist_group("second")
@pytest.mark.parametrize("number", range(8))
def test_second(number): pass
"""


def test_each_group_has_a_process_of_its_own(tmp_path: Path) -> None:
    """Otherwise each process would make what a module's tests share, and nothing would fail."""
    (tmp_path / "test_groups.py").write_text(TESTS, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    words = [sys.executable, "-m", "pytest", "-p", "groups", "-n", "2", "--dist", "loadgroup", "--no-loadscope-reorder"]
    command = [*words, "-v", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    ran = re.findall(r"\[(gw\d)\] .* PASSED test_groups\.py::test_(\w+)\[", done.stdout)
    assert len(ran) == 16, done.stdout
    assert len(set(ran)) == 2
    assert {name for _, name in ran} == {"first", "second"}
