"""Runs: asking for one, the fence around the one live run of a profile, signs of life, the end."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final, TypedDict, Unpack

from sqlalchemy import Select, Update, case, delete, func, or_, select, update
from sqlalchemy.orm import Session

from models.records import LIVE_STATES, Run, RunOptions, RunProgress
from models.store.shared import change, columns, insert_new, row_of
from models.tables.runs import RunRow

_TABLE: Final = RunRow.metadata.tables["runs"]
_RUN: Final = _TABLE.c


class AdvanceChanges(TypedDict, total=False):
    """What the end of a step may write; what is absent stays as it is."""

    attempt: int
    cursor: Mapping[str, Any]
    progress: RunProgress
    as_of: datetime | None
    rules_hash: str | None


class HeartbeatChanges(TypedDict, total=False):
    """What a sign of life may write; what is absent stays as it is."""

    state: str
    cursor: Mapping[str, Any]
    progress: RunProgress
    restarts: int
    wait_until: datetime | None
    ended_at: datetime | None
    error: str | None
    error_kind: str | None
    rules_hash: str | None
    worker: str | None


def clock(session: Session, own: datetime) -> datetime:
    """Return the time of the one clock by which runs are timed, so that a machine whose clock is wrong loses no run.

    It is the database server's. SQLite has no server, and all its users run on one machine: ``own``, that machine's.
    """
    if session.get_bind().dialect.name == "sqlite":
        return own
    at: datetime = session.scalars(select(func.clock_timestamp())).one()
    return at.astimezone(UTC)


def request(session: Session, run: Run) -> tuple[Run, bool]:
    """Insert the run, or find the live one of its profile: returns (the run that stands, whether it is the new one)."""
    row = row_of(run) | {"restarts": 0, "progress": run.progress.to_json(), "options": run.options.to_json()}
    while not insert_new(session, RunRow, row):
        live = session.execute(_live().where(_RUN.profile == run.profile)).first()
        if live is not None:
            return _record(live), False
        if load(session, run.run_id) is not None:
            raise ValueError(f"run {run.run_id} exists already and has ended")
        # The live one ended between our insert and our look.
    return run, True


def load(session: Session, run_id: str) -> Run | None:
    """Return the run of that id, None where there is none."""
    row = session.execute(_all().where(_RUN.run_id == run_id)).first()
    return None if row is None else _record(row)


def find(session: Session, run_id: str) -> Run | None:
    """Return the run of that id, or of the one id that begins with it; None where there is none or more than one."""
    rows = session.execute(_all().where(_RUN.run_id.startswith(run_id, autoescape=True)).limit(2)).all()
    return _record(rows[0]) if len(rows) == 1 else None


def load_newest(session: Session, limit: int) -> list[Run]:
    """Return the newest runs, live ones first."""
    live_first = _RUN.state.in_(LIVE_STATES).desc()
    rows = session.execute(_all().order_by(live_first, _RUN.requested_at.desc()).limit(limit))
    return [_record(row) for row in rows]


def last_ended(session: Session, profile: str, kind: str | None = None) -> Run | None:
    """Return the run of that kind, or of any, that ended last, well or not."""
    ended = [_RUN.profile == profile, _RUN.ended_at.is_not(None)]
    if kind is not None:
        ended.append(_RUN.kind == kind)
    row = session.execute(_all().where(*ended).order_by(_RUN.ended_at.desc()).limit(1)).first()
    return None if row is None else _record(row)


def live(session: Session) -> list[Run]:
    """Return the runs that have not ended."""
    return [_record(row) for row in session.execute(_live())]


def answers(session: Session, profile: str, due_at: datetime) -> bool:
    """Return whether a refresh answers an instant of the schedule: one for it, or one since that did not fail."""
    since = (RunRow.requested_at >= due_at) & (RunRow.state != "failed")
    query = select(RunRow.run_id).where(
        RunRow.profile == profile, RunRow.kind == "refresh", since | (RunRow.due_at >= due_at)
    )
    return session.execute(query.limit(1)).first() is not None


def claim(session: Session, run_id: str, attempt: int, steps: Sequence[str], now: datetime) -> Run | None:
    """Return the run, marked running by this attempt; None where it has moved on (ended, another attempt, another
    step).
    """
    mine = _fenced(run_id, attempt).where(_RUN.step.in_(steps))
    started = func.coalesce(_RUN.started_at, now)
    fresh = {"state": "running", "wait_until": None, "heartbeat_at": now, "started_at": started}
    fresh |= {"error": None, "error_kind": None}
    return load(session, run_id) if change(session, mine.values(**fresh)) else None


def heartbeat(
    session: Session, run_id: str, attempt: int, now: datetime, /, **changes: Unpack[HeartbeatChanges]
) -> bool:
    """Record a sign of life and whatever changed; False where the run has moved on, and then nothing is written.

    Raises TypeError for another step or attempt: ``advance`` is the only way to these.
    """
    if not changes.keys().isdisjoint(("step", "attempt")):
        raise TypeError("a heartbeat changes neither the step nor the attempt of a run; use advance")
    return _change(session, run_id, attempt, now, changes)


def advance(
    session: Session, run_id: str, attempt: int, now: datetime, /, *, to: str, **changes: Unpack[AdvanceChanges]
) -> bool:
    """Queue the run at another step, its count of restarts at zero; False where the run has moved on."""
    return _change(session, run_id, attempt, now, {**changes, "step": to, "state": "queued", "restarts": 0})


def _change(session: Session, run_id: str, attempt: int, now: datetime, changes: Mapping[str, Any]) -> bool:
    progress = {"progress": changes["progress"].to_json()} if "progress" in changes else {}
    values = {**changes, **progress, "heartbeat_at": now}
    return bool(change(session, _fenced(run_id, attempt).values(values)))


def end(
    session: Session,
    run_id: str,
    attempt: int,
    now: datetime,
    *,
    error: str | None = None,
    error_kind: str | None = None,
) -> bool:
    """Complete the run, or fail it with one sentence and the kind of error that code may compare."""
    state = "completed" if error is None else "failed"
    changes: HeartbeatChanges = {"state": state, "ended_at": now, "wait_until": None}
    changes |= {"error": error, "error_kind": error_kind}
    return heartbeat(session, run_id, attempt, now, **changes)


def withdraw(session: Session, run_id: str) -> bool:
    """Delete a run that no worker has begun; returns False, and deletes nothing, where one has."""
    untouched = (_RUN.run_id == run_id, _RUN.state == "queued", _RUN.started_at.is_(None))
    return bool(change(session, delete(RunRow).where(*untouched)))


def stalled(session: Session, before: datetime) -> list[Run]:
    """Live runs without a sign of life since ``before`` whose pause, if any, is over."""
    rested = or_(_RUN.wait_until.is_(None), _RUN.wait_until < before)
    rows = session.execute(_live().where(_RUN.heartbeat_at < before, rested).order_by(_RUN.requested_at))
    return [_record(row) for row in rows]


def requeue(session: Session, run: Run, now: datetime) -> int | None:
    """Take the run from its worker, one attempt up and queued again; None if it has moved on or given a sign.

    Returns how often its step fell silent while it was running: one that only waited long for a worker did no harm.
    """
    fell = case((_RUN.state == "running", 1), else_=0)
    changes: dict[str, Any] = {"attempt": run.attempt + 1, "restarts": _RUN.restarts + fell, "state": "queued"}
    changes |= {"heartbeat_at": now, "wait_until": None}
    still_silent = _fenced(run.run_id, run.attempt).where(_RUN.heartbeat_at == run.heartbeat_at)
    if not change(session, still_silent.values(**changes)):
        return None
    return session.scalar(select(_RUN.restarts).where(_RUN.run_id == run.run_id))


def _record(row: Any) -> Run:
    values = {field.name: getattr(row, field.name) for field in fields(Run)}
    typed = {"progress": RunProgress.from_json(row.progress), "options": RunOptions.from_json(row.options)}
    return Run(**(values | typed))


def _all() -> Select[Any]:
    return select(*columns(RunRow))


def _live() -> Select[Any]:
    return _all().where(_RUN.state.in_(LIVE_STATES))


def _fenced(run_id: str, attempt: int) -> Update:
    # Of the table and not of the class: the mapper's work on a statement takes longer than the statement.
    return update(_TABLE).where(_RUN.run_id == run_id, _RUN.attempt == attempt, _RUN.state.in_(LIVE_STATES))
