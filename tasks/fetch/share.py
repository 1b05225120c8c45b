"""Verifies a share of the copy each night: within one turn of the changelog audit every issue is compared with Jira."""

from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from sqlalchemy.orm import Session

from models.store import census, issues, quality
from models.store import verified as stored_verified
from tasks.fetch.reading import AUDIT_BATCH, RECENT_DAYS, read_issues
from tasks.fetch.state import Fetch, Fetched

# Nights are not a whole day apart: what is this much younger than a turn would be too old in the next night.
_SLACK: Final = timedelta(hours=12)


def verify_share(fetch: Fetch, until: float) -> None:
    """Read issues that were verified longest ago again, whole, and compare them with the copy, as many as it is their
    turn.

    What a batch has compared is committed with it, so that a killed fetch continues behind it.
    """
    if fetch.cursor.share is None:  # the next commit stores it
        fetch.cursor = replace(fetch.cursor, share=_share(fetch))
    left = (fetch.cursor.share or 0) - fetch.cursor.audited
    passed = {*fetch.cursor.vanished, *fetch.cursor.unreadable}
    with fetch.current.reads() as session:
        limit = min(left, AUDIT_BATCH)
        due = stored_verified.due(session, fetch.run.profile, fetch.started_at, passed, limit) if limit > 0 else []
    if due:
        read_issues(fetch, due, until)
    else:
        fetch.commit(replace(fetch.cursor, stage="audit_changelogs"), lambda session: _forget_departed(session, fetch))


def share_of(session: Session, profile: str, now: datetime, every_days: int, budget: int) -> int:
    """Return how many issues a night verifies, of at most ``budget`` that it reads again.

    That is one of ``every_days`` equal shares, or more where nights were missed. Where a copy is too big for that, up
    to half of the budget stays with the histories that are due for the audit, which change more often than old work.
    """
    days = timedelta(days=every_days)
    overdue = stored_verified.count_overdue(session, profile, now - days + _SLACK)
    wanted = max(ceil(issues.count(session, profile) / max(1, every_days)), overdue)
    if wanted <= budget:
        return wanted
    audits = census.due_histories(session, profile, now - days, now - timedelta(days=RECENT_DAYS), budget // 2)
    return budget - len(audits)


def _share(fetch: Fetch) -> int:
    rules = fetch.current.settings.changelog_audit
    with fetch.current.reads() as session:
        return share_of(session, fetch.run.profile, fetch.started_at, rules.every_days, rules.issues_per_run)


def _forget_departed(session: Session, fetch: Fetch) -> Fetched:
    """End the differences of issues that left Jira a turn ago, because no comparison will."""
    days = timedelta(days=fetch.current.settings.changelog_audit.every_days)
    quality.clear_departed(session, fetch.run.profile, fetch.started_at - days)
    return Fetched()
