"""Issues by the thousand, as a calculation reads them: heads as tuples, status histories as columns."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from sqlalchemy import DateTime, Text, select, type_coerce
from sqlalchemy.orm import Session

from models.metrics.arrays import NO_INSTANT, Ints
from models.metrics.blocking import FlagChanges
from models.metrics.histories import Changes, Histories
from models.metrics.issues import Batch
from models.records import IssueHead, micros
from models.store.shared import among
from models.tables.base import SQLITE_INSTANT, from_sqlite
from models.tables.histories import TransitionRow
from models.tables.issues import IssueRow

# An instant as the driver gives it: of millions all at once are converted in a tenth of the time.
_RAW: Final = DateTime(timezone=True).with_variant(Text(), "sqlite")
_ISSUES: Final = IssueRow.__table__.c
_CHANGES: Final = TransitionRow.__table__.c
_TYPE: Final = ("hierarchy_level", "subtask")
_HEAD: Final = [_ISSUES[name] for name in ("issue_id", "key", "type", "status_id", "resolution", "fields", *_TYPE)]
_CHANGE: Final = [_CHANGES[name] for name in ("history_id", "position", "from_id", "from_name", "to_id", "to_name")]


def load(session: Session, profile: str, ids: Sequence[str], flagged: str | None) -> Batch:
    """Return the issues with these ids that are stored, with their status changes; their order means nothing.

    ``flagged``: the field whose changes are read, too; None for no field.
    """
    query = select(type_coerce(_ISSUES.created, _RAW), type_coerce(_ISSUES.resolved, _RAW), *_HEAD)
    rows = session.execute(query.where(_ISSUES.profile == profile, among(session, _ISSUES.issue_id, ids))).all()
    heads = [IssueHead(*row[2:]) for row in rows]
    created, resolved = _micros([row[0] for row in rows]), _optional_micros([row[1] for row in rows])
    row_of = {head.issue_id: row for row, head in enumerate(heads)}
    changes = _changes(session, profile, row_of)
    flags = {} if flagged is None else {flagged: _flags(session, profile, row_of, flagged)}
    return Batch(heads, Histories.of(created, resolved, [head.status_id for head in heads], changes), flags)


def _flags(session: Session, profile: str, row_of: Mapping[str, int], field: str) -> FlagChanges:
    query = select(_CHANGES.issue_id, type_coerce(_CHANGES.at, _RAW), *_CHANGE)
    chosen = (_CHANGES.profile == profile, _CHANGES.field == field, among(session, _CHANGES.issue_id, list(row_of)))
    rows = session.execute(query.where(*chosen)).all()
    return FlagChanges.of_columns(
        rows=np.array([row_of[row[0]] for row in rows], np.int64),
        at=_micros([row[1] for row in rows]),
        history_ids=[row[2] for row in rows],
        positions=[row[3] for row in rows],
        left=[(row[4], row[5]) for row in rows],
        entered=[(row[6], row[7]) for row in rows],
    )


def _changes(session: Session, profile: str, row_of: Mapping[str, int]) -> Changes:
    query = select(_CHANGES.issue_id, type_coerce(_CHANGES.at, _RAW), *_CHANGE)
    chosen = (_CHANGES.profile == profile, _CHANGES.field == "status", among(session, _CHANGES.issue_id, list(row_of)))
    rows = session.execute(query.where(*chosen)).all()
    issues, at, history_ids, positions, from_ids, from_names, to_ids, to_names = (
        zip(*rows, strict=True) if rows else [()] * 8
    )
    return Changes(
        rows=np.array([row_of[issue_id] for issue_id in issues], np.int64),
        at=_micros(at),
        history_ids=history_ids,
        positions=positions,
        left=zip(from_ids, from_names, strict=True),
        entered=zip(to_ids, to_names, strict=True),
    )


def _optional_micros(values: Sequence[Any]) -> Ints:
    """Return instants as the driver gave them, NO_INSTANT where there is none."""
    instants = np.full(len(values), NO_INSTANT, np.int64)
    is_known = np.array([value is not None for value in values], np.bool_)
    instants[is_known] = _micros([value for value in values if value is not None])
    return instants


def _micros(values: Sequence[Any]) -> Ints:
    """Instants as the driver gave them: text on SQLite, mostly of the one form that Flowbeat writes."""
    if values and isinstance(values[0], str):
        if set(map(len, values)) == {SQLITE_INSTANT}:
            return np.array(values, "datetime64[us]").astype(np.int64)
        values = [from_sqlite(value) for value in values]
    return np.array([micros(value) for value in values], np.int64)
