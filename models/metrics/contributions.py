"""What issues and deployments add to a metric: as columns for the arithmetic, as records for a person who asks."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np

from models.metrics.arrays import Bools, Codes, Floats, Ints
from models.records import Micros, Window

NOT_DELIVERED: Final = "not_delivered"
NEVER_STARTED: Final = "never_started"
NEGATIVE_DURATION: Final = "negative_duration"
INVALID_VALUE: Final = "invalid_value"
DONE_AFTER_DEPLOYMENT: Final = "done_after_deployment"
NOT_AN_INCIDENT: Final = "not_an_incident"
# The code of a reason is its place here; 0 is a part that counts.
REASONS: Final = (
    "",
    NOT_DELIVERED,
    NEVER_STARTED,
    NEGATIVE_DURATION,
    INVALID_VALUE,
    DONE_AFTER_DEPLOYMENT,
    NOT_AN_INCIDENT,
)
CODE_OF_REASON: Final = {name: code for code, name in enumerate(REASONS)}


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one issue or deployment adds to a metric, or why it was left out: the metric is computed from nothing else.

    ``at`` decides the window. ``value`` is what it adds (1, a duration in microseconds, whether it failed),
    ``base`` what that is held against in a ratio. ``instants`` are named moments. ``via`` is the name of a change's
    deployment, ``via_id`` its id.
    """

    at: Micros
    subject_id: str
    key: str
    value: int = 1
    base: int = 1
    reason: str | None = None
    instants: tuple[tuple[str, Micros], ...] = ()
    category: str = ""
    stage: str = ""
    points: float | None = None
    via: str = ""
    via_id: str = ""


@dataclass(frozen=True, slots=True)
class Contributions:
    """Contributions as columns, ascending by instant: as Contribution, with codes for its words.

    ``rows`` says what each is of; ``make_record`` makes the record of one such row, with its words and named moments.
    """

    at: Ints
    value: Ints
    base: Ints
    reason: Codes
    category: Codes
    stage: Codes
    points: Floats
    rows: Ints
    make_record: Callable[["Contributions", int], Contribution]

    def __len__(self) -> int:
        """Return how many."""
        return len(self.at)

    @property
    def used(self) -> "Contributions":
        """Those that count: itself, where nothing is left out."""
        return self.pick(self.reason == 0) if np.count_nonzero(self.reason) else self

    def pick(self, which: slice | Bools | Ints) -> "Contributions":
        """Return some of them: a slice shares memory."""
        return Contributions(
            self.at[which],
            self.value[which],
            self.base[which],
            self.reason[which],
            self.category[which],
            self.stage[which],
            self.points[which],
            self.rows[which],
            self.make_record,
        )

    def with_values(self, value: Ints) -> "Contributions":
        """Return the same with other values."""
        return replace(self, value=value)

    def to_records(self) -> list[Contribution]:
        """Return each as a record, by instant and then by id: the order in which a person sees them."""
        records = [self.make_record(self, index) for index in range(len(self))]
        return sorted(records, key=lambda part: (part.at, part.subject_id))

    def exclusions(self) -> dict[str, int]:
        """Return how many are left out for which reason, by name."""
        if not np.count_nonzero(self.reason):
            return {}
        counts = np.bincount(self.reason, minlength=len(REASONS)).tolist()
        return {name: counts[CODE_OF_REASON[name]] for name in sorted(REASONS[1:]) if counts[CODE_OF_REASON[name]]}


def contributions_of(contributions: Iterable[Contribution]) -> Contributions:
    """Columns of records made one by one: of deployments and incidents, of which there are few."""
    result = sorted(contributions, key=lambda part: (part.at, part.subject_id))
    number = len(result)
    return Contributions(
        at=np.array([part.at for part in result], np.int64),
        value=np.array([part.value for part in result], np.int64),
        base=np.array([part.base for part in result], np.int64),
        reason=np.array([CODE_OF_REASON[part.reason or ""] for part in result], np.int8),
        category=np.zeros(number, np.int8),
        stage=np.zeros(number, np.int8),
        points=np.full(number, np.nan),
        rows=np.arange(number),
        make_record=lambda parts, index: result[parts.rows[index]],
    )


def within(parts: Contributions, windows: Sequence[Window]) -> list[Contributions]:
    """For each window the parts whose instant lies in it, as far as it has run."""
    edges = [(window.start, window.effective_end) for window in windows]
    places = np.searchsorted(parts.at, np.array(edges, np.int64).reshape(-1, 2)).tolist()
    return [parts.pick(slice(low, high)) for low, high in places]


S = TypeVar("S")


def sliced(parts: Callable[[S], Contributions]) -> Callable[[S, Sequence[Window]], list[Contributions]]:
    """Return a function that makes contributions once and slices them by windows."""

    def slices(snapshot: S, windows: Sequence[Window]) -> list[Contributions]:
        return within(parts(snapshot), windows)

    return slices
