"""Whether the database itself is well."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

_MOST_FAULTS: Final = 3
_MOST_LETTERS: Final = 100


def find_damage(session: Session) -> str | None:
    """Return the first fault that SQLite finds in its file, None where there is none; it reads every page."""
    faults = session.scalars(text(f"PRAGMA quick_check({_MOST_FAULTS})")).all()
    first = " ".join(" ".join(map(str, faults[:1])).split())
    return None if first == "ok" else first[:_MOST_LETTERS] or "no answer"
