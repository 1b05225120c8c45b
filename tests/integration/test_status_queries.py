"""The three queries of docs/tables.md over `status_times` return the right rows of a small team on both databases."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Engine
from store_rows import result

from models.database import Sessions
from models.metrics.issues import Batch
from models.metrics.rules import Context
from models.records import Issue, Rules, Status, Transition
from models.store import catalogue, census, results
from models.store import issues as stored_issues

DOCUMENT: Final = (Path(__file__).parents[2] / "docs" / "tables.md").read_text()
SECTION: Final = DOCUMENT.partition("### status_times")[2].partition("### former_keys")[0]
WEEKLY, LIFE, PRESENT = re.findall(r"^```sql\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
STATUSES: Final = (
    Status("1", "Open", "new"),
    Status("2", "Doing", "indeterminate"),
    Status("3", "Review", "indeterminate"),
    Status("4", "Done", "done"),
)
NAMES: Final = {status.status_id: status.name for status in STATUSES}
MONDAY: Final = datetime(2026, 3, 2, tzinfo=UTC)


def _issue(number: int, *moves: tuple[float, str]) -> Issue:
    """Return an issue that was created in Open on the Monday; each move is (days after that, status)."""
    path = ["1", *(status for _, status in moves)]
    history = [
        Transition(
            MONDAY + timedelta(days=day), number * 10 + place, 0, "status", str(number * 10 + place),
            path[place], NAMES[path[place]], status, NAMES[status],
        )
        for place, (day, status) in enumerate(moves)
    ]  # fmt: skip
    return Issue(
        issue_id=str(number), key=f"PAY-{number}", project="PAY", type="Story", status_id=path[-1], created=MONDAY,
        updated=MONDAY, resolution=None, resolved=None, summary=None, fields={}, transitions=tuple(history),
    )  # fmt: skip


@pytest.fixture
def team(engine: Engine, sessions: Sessions) -> Engine:
    """Store two delivered issues, one open, one in progress that was re-opened, and one that is gone."""
    issues = [
        _issue(11, (1, "2"), (3, "3"), (4.5, "4")),
        _issue(12, (0.1, "2"), (7.1, "4")),
        _issue(13),
        _issue(14, (1, "2"), (2, "4"), (3, "3")),
        _issue(15, (1, "2"), (2, "3")),
    ]
    stages = Context.of(Rules(workflow={"waiting": ("Review",)}), STATUSES).stages
    with sessions.begin() as session:
        stored_issues.save(session, "payments", issues)
        census.mark(session, "payments", ["15"], "hidden")
        census.mark_gone(session, "payments", "hidden", "hidden", MONDAY)
        catalogue.save_statuses(session, "payments", STATUSES)
        catalogue.note_visited(session, "payments", Batch.of(issues).histories.refs, stages)
        catalogue.stage_statuses(session, "payments", stages)
    return engine


def _rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def test_the_time_in_each_status_by_the_week_of_delivery(team: Engine, sessions: Sessions) -> None:
    """PAY-11 was delivered in the first week, PAY-12 on a Monday in UTC, still Sunday in the profile's time zone."""
    weeks = [MONDAY + timedelta(days=7 * number, hours=6) for number in (-1, 0, 1)]
    rows = [result(1, window_start=monday, window_end=monday + timedelta(days=7)) for monday in weeks]
    with sessions.begin() as session:
        results.save(session, rows)
    assert _rows(team, WEEKLY) == [("2026-W10", "Doing", 9.0), ("2026-W10", "Review", 1.5)]


def test_the_stays_of_one_issue(team: Engine) -> None:
    """The last stay has no length yet."""
    rows = [(visit, name, stage, days) for visit, name, stage, _, _, days in _rows(team, LIFE)]
    assert rows == [(1, "Open", "todo", 0.1), (2, "Doing", "active", 7.0), (3, "Done", "done", None)]


def test_the_statuses_of_the_items_in_progress(team: Engine) -> None:
    """Only the re-opened issue is in progress: its present stay adds an item and no days."""
    rows = [row for row in _rows(team, PRESENT) if row[-1] is not None]
    assert sorted(rows) == [("Doing", "active", 1, 1.0), ("Done", "done", 1, 1.0), ("Open", "todo", 1, 1.0)]
