"""The views for dashboards, on both databases: what the commands say, with each instant as whole seconds since 1970."""

import json
import math
import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import console_world as world
import pytest
from dashboard_world import TEAMS, Places, select
from databases import BOTH
from report_world import AS_OF, stored_variant
from sqlalchemy import Engine, inspect
from sqlalchemy.orm import Session
from store_rows import PROFILE, operation, run

from models.database import Sessions
from models.epoch_views import NAMES
from models.store import caches, census, operations, runs
from report.words import for_profile

TABLES = Path(__file__).parents[2] / "docs" / "tables.md"
pytestmark = pytest.mark.xdist_group("dashboards")
KEYS = {
    "metric_now": "profile, metric_type",
    "metric_weeks": "profile, metric_type, time",
    "items": "profile, length(issue_id), issue_id",
    "freshness": "profile",
}


def _view(url: str, view: str) -> list[dict[str, Any]]:
    return select(url, f"SELECT * FROM {view} ORDER BY {KEYS[view]}")  # noqa: S608 - our names


def _seconds(instant: str | None) -> int | None:
    return None if instant is None else math.floor(datetime.fromisoformat(instant).timestamp())


@pytest.mark.parametrize("view", NAMES)
def test_each_column_is_described(engine: Engine, view: str) -> None:
    """In the view's own section of docs/tables.md, in the first cell of a row, and nothing else is."""
    (section,) = re.findall(rf"^### {view}\n(.*?)(?=^##)", TABLES.read_text(), re.MULTILINE | re.DOTALL)
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    described = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(described) == sorted(column["name"] for column in inspect(engine).get_columns(view))


@pytest.mark.parametrize("name", TEAMS)
@pytest.mark.parametrize("view", NAMES)
def test_both_databases_show_the_same(dashboard_places: Places, view: str, name: str) -> None:
    """Each row and value, to the last bit of a fraction; a second is cut and not rounded in both."""
    sqlite, postgresql = (_view(dashboard_places[dialect, name][1], view) for dialect in BOTH)
    assert sqlite == postgresql
    assert sqlite or (view, name) == ("items", "none")


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("name", TEAMS)
@pytest.mark.parametrize(("view", "window"), [("metric_now", "period"), ("metric_weeks", "weeks")])
def test_values_are_those_of_results(dashboard_places: Places, dialect: str, name: str, view: str, window: str) -> None:
    """Value, unit, level, state, message and counts of each metric and window."""
    folder, url = dashboard_places[dialect, name]
    expected = world.say(folder, "results", "payments", "--window", window, "--format", "json").json
    rows = {(row["metric_type"], row["time"]): row for row in _view(url, view)}
    assert len(rows) == len(expected)
    for result in expected:
        row = rows[result["metric_type"], _seconds(result["window_start"])]
        for column in ("profile", "value", "unit", "level", "state", "n_used", "n_excluded"):
            assert row[column] == result[column]
        assert row["message"] == (result["message"] and for_profile(result["message"], "payments"))
        assert "<name>" not in (row["message"] or "")
        assert row["end_time"] == _seconds(result["window_end"])
        assert row["as_of_time"] == _seconds(result["confirmed_as_of"])
        assert row["p85"] == result["details"].get("p85")
        candidates = result["n_used"] + result["n_excluded"]
        assert row["coverage"] == (100 * result["n_used"] / candidates if candidates else None)
        if view == "metric_now":
            assert json.loads(row["exclusions"]) == result["exclusions"]
        else:
            assert (row["week"], bool(row["complete"])) == (result["week"], result["complete"])
            counts = result["details"].get("by_category", {})
            assert [row[name] for name in ("feature", "defect", "risk", "debt", "unmapped")] == [
                counts.get(name) for name in ("feature", "defect", "risk", "debt", "unmapped")
            ]


@pytest.mark.parametrize("dialect", BOTH)
def test_a_week_before_the_first_issue_is_not_known(dashboard_places: Places, dialect: str) -> None:
    """Its count is 0 in the results; a dashboard must not draw that. Without an issue no week is known."""
    _, url = dashboard_places[dialect, "unknown weeks"]
    first = select(url, "SELECT min(created_time) AS first FROM items")[0]["first"]
    weeks = [row for row in _view(url, "metric_weeks") if row["metric_type"] == "flow_velocity"]
    assert {bool(row["known"]) for row in weeks} == {True, False}
    assert all(bool(row["known"]) == (row["end_time"] > first) for row in weeks)
    assert {row["value"] for row in weeks if not row["known"]} == {0.0}
    assert not any(row["known"] for row in _view(dashboard_places[dialect, "none"][1], "metric_weeks"))


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("name", TEAMS)
def test_items_in_progress_are_those_of_aging(dashboard_places: Places, dialect: str, name: str) -> None:
    """Which they are, how old, in which status and since when, and which are blocked."""
    folder, url = dashboard_places[dialect, name]
    rows = select(url, "SELECT * FROM items WHERE age_days IS NOT NULL ORDER BY started_time, length(key), key")
    expected = world.say(folder, "aging", "payments", "--format", "json").json
    assert len(rows) == len(expected)
    for row, item in zip(rows, expected, strict=True):
        for column in ("issue_id", "key", "type", "summary", "status", "stage"):
            assert row[column] == item[column]
        assert (row["age_days"], row["status_days"]) == (item["days_in_progress"], item["days_in_status"])
        assert row["started_time"] == _seconds(item["started_at"])
        assert row["status_time"] == _seconds(item["status_since"])
        assert row["blocked_time"] == _seconds(item["blocked_since"])
        assert row["data_time"] == _seconds(item["as_of"])
        since = item["blocked_since"] and datetime.fromisoformat(item["blocked_since"])
        assert row["blocked_days"] == (since and (AS_OF - since) / timedelta(days=1))


