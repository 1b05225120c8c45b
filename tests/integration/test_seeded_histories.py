"""Histories of a Jira and two workers, each from a seed; `make soak` plays ten thousand."""

from pathlib import Path
from typing import Final

import forked

ROOT: Final = Path(__file__).parents[2]
FIRST: Final = "1"
COUNT: Final = "25"


def test_two_workers_that_are_doubled_and_killed_leave_a_copy_that_equals_jira() -> None:
    """A failure names its seed, which repeats the history."""
    program = str(ROOT / "tests" / "seeded_history.py")
    ended = forked.run(program, FIRST, COUNT, cwd=ROOT, env={}, timeout=280)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{COUNT} histories from {FIRST} on, 0 failed" in ended.stdout
