"""The metrics beside the calculators of jira-agile-metrics, which people use for the same questions.

Run: ``python benchmarks/bench_agile.py``. It makes an environment of its own for the rival, once. The rival has its
issues in memory as objects and stores nothing; Flowbeat goes from stored rows to stored rows. Same issues for both.
"""

import json
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.bench_metrics import COLD, SAME, calculating, fill, rounds
from benchmarks.copies import PROFILE
from benchmarks.environments import answer, environment
from benchmarks.measuring import heading, in_child, show
from models.records import Issue
from models.store import catalogue
from models.store import issues as stored_issues

RIVAL = "jira-agile-metrics==0.24"
PACKAGES = (RIVAL, "pandas<2", "numpy<1.27", "matplotlib<3.9", "seaborn<0.13", "setuptools<81")
SIZES = (1_000, 5_000)
ROUNDS = 3


def main() -> None:
    """Print the table."""
    heading("bench_agile")
    python = environment("agile", PACKAGES)
    if python is None:
        return
    with tempfile.TemporaryDirectory(prefix="flowbeat-bench-") as scratch:
        rows = [row for issues in SIZES for row in _compared(python, Path(scratch) / str(issues), issues)]
    show(
        "How long do others take for the same issues?",
        f"Seconds of the best round, and the processor's in it. Reference, by CPU: eight calculators of {RIVAL},"
        " without charts, issues in memory. They give cycle time and its percentiles, throughput, work in progress by"
        " day and net flow: about what flow_time, flow_velocity and flow_load say, three of the metrics. Flowbeat"
        " computes all of them, from stored rows to stored rows.",
        ("issues, calculation", "seconds", "CPU", "times faster"),
        rows,
    )


def _compared(python: Path, folder: Path, issues: int) -> Iterator[tuple[str, ...]]:
    folder.mkdir()
    in_child(fill, folder, issues)
    in_child(export, folder)
    seconds, theirs = min(answer(python, "rivals/calculate_with_agile.py", folder / "issues.json", ROUNDS))
    yield f"{issues:,} {RIVAL.partition('=')[0]}", f"{seconds:.3f}", f"{theirs:.3f}", "1"
    for name in (COLD, SAME):
        kind, _ = in_child(rounds, folder, name, issues)
        ours = kind.best
        times = f"{ours.total:.3f}", f"{ours.cpu:.3f}"
        yield f"{issues:,} all metrics, {name}", *times, f"{theirs / ours.cpu:.1f}"


def export(folder: Path) -> None:
    """Write the copy's issues as Jira would send them, with the fields that the rival reads."""
    with calculating(folder) as current, current.reads() as session:
        names = {status.status_id: status.name for status in catalogue.load_statuses(session, PROFILE)}
        issues = stored_issues.load(session, PROFILE, sorted(stored_issues.hashes(session, PROFILE)))
    raw = [_raw(issue, names) for issue in issues]
    (folder / "issues.json").write_text(json.dumps(raw), encoding="utf-8")


def _raw(issue: Issue, names: dict[str, str]) -> dict[str, Any]:
    changes = [change for change in issue.transitions if change.field == "status"]
    histories = [
        {"created": _moment(t.at), "items": [{"field": "status", "fromString": t.from_name, "toString": t.to_name}]}
        for t in changes
    ]
    fields = {
        "created": _moment(issue.created),
        "issuetype": {"name": issue.type},
        "status": {"name": names[issue.status_id]},
        "summary": issue.summary,
        "resolution": {"name": issue.resolution} if issue.resolution else None,
        "resolutiondate": _moment(issue.resolved) if issue.resolved else None,
    }
    return {"id": issue.issue_id, "key": issue.key, "fields": fields, "changelog": {"histories": histories}}


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}+0000"


if __name__ == "__main__":
    main()
