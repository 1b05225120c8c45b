"""Metric results by their spans: a value is stored once for all the as-of instants it was found for."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Select, and_, bindparam, delete, func, literal, select, update
from sqlalchemy.orm import Session

from models.records import METRIC_TYPES, MetricResult
from models.store.shared import Row, columns, row_of, upsert
from models.tables.results import MetricResultRow

_RESULTS: Final = MetricResultRow.__table__.c

_TABLE: Final = MetricResultRow.metadata.tables["metric_results"]
_WINDOW: Final = ("window_kind", "window_start", "window_end")
_COMPARED: Final = (
    "value",
    "state",
    "message",
    "level",
    "n_used",
    "n_excluded",
    "exclusions",
    "details",
    "complete",
)


def _standing_query() -> Select[Any]:
    """Return the query of ``_standing``: made once, because making it takes longer than its answer."""
    table, of_metric = _TABLE.c, ("profile", "metric_type", "rules_hash")
    same = [table[name] == bindparam(name) for name in of_metric]
    reach = (
        table.as_of <= bindparam("as_of"),
        table.window_start.between(bindparam("first_start"), bindparam("last_start")),
    )
    window = [table[name] for name in _WINDOW]
    newest = select(*window, func.max(table.as_of).label("as_of")).where(*same, *reach).group_by(*window).subquery()
    join = and_(*(table[name] == newest.c[name] for name in (*_WINDOW, "as_of")))
    wanted = dict.fromkeys((*(column.name for column in _TABLE.primary_key), *_COMPARED, "confirmed_as_of"))
    return select(*(table[name] for name in wanted)).join(newest, join).where(*same)


_STANDING: Final = _standing_query()
_RIVAL: Final = (
    select(literal(1))
    .where(_TABLE.c.profile == bindparam("profile"), _TABLE.c.metric_type == bindparam("metric_type"))
    .where(_TABLE.c.rules_hash != bindparam("rules_hash"), _TABLE.c.confirmed_as_of >= bindparam("as_of"))
    .limit(1)
)


def save(session: Session, results: Sequence[MetricResult]) -> int:
    """Store the rows of one metric of one calculation by their spans; returns how many rows are new.

    Each is compared with the row of the same window and rules that has the greatest ``as_of`` not after ours: where
    all that was found is the same, only its ``confirmed_as_of`` moves, never backwards; else a new row is written. A
    running window's row gives way to a later one, and a row of the very same ``as_of`` is replaced. If other
    rules have had a result since then, ``calculated_at`` moves too, so that the row found again is the newest.
    """
    if not results:
        return 0
    standing = _standing(session, results)
    pairs = [(standing.get(tuple(getattr(result, name) for name in _WINDOW)), result) for result in results]
    kept = [(row, result) for row, result in pairs if row is not None and _same(row, result)]
    _confirm(session, [(row, result) for row, result in kept if result.as_of > row["confirmed_as_of"]])
    if kept and _has_rival(session, results[0]):
        _find_again(session, kept)
    new = [(row, result) for row, result in pairs if row is None or not _same(row, result)]
    _remove(session, [row for row, result in new if row and not row["complete"] and row["as_of"] < result.as_of])
    upsert(session, MetricResultRow, [row_of(result) for _, result in new])
    return len(new)


def replace_differing(session: Session, results: Sequence[MetricResult]) -> list[MetricResult]:
    """Put the rows of one metric of one calculation in place of the stored ones that are not the same; return these
    rows.

    Each is compared as ``save`` does. A stored row that differs is known to be wrong, so that its whole span goes.
    """
    if not results:
        return []
    standing = _standing(session, results)
    pairs = [(standing.get(tuple(getattr(result, name) for name in _WINDOW)), result) for result in results]
    odd = [(row, result) for row, result in pairs if row is None or not _same(row, result)]
    _remove(session, [row for row, _ in odd if row is not None])
    upsert(session, MetricResultRow, [row_of(result) for _, result in odd])
    return [result for _, result in odd]


def load(
    session: Session, *, profile: str | None = None, metric: str | None = None, kind: str = "period"
) -> list[MetricResult]:
    """Return every stored row of the kind, the newest confirmation first within a profile, metric and window."""
    is_known = _RESULTS.metric_type.in_(METRIC_TYPES)  # a newer version may have stored others
    query = select(*columns(MetricResultRow)).where(_RESULTS.window_kind == kind, is_known)
    if profile is not None:
        query = query.where(_RESULTS.profile == profile)
    if metric is not None:
        query = query.where(_RESULTS.metric_type == metric)
    newest = (_RESULTS.confirmed_as_of.desc(), _RESULTS.calculated_at.desc())
    rows = session.execute(query.order_by(_RESULTS.profile, _RESULTS.window_start, *newest))
    return [MetricResult(**row) for row in rows.mappings()]


def unknown_metrics(session: Session, profile: str) -> list[str]:
    """Return the metric types stored of a profile that this program does not have."""
    query = select(_RESULTS.metric_type).where(_RESULTS.profile == profile, _RESULTS.metric_type.not_in(METRIC_TYPES))
    return sorted(session.scalars(query.distinct()))


def _plain(value: object) -> object:
    """Return a value as the database gives it back, so that (1,) and [1] count as the same."""
    return json.loads(json.dumps(value)) if isinstance(value, (dict, list, tuple)) else value


def _standing(session: Session, results: Sequence[MetricResult]) -> dict[tuple[Any, ...], Mapping[Any, Any]]:
    """For each window the row these results are compared with: one read for all windows."""
    first = results[0]
    starts = [result.window_start for result in results]
    names = ("profile", "metric_type", "rules_hash", "as_of")
    bounds = {"first_start": min(starts), "last_start": max(starts)}
    rows = session.execute(_STANDING, {name: getattr(first, name) for name in names} | bounds).mappings()
    return {tuple(row[name] for name in _WINDOW): row for row in rows}


def _same(row: Mapping[Any, Any], result: MetricResult) -> bool:
    pairs = ((row[name], getattr(result, name)) for name in _COMPARED)
    return all(stored == item or _plain(stored) == _plain(item) for stored, item in pairs)


def _confirm(session: Session, kept: Sequence[tuple[Mapping[Any, Any], MetricResult]]) -> None:
    moved = [_key(row) | {"to": result.as_of} for row, result in kept]
    if moved:
        statement = update(_TABLE).where(_is_key()).values(confirmed_as_of=bindparam("to"))
        session.connection().execute(statement, moved)


def _has_rival(session: Session, result: MetricResult) -> bool:
    """Return whether other rules have a result of the metric for the same instant or a later one."""
    names = ("profile", "metric_type", "rules_hash", "as_of")
    return session.scalar(_RIVAL, {name: getattr(result, name) for name in names}) is not None


def _find_again(session: Session, kept: Sequence[tuple[Mapping[Any, Any], MetricResult]]) -> None:
    values: dict[str, Any] = {"calculated_at": bindparam("at"), "run_id": bindparam("run")}
    rows = [_key(row) | {"at": result.calculated_at, "run": result.run_id} for row, result in kept]
    session.connection().execute(update(_TABLE).where(_is_key()).values(**values), rows)


def _remove(session: Session, rows: Sequence[Mapping[Any, Any]]) -> None:
    if rows:
        session.connection().execute(delete(_TABLE).where(_is_key()), [_key(row) for row in rows])


def _key(row: Mapping[Any, Any]) -> Row:
    return {f"key_{column.name}": row[column.name] for column in _TABLE.primary_key}


def _is_key() -> Any:
    keys = _TABLE.primary_key
    return and_(*(column == bindparam(f"key_{column.name}", type_=column.type) for column in keys))
