"""What is odd about moves and sub-tasks of issues: stored by a calculation, shown by each reader, and in no number."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import console_world as world
import pytest
from console_world import InProcess
from metric_rows import STATUSES, issue, time
from reference.teams import Team
from stored_team import calculated, stored

from models.records import METRIC_TYPES, Issue, Rules
from models.store import census, issues, quality, results
from report.page import render
from report.words import in_words
from report.write import load_page
from worker import settings

AS_OF: Final = time("11-01")
STORY: Final = issue(1, "10-01 → 1", "10-02 → 2", "10-20 → 4", resolved="10-20")
REOPENED: Final = issue(2, "10-01 → 1", "10-03 → 4", "10-04 → 2", "10-21 → 4", resolved="10-21")
SENT_BACK: Final = issue(3, "10-01 → 1", "10-02 → 2", "10-05 → 1")
PLAIN: Final = issue(4, "10-01 → 1", "10-02 → 2", "10-22 → 4", resolved="10-22")


def _below(number: int, status_id: str, parent: str = "1") -> Issue:
    """Return a sub-task that is in a status since its creation."""
    return replace(issue(number, f"10-02 → {status_id}", type="Sub-task", subtask=True), parent=parent)


TEAM: Final = Team((STORY, REOPENED, SENT_BACK, PLAIN, _below(11, "2"), _below(12, "4"), _below(9, "1")), STATUSES)
FINDINGS: Final = {
    "moved_backwards": ["P-2", "P-3"],
    "open_sub_task": ["P-1"],
    "stopped_before_started": ["P-2"],
}


@pytest.fixture
def current(tmp_path: Path, migrated_file: Path, database_url: str) -> Iterator[InProcess]:
    """Yield a team with each of the three findings, calculated on 1 November."""
    with stored(tmp_path, migrated_file, TEAM, Rules(), AS_OF, url=database_url) as opened:
        yield opened


def _stored(current: InProcess) -> dict[str, list[str]]:
    with current.reads() as session:
        return quality.keys_with_findings(session, "payments")


def _explained(folder: Path, metric: str, *words: str) -> dict[str, list[dict[str, Any]]]:
    parts = world.say(folder, "explain", "payments", metric, *words, "--format", "json").json
    return {part["key"]: part["data_quality"] for part in (*parts["used"], *parts["left_out"]) if part["data_quality"]}


def _save(current: InProcess, changed: Sequence[Issue]) -> None:
    with current.sessions.begin() as session:
        issues.save(session, "payments", changed)


def _flat(text: str) -> str:
    return " ".join(text.split())


def test_a_calculation_stores_them(current: InProcess) -> None:
    """Each beside the issue that it is about."""
    assert _stored(current) == FINDINGS


def test_they_leave_nothing_out(current: InProcess, tmp_path: Path, migrated_file: Path) -> None:
    """The numbers are those of the same team whose sub-tasks are done; both stories and the re-opened one count."""
    (tmp_path / "other").mkdir()
    tidy = replace(TEAM, issues=(*TEAM.issues[:4], _below(11, "4"), _below(12, "4"), _below(9, "4")))
    with stored(tmp_path / "other", migrated_file, tidy, Rules(), AS_OF) as other:
        assert "open_sub_task" not in _stored(other)
        values = [_values(database) for database in (current, other)]
    assert values[0] == values[1]
    assert values[0]["flow_velocity"] == (3, {})


def _values(current: InProcess) -> dict[str, tuple[int, dict[str, int]]]:
    with current.reads() as session:
        rows = results.load(session, profile="payments", kind="period")
    assert {row.metric_type for row in rows} == {*METRIC_TYPES}
    return {row.metric_type: (row.n_used, dict(row.exclusions)) for row in rows}


@pytest.mark.usefixtures("current")
def test_explain_names_them_with_what_they_were_found_in(tmp_path: Path) -> None:
    """The statuses of the moves, and the keys of the open sub-tasks in the order of their numbers."""
    assert _explained(tmp_path, "flow_time") == {
        "P-1": [{"reason": "open_sub_task", "details": ["P-9", "P-11"]}],
        "P-2": [
            {"reason": "moved_backwards", "details": ["Done → Doing"]},
            {"reason": "stopped_before_started", "details": ["Done before Doing"]},
        ],
    }
    said = _flat(world.say(tmp_path, "explain", "payments", "flow_time").out)
    assert "P-1 open sub-task (P-9, P-11)" in said
    assert "P-2 moved backwards (Done → Doing), stopped before started (Done before Doing)" in said


@pytest.mark.usefixtures("current")
def test_the_other_readers_name_them(tmp_path: Path) -> None:
    """One issue's page in the terminal, the notes below the results, and the check."""
    assert "Data quality: open sub-task (P-9, P-11)." in _flat(world.say(tmp_path, "issue", "P-1").out)
    row = world.say(tmp_path, "issue", "P-3", "--format", "json").json["issue"][0]
    assert row["data_quality"] == [{"reason": "moved_backwards", "details": ["Doing → Open"]}]
    said = _flat(world.say(tmp_path, "results").out)
    assert "moved backwards in 2 (P-2, P-3), open sub-task in 1 (P-1), stopped before started in 1 (P-2)" in said


