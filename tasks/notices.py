"""Notices a failed or overdue scheduled refresh, and its mending, and sends each change of state once."""

import logging
import os
import time
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from models.records import iso
from models.store import notices, runs
from models.store.notices import Notice, Verdict
from worker import notify
from worker.cron import last_due
from worker.notify import NotSentError
from worker.runtime import Runtime

log = logging.getLogger(__name__)

TASK_SECONDS: Final = 20.0  # what is not sent by then is sent by the next sweep
RETRY_SECONDS: Final = 120.0  # longer than the task may take, so that no try begins beside another
MAX_TRIES: Final = 5
OVERDUE: Final = "overdue"


def look(current: Runtime) -> int:
    """Store which profiles have changed their state, and send what is unsent; return how many were sent."""
    for name, profile in current.settings.profiles.items():
        if profile.schedule is not None:
            with current.sessions.begin() as session:
                _judge(current, session, name, profile.schedule)
    return _send_all(current)


def _judge(current: Runtime, session: Session, profile: str, schedule: str) -> None:
    """Store the state of a profile if it is another than before."""
    now = current.clock(session)
    notice = notices.watch(session, profile, now)
    verdict = _overdue(current, session, notice, schedule, now) or _ended(current, session, notice)
    if verdict is not None and verdict.state != notice.state and notices.turn(session, notice, verdict, now):
        log.info("scheduled refreshes changed", extra={"profile": profile, "state": verdict.state})


def _overdue(current: Runtime, session: Session, notice: Notice, schedule: str, now: datetime) -> Verdict | None:
    """Return that the last instant of the schedule was not answered in time; None where it was, or is not yet late."""
    zone = ZoneInfo(current.settings.timezone)
    due = last_due(schedule, zone, now)
    if now - due <= _patience(current) or due <= notice.watched_since:
        return None
    if runs.answers(session, notice.profile, due) or notices.was_under_way(session, notice.profile, due):
        return None
    text = due.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    return Verdict(OVERDUE, f"it was due on {text} ({zone.key}), and no run answers it; see flowbeat check")


def _ended(current: Runtime, session: Session, notice: Notice) -> Verdict | None:
    """Return what the last refresh says; None where none is stored, or where it is older than what was overdue."""
    verdict = notices.last_verdict(session, notice.profile)
    if verdict is None or verdict.requested_at is None:
        return None
    is_older = verdict.requested_at < notice.changed_at - _patience(current)
    return None if notice.state == OVERDUE and is_older else verdict


def _patience(current: Runtime) -> timedelta:
    return timedelta(minutes=current.settings.notify.overdue_minutes)


def _send_all(current: Runtime) -> int:
    until, sent = time.monotonic() + TASK_SECONDS, 0
    with current.reads() as session:
        unsent = notices.unsent(session, current.clock(session))
    for notice in unsent:
        if time.monotonic() < until and notice.profile in current.settings.profiles:
            sent += _send(current, notice)
    return sent


def _send(current: Runtime, notice: Notice) -> bool:
    """Send a notice unless another worker does; a failure is logged, and tried again up to ``MAX_TRIES`` times."""
    with current.sessions.begin() as session:
        until = current.clock(session) + timedelta(seconds=RETRY_SECONDS)
        if not notices.claim(session, notice, until):
            return False
    extra = {"profile": notice.profile, "state": notice.state}
    try:
        notify.send(current.settings, os.environ, document_of(notice))
    except NotSentError as error:
        is_last = notice.tries + 1 >= MAX_TRIES
        log.error("operator not notified", extra={**extra, "why": str(error), "given_up": is_last})  # noqa: TRY400 - the sentence says all
        if is_last:
            _close(current, notice, sent=False)
        return False
    _close(current, notice, sent=True)
    log.info("operator notified", extra=extra)
    return True


def _close(current: Runtime, notice: Notice, *, sent: bool) -> None:
    with current.sessions.begin() as session:
        notices.close(session, notice, current.clock(session) if sent else None)


def document_of(notice: Notice) -> dict[str, Any]:
    """Return what the operator's command or webhook receives; chats show its ``text``."""
    texts = {
        "failed": f"Flowbeat: the scheduled refresh of {notice.profile} failed: {notice.message}",
        OVERDUE: f"Flowbeat: the scheduled refresh of {notice.profile} is overdue: {notice.message}",
        notices.OK: f"Flowbeat: {notice.profile} is refreshed again (it was {notice.before})",
    }
    return {
        "event": "mended" if notice.state == notices.OK else notice.state,
        "profile": notice.profile,
        "before": notice.before,
        "at": iso(notice.changed_at),
        "run_id": notice.run_id,
        "text": texts[notice.state],
    }
