"""The issues with findings, at the instant of the shown results."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from models.records import OPEN_SUB_TASK, RESOLUTION_DISAGREES
from models.store import quality
from report.on_demand import load_odd_at
from worker.database import Stored

Findings = Mapping[str, Sequence[str]]


def findings_at(
    current: Stored, session: Session, profile: str, as_of: datetime | None, update: str
) -> tuple[Findings, tuple[str, ...]]:
    """Return reason → keys of the issues, and a note if a reason is not known at ``as_of``.

    Stored findings are of the newest results (None). Two reasons depend on the instant, so they are worked out for
    another one; ``update`` is what makes that possible, as in ``run: …``.
    """
    findings = quality.keys_with_findings(session, profile)
    if as_of is None:
        return findings, ()
    stored = {reason: keys for reason, keys in findings.items() if reason not in (RESOLUTION_DISAGREES, OPEN_SUB_TASK)}
    odd = load_odd_at(current, session, profile, as_of)
    if odd is None:
        note = "Resolution dates are not compared with the histories of this instant, because facts are not up to date."
        return stored, (f"{note} To compare them, {update}",)
    return dict(sorted((stored | odd).items())), ()
