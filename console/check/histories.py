"""The statuses in the histories of the stored issues."""

from models.database import newest_revision
from report import reading, staleness
from worker.database import Stored


def is_in_histories(current: Stored, profile: str, word: str) -> bool:
    """Return whether any issue of the copy was ever in a status of this name or id."""
    if reading.missing_file(current) is not None or reading.schema_of(current) != newest_revision():
        return False
    with current.reads() as session:
        return staleness.was_visited(session, profile, word)
