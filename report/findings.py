"""Which issues have something odd about them, at the instant that results are shown of."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
from sqlalchemy.orm import Session

from models.metrics.columns import Items
from models.metrics.resolutions import RESOLUTION_DISAGREES, disagreeing
from models.metrics.sub_tasks import OPEN_SUB_TASK, unfinished
from models.records import micros
from models.store import dataset as stored_dataset
from models.store import quality, sub_tasks
from report.computed import load_view_at
from worker.database import Stored
from worker.view import View

Findings = Mapping[str, Sequence[str]]


def findings_at(
    current: Stored, session: Session, profile: str, as_of: datetime | None, update: str
) -> tuple[Findings, tuple[str, ...]]:
    """Return reason → keys of the issues, and a note where a reason is not known at ``as_of``.

    Stored findings are of the newest results (None). Two reasons depend on the instant, so they are worked out for
    another one; ``update`` is what makes that possible, as in ``run: …``.
    """
    findings = quality.keys_with_findings(session, profile)
    if as_of is None:
        return findings, ()
    stored = {reason: keys for reason, keys in findings.items() if reason not in (RESOLUTION_DISAGREES, OPEN_SUB_TASK)}
    view = load_view_at(current, session, profile, as_of)
    if view is None:
        note = "Resolution dates are not compared with the histories of this instant, because facts are not up to date."
        return stored, (f"{note} To compare them, {update}",)
    return dict(sorted((stored | _odd_at(session, profile, view)).items())), ()


def _odd_at(session: Session, profile: str, view: View) -> dict[str, list[str]]:
    """Return reason → keys of the issues, of the reasons that depend on the instant."""
    dataset, as_of = stored_dataset.load(session, profile, None), micros(view.as_of)
    parts = (dataset.items, dataset.others)
    too_early = unfinished(parts, sub_tasks.load(session, profile), view.context.stages, as_of)
    ids = {RESOLUTION_DISAGREES: disagreeing(*parts, as_of), OPEN_SUB_TASK: list(too_early)}
    return {reason: _keys(parts, numbers) for reason, numbers in ids.items() if numbers}


def _keys(parts: Sequence[Items], ids: Sequence[str]) -> list[str]:
    numbers = np.array(ids, np.int64)
    keys = {part.key(row) for part in parts for row in part.rows_of(numbers)[0].tolist()}
    return sorted(keys, key=lambda key: (len(key), key))
