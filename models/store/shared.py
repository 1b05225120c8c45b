"""What the modules of the store share: records to rows and back, and statements over many rows."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from importlib import import_module
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CursorResult,
    Delete,
    Text,
    Update,
    any_,
    delete,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.orm import Session

T = TypeVar("T")
Row = dict[str, Any]


def record(kind: Callable[..., T], row: object) -> T:
    """Return the record whose fields the row has as attributes."""
    return kind(**{name: getattr(row, name) for name in _names(kind)})


def _names(kind: Any) -> list[str]:
    return [field.name for field in fields(kind)]


def row_of(record: Any) -> Row:
    """Return a record's fields as a row, its values as they are: asdict copies each of them, and takes as long as the
    rest.
    """
    return {name: getattr(record, name) for name in _names(record)}


def columns(table: Any) -> list[Any]:
    """Return all columns of a mapped class's table: selecting these gives rows without any of the mapper's work."""
    return list(table.__table__.columns)


def among(session: Session, column: Any, values: Sequence[str]) -> ColumnElement[bool]:
    """Return whether a text column has one of any number of values, as one parameter.

    Of an ``IN`` with thousands the compiling takes longer than the answer, and there is an end to how many may be.
    """
    if session.get_bind().dialect.name == "postgresql":
        result: ColumnElement[bool] = column == any_(literal(list(values), ARRAY(Text)))
        return result
    listed = func.json_each(json.dumps(list(values))).table_valued("value")
    inside: ColumnElement[bool] = column.in_(select(listed.c.value))
    return inside


def load_all(session: Session, table: Any, kind: Callable[..., T], profile: str) -> list[T]:
    """Return a profile's rows as records, ordered by the record's first field."""
    names = _names(kind)
    stored = table.__table__.c
    query = select(*(stored[name] for name in names)).where(stored.profile == profile)
    return [kind(*row) for row in session.execute(query.order_by(stored[names[0]]))]


def of_profile(session: Session, table: Any, profile: str, names: Sequence[str] = ()) -> Any:
    """Return a profile's rows as mappings, streamed: all columns or the named ones, for each costs its reading."""
    wanted = [table.__table__.c[name] for name in names] or columns(table)
    query = select(*wanted).where(table.__table__.c.profile == profile)
    return session.execute(query.execution_options(yield_per=2_000)).mappings()


def replace_all(session: Session, table: Any, profile: str, rows: Sequence[Row]) -> None:
    """Put the rows in place of all that the profile has in the table."""
    change(session, delete(table).where(table.profile == profile))
    insert_rows(session, table, [{"profile": profile, **row} for row in rows])


def insert_rows(session: Session, table: Any, rows: Sequence[Row]) -> None:
    """Insert rows as one executemany."""
    if rows:
        session.connection().execute(insert(table.__table__), rows)


def insert_columns(session: Session, table: Any, values: Mapping[str, Sequence[Any]]) -> None:
    """Insert rows given as columns, whose values are what the driver writes: instants and JSON as text.

    Of rows by the thousand SQLAlchemy's and our own conversions, a value at a time, take three times the insert itself.
    """
    _insert_columns(session, table, values, "")


def upsert_columns(session: Session, table: Any, values: Mapping[str, Sequence[Any]]) -> None:
    """Insert rows given as columns, or overwrite those of the same primary key; values as for ``insert_columns``."""
    keys = [column.name for column in table.__table__.primary_key]
    own = ", ".join(f"{name} = excluded.{name}" for name in values if name not in keys)
    _insert_columns(session, table, values, f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {own}")  # nosec B608


def _insert_columns(session: Session, table: Any, values: Mapping[str, Sequence[Any]], on_conflict: str) -> None:
    connection, into = session.connection(), table.__table__
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    names, marks = ", ".join(into.c[name].name for name in values), ", ".join([mark] * len(values))
    rows = list(zip(*values.values(), strict=True))
    if rows:
        statement = f"INSERT INTO {into.name} ({names}) VALUES ({marks}){on_conflict}"  # noqa: S608 - our names  # nosec B608
        connection.exec_driver_sql(statement, rows)


def bound(session: Session, column: Any, values: Iterable[Any]) -> list[Any]:
    """Return the values of a column as ``insert_columns`` takes them: what its type hands to the driver."""
    convert = column.type.bind_processor(session.get_bind().dialect)
    return list(values) if convert is None else [convert(value) for value in values]


def upsert(session: Session, table: Any, rows: Sequence[Row]) -> None:
    """Insert rows or overwrite those of the same primary key, as one executemany."""
    if not rows:
        return
    statement = _insert_into(session, table)
    keys = [column.name for column in table.__table__.primary_key]
    own = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    session.connection().execute(statement.on_conflict_do_update(index_elements=keys, set_=own), rows)


def insert_new(session: Session, table: Any, row: Row) -> bool:
    """Insert a row unless a unique key stands against it; returns whether it was inserted."""
    statement = _insert_into(session, table).on_conflict_do_nothing().returning(*table.__table__.primary_key)
    return session.connection().execute(statement, row).first() is not None


def _insert_into(session: Session, table: Any) -> Any:
    # Only the dialect of this database: each is a large import.
    dialect = import_module(f"sqlalchemy.dialects.{session.get_bind().dialect.name}")
    return dialect.insert(table.__table__)


def delete_of(session: Session, table: Any, profile: str, ids: Sequence[str]) -> None:
    """Delete what the table has about these issues."""
    change(session, delete(table).where(table.profile == profile, among(session, table.issue_id, ids)))


def change(session: Session, statement: Update | Delete) -> int:
    """Carry out an UPDATE or DELETE; returns how many rows it touched.

    No object is kept in a session, so none has to be updated, which would cost more than the change.
    """
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return result.rowcount if isinstance(result, CursorResult) else 0
