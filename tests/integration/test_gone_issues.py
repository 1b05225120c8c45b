"""Issues that are gone from Jira are noted with the numbers that lack them, or kept in all numbers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import console_world as world
import pytest
from console_world import InProcess
from metric_rows import STATUSES, issue, time, version
from reference.teams import Team
from stored_team import calculated, stored

from models.metrics.rules import rules_hash
from models.records import DeploymentRules, IncidentRules, Issue, Rules
from models.store import census, departures, results
from models.store import issues as stored_issues

HIDDEN, MOVED = "deleted or no longer visible", "moved out of the JQL"
AS_OF = time("11-01")
RULES = Rules(
    history_weeks=6,
    deployments=DeploymentRules("issues", types=("Release",)),
    incidents=IncidentRules(("Incident",)),
    fields={"points": "cf"},
)
KEPT = (
    issue(1, "10-01 → 1", "10-05 → 2", "10-07 → 4", cf=3, fixVersions=["9"]),
    issue(2, "10-01 → 1", "10-12 → 2", "10-15 → 4", resolution="Duplicate"),
    issue(3, "10-02 → 1", "10-08 → 4", type="Release", fixVersions=["9"]),
    issue(4, "10-09 → 1", "10-10 → 4", type="Incident", versions=["9"]),
)
LOST = (
    issue(5, "10-03 → 1", "10-06 → 2"),
    issue(6, "10-03 → 1", "10-06 → 2", "10-07 → 4", "10-20 → 2"),
    issue(7, "10-09 → 1", "10-10 → 2", type="Incident", versions=["9"]),
    issue(8, "10-09 → 1", "10-10 → 2", type="Release"),
)
STAYS = (issue(9, "10-01 → 1", "10-06 → 2", "10-21 → 4", cf=2, fixVersions=["9"]), issue(10, "10-04 → 2"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a new folder for a copy."""
    return tmp_path


def _rows(current: InProcess) -> list[tuple[Any, ...]]:
    """Return the results of the present rules, without the columns that identify the rules."""
    named = rules_hash(current.settings.profiles["payments"].rules)
    with current.reads() as session:
        rows = [row for row in results.load(session, profile="payments") if row.rules_hash == named]
    latest = {(row.metric_type, row.window_kind, row.window_start): row for row in rows}
    return [(*key, row.value, row.state, row.n_used, row.exclusions, row.details) for key, row in latest.items()]


def _numbers(folder: Path, schema: Path, issues: tuple[Issue, ...]) -> list[tuple[Any, ...]]:
    """Return the results of a copy that never had other issues."""
    folder.mkdir()
    team = Team(issues, STATUSES, (version("9", None),))
    with stored(folder, schema, team, RULES, AS_OF) as current:
        return _rows(current)


def _lose(current: InProcess, ids: tuple[str, ...], reason: str = HIDDEN) -> None:
    with current.sessions.begin() as session:
        census.mark(session, "payments", ids, reason)
        census.mark_gone(session, "payments", reason, reason, current.now())


def _keep(current: InProcess, word: Any) -> None:
    profile = current.settings.profiles["payments"]
    changed = replace(profile, rules=replace(profile.rules, gone_issues=word))
    current.settings = replace(current.settings, profiles={"payments": changed})


@pytest.fixture
def whole(place: Path, migrated_file: Path) -> Iterator[InProcess]:
    """Yield a calculated copy of all issues."""
    folder = place / "whole"
    folder.mkdir()
    team = Team((*KEPT, *LOST, *STAYS), STATUSES, (version("9", None),))
    with stored(folder, migrated_file, team, RULES, AS_OF) as current:
        yield current


IDS = tuple(lost.issue_id for lost in (*KEPT, *LOST))


def test_dropped_issues_count_as_if_they_had_never_existed(whole: InProcess, place: Path, migrated_file: Path) -> None:
    """This makes an incremental copy equal to a full one."""
    _lose(whole, IDS)
    calculated(whole)
    assert _rows(whole) == _numbers(place / "fresh", migrated_file, STAYS)


def test_kept_issues_count_as_if_they_were_not_gone(whole: InProcess, place: Path, migrated_file: Path) -> None:
    """Items, deploying issues and incidents that were done are kept; those that were not done are dropped."""
    _lose(whole, IDS)
    _keep(whole, "keep_done")
    calculated(whole)
    kept = _rows(whole)
    assert kept == _numbers(place / "fresh", migrated_file, (*KEPT, *STAYS))
    calculated(whole)
    assert _rows(whole) == kept


def test_kept_issues_are_dropped_when_the_rule_changes(whole: InProcess, place: Path, migrated_file: Path) -> None:
    """The rule may change in both directions, without a request to Jira."""
    _lose(whole, IDS)
    _keep(whole, "keep_done")
    calculated(whole)
    _keep(whole, "drop")
    calculated(whole)
    assert _rows(whole) == _numbers(place / "fresh", migrated_file, STAYS)


def test_an_issue_that_returns_is_as_it_is_now(whole: InProcess, place: Path, migrated_file: Path) -> None:
    """The mark of its absence is removed."""
    _lose(whole, IDS)
    _keep(whole, "keep_done")
    calculated(whole)
    with whole.sessions.begin() as session:
        stored_issues.save(session, "payments", (*KEPT, *LOST))
        assert departures.count_kept(session, "payments") == 0
    calculated(whole)
    everything = _numbers(place / "fresh", migrated_file, (*KEPT, *LOST, *STAYS))
    assert _rows(whole) == everything


def test_results_have_the_number_of_delivered_issues_that_are_gone_and_the_reason(
    whole: InProcess, place: Path
) -> None:
    """Only delivered issues of the shown days are counted, because no number lacks the others."""
    _lose(whole, ("1", "2", "3", "4", "5", "6", "7", "8"))
    _lose(whole, ("9",), MOVED)
    calculated(whole)
    said = " ".join(world.say(place / "whole", "results").out.split())
    which = f"2 delivered issues of these days are gone from Jira ({HIDDEN} 1, {MOVED} 1)."
    assert f"Note: {which} None of them counts for any day." in said
    assert 'write under [profiles.payments]: gone_issues = "keep_done".' in said
    week = ("explain", "payments", "flow_velocity", "--week", "2026-W41")
    notes = world.say(place / "whole", *week, "--format", "json").json["result"][0]["notes"]
    assert [note[:40] for note in notes if "gone from Jira" in note] == ["Note: 1 delivered issue of these days is"]
    later = world.say(place / "whole", *week[:-1], "2026-W44", "--format", "json").json["result"][0]["notes"]
    assert not [note for note in later if "gone from Jira" in note]


def test_results_say_that_gone_issues_still_count(whole: InProcess, place: Path) -> None:
    """A new copy would have other numbers."""
    _lose(whole, ("1", "2"))
    _keep(whole, "keep_done")
    calculated(whole)
    environ = {"FLOWBEAT_PROFILES__PAYMENTS__GONE_ISSUES": "keep_done"}
    said = " ".join(world.say(place / "whole", "results", **environ).out.split())
    assert f"1 delivered issue of these days is gone from Jira ({HIDDEN} 1). They count as they were last read." in said
    assert "other rules" not in said