def test_the_page_lists_them(current: InProcess) -> None:
    """In its table of findings."""
    with current.reads() as session:
        page = render(load_page(current, session, "payments"))
    for reason, keys in FINDINGS.items():
        assert in_words(reason) in page
        assert ", ".join(keys) in page


def test_an_open_sub_task_is_one_of_a_done_issue_at_the_instant_asked_for(current: InProcess, tmp_path: Path) -> None:
    """The story was not done on 10 October; the stored finding is the present one."""
    assert "open sub-task" not in world.say(tmp_path, "results", "--as-of", "2026-10-10").out
    assert "open sub-task in 1 (P-1)" in _flat(world.say(tmp_path, "results", "--as-of", "2026-10-25").out)
    assert "P-1" not in _explained(tmp_path, "flow_load", "--as-of", "2026-10-10")
    calculated(current, time("10-10 22:00"))
    assert _stored(current) == FINDINGS


def test_the_next_calculation_finds_what_changed_below(current: InProcess) -> None:
    """A sub-task that is done, gone, or moved to another issue changes what is said of the issue above it."""
    _save(current, [_below(11, "5")])
    calculated(current)
    assert _stored(current)["open_sub_task"] == ["P-1"]  # P-9 is open still
    with current.sessions.begin() as session:
        census.mark(session, "payments", ["9"], "hidden")
        census.mark_gone(session, "payments", "hidden", "hidden", AS_OF)
    calculated(current)
    assert "open_sub_task" not in _stored(current)
    _save(current, [_below(12, "3", parent="2")])
    calculated(current)
    assert _stored(current)["open_sub_task"] == ["P-2"]


def test_only_sub_tasks_are_asked_and_only_of_what_is_done(current: InProcess) -> None:
    """An issue below an epic is not a part of it that must be done first; P-3 is open itself."""
    changed = [replace(_below(9, "1"), subtask=False), replace(_below(11, "1"), subtask=None), _below(12, "1", "3")]
    _save(current, changed)
    calculated(current)
    assert "open_sub_task" not in _stored(current)


def test_other_stages_change_the_findings(current: InProcess, tmp_path: Path) -> None:
    """With Doing in done nothing moved back from there, and the sub-task in it is not open."""
    file = tmp_path / "flowbeat.toml"
    written = file.read_text(encoding="utf-8").replace(
        "[profiles.payments.workflow]\n", '[profiles.payments.workflow]\ndone = ["Doing"]\n'
    )
    file.write_text(written, encoding="utf-8")
    other = InProcess(settings.load(file, {"FLOWBEAT_STATE_DIR": str(tmp_path)}), current.now)
    calculated(other)
    other.close()
    assert {"reason": "open_sub_task", "details": ["P-9"]} in _explained(tmp_path, "flow_velocity")["P-1"]
    reported = {reason: keys for reason, keys in _stored(current).items() if reason in FINDINGS}
    assert reported == {"moved_backwards": ["P-3"], "open_sub_task": ["P-1"]}
