"""Which issues have something odd about them, at the instant that results are shown of."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
from sqlalchemy.orm import Session

from models.metrics.resolutions import RESOLUTION_DISAGREES, disagreeing
from models.records import micros
from models.store import dataset as stored_dataset
from models.store import quality
from report.computed import load_view_at
from worker.database import Stored

Findings = Mapping[str, Sequence[str]]


def findings_at(
    current: Stored, session: Session, profile: str, as_of: datetime | None, update: str
) -> tuple[Findings, tuple[str, ...]]:
    """Return reason → keys of the issues, and a note where a reason is not known at ``as_of``.

    Stored findings are of the newest results (None). ``resolution_disagrees`` depends on the instant, so it is worked
    out for another one; ``update`` is what makes that possible, as in ``run: …``.
    """
    findings = quality.keys_with_findings(session, profile)
    if as_of is None:
        return findings, ()
    stored = {reason: keys for reason, keys in findings.items() if reason != RESOLUTION_DISAGREES}
    if load_view_at(current, session, profile, as_of) is None:
        note = "Resolution dates are not compared with the histories of this instant, because facts are not up to date."
        return stored, (f"{note} To compare them, {update}",)
    keys = _disagreeing(session, profile, as_of)
    return dict(sorted((stored | ({RESOLUTION_DISAGREES: keys} if keys else {})).items())), ()


def _disagreeing(session: Session, profile: str, as_of: datetime) -> list[str]:
    dataset = stored_dataset.load(session, profile, None)
    odd = np.array(disagreeing(dataset.items, dataset.others, micros(as_of)), np.int64)
    parts = ((part, part.rows_of(odd)[0].tolist()) for part in (dataset.items, dataset.others))
    keys = {part.key(row) for part, rows in parts for row in rows}
    return sorted(keys, key=lambda key: (len(key), key))
