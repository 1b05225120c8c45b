"""What each panel of the dashboards asks, on both databases: with a year of data, with one week, with none."""

import json
import math
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import console_world as world
import pytest
from dashboard_world import TEAMS, Places, select
from databases import BOTH

from console.dashboards.grafana import Dialect, dashboards
from models.metrics.catalogue import METRICS, in_groups
from models.records import METRIC_TYPES

pytestmark = pytest.mark.xdist_group("dashboards")
Rows = list[dict[str, Any]]
NOBODY = "nobody's team"


def _panels(dialect: Dialect = "sqlite") -> dict[str, dict[str, Any]]:
    """Return the panels of both dashboards by the dashboard's name and their title."""
    boards = {name.removesuffix(".json"): json.loads(text) for name, text in dashboards(dialect).items()}
    return {f"{name}: {panel['title']}": panel for name, board in boards.items() for panel in board["panels"]}


PANELS = _panels()
TEAM, ALL = "flowbeat-team: ", "flowbeat-teams: "


def _ask(url: str, name: str, team: str = "payments", metric: str = "flow_velocity") -> Rows:
    """Return what a panel's SQL finds, with the variables in it replaced as Grafana does."""
    quoted = {"profile": team, "metric": metric}
    sql: str = PANELS[name]["targets"][0]["queryText"]
    for variable, value in quoted.items():
        sql = sql.replace(f"${{{variable}:sqlstring}}", "'" + value.replace("'", "''") + "'")
    sql = sql.replace("${__from}", "0").replace("${__to}", "9000000000000")
    assert "$" not in sql
    return [dict(row) for row in _select_once(url, sql)]


@cache
def _select_once(url: str, sql: str) -> Rows:
    """Return the rows of a query; nothing is changed in these databases."""
    return select(url, sql)


def _milliseconds(instant: str) -> int:
    return 1000 * math.floor(datetime.fromisoformat(instant).timestamp())


@cache
def _command(folder: Path, *words: str) -> Any:
    """Return what a command prints; each is asked once, because nothing is changed in these databases."""
    return world.say(folder, *words, "--format", "json").json


def _results(places: Places, dialect: str, team: str, window: str = "period") -> Rows:
    rows: Rows = _command(places[dialect, team][0], "results", "payments", "--window", window)
    return rows


def _some_rows(places: Places, name: str) -> Rows:
    """Return what a panel shows of the first team of which it shows something."""
    answers = (_ask(places["sqlite", team][1], name) for team in ("year", "not configured"))
    return next(rows for rows in answers if rows)


def test_both_databases_are_asked_the_same() -> None:
    """One text, so that what is tested on the one holds for the other."""
    other = _panels("postgresql")
    assert {name: panel["targets"][0]["queryText"] for name, panel in PANELS.items()} == {
        name: panel["targets"][0]["rawSql"] for name, panel in other.items()
    }


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_shows_the_same_on_both_databases(dashboard_places: Places, name: str) -> None:
    """The same rows in the same order, whatever the team has done; and of no team nothing."""
    for team in TEAMS:
        sqlite, postgresql = (_ask(dashboard_places[dialect, team][1], name) for dialect in BOTH)
        assert sqlite == postgresql
    if name.startswith(TEAM):
        assert _ask(dashboard_places["postgresql", "year"][1], name, team=NOBODY) == []


def test_each_panel_of_an_empty_database_is_empty(database_url: str) -> None:
    """A new installation sees "no data", and no error."""
    assert [name for name in PANELS if _ask(database_url, name) != []] == []


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_names_the_columns_that_its_query_has(dashboard_places: Places, name: str) -> None:
    """A rule for a column that is not there does nothing, and Grafana says nothing about it."""
    panel, rows = PANELS[name], _some_rows(dashboard_places, name)
    named = {rule["matcher"]["options"] for rule in panel["fieldConfig"]["overrides"]}
    named |= {column for step in panel.get("transformations", []) for column in step["options"]["fields"]}
    named |= set(panel["targets"][0]["timeColumns"])
    assert named <= set(rows[0])
    assert ("time" in rows[0]) == (panel["type"] != "table")


