"""The view `status_times` of random teams equals the stays of the reference, on both databases."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import hypothesis
from console_world import InProcess
from reference.profiles import Profile
from reference.stays import stays
from reference.teams import Team
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session
from stored_team import calculated, configuration, stored
from team_maker import SOURCES, scene

from models.database import Sessions
from models.metrics.issues import Batch
from models.metrics.rules import Context
from models.records import Issue, Rules
from models.store import catalogue, census, issues
from models.tables.base import UtcDateTime
from worker import settings

# `make soak` compares more.
SEEDS: Final = 100 if hypothesis.settings.get_current_profile_name() == "soak" else 10
QUERY: Final = text(
    "SELECT issue_id, visit, status_id, status_name, stage, entered_at, left_at, seconds FROM status_times"
    " WHERE profile = :profile ORDER BY issue_id, visit"
).columns(entered_at=UtcDateTime, left_at=UtcDateTime)


def _expected(team: Team, rules: Rules, as_of: Any) -> list[tuple[Any, ...]]:
    read = stays(Profile(team, rules, as_of))
    rows = [(*stay, None if stay.length is None else stay.length.total_seconds()) for stay in read]
    return sorted(rows, key=lambda row: (row[0], row[1]))


def _stays_in_view(session: Session, profile: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in session.execute(QUERY, {"profile": profile})]


def _once(issue: Issue) -> Issue:
    unique = {(change.history_id, change.field, change.position): change for change in issue.transitions}
    return replace(issue, transitions=tuple(unique.values()))


def _save(session: Session, profile: str, team: Team, rules: Rules, as_of: Any) -> None:
    """Store a team like a fetch and the facts of a calculation."""
    everything = [_once(issue) for issue in (*team.issues, *team.gone)]
    issues.save(session, profile, everything)
    census.mark(session, profile, [issue.issue_id for issue in team.gone], "hidden")
    census.mark_gone(session, profile, "hidden", "hidden", as_of)
    catalogue.save_statuses(session, profile, team.statuses)
    stages = Context.of(rules, team.statuses).stages
    catalogue.note_visited(session, profile, Batch.of(team.issues).histories.refs, stages)
    catalogue.stage_statuses(session, profile, stages)


def test_the_stays_of_random_teams_are_those_of_the_reference(sessions: Sessions) -> None:
    """Names, stages, ends and seconds are equal bit for bit; gone issues are left out, and stays of 0 s are rows."""
    scenes = {f"{source}-{seed}": scene(source, seed) for source in SOURCES for seed in range(SEEDS)}
    with sessions.begin() as session:
        for profile, (team, rules, as_of) in scenes.items():
            _save(session, profile, team, rules, as_of)
    lengths: list[float | None] = []
    with sessions() as session:
        for profile, (team, rules, as_of) in scenes.items():
            rows = _stays_in_view(session, profile)
            assert rows == _expected(team, rules, as_of), profile
            lengths += [row[-1] for row in rows]
    assert 0.0 in lengths
    assert any(length and length % 1 for length in lengths)


def test_the_stays_of_an_issue_add_up_from_its_creation_to_its_last_change(sessions: Sessions) -> None:
    """They do even if its chain of changes is broken."""
    team, rules, as_of = scene("status", 3)
    with sessions.begin() as session:
        _save(session, "p", team, rules, as_of)
    with sessions() as session:
        rows = _stays_in_view(session, "p")
    for issue_id in {row[0] for row in rows}:
        life = [row for row in rows if row[0] == issue_id]
        assert [row[1] for row in life] == list(range(1, len(life) + 1))
        assert sum(round(row[7] * 1_000_000) for row in life[:-1]) == round(
            (life[-1][5] - life[0][5]).total_seconds() * 1_000_000
        )


def test_history_ids_of_one_instant_are_ordered_as_numbers(engine: Engine, sessions: Sessions) -> None:
    """Entry 9 comes before entry 10, whatever the collation of the database."""
    team, rules, as_of = scene("status", 3)
    with sessions.begin() as session:
        _save(session, "p", team, rules, as_of)
        session.execute(text("DELETE FROM transitions"))
    row = (
        "INSERT INTO transitions (profile, issue_id, history_id, field, position, at, from_id, from_name, to_id,"
        " to_name) SELECT 'p', issue_id, '{0}', 'status', {1}, created, '1', 'Open', '{2}', 'n' FROM issues"
    )
    with engine.begin() as connection:
        for entry, position, status in (("10", 1, "d"), ("10", 0, "c"), ("9", 0, "b"), ("100", 0, "e")):
            connection.execute(text(row.format(entry, position, status)))
    with sessions() as session:
        rows = _stays_in_view(session, "p")
    assert {tuple(row[2] for row in rows if row[0] == number) for number in {row[0] for row in rows}} == {
        ("1", "b", "c", "d", "e")
    }


def test_the_stays_of_one_issue_are_read_without_those_of_the_others(migrated_file: Path) -> None:
    """SQLite looks its changes up by their key: a form of the view that reads all changes first takes seconds."""
    query = "EXPLAIN QUERY PLAN SELECT * FROM status_times WHERE profile = 'p' AND issue_id = '1'"
    with closing(sqlite3.connect(migrated_file)) as connection:
        plan = [row[3] for row in connection.execute(query)]
    steps = [step for step in plan if "transitions" in step]
    assert steps
    assert all(step.startswith("SEARCH transitions USING PRIMARY KEY (profile=? AND issue_id=?") for step in steps)


def test_stages_follow_the_rules_of_the_last_calculation(tmp_path: Path, migrated_file: Path) -> None:
    """A calculation with changed rules writes all of them again, also those of unlisted statuses."""
    team, rules, as_of = scene("status", 5)
    others = replace(rules, workflow={"waiting": ("doing", "2"), "todo": ("ghost", "review"), "done": ("open",)})
    with stored(tmp_path, migrated_file, team, rules, as_of) as current:
        before, expected = _expected(team, rules, as_of), _expected(team, others, as_of)
        assert [row[4] for row in before] != [row[4] for row in expected]
        (tmp_path / "flowbeat.toml").write_text(configuration(others), encoding="utf-8")
        changed = InProcess(
            settings.load(tmp_path / "flowbeat.toml", {"FLOWBEAT_STATE_DIR": str(tmp_path)}), current.now
        )
        with current.sessions() as session:
            assert _stays_in_view(session, "payments") == before
        calculated(changed)
        changed.close()
        with current.sessions() as session:
            assert _stays_in_view(session, "payments") == expected


def test_stages_are_those_of_the_rules_whatever_the_site_lists(tmp_path: Path, migrated_file: Path) -> None:
    """After the site has renamed, added or dropped a status."""
    team, rules, as_of = scene("status", 5)
    with stored(tmp_path, migrated_file, team, rules, as_of) as current:
        with current.sessions() as session:
            assert _stays_in_view(session, "payments") == _expected(team, rules, as_of)
        with current.sessions.begin() as session:
            catalogue.save_statuses(session, "payments", team.statuses)
        with current.sessions() as session:
            assert _stays_in_view(session, "payments") == _expected(team, rules, as_of)
        fewer = replace(team, statuses=team.statuses[2:])
        with current.sessions.begin() as session:
            catalogue.save_statuses(session, "payments", fewer.statuses)
        calculated(current)
        with current.sessions() as session:
            assert _stays_in_view(session, "payments") == _expected(fewer, rules, as_of)
        with current.sessions.begin() as session:
            catalogue.save_statuses(session, "payments", team.statuses)
        calculated(current)
        with current.sessions() as session:
            assert _stays_in_view(session, "payments") == _expected(team, rules, as_of)
            assert catalogue.load_statuses(session, "payments") == sorted(team.statuses, key=lambda s: s.status_id)
