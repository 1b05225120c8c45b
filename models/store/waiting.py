"""Whether any status waits, by the site's list or by what the histories of a copy say."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.metrics import waiting
from models.metrics.rules import Context
from models.metrics.statuses import StatusRef
from models.metrics.waiting import Waiting
from models.records import Micros
from models.store import batches
from models.store.visits import present_statuses
from models.tables.issues import IssueRow

_ISSUES: Final = IssueRow.__table__.c

RECENT: Final = 2_000  # issues that say where active time is spent: enough for an advice, and as quick for a million


def load_waiting(session: Session, profile: str, context: Context, as_of: Micros) -> Waiting:
    """Return whether any status waits; histories are read only where the site's list does not say so.

    The statuses with the most active time are those of the ``RECENT`` issues that changed last.
    """
    if waiting.is_listed(context.stages):
        return Waiting()
    may_be_unlisted = "waiting" in context.stages.overrides.values()
    refs = [StatusRef(*ref) for ref in present_statuses(session, profile)] if may_be_unlisted else []
    if waiting.is_visited(context.stages, refs):
        return Waiting()
    newest = select(_ISSUES.issue_id).where(_ISSUES.profile == profile, _ISSUES.gone_at.is_(None))
    ids = list(session.scalars(newest.order_by(_ISSUES.updated.desc(), _ISSUES.issue_id).limit(RECENT)))
    return Waiting(
        is_mapped=False,
        active_statuses=waiting.active_statuses(batches.load(session, profile, ids, None), context, as_of),
    )
