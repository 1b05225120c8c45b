"""What two databases must have in common after the same work: all results, without what names a run or a time."""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from models.tables.whole import METADATA

# The record of the work itself differs with every interruption: how often, how long, how many requests.
_OF_WORK: Final = frozenset(
    {
        *("runs", "fetch_operations", "calculation_performance", "performance_thresholds", "refresh_notices"),
        *("installation", "forecasts"),  # not made by a run
        "work_item_columns",  # an archive of work_items, in the order in which they were calculated
    }
)
_LEFT_OUT: Final = {
    # `census` names the run that listed the issue; the others are times of runs.
    "issues": frozenset({"census", "history_read_at", "verified_at", "gone_at"}),
    # Times of runs, sizes of requests that the fetch has learned, which faults make smaller for an hour, and lists of
    # names that only help a reader: one that cannot be read now is read by a later fetch.
    "cache_metadata": frozenset(
        {"creation_timestamp", "expiration_timestamp", "recomputed_at", "cursor.sizes", "cursor.listed"}
    ),
    # A value is stored under the first instant for which it was found, and a failed run found none.
    "metric_results": frozenset({"as_of", "run_id", "calculated_at"}),
}
NAMED: Final = 3  # differences of a table
Rows = dict[str, list[str]]


def compared_rows(session: Session) -> Rows:
    """Return table → its rows as sorted texts, those of ``metric_results`` the newest of each window."""
    return {table.name: sorted(_rows(session, table)) for table in METADATA.sorted_tables if table.name not in _OF_WORK}


def differences(ours: Rows, expected: Rows) -> list[str]:
    """Return the first rows that only one of the two has, a line for each, table by table."""
    lines = []
    for name in sorted({*ours, *expected}):
        left, right = set(ours.get(name, ())), set(expected.get(name, ()))
        more = [f"{name}: only here: {row}" for row in sorted(left - right)]
        missing = [f"{name}: missing: {row}" for row in sorted(right - left)]
        lines += [*more[:NAMED], *missing[:NAMED]]
    return lines


def _rows(session: Session, table: Table) -> Iterator[str]:
    newest: dict[Any, dict[str, Any]] = {}
    order = [table.c.as_of] if table.name == "metric_results" else list(table.primary_key)
    for row in session.execute(select(table).order_by(*order)).mappings():
        values = dict(row)
        if table.name == "metric_results":
            key: Any = tuple(
                values[name] for name in ("profile", "metric_type", "window_kind", "window_start", "rules_hash")
            )
        else:
            key = tuple(values[column.name] for column in table.primary_key)
        newest[key] = values
    left_out = _LEFT_OUT.get(table.name, frozenset())
    for values in newest.values():
        yield repr({name: _plain(value, name, left_out) for name, value in values.items() if name not in left_out})


def _plain(value: Any, name: str, left_out: frozenset[str]) -> Any:
    if isinstance(value, dict):
        kept = (key for key in sorted(value) if f"{name}.{key}" not in left_out)
        return {key: _plain(value[key], f"{name}.{key}", left_out) for key in kept}
    return value
