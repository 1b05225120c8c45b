"""What the histories of a sample say about each status: issues now, length of stays, share of time."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median, quantiles
from typing import Final, NamedTuple

import numpy as np

from models.metrics.arrays import NONE
from models.metrics.evidence import Trail
from models.metrics.rules import Context
from models.names import fold_name
from models.records import Issue, Micros, Rules, Stage, Status, micros
from models.wording import format_count

_DAY: Final = 86_400_000_000
_LEAST_DONE: Final = 5  # with fewer done issues a share says nothing
_PROMISE: Final = 85  # percent


@dataclass(frozen=True, slots=True)
class StatusMeasure:
    """A status in a sample: the issues in it now, its stays, their median, and its share between start and done.

    ``share`` is a percentage, and the median is in days; None where too few issues were done.
    """

    now: int = 0
    stays: int = 0
    median_days: float | None = None
    share: float | None = None

    def describe(self) -> str:
        """Return the figures as the end of a sentence; empty where there are none."""
        if self.share is None or self.median_days is None:
            return f"{format_count(self.now, 'issue')} now" if self.now else "not seen between start and done"
        return (
            f"{format_percent(self.share)} of the time between start and done, "
            f"median stay {format_days(self.median_days)}"
        )


@dataclass(frozen=True, slots=True)
class Measures:
    """What a sample says: of each status by its folded name, and how long the done issues took, in days."""

    statuses: dict[str, StatusMeasure]
    flow_days: tuple[float, ...]

    def of(self, name: str) -> StatusMeasure:
        """Return the measure of a status; an empty one of a status in which no issue was."""
        return self.statuses.get(fold_name(name), StatusMeasure())

    def has(self, name: str) -> bool:
        """Return whether any issue of the sample was in a status."""
        return fold_name(name) in self.statuses

    @property
    def promise(self) -> float | None:
        """The days in which 85 % of the done issues were done; None where too few were."""
        if len(self.flow_days) < _LEAST_DONE:
            return None
        return quantiles(self.flow_days, n=100, method="inclusive")[_PROMISE - 1]


class _Stay(NamedTuple):
    """A stay of an issue, by its row, in a status; ``is_last``: the one it is in now."""

    row: int
    status: str
    at: Micros
    until: Micros
    is_last: bool


def measure(
    issues: Sequence[Issue], statuses: Iterable[Status], workflow: Mapping[Stage, tuple[str, ...]], as_of: datetime
) -> Measures:
    """Return what the lives of issues up to an instant say, with the stages of a workflow."""
    context = Context.of(Rules(workflow={str(stage): words for stage, words in workflow.items()}), statuses)
    trail = Trail.of(issues, context, micros(as_of) + 1)
    spans = {trail.rows[item.issue_id]: _span(trail, trail.rows[item.issue_id]) for item in trail.facts.items}
    finished = {row: span for row, span in spans.items() if span}
    stays = _stays(trail)
    return Measures(
        _statuses(stays, finished), tuple(sorted((until - start) / _DAY for start, until in finished.values()))
    )


def format_percent(share: float) -> str:
    """Return "62 %", or "under 1 %"."""
    return f"{share:.0f} %" if share >= 1 else "under 1 %"


def format_days(days: float) -> str:
    """Return "3.1 days", or hours under a day."""
    return f"{days:.1f} days" if days >= 1 else f"{days * 24:.1f} hours"


def _span(trail: Trail, row: int) -> tuple[Micros, Micros] | None:
    """Return when work on an issue started and when it was done; None where it was not both."""
    started, done = int(trail.set_by.started[row]), int(trail.set_by.done[row])
    if NONE in {started, done}:
        return None
    start, until = int(trail.visits.at[started]), int(trail.visits.at[done])
    return (start, until) if start < until else None


def _stays(trail: Trail) -> list[_Stay]:
    """Return every stay of every issue; a status has the name that the site lists today."""
    visits, refs, named = trail.visits, trail.batch.histories.refs, trail.context.stages.named
    ends = np.append(visits.at, trail.as_of)[1:].tolist()
    lasts = set((visits.offsets[1:] - 1).tolist())
    return [
        _Stay(row, fold_name(named(*refs[ref]) or ""), at, trail.as_of if place in lasts else until, place in lasts)
        for place, (row, ref, at, until) in enumerate(
            zip(visits.rows.tolist(), visits.refs.tolist(), visits.at.tolist(), ends, strict=True)
        )
    ]


def _statuses(stays: Sequence[_Stay], spans: Mapping[int, tuple[Micros, Micros]]) -> dict[str, StatusMeasure]:
    now = Counter(stay.status for stay in stays if stay.is_last)
    lengths: dict[str, list[int]] = defaultdict(list)
    for stay in stays:
        start, until = spans.get(stay.row, (0, 0))
        length = min(stay.until, until) - max(stay.at, start)
        if length > 0:
            lengths[stay.status].append(length)
    total = sum(sum(values) for values in lengths.values())
    is_enough = len(spans) >= _LEAST_DONE
    return {
        name: StatusMeasure(
            now=now[name],
            stays=len(lengths[name]),
            median_days=median(lengths[name]) / _DAY if lengths[name] and is_enough else None,
            share=100 * sum(lengths[name]) / total if lengths[name] and is_enough else None,
        )
        for name in {stay.status for stay in stays}
    }
