"""The views: results by the columns that ``metric_results`` has, the stays of issues, and those for dashboards."""

from typing import Final

from sqlalchemy import Connection, inspect, text

from models import epoch_views
from models.status_times import SELECT as STATUS_TIMES

VIEWS: Final = ("latest_results", "weekly_results", "status_times", *epoch_views.NAMES, "issue_links")
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
_MONDAY: Final = {
    "sqlite": "date(window_start, '+84 hours', '-6 days', 'weekday 1')",
    "postgresql": "CAST(date_trunc('week', window_start AT TIME ZONE 'UTC' + INTERVAL '84 hours') AS date)",
}
# Its ISO name. A week belongs to the year of its Thursday; SQLite has a name for that only from version 3.46 on.
_THURSDAY: Final = "date(window_start, '+84 hours', '-6 days', 'weekday 1', '+3 days')"
_WEEK: Final = {
    "sqlite": f"strftime('%Y', {_THURSDAY}) || printf('-W%02d', (strftime('%j', {_THURSDAY}) + 6) / 7)",
    "postgresql": "to_char(window_start AT TIME ZONE 'UTC' + INTERVAL '84 hours', 'IYYY-\"W\"IW')",
}
WEEK_COLUMNS: Final = ("week", "day")
_ISSUE_LINKS: Final = """
SELECT issues.profile, issues.issue_id, issues.key, rtrim({base_url}, '/') || '/browse/' || issues.key AS url
FROM issues
LEFT JOIN cache_metadata ON cache_metadata.profile = issues.profile
"""


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
    dialect = connection.dialect.name
    replace = "OR REPLACE" if dialect == "postgresql" else ""
    shared = {"replace": replace}
    latest = {"kind": "period", "partition": "profile, metric_type", "columns": _columns(connection, VIEWS[0])}
    weekly = {
        "kind": "week",
        "partition": f"profile, metric_type, {_MONDAY[dialect]}",
        "columns": _columns(connection, VIEWS[1], week=_WEEK[dialect], day=_MONDAY[dialect]),
    }
    latest_order, weekly_order = f"{_NEWEST}, window_start DESC, rules_hash", f"{_NEWEST}, rules_hash"
    connection.execute(text(_VIEW.format(view=VIEWS[0], newest=latest_order, **latest, **shared)))
    connection.execute(text(_VIEW.format(view=VIEWS[1], newest=weekly_order, **weekly, **shared)))
    if any(column["name"] == "stage" for column in inspect(connection).get_columns("statuses")):
        connection.execute(text(f"CREATE {replace} VIEW {VIEWS[2]} AS {STATUS_TIMES[dialect]}"))
        for view in epoch_views.NAMES:
            connection.exec_driver_sql(f"CREATE {replace} VIEW {view} AS {epoch_views.select_of(view, dialect)}")
        links = _ISSUE_LINKS.format(base_url=epoch_views.BASE_URL[dialect])
        connection.exec_driver_sql(f"CREATE {replace} VIEW issue_links AS {links}")


def _columns(connection: Connection, view: str, **computed: str) -> str:
    """Return the columns of the results and the computed ones, in the order that the view has already.

    PostgreSQL replaces a view only by one whose first columns are those it has.
    """
    inspector = inspect(connection)
    names = [*(column["name"] for column in inspector.get_columns(_TABLE)), *computed]
    if inspector.has_table(view):
        present = [column["name"] for column in inspector.get_columns(view)]
        names.sort(key=lambda name: present.index(name) if name in present else len(present))
    return ", ".join(f"{computed[name]} AS {name}" if name in computed else name for name in names)
