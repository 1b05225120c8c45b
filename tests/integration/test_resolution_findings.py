"""The finding `resolution_disagrees`: its two instants are shown, and its as-of is that of the numbers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import console_world as world
import pytest
from console_world import InProcess
from metric_rows import STATUSES, issue, time
from reference.teams import Team
from stored_team import calculated, stored

from models.records import METRIC_TYPES, IncidentRules, Rules
from models.store import issues, quality
from tasks import calculate, steps

MOVES = ("10-02 → 2", "10-05 → 4")
EARLY = issue(1, "10-01 → 1", *MOVES, resolved="10-03 08:30")
BARE = issue(2, "10-01 → 1", "10-02 → 2", "10-06 → 4")
OPEN = issue(3, "10-01 → 1", "10-02 → 2", resolved="10-04")
AGREED = tuple(issue(number, "10-01 → 1", *MOVES, resolved="10-05") for number in (4, 5, 6))
REASON = "resolution_disagrees"


@pytest.fixture
def current(tmp_path: Path, migrated_file: Path) -> Iterator[InProcess]:
    """Yield a team whose issues P-1, P-2 and P-3 have the finding on 1 November, each with another cause."""
    team = Team((EARLY, BARE, OPEN, *AGREED), STATUSES)
    with stored(tmp_path, migrated_file, team, Rules(timezone="Europe/Zagreb"), time("11-01")) as opened:
        yield opened


def _stored(current: InProcess) -> list[str]:
    with current.reads() as session:
        return quality.keys_with_findings(session, "payments").get(REASON, [])


def _explained(folder: Path, metric: str, *words: str) -> dict[str, dict[str, str | None]]:
    """Return the finding of each issue that has one, by the issue's key."""
    parts = world.say(folder, "explain", "payments", metric, *words, "--format", "json").json
    findings = {part["key"]: part["data_quality"] for part in (*parts["used"], *parts["left_out"])}
    return {key: finding for key, rows in findings.items() for finding in rows if finding["reason"] == REASON}


@pytest.mark.usefixtures("current")
@pytest.mark.parametrize(
    ("metric", "key", "resolved", "done", "words"),
    [
        ("flow_time", "P-1", "2026-10-03T08:30:00.000000Z", "2026-10-05T00:00:00.000000Z",
         "(resolved 2026-10-03 10:30, done 2026-10-05 02:00)"),
        ("flow_time", "P-2", None, "2026-10-06T00:00:00.000000Z", "(no resolution date, done 2026-10-06 02:00)"),
        ("flow_load", "P-3", "2026-10-04T00:00:00.000000Z", None, "(resolved 2026-10-04 02:00, not done)"),
    ],
)  # fmt: skip
def test_explain_shows_the_two_instants_or_which_is_missing(
    tmp_path: Path, *, metric: str, key: str, resolved: str | None, done: str | None, words: str
) -> None:
    """JSON and CSV have them in UTC, or null or nothing; the table has them in the profile's time zone."""
    expected: dict[str, object] = {"reason": REASON, "details": [], "resolved": resolved, "done_at": done}
    assert _explained(tmp_path, metric)[key] == expected
    (row,) = (row for row in world.say(tmp_path, "explain", "payments", metric, "--format", "csv").csv
              if row["key"] == key)  # fmt: skip
    times = {name: at and at[:19].replace("T", " ") for name, at in (("resolved", resolved), ("done_at", done))}
    assert (
        row["data_quality"]
        == f"reason={REASON}, details=, resolved={times['resolved'] or ''}, done_at={times['done_at'] or ''}"
    )
    table = " ".join(world.say(tmp_path, "explain", "payments", metric).out.split())
    assert f"{key} resolution disagrees {words}" in table


@pytest.mark.usefixtures("current")
def test_an_issue_that_agrees_has_no_instants(tmp_path: Path) -> None:
    """Only issues with the finding have them."""
    assert {*_explained(tmp_path, "flow_time")} == {"P-1", "P-2"}


def test_the_incident_behind_a_number_shows_its_instants(tmp_path: Path, migrated_file: Path) -> None:
    """An incident is not a work item, but has the same finding."""
    rules = Rules(incidents=IncidentRules(types=("Incident",)))
    odd = replace(EARLY, type="Incident")
    with stored(tmp_path, migrated_file, Team((odd,), STATUSES), rules, time("11-01")):
        assert _explained(tmp_path, "mttr")["P-1"]["done_at"] == "2026-10-05T00:00:00.000000Z"


def test_a_calculation_of_the_past_keeps_the_present_findings(current: InProcess, tmp_path: Path) -> None:
    """The stored ones are shown with the newest results; those of a past day are computed as of that day."""
    assert _stored(current) == ["P-1", "P-2", "P-3"]
    calculated(current, time("10-04 22:00"))
    assert _stored(current) == ["P-1", "P-2", "P-3"]
    newest = " ".join(world.say(tmp_path, "results").out.split())
    assert "resolution disagrees in 3 (P-1, P-2, P-3)" in newest
    past = " ".join(world.say(tmp_path, "results", "--as-of", "2026-10-04").out.split())
    assert "resolution disagrees in 2 (P-1, P-3)" in past  # resolved, and not done yet
    assert _explained(tmp_path, "flow_load", "--as-of", "2026-10-04")["P-1"]["done_at"] is None


def test_a_day_before_any_disagreement_has_none(current: InProcess, tmp_path: Path) -> None:
    """The stored findings of a later day do not matter."""
    assert _stored(current)
    assert "disagree" not in world.say(tmp_path, "results", "--as-of", "2026-10-02").out
    assert _explained(tmp_path, "flow_load", "--as-of", "2026-10-02") == {}


def test_results_of_the_past_say_so_if_they_cannot_compare(current: InProcess, tmp_path: Path) -> None:
    """Facts older than the data have no valid instants, so the finding is unknown."""
    calculated(current, time("10-04 22:00"))
    with current.sessions.begin() as session:
        issues.save(session, "payments", [replace(BARE, resolved=time("10-06"))])
    said = " ".join(world.say(tmp_path, "results", "--as-of", "2026-10-04").out.split())
    assert "resolution disagrees" not in said
    assert "Resolution dates are not compared with the histories of this instant" in said
    assert "To compare them, run: flowbeat calculate payments --as-of 2026-10-04" in said


def test_the_next_calculation_updates_the_findings(current: InProcess) -> None:
    """One issue loses the finding, another gets it, and the third keeps it."""
    changed = (replace(BARE, resolved=time("10-06")), replace(AGREED[0], resolved=time("10-08")))
    with current.sessions.begin() as session:
        issues.save(session, "payments", changed)
    calculated(current)
    assert _stored(current) == ["P-1", "P-3", "P-4"]


def test_a_last_step_with_facts_of_another_version_computes_them_again(current: InProcess) -> None:
    """A worker of a new version does not read an archive of the old version."""
    run, _ = steps.request(current.sessions, "payments", "calculate", current.now())
    calculate.work(current, run)
    for _ in METRIC_TYPES:
        calculate.metric_step(current, world.found(current, run))
    with current.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE work_item_columns SET format = 'another'")
    restarted = InProcess(current.settings, current.now)
    assert calculate.finish_step(restarted, world.found(current, run)) == 2
    restarted.close()
    assert (world.found(current, run).step, world.found(current, run).state) == ("facts", "queued")