@pytest.mark.parametrize("name", PANELS)
def test_each_column_is_of_one_kind(dashboard_places: Places, name: str) -> None:
    """The SQLite plugin takes a column's kind from its first value, and would cut 2.5 to 2 after a whole number."""
    for team in TEAMS:
        rows = _ask(dashboard_places["sqlite", team][1], name)
        for column in rows[0] if rows else ():
            kinds = {type(row[column]) for row in rows if row[column] is not None}
            assert len(kinds) <= 1, (column, kinds)


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("team", TEAMS)
def test_the_newest_period_is_that_of_results(dashboard_places: Places, dialect: str, team: str) -> None:
    """All metrics, in the same order, on both dashboards; one without a value is null and never 0."""
    url = dashboard_places[dialect, team][1]
    expected = _results(dashboard_places, dialect, team)
    rows = _ask(url, f"{TEAM}The newest period")
    assert [row["metric"] for row in rows] == list(METRIC_TYPES)
    for row, result in zip(rows, expected, strict=True):
        shared = ("value", "unit", "level", "state")
        assert [row[name] for name in shared] == [result[name] for name in shared]
        assert (row["used"], row["left out"]) == (result["n_used"], result["n_excluded"])
        assert row["from"] == _milliseconds(result["window_start"])
    values = {result["metric_type"]: result["value"] for result in expected}
    for group, metrics in in_groups().items():
        (beside,) = _ask(url, f"{ALL}{group[0].upper()}{group[1:]}: the newest period")
        assert beside.pop("team") == "payments"
        assert beside == {metric.name: values[metric.name] for metric in metrics}


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("team", TEAMS)
def test_why_a_value_is_missing_is_said_of_each_that_is(dashboard_places: Places, dialect: str, team: str) -> None:
    """With what to do, in words that name the profile's own section."""
    url = dashboard_places[dialect, team][1]
    expected = [row for row in _results(dashboard_places, dialect, team) if row["value"] is None]
    for name in (TEAM, ALL):
        rows = _ask(url, f"{name}Why a value is missing")
        assert [(row["metric"], row["state"]) for row in rows] == [
            (row["metric_type"], row["state"]) for row in expected
        ]
        assert all(row["message"] and "<name>" not in row["message"] for row in rows)


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("team", TEAMS)
@pytest.mark.parametrize("metric", METRICS)
def test_a_week_is_drawn_as_results_has_it(dashboard_places: Places, dialect: str, team: str, metric: str) -> None:
    """A bar for a value, a pale one for the running week, a dot only for a true 0; nothing where nothing is known."""
    url = dashboard_places[dialect, team][1]
    title = f"{METRICS[metric].title}, {METRICS[metric].unit.replace('_', ' ')}"
    first = select(url, "SELECT min(created) AS at FROM issues")[0]["at"]
    first = None if first is None else datetime.fromisoformat(f"{first}+00:00" if dialect == "sqlite" else str(first))
    known = [
        row
        for row in _results(dashboard_places, dialect, team, "weeks")
        if row["metric_type"] == metric and first is not None and datetime.fromisoformat(row["window_end"]) > first
    ]
    assert _ask(url, f"{TEAM}{title}") == [
        {
            "time": _milliseconds(row["window_start"]) // 1000,
            "value": row["value"] if row["complete"] else None,
            "so far": None if row["complete"] else row["value"],
            "zero": 0 if row["value"] == 0 else None,
        }
        for row in known
    ]
    whole = [row["value"] for row in known if row["complete"]]
    assert [row["Value"] for row in _ask(url, f"{ALL}${{metric}} by week", metric=metric)] == whole


@pytest.mark.parametrize("dialect", BOTH)
def test_the_states_of_weeks_tell_no_data_from_not_known(dashboard_places: Places, dialect: str) -> None:
    """A word for each week and metric: what results has, and not_known before the first issue."""
    name = f"{TEAM}What is known of each week"
    expected = _results(dashboard_places, dialect, "unknown weeks", "weeks")
    rows = _ask(dashboard_places[dialect, "unknown weeks"][1], name)
    states = {(row["metric_type"], _milliseconds(row["window_start"]) // 1000): row["state"] for row in expected}
    unknown = 0
    for row in rows:
        for metric in METRICS:
            assert row[metric] in (states[metric, row["time"]], "not_known")
            unknown += row[metric] == "not_known"
    assert 0 < unknown < len(states)
    assert {row["flow_time"] for row in _ask(dashboard_places[dialect, "none"][1], name)} == {"not_known"}


@pytest.mark.parametrize("dialect", BOTH)
def test_deliveries_by_category_are_those_of_the_details(dashboard_places: Places, dialect: str) -> None:
    """Of whole weeks; together they are the count."""
    weeks = _results(dashboard_places, dialect, "year", "weeks")
    expected = [row["details"] for row in weeks if row["metric_type"] == "flow_velocity" and row["complete"]]
    rows = _ask(dashboard_places[dialect, "year"][1], f"{TEAM}Delivered per week by category")
    names = ("feature", "defect", "risk", "debt", "unmapped")
    assert [{name: row[name] for name in names} for row in rows] == [item["by_category"] for item in expected]
    assert [sum(row[name] for name in names) for row in rows] == [item["count"] for item in expected]


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("team", TEAMS)
def test_items_in_progress_are_in_the_order_of_aging(dashboard_places: Places, dialect: str, team: str) -> None:
    """The oldest first; the blocked ones again, those that wait longest first."""
    folder, url = dashboard_places[dialect, team]
    expected = _command(folder, "aging", "payments")
    for name in (TEAM, ALL):
        rows = _ask(url, f"{name}In progress, oldest first")
        assert [(row["issue"], row["days"]) for row in rows] == [
            (item["key"], item["days_in_progress"]) for item in expected
        ]
        blocked = sorted((item for item in expected if item["blocked_since"]), key=lambda item: item["blocked_since"])
        stuck = _ask(url, f"{name}Blocked, longest first")
        assert [(row["issue"], row["since"]) for row in stuck] == [
            (item["key"], _milliseconds(item["blocked_since"])) for item in blocked
        ]


@pytest.mark.parametrize("dialect", BOTH)
def test_finished_items_are_drawn_with_the_flow_times_of_explain(dashboard_places: Places, dialect: str) -> None:
    """Each that flow time uses in the newest period, at the second when it was done."""
    folder, url = dashboard_places[dialect, "year"]
    used = _command(folder, "explain", "payments", "flow_time")["used"]
    dots = [(row["time"], row["days"]) for row in _ask(url, f"{TEAM}Flow time of each finished item, days")]
    assert {(_milliseconds(part["instants"]["done"]) // 1000, part["contribution"]) for part in used} <= set(dots)
    assert len(dots) > len(used)


@pytest.mark.parametrize("dialect", BOTH)
def test_what_is_left_out_has_its_reasons(dashboard_places: Places, dialect: str) -> None:
    """How many of each metric, and why."""
    expected = [row for row in _results(dashboard_places, dialect, "year") if row["n_excluded"]]
    rows = _ask(dashboard_places[dialect, "year"][1], f"{TEAM}Left out of the newest period")
    assert [(row["metric"], row["left out"], json.loads(row["why"])) for row in rows] == [
        (row["metric_type"], row["n_excluded"], row["exclusions"]) for row in expected
    ]
