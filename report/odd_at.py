"""Which issues have something odd about them that depends on the instant: worked out from the copy."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from sqlalchemy.orm import Session

from models.metrics.columns import Items
from models.metrics.resolutions import disagreeing
from models.metrics.sub_tasks import unfinished
from models.records import OPEN_SUB_TASK, RESOLUTION_DISAGREES, micros
from models.store import dataset as stored_dataset
from models.store import sub_tasks
from report.computed import load_view_at
from worker.database import Stored
from worker.view import View


def load_odd_at(current: Stored, session: Session, profile: str, as_of: datetime) -> dict[str, list[str]] | None:
    """Return reason → keys of the issues; None where the copy cannot tell at ``as_of``."""
    view = load_view_at(current, session, profile, as_of)
    return None if view is None else _odd_at(session, profile, view)


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
