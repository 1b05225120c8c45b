"""Notices: the state of a profile's scheduled refreshes, and which changes of it are still to be sent."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from models.store.shared import change, columns, insert_new
from models.tables.notices import RefreshNoticeRow
from models.tables.runs import RunRow

_NOTICE: Final = RefreshNoticeRow.__table__.c
_RUN: Final = RunRow.__table__.c
OK: Final = "ok"


@dataclass(frozen=True, slots=True)
class Notice:
    """The state of a profile (``ok``, ``failed`` or ``overdue``), the one before, and what is still to be sent.

    ``watched_since``: an earlier instant of the schedule is not missed.
    """

    profile: str
    state: str
    before: str
    changed_at: datetime
    watched_since: datetime
    message: str | None = None
    run_id: str | None = None
    tries: int = 0
    next_try_at: datetime | None = None
    notified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the last refresh says of a profile's schedule."""

    state: str
    message: str | None = None
    run_id: str | None = None
    requested_at: datetime | None = None


def last_verdict(session: Session, profile: str) -> Verdict | None:
    """Return how the last refresh ended that counts; None where none is stored.

    One that completed counts, also when a person asked for it; one that failed counts only if the schedule did.
    """
    query = (
        select(_RUN.state, _RUN.error, _RUN.run_id, _RUN.requested_at)
        .where(_RUN.profile == profile, _RUN.kind == "refresh", _RUN.ended_at.is_not(None))
        .where(or_(_RUN.state == "completed", _RUN.due_at.is_not(None)))
        .order_by(_RUN.ended_at.desc())
        .limit(1)
    )
    row = session.execute(query).first()
    if row is None:
        return None
    return Verdict("failed" if row.state == "failed" else OK, row.error, row.run_id, row.requested_at)


def was_under_way(session: Session, profile: str, due_at: datetime) -> bool:
    """Return whether a refresh was live at an instant of the schedule: it took the place of the scheduled one."""
    query = select(_RUN.run_id).where(
        _RUN.profile == profile,
        _RUN.kind == "refresh",
        _RUN.state != "failed",
        _RUN.requested_at < due_at,
        or_(_RUN.ended_at.is_(None), _RUN.ended_at >= due_at),
    )
    return session.execute(query.limit(1)).first() is not None


def watch(session: Session, profile: str, now: datetime) -> Notice:
    """Return the stored state of a profile; from ``now`` on it is watched if it was not before."""
    row = {"profile": profile, "state": OK, "before": OK, "changed_at": now, "watched_since": now, "tries": 0}
    insert_new(session, RefreshNoticeRow, row)
    return Notice(**session.execute(_all().where(_NOTICE.profile == profile)).mappings().one())


def turn(session: Session, notice: Notice, verdict: Verdict, now: datetime) -> bool:
    """Store another state, to be sent; False where another worker has stored it."""
    changes: dict[str, Any] = {"state": verdict.state, "message": verdict.message, "run_id": verdict.run_id}
    changes |= {"before": notice.state, "changed_at": now, "tries": 0, "next_try_at": now, "notified_at": None}
    same = (_NOTICE.profile == notice.profile, _NOTICE.state == notice.state)
    return bool(change(session, update(RefreshNoticeRow).where(*same).values(changes)))


def unsent(session: Session, now: datetime) -> list[Notice]:
    """Return the notices whose next try is due, the oldest first."""
    rows = session.execute(_all().where(_NOTICE.next_try_at <= now).order_by(_NOTICE.changed_at))
    return [Notice(**row) for row in rows.mappings()]


def claim(session: Session, notice: Notice, until: datetime) -> bool:
    """Take a notice for one try, which counts as failed at ``until``; False where another worker has it."""
    same = (_NOTICE.profile == notice.profile, _NOTICE.changed_at == notice.changed_at, _NOTICE.tries == notice.tries)
    still = (*same, _NOTICE.next_try_at.is_not(None))
    values = {"tries": notice.tries + 1, "next_try_at": until}
    return bool(change(session, update(RefreshNoticeRow).where(*still).values(values)))


def close(session: Session, notice: Notice, notified_at: datetime | None) -> None:
    """Try no more: it was sent at that instant, or given up (None). A later change of state is not touched."""
    same = (_NOTICE.profile == notice.profile, _NOTICE.changed_at == notice.changed_at)
    values = {"next_try_at": None, "notified_at": notified_at}
    change(session, update(RefreshNoticeRow).where(*same).values(values))


def _all() -> Any:
    return select(*columns(RefreshNoticeRow))
