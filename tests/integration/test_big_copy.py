"""The copy that benchmarks calculate with, made here with few issues."""

from pathlib import Path

from benchmarks import bench_metrics, big_copy
from benchmarks.copies import PROFILE
from models.records import METRIC_TYPES, Issue
from models.store import issues


def test_a_copy_made_by_inserts_gives_the_values_of_the_reference(tmp_path: Path) -> None:
    """The values of all metrics and 53 windows are equal, and no Jira is needed."""
    _, values, differing = bench_metrics.naive_big(tmp_path, issues=150)

    assert (values, differing) == (len(METRIC_TYPES) * 53, 0)


def test_the_same_seed_makes_the_same_copy_and_another_seed_another(tmp_path: Path) -> None:
    """A benchmark can be repeated with the same issues; no two issues have the same history."""
    first, again, other = (_issues(tmp_path / name, seed) for name, seed in (("1", 1), ("2", 1), ("3", 2)))

    assert first == again
    assert first != other
    lives = [tuple(change.at for change in issue.transitions) for issue in first if issue.transitions]
    assert len(set(lives)) == len(lives) > 30
    assert {change.field for issue in first for change in issue.transitions} == {"status", "resolution", "fixVersions"}


def _issues(folder: Path, seed: int) -> list[Issue]:
    folder.mkdir()
    big_copy.fill(folder, 40, seed)
    with bench_metrics.calculating(folder) as current, current.reads() as session:
        return issues.load(session, PROFILE, sorted(issues.hashes(session, PROFILE)))
