"""What Datasette shows around the rows: titles, descriptions, units, hidden tables, and the canned queries."""

from collections.abc import Mapping
from typing import Any, Final

from console.browse import documents
from models.tables.whole import METADATA

HIDDEN: Final = ("alembic_version", "work_item_columns")
# What the newest row is by, where a table is read from its end.
_NEWEST_FIRST: Final = {
    "runs": "requested_at",
    "fetch_operations": "start_time",
    "calculation_performance": "start_time",
    "forecasts": "calculated_at",
}
# Datasette shows a number in the prefix that fits: 19,605 bytes are 19.6 kB. Seconds would be kiloseconds: not these.
_UNITS: Final = {
    "calculation_performance": {"result_data_size": "B"},
    "cache_metadata": {"data_size_bytes": "B"},
}
# Columns of many tables, which docs/tables.md does not repeat for each.
_COMMON: Final = {
    "profile": "the profile in flowbeat.toml",
    "issue_id": "the id of the issue in Jira",
    "metric_type": "the metric",
    "run_id": "the run, as in runs",
}
SETTINGS: Final[dict[str, Any]] = {
    "allow_download": False,
    "num_sql_threads": 2,
    "sql_time_limit_ms": 5000,
    "max_returned_rows": 5000,
}


def build_metadata(database: str) -> dict[str, Any]:
    """Return the metadata of Datasette for the database with this name."""
    queries = {
        query.name: {"title": query.title, "description": query.description, "sql": query.sqlite}
        for query in documents.parse_queries(documents.read("sql.md"))
    }
    return {
        "title": "Flowbeat",
        "description": "The stored copy of Jira and the results. Reading only; times are in UTC.",
        "databases": {database: {"queries": queries, "tables": _tables()}},
    }


def _tables() -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {
        name: {"description": table.description, "columns": _own(name, table.columns)}
        for name, table in documents.parse_tables(documents.read("tables.md")).items()
    }
    for name in HIDDEN:
        tables.setdefault(name, {})["hidden"] = True
    for name, column in _NEWEST_FIRST.items():
        tables[name]["sort_desc"] = column
    for name, units in _UNITS.items():
        tables[name]["units"] = units
    return tables


def _own(name: str, columns: Mapping[str, str]) -> dict[str, str]:
    """Return the columns that a table has of those in its section, which two tables may share; of a view all."""
    table = METADATA.tables.get(name)
    if table is None:
        return dict(columns)
    return {column: text for column, text in {**_COMMON, **columns}.items() if column in table.columns}
