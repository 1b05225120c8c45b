"""The queries of docs/sql.md return on both databases what the commands show, and nothing without data."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import console_world as world
import pytest
from databases import BOTH
from sqlalchemy import Engine, text

from console.browse import documents
from models.database import open_engine
from models.tables.whole import METADATA

pytestmark = pytest.mark.xdist_group("canned queries")  # one process makes what all tests here read

QUERIES: Final = {query.name: query for query in documents.parse_queries(documents.read("sql.md"))}
PARAMETERS: Final = ("profile", "metric", "week", "month", "since")
WEEK: Final = "2026-W40"
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Copies:
    """The same refreshed profile in a folder of each database, and how to read both."""

    folders: Mapping[str, Path]
    engines: Mapping[str, Engine]

    def rows(self, database: str, name: str, **values: str) -> Rows:
        """Return what a query of docs/sql.md gives, with the parameters that are not named left empty."""
        return ask(self.engines[database], name, **values)


def ask(engine: Engine, name: str, **values: str) -> Rows:
    """Return the rows of a query, each value as both databases have it."""
    sql = getattr(QUERIES[name], engine.dialect.name)
    with engine.connect() as connection:
        rows = connection.execute(text(sql), {**dict.fromkeys(PARAMETERS, ""), **values}).mappings()
        return [{column: _plain(value) for column, value in row.items()} for row in rows]


def _plain(value: object) -> object:
    """Return a value without the type of a database: SQLite has texts for times, and numbers for flags."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(" ", "microseconds")[:26]
    return float(value) if isinstance(value, Decimal | int) else str(value) if isinstance(value, date) else value


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Copies]:
    """Yield a refreshed profile in SQLite, and its rows in PostgreSQL too."""
    place = tmp_path_factory.mktemp("sqlite")
    with world.refreshed(place) as folder, request.getfixturevalue("new_postgres")() as url:
        engines = {"sqlite": open_engine(f"sqlite:///{folder / 'flowbeat.db'}"), "postgresql": open_engine(url)}
        _copy(engines["sqlite"], engines["postgresql"])
        yield Copies({"sqlite": folder}, engines)
        for engine in engines.values():
            engine.dispose()


def _copy(source: Engine, target: Engine) -> None:
    """Copy the rows of every table, through the mapped classes, so that each database has its own types."""
    with source.connect() as reading, target.begin() as writing:
        for table in METADATA.sorted_tables:
            rows = [dict(row) for row in reading.execute(table.select()).mappings()]
            writing.execute(table.delete())
            if rows:
                writing.execute(table.insert(), rows)


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("values", [{}, {"profile": "payments"}, {"profile": "none"}], ids=["all", "one", "none"])
def test_a_query_returns_the_same_rows_on_both_databases(copies: Copies, name: str, values: dict[str, str]) -> None:
    """In the same order; of a profile that does not exist, none."""
    rows = copies.rows("sqlite", name, **values)
    assert rows == copies.rows("postgresql", name, **values)
    assert bool(rows) == (values.get("profile") != "none") or name in MAY_BE_EMPTY


MAY_BE_EMPTY: Final = ("open-incidents",)


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_returns_nothing_without_data(engine: Engine, name: str) -> None:
    """Also with parameters: no error, and no row of zeros."""
    values = {"metric": "flow_time", "week": WEEK, "month": "2026-10", "since": "2026-10-01"}
    assert ask(engine, name) == ask(engine, name, **values) == []


def test_the_page_has_the_questions_that_browse_promises() -> None:
    """Each has a description, and every parameter it has can be left empty."""
    assert list(QUERIES) == [
        "metrics-now",
        "a-metric-by-week",
        "oldest-in-progress",
        "delivered-in-a-week",
        "left-out-of-the-metrics",
        "items-left-out",
        "deployments-of-a-month",
        "open-incidents",
        "findings-by-reason",
        "what-moved-in-jira",
        "how-fresh-and-at-what-cost",
        "slowest-calculations",
    ]
    assert all(query.description for query in QUERIES.values())
    assert [name for name, query in QUERIES.items() if query.sqlite != query.postgresql] == ["left-out-of-the-metrics"]


@pytest.mark.parametrize("database", BOTH)
def test_the_metrics_now_are_those_of_results(copies: Copies, database: str) -> None:
    """Value, state, and how many were used and left out."""
    results = world.say(copies.folders["sqlite"], "results", "payments", "--format", "json").json
    rows = {row["metric_type"]: row for row in copies.rows(database, "metrics-now")}
    assert {name: (row["value"], row["state"], row["used"], row["left_out"]) for name, row in rows.items()} == {
        row["metric_type"]: (_rounded(row["value"]), row["state"], row["n_used"], row["n_excluded"]) for row in results
    }
    left_out = {row["metric_type"]: row["exclusions"] for row in results if row["exclusions"]}
    reasons: dict[str, dict[str, int]] = {}
    for row in copies.rows(database, "left-out-of-the-metrics"):
        reasons.setdefault(row["metric_type"], {})[row["reason"]] = row["left_out"]
    assert reasons == left_out


def _rounded(value: float | None) -> float | None:
    return None if value is None else pytest.approx(value, abs=0.005)  # type: ignore[return-value]  # compares as a float


