"""The items in progress at an as-of: how long, in which status, and how that compares with what was finished."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.metrics import flow, wip
from models.metrics.arrays import segment_sums
from models.metrics.contributions import within
from models.metrics.evidence import Stay
from models.metrics.snapshot import Snapshot
from models.metrics.stats import percentile
from models.records import Micros, Stage, Window

LATE_PERCENT: Final = 85
FEWEST_OLDER: Final = 5  # finished items that took longer than an item's age: from fewer a chance is a guess


@dataclass(frozen=True, slots=True)
class Aged:
    """An item in progress at the as-of.

    ``started``: its first instant in progress, from which ``age`` runs. ``entered``: when its present stay began.
    ``blocked_since``: the start of the unbroken stretch up to the as-of in which it was in progress and blocked.
    ``pace``: the percentage of finished items that took less than its age; ``chance``: the percentage of those
    that took longer, but at most the promise. Both are None where they are unknown.
    """

    issue_id: str
    key: str
    status: str | None
    stage: Stage
    started: Micros
    entered: Micros
    blocked_since: Micros | None
    age: Micros
    pace: float | None
    chance: float | None


def in_progress(snapshot: Snapshot) -> list[tuple[str, str, Stage, Micros]]:
    """Return (issue id, key, stage, started) of each item in progress at the as-of, oldest first, then by id."""
    now = Window("period", snapshot.as_of - 1, snapshot.as_of, snapshot.as_of)
    (parts,) = wip.load_contributions(snapshot, (now,))
    stages: dict[str, Stage] = {"active": "active", "waiting": "waiting"}
    rows = [(part.subject_id, part.key, stages[part.stage], part.at) for part in parts.to_records()]
    return sorted(rows, key=lambda row: (row[3], len(row[0]), row[0]))


def yardstick(snapshot: Snapshot) -> list[Micros]:
    """Return the flow times of the items done since the oldest week of the calculation began, ascending."""
    start = min((window.start for window in snapshot.windows if window.kind == "week"), default=snapshot.as_of)
    span = Window("period", start, snapshot.as_of, snapshot.as_of)
    (parts,) = within(flow.time_contributions(snapshot), (span,))
    times: list[int] = np.sort(parts.used.value).tolist()
    return times


def blocked_since(snapshot: Snapshot) -> dict[str, Micros]:
    """Return item id → since when it has been in progress and blocked without a break, of those that are."""
    items, spans = snapshot.dataset.items, snapshot.dataset.items.blocked
    count = segment_sums(spans.at < snapshot.as_of, spans.offsets)
    rows = np.flatnonzero(count % 2 == 1)  # a span that has begun and has not ended
    begins = spans.at[spans.offsets[rows] + count[rows] - 1]
    return {str(issue_id): at for issue_id, at in zip(items.ids[rows].tolist(), begins.tolist(), strict=True)}


def late_line(times: Sequence[Micros]) -> float | None:
    """Return the age that 85 % of these flow times do not exceed; None without any."""
    return float(percentile(np.array(times, np.int64), LATE_PERCENT)) if times else None


def ageing(snapshot: Snapshot, stays: Mapping[str, Sequence[Stay]], promise: Micros | None = None) -> list[Aged]:
    """Return the items in progress, oldest first; ``stays`` are theirs up to the as-of, by issue id."""
    times, blocked = yardstick(snapshot), blocked_since(snapshot)
    return [
        Aged(
            issue_id=issue_id,
            key=key,
            status=stays[issue_id][-1].status,
            stage=stage,
            started=started,
            entered=stays[issue_id][-1].at,
            blocked_since=blocked.get(issue_id),
            age=snapshot.as_of - started,
            pace=pace(times, snapshot.as_of - started),
            chance=chance(times, snapshot.as_of - started, promise),
        )
        for issue_id, key, stage, started in in_progress(snapshot)
    ]


def pace(times: Sequence[Micros], age: Micros) -> float | None:
    """Return the percentage of these flow times that are less than an age; None without any."""
    return 100 * bisect_left(times, age) / len(times) if times else None


def chance(times: Sequence[Micros], age: Micros, promise: Micros | None) -> float | None:
    """Return the chance in percent that an item of this age keeps the promise; None where it is unknown."""
    if promise is None:
        return None
    if age >= promise:
        return 0.0
    older = len(times) - bisect_right(times, age)
    if older < FEWEST_OLDER:
        return None
    return 100 * (bisect_right(times, promise) - bisect_right(times, age)) / older
