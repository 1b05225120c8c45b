"""What readers of results need only now and then, imported when it is needed: NumPy and the calculation take long.

Only this module imports them late; ``tests/integration/test_start.py`` holds which commands start without them.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from models.records import MetricResult, WindowKind
from worker.database import Stored


def compute_missing(
    current: Stored,
    session: Session,
    profile: str,
    as_of: datetime,
    *,
    kind: WindowKind,
    metric: str | None,
    known: Collection[tuple[str, datetime]],
) -> list[MetricResult]:
    """Return the results of an instant that no calculation stored; see ``report/computed.py``."""
    from report import computed  # noqa: PLC0415 - as said above

    return computed.compute_missing(current, session, profile, as_of, kind=kind, metric=metric, known=known)


def count_stale_facts(current: Stored, session: Session, profile: str) -> int:
    """Return how many issues have no facts by the present rules; see ``report/computed.py``."""
    from report import computed  # noqa: PLC0415 - as said above

    return computed.count_stale_facts(current, session, profile)


def load_odd_at(current: Stored, session: Session, profile: str, as_of: datetime) -> dict[str, list[str]] | None:
    """Return the findings that depend on the instant; see ``report/odd_at.py``."""
    from report import odd_at  # noqa: PLC0415 - as said above

    return odd_at.load_odd_at(current, session, profile, as_of)