@pytest.mark.parametrize("dialect", BOTH)
def test_some_items_of_the_made_up_year_are_blocked(dashboard_places: Places, dialect: str) -> None:
    """Else the test above would compare nothing with nothing."""
    _, url = dashboard_places[dialect, "year"]
    assert select(url, "SELECT count(*) AS number FROM items WHERE blocked_days > 0")[0]["number"] > 0


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("name", ["one week", "year"])
def test_finished_items_have_the_flow_times_of_explain(dashboard_places: Places, dialect: str, name: str) -> None:
    """Those that flow time uses have its days; of the others the reason is the same."""
    folder, url = dashboard_places[dialect, name]
    explained = world.say(folder, "explain", "payments", "flow_time", "--format", "json").json
    rows = {row["key"]: row for row in _view(url, "items")}
    assert explained["used"]
    for part in explained["used"]:
        row = rows[part["key"]]
        assert (row["flow_days"], row["reason"]) == (part["contribution"], None)
        assert row["done_time"] == _seconds(part["instants"]["done"])
        assert row["category"] == part["category"]
    for part in explained["left_out"]:
        assert (rows[part["key"]]["flow_days"], rows[part["key"]]["reason"]) == (None, part["reason"])
    assert all(row["age_days"] is None for row in rows.values() if row["stage"] in ("todo", "done"))


def test_an_issue_leads_to_its_jira_and_one_that_is_gone_has_no_row(tmp_path: Path, migrated_file: Path) -> None:
    """The address is that of the copy; a copy without one gives null, and not half an address."""
    with stored_variant(tmp_path, migrated_file, "one week") as current, current.sessions.begin() as session:
        url = f"sqlite:///{tmp_path / 'flowbeat.db'}"
        assert {row["url"] for row in _view(url, "items")} == {None}
        cache = caches.find(session, "payments")
        assert cache is not None
        identity = replace(cache.cursor.identity, base_url="https://jira.example/context/")
        caches.save(session, replace(cache, cursor=replace(cache.cursor, identity=identity)))
        census.mark(session, "payments", ["3"], "hidden")
        census.mark_gone(session, "payments", "hidden", "hidden", AS_OF)
        session.commit()
        rows = {row["issue_id"]: row for row in _view(url, "items")}
    assert rows["4"]["url"] == "https://jira.example/context/browse/PAY-4"
    assert "3" not in rows


def _ended(session: Session, at: datetime, kind: Literal["refresh", "calculate"], error: str | None = None) -> None:
    new = run(kind=kind)
    runs.request(session, new)
    assert runs.end(session, new.run_id, new.attempt, at, error=error)


def test_freshness_shows_a_profile_whose_first_refresh_failed(sessions: Sessions, database_url: str) -> None:
    """It has no data yet, which is null and never 0 issues; the last refresh says why."""
    at = AS_OF + timedelta(seconds=7.9)
    with sessions.begin() as session:
        _ended(session, at - timedelta(days=1), "refresh")
        _ended(session, at, "refresh", "Jira answered 401")
        _ended(session, at + timedelta(days=1), "calculate")
    (row,) = _view(database_url, "freshness")
    assert (row["profile"], row["refresh_state"], row["refresh_error"]) == (PROFILE, "failed", "Jira answered 401")
    assert row["refresh_time"] == math.floor(at.timestamp())
    assert {row[name] for name in ("data_time", "expires_time", "issues", "requests", "findings")} == {None}


def test_freshness_shows_what_the_last_fetch_cost(sessions: Sessions, database_url: str) -> None:
    """The last that ended: one that is running has not asked all it will ask."""
    with sessions.begin() as session:
        _ended(session, AS_OF, "refresh")
        for day, calls in enumerate((3, 11)):
            begun = operation(start_time=AS_OF + timedelta(days=day), api_calls_made=calls, issues_changed=day)
            operations.save_fetch(session, begun)
            operations.complete_fetch(session, begun.request_id, begun.start_time + timedelta(seconds=1.5))
        operations.save_fetch(session, operation(start_time=AS_OF + timedelta(days=3), api_calls_made=1))
    (row,) = _view(database_url, "freshness")
    assert (row["requests"], row["issues_changed"], row["fetch_seconds"]) == (11, 1, 1.5)
