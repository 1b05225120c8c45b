"""A database of the first program: the first schema, with the rows that it stored for a refresh."""

import io
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from alembic import command
from sqlalchemy import Connection, Engine, Table, inspect, select

from models.database import alembic_config, open_engine
from models.tables.whole import METADATA

FIRST: Final = "0001"
RULES: Final = "f68140326d68eda30696a5bcb644ec8a"  # a hash that the rules have never had since
FACTS_RULES: Final = "ed3042a8f548a043e05f33ab8581e7c8"
CACHE_VERSION: Final = "1"
WRONG: Final = 1_000.0
"""What is added to all stored values, so that a test can distinguish the first program's values from present ones."""
CACHE_CURSOR: Final = ("base_url", "mapped", "resolved", "source", "summaries", "watermark", "zone")
RUN_CURSOR: Final = (
    *("expected", "flavour", "jira_now", "kind", "mapped", "misses", "newest", "position", "read", "request_id"),
    *("resolved", "seen", "stage", "unreadable", "vanished", "waiting", "watermark", "zone"),
)
_FORMER_KEYS: Final = {"pending_ids": "waiting"}
COLUMNS: Final = (
    *("ids", "keys", "categories", "excluded", "committed", "points"),
    *("timeline_offsets", "at", "stages", "version_offsets", "version_codes", "vocabulary"),
)


def replay(source: str, target: str) -> None:
    """Create the first schema in an empty database, with another database's rows as the first program stored them."""
    present, first = open_engine(source), open_engine(target)
    _upgrade(first)
    names = set(inspect(first).get_table_names())
    with present.connect() as reading, first.begin() as writing:
        for table in METADATA.sorted_tables:
            if table.name in names:
                _copy(table, reading, writing)
    present.dispose()
    first.dispose()


def _upgrade(engine: Engine) -> None:
    config = alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, FIRST)


def _copy(table: Table, reading: Connection, writing: Connection) -> None:
    known = {column["name"] for column in inspect(writing).get_columns(table.name)}
    change = _CHANGES.get(table.name, dict)
    rows = [change(dict(row)) for row in reading.execute(select(table).order_by(*table.primary_key)).mappings()]
    if rows:
        writing.execute(table.insert(), [{name: row[name] for name in row if name in known} for row in rows])


def _cache(row: Mapping[str, Any]) -> dict[str, Any]:
    cursor = {name: row["cursor"][name] for name in CACHE_CURSOR}
    return {**row, "version_identifier": CACHE_VERSION, "cursor": cursor}


def _result(row: Mapping[str, Any]) -> dict[str, Any]:
    value = None if row["value"] is None else row["value"] + WRONG
    return {**row, "rules_hash": RULES, "value": value}


def _run(row: Mapping[str, Any]) -> dict[str, Any]:
    cursor = {_FORMER_KEYS.get(name, name): value for name, value in row["cursor"].items()}
    state = "waiting" if row["state"] == "paused" else row["state"]
    return {**row, "state": state, "cursor": {name: value for name, value in cursor.items() if name in RUN_CURSOR}}


def _with_facts(row: Mapping[str, Any]) -> dict[str, Any]:
    made = row["facts_hash"]
    return {**row, "facts_hash": None if made is None else f"{made.split(':')[0]}:{FACTS_RULES}"}


def _archive(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of the first program, without later columns and without a format."""
    file = io.BytesIO()
    with np.load(io.BytesIO(row["archive"]), allow_pickle=False) as stored:
        columns = {f"{part}.{name}": stored[f"{part}.{name}"] for part in ("items", "others") for name in COLUMNS}
        np.savez(file, allow_pickle=False, issue_ids=stored["issue_ids"], **columns)
    return {**row, "rules_hash": FACTS_RULES, "archive": file.getvalue()}


def _deployment(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as the first program stored it: false if the value was unknown."""
    return {**row, "failed": bool(row["failed"])}


def _performance(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without its number. The database gives the number, because a sequence ignores numbers of others."""
    return {name: value for name, value in row.items() if name != "id"}


_CHANGES: Final[dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "cache_metadata": _cache,
    "calculation_performance": _performance,
    "deployments": _deployment,
    "issues": _with_facts,
    "metric_results": _result,
    "runs": _run,
    "work_item_columns": _archive,
    "work_items": _with_facts,
}