@pytest.mark.parametrize("database", BOTH)
def test_the_weeks_of_a_metric_are_those_of_results(copies: Copies, database: str) -> None:
    """The newest first."""
    words = ("results", "payments", "--metric", "flow_velocity", "--window", "weeks", "--format", "json")
    results = world.say(copies.folders["sqlite"], *words).json
    rows = copies.rows(database, "a-metric-by-week", metric="flow_velocity")
    assert [(row["week"], row["day"], row["used"]) for row in reversed(rows)] == [
        (row["week"], row["day"], row["n_used"]) for row in results
    ]


@pytest.mark.parametrize("database", BOTH)
def test_the_oldest_in_progress_are_those_of_aging(copies: Copies, database: str) -> None:
    """The same items in the same order, each with its address in Jira."""
    aging = world.say(copies.folders["sqlite"], "aging", "payments", "--format", "json").json
    rows = copies.rows(database, "oldest-in-progress")
    assert [(row["key"], row["url"], row["status"]) for row in rows] == [
        (row["key"], row["url"], row["status"]) for row in aging
    ]
    assert [row["days"] for row in rows] == pytest.approx([row["days_in_progress"] for row in aging], abs=0.06)


@pytest.mark.parametrize("database", BOTH)
def test_what_was_delivered_in_a_week_is_what_explain_lists(copies: Copies, database: str) -> None:
    """The items behind flow_velocity, by the weeks of the profile's time zone."""
    words = ("explain", "payments", "flow_velocity", "--week", WEEK, "--format", "json")
    used = world.say(copies.folders["sqlite"], *words).json["used"]
    rows = copies.rows(database, "delivered-in-a-week", week=WEEK)
    assert sorted(row["key"] for row in rows) == sorted(row["key"] for row in used) != []
    assert {row["week"] for row in rows} == {WEEK}


@pytest.mark.parametrize("database", BOTH)
def test_the_items_left_out_have_the_reasons_of_the_metric(copies: Copies, database: str) -> None:
    """Each reason that flow_velocity of a week gives is one of an item here."""
    rows = copies.rows(database, "items-left-out")
    words = ("explain", "payments", "flow_velocity", "--format", "json")
    left_out = world.say(copies.folders["sqlite"], *words).json["left_out"]
    assert {(row["key"], row["reason"]) for row in left_out} <= {(row["key"], row["reason"]) for row in rows}


@pytest.mark.parametrize("database", BOTH)
def test_the_deployments_of_a_month_have_jiras_days(copies: Copies, database: str) -> None:
    """A release date of the last of a month stays in it, whatever its instant is in UTC."""
    rows = copies.rows(database, "deployments-of-a-month", month="2026-09")
    assert rows
    assert all(row["day"].startswith("2026-09-") for row in rows)
    everything = copies.rows(database, "deployments-of-a-month")
    assert len(rows) == sum(row["day"].startswith("2026-09") for row in everything)


@pytest.mark.parametrize("database", BOTH)
def test_what_moved_since_a_day_is_the_newest_first(copies: Copies, database: str) -> None:
    """Only later changes, each with the address of its issue."""
    rows = copies.rows(database, "what-moved-in-jira", since="2026-10-12")
    instants = [row["at"] for row in rows]
    assert instants
    assert instants == sorted(instants, reverse=True)
    assert min(instants) >= "2026-10-12"
    assert all(row["url"] == f"{world.BASE_URL}/browse/{row['key']}" for row in rows)


AT: Final = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize("stage", ["todo", None])
def test_an_open_incident_is_neither_restored_nor_done_nor_excluded_nor_gone(engine: Engine, stage: str | None) -> None:
    """One whose status the site does not list is open; before the first calculation the category decides."""
    _store(engine, "statuses", status_id="1", name="Open", category="new", stage=stage)
    _store(engine, "statuses", status_id="4", name="Done", category="done", stage=stage and "done")
    _incident(engine, "restored", restored_at=AT)
    _incident(engine, "done", status_id="4")
    _incident(engine, "no incident", excluded=True)
    _incident(engine, "gone", gone_at=AT)
    _incident(engine, "unlisted", status_id="9")
    _incident(engine, "open", detected_at=AT - timedelta(days=1))
    rows = [(row["key"], row["status"], row["detected"][:10]) for row in ask(engine, "open-incidents")]
    assert rows == [("open", "Open", "2026-09-30"), ("unlisted", None, "2026-10-01")]


def test_a_link_is_null_before_the_address_of_jira_is_known(engine: Engine) -> None:
    """A copy of an earlier version has no address; its issues are listed all the same."""
    _incident(engine, "P-1")
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT key, url FROM issue_links")).all()
    assert [tuple(row) for row in rows] == [("P-1", None)]


def _incident(engine: Engine, key: str, **changes: Any) -> None:
    """Store an incident and its issue; the changes are columns of either."""
    issue = {"key": key, "project": "P", "type": "Incident", "status_id": "1", "updated": AT, "content_hash": "h"}
    incident = {"detected_at": None, "restored_at": None, "excluded": False}
    lists: dict[str, list[str]] = {"invalid": [], "timeline": [], "version_ids": [], "linked_ids": []}
    of_issue = {name: value for name, value in changes.items() if name not in incident}
    of_incident = {name: value for name, value in changes.items() if name in incident}
    _store(engine, "issues", issue_id=key, created=AT, fields={}, **{**issue, **of_issue})
    _store(engine, "incidents", issue_id=key, key=key, created=AT, **{**incident, **lists, **of_incident})


def _store(engine: Engine, table: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(METADATA.tables[table].insert(), {"profile": "p", **values})
