"""Notes about values that are computed when shown: whether data and rules are current, and what to run if not."""

from sqlalchemy.orm import Session

from models.metrics.rules import rules_hash
from models.store import caches, columns
from models.wording import format_count
from report import staleness
from report.words import format_duration
from worker.database import Stored
from worker.view import View


def freshness_notes(
    current: Stored, session: Session, profile: str, view: View, as_of: str | None = None
) -> tuple[str, ...]:
    """Return how old the data is, after a note if facts, rules or source differ from flowbeat.toml."""
    cache = caches.find(session, profile)
    update = staleness.how_to_update(current, session, profile, f" --as-of {as_of}" if as_of else "")
    stale = columns.count_stale(session, profile, view.context.facts_rules_hash)
    problems = (
        staleness.source_changed(current, profile, cache, update),
        staleness.rules_changed(current, profile, cache, [rules_hash(view.rules)], update),
        f"The facts of {format_count(stale, 'issue')} are older than the data or the rules. To update, {update}"
        if stale
        else None,
    )
    notes = tuple(f"Note: {sentence}" for sentence in problems if sentence)
    if cache is None or cache.data_as_of is None:
        return notes
    age = format_duration(max(0.0, (current.now() - cache.data_as_of).total_seconds()))
    return (*notes, f"The data was fetched {age} ago.")
