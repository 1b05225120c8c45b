"""The views: results by the columns that ``metric_results`` has, and the stays of issues in statuses."""

from typing import Final

from sqlalchemy import Connection, inspect, text

from models.status_times import SELECT as STATUS_TIMES

VIEWS: Final = ("latest_results", "weekly_results", "status_times")
_TABLE: Final = "metric_results"
# Of each profile and metric (and week) the row with the latest confirmation, then the latest calculation.
_VIEW: Final = """
CREATE {replace} VIEW {view} AS
SELECT {columns}
FROM (
    SELECT metric_results.*, row_number() OVER (
        PARTITION BY {partition} ORDER BY {newest}
    ) AS place
    FROM metric_results WHERE window_kind = '{kind}'
) AS ranked
WHERE place = 1
"""
_NEWEST: Final = "confirmed_as_of DESC, calculated_at DESC"
# The Monday of the week that holds the middle of a window: the same whatever the time zone that the window began in.
_WEEK: Final = {
    "sqlite": "date(window_start, '+84 hours', '-6 days', 'weekday 1')",
    "postgresql": "date_trunc('week', window_start AT TIME ZONE 'UTC' + INTERVAL '84 hours')",
}


def release_views(connection: Connection) -> None:
    """Drop the views before a migration, because SQLite does not alter a table that a view reads."""
    if connection.dialect.name == "sqlite":
        for view in VIEWS:
            connection.execute(text(f"DROP VIEW IF EXISTS {view}"))


def create_views(connection: Connection) -> None:
    """Create the views, with all columns that their table has now; skip those without a table.

    On PostgreSQL they are replaced in place, because other views may read them.
    """
    if not inspect(connection).has_table(_TABLE):
        return
    release_views(connection)
    columns = ", ".join(column["name"] for column in inspect(connection).get_columns(_TABLE))
    dialect = connection.dialect.name
    replace = "OR REPLACE" if dialect == "postgresql" else ""
    shared = {"columns": columns, "replace": replace}
    latest = {"kind": "period", "partition": "profile, metric_type"}
    weekly = {"kind": "week", "partition": f"profile, metric_type, {_WEEK[dialect]}"}
    latest_order, weekly_order = f"{_NEWEST}, window_start DESC, rules_hash", f"{_NEWEST}, rules_hash"
    connection.execute(text(_VIEW.format(view=VIEWS[0], newest=latest_order, **latest, **shared)))
    connection.execute(text(_VIEW.format(view=VIEWS[1], newest=weekly_order, **weekly, **shared)))
    if any(column["name"] == "stage" for column in inspect(connection).get_columns("statuses")):
        connection.execute(text(f"CREATE {replace} VIEW {VIEWS[2]} AS {STATUS_TIMES[dialect]}"))
