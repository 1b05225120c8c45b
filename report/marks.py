"""Which rows were computed while being looked at, and what is odd about the copy and the stored ones."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy.orm import Session

from models.records import MetricResult
from models.store import caches, issues, results
from models.store.shared import row_of

NOT_STORED: Final = ""  # in place of the run that stored a row


def with_mark(row: MetricResult) -> dict[str, Any]:
    """Return a row for every format, with whether it is ``stored``."""
    return {**row_of(row), "stored": row.run_id != NOT_STORED}


def computed_note(rows: Sequence[MetricResult], update: str) -> tuple[str, ...]:
    """Return the note about rows that are computed now: their number, and what stores them, as in ``run: …``."""
    computed = [row for row in rows if row.run_id == NOT_STORED]
    if not computed:
        return ()
    running = all(not row.complete for row in computed)
    which = "The values" if len(computed) == len(rows) else f"{len(computed):,} of the {len(rows):,} values"
    why = " (a later calculation replaces the week that was running then)" if running else ""
    are = "is" if len(computed) == 1 < len(rows) else "are"
    return (f"{which} {are} computed now and not stored{why}. To store them, {update}",)


def copy_notes(session: Session, profile: str) -> tuple[str, ...]:
    """Return the notes about the copy and the stored rows: an empty copy, metrics of another version."""
    notes = []
    cache = caches.find(session, profile)
    is_fetched = cache is not None and cache.data_as_of is not None
    is_hidden = cache is not None and cache.cursor.unshown > 0  # another note says so
    if is_fetched and not is_hidden and not issues.count(session, profile):
        notes.append(f"The JQL of {profile} finds no issue, so a 0 here means no data; check profiles.{profile}.jql.")
    unknown = results.unknown_metrics(session, profile)
    if unknown:
        notes.append(f"Not shown, because another version of Flowbeat stored them: {', '.join(unknown)}.")
    return tuple(notes)
