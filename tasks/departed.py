"""The facts of issues that are gone from Jira: removed from all numbers, or kept as they were last read."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from models.metrics import issues
from models.metrics.departures import departures
from models.metrics.rules import Context
from models.store import batches
from models.store import departures as stored_departures
from models.store import facts as stored_facts


def save(session: Session, profile: str, context: Context, hashes: Mapping[str, str]) -> None:
    """Store what the gone issues in ``hashes`` (id → content hash) were when they left.

    With ``gone_issues = "keep_done"`` those that were done keep their facts; no other gone issue has any.
    """
    left = departures(issues.read(batches.load(session, profile, list(hashes), context.flagged), context))
    kept = list(left) if context.rules.gone_issues == "keep_done" else []
    facts = issues.read(batches.load(session, profile, kept, context.flagged), context)
    stored_facts.save(session, profile, context.facts_rules_hash, hashes, facts)
    stored_departures.save(session, profile, list(hashes), left, set(kept))
