"""Copies all rows to another database: in batches, in one unit of work, and compared at both ends before it ends."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, func, select, text

from models.tables.base import Json, to_json
from models.tables.whole import METADATA

BATCH: Final = 5_000  # rows
_HASH_BYTES: Final = 16
_ALL: Final = 1 << (8 * _HASH_BYTES)
# Each database keeps its own id, so that a worker of the old one is recognised as such.
TABLES: Final = tuple(table for table in METADATA.sorted_tables if table.name != "installation")

Report = Callable[[str, int], None]
"""Called with a table and how many of its rows were copied or compared since the last call."""
Reads = Callable[[Any], Any]


class DifferentRowsError(Exception):
    """The rows of a table are not those of its source."""

    def __init__(self, name: str) -> None:
        """Say which table."""
        super().__init__(f"the table {name} has other rows than its source")


@dataclass(frozen=True, slots=True)
class Content:
    """The number of rows of a table and a sum of their hashes: the same whatever the order of the rows."""

    rows: int = 0
    checksum: int = 0

    def plus(self, rows: Sequence[Sequence[Any]]) -> "Content":
        """Return the content with more rows."""
        total = self.checksum + sum(map(_hash, rows))
        return Content(self.rows + len(rows), total % _ALL)


def counts(connection: Connection) -> dict[str, int]:
    """Return the number of rows of each table that is moved."""
    return {table.name: connection.execute(select(func.count()).select_from(table)).scalar() or 0 for table in TABLES}


def lock(target: Connection) -> None:
    """Let nobody else write to the tables of PostgreSQL until the unit of work ends."""
    names = ", ".join(table.name for table in METADATA.sorted_tables)
    target.execute(text(f"LOCK TABLE {names} IN EXCLUSIVE MODE"))


def copy(source: Connection, target: Connection, report: Report) -> dict[str, Content]:
    """Copy all rows of SQLite to the empty tables of PostgreSQL; return what each source table had."""
    contents = {}
    for table in TABLES:
        content = Content()
        for rows in _batches(source, table):
            _write(target, table, rows)
            content = content.plus(rows)
            report(table.name, len(rows))
        _continue_numbers(target, table)
        contents[table.name] = content
    return contents


def require_same(target: Connection, contents: Mapping[str, Content], report: Report) -> None:
    """Raise DifferentRowsError unless each table has exactly the rows of its source."""
    for table in TABLES:
        content = Content()
        for rows in _batches(target, table):
            content = content.plus(rows)
            report(table.name, len(rows))
        if content != contents[table.name]:
            raise DifferentRowsError(table.name)


def _batches(connection: Connection, table: Table) -> Iterator[Sequence[Sequence[Any]]]:
    """Yield the rows of a table as Python values; no more than a batch of them is in memory."""
    result = connection.execute(select(*table.columns), execution_options={"yield_per": BATCH})
    yield from result.partitions()


def _write(target: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Write rows by PostgreSQL's COPY, which takes a fifth of the time of inserts."""
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    json_at = [number for number, column in enumerate(table.columns) if _is_json(column)]
    cursor: Any = target.connection.cursor()
    with cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copying:
        for row in rows:
            copying.write_row(_with_json(row, json_at))


def _with_json(row: Sequence[Any], json_at: Sequence[int]) -> list[Any]:
    values = list(row)
    for number in json_at:
        values[number] = None if values[number] is None else to_json(values[number])
    return values


def _is_json(column: Column[Any]) -> bool:
    return isinstance(column.type, Json)


def _continue_numbers(target: Connection, table: Table) -> None:
    """Let the numbers that the database gives to new rows continue after the copied ones."""
    column = table.autoincrement_column
    if column is None:
        return
    sequence = target.execute(select(func.pg_get_serial_sequence(table.name, column.name))).scalar()
    last = target.execute(select(func.max(column))).scalar()
    if sequence is not None and last is not None:
        target.execute(select(func.setval(sequence, last)))


def _hash(row: Sequence[Any]) -> int:
    """Return a hash of a row's values, the same for both databases."""
    values = json.dumps([_plain(value) for value in row], sort_keys=True, separators=(",", ":"))
    return int.from_bytes(hashlib.blake2b(values.encode(), digest_size=_HASH_BYTES).digest(), "big")


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: instants and bytes are text with a mark of their kind."""
    if isinstance(value, bytes | memoryview):
        return ["bytes", hashlib.blake2b(value).hexdigest()]
    return ["instant", value.isoformat()] if hasattr(value, "isoformat") else value
