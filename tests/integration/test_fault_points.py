"""Work that is interrupted at an operation ends as undisturbed work does: a sample; `make soak` runs more."""

import json
from pathlib import Path
from typing import Any, Final

import forked
import pytest
from fault_scenarios import SCENARIOS
from fault_soak import wrong

ROOT: Final = Path(__file__).parents[2]
SEED: Final = "20261130"
EVERY: Final = "440"


def points(*words: str) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Return the number of operations of each kind, and the points of a program run."""
    ended = forked.run(str(ROOT / "tests" / "fault_points.py"), *words, cwd=ROOT, env={}, timeout=240)
    assert ended.returncode == 0, ended.stderr
    first, *lines = [json.loads(line) for line in ended.stdout.splitlines()]
    return first["counts"], lines


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_interrupted_work_ends_as_undisturbed_work_does(scenario: str) -> None:
    """Commits, answers of Jira, calls of Redis and file operations fail, or the process is killed there."""
    counts, sample = points(scenario, EVERY, SEED)
    assert len(sample) >= 3
    assert {(point["number"], *wrong(point | {"counts": counts})) for point in sample} == {
        (point["number"],) for point in sample
    }


def test_interrupted_work_ends_as_undisturbed_work_does_on_postgresql() -> None:
    """A connection that is lost while it commits may have committed."""
    _, (failed, killed) = points("incremental", "commit", "fails after,killed after", "9", "postgresql")
    for point in (failed, killed):
        assert (point["has_fired"], point["faults"]) == (True, [])


def test_a_wrong_result_and_a_lock_are_found() -> None:
    """The comparison finds a row that was changed after its run had completed, and a key that never ends."""
    _, (point,) = points("spoiled", "commit", "killed before", "99")
    assert any("flow_load" in line and "4711" in line for line in point["faults"])
    assert "left in Redis for ever: flowbeat:lock" in point["faults"]
