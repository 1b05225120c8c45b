"""How long an issue was in each status during a span: what a duration consists of."""

from collections.abc import Iterable
from dataclasses import dataclass

from models.metrics.evidence import Stay
from models.records import Micros, Stage


@dataclass(frozen=True, slots=True)
class StatusTime:
    """The time in a status, over all its stays."""

    status: str | None
    stage: Stage
    length: Micros


def times_in_statuses(stays: Iterable[Stay], start: Micros, end: Micros) -> tuple[StatusTime, ...]:
    """Return the time in each status from ``start`` to ``end``, in the order of the first stays; no zero is listed."""
    lengths: dict[tuple[str | None, Stage], Micros] = {}
    for stay in stays:
        length = min(stay.until, end) - max(stay.at, start)
        if length > 0:
            status = stay.status, stay.stage
            lengths[status] = lengths.get(status, 0) + length
    return tuple(StatusTime(*status, length) for status, length in lengths.items())
