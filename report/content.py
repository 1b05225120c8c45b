"""What a page shows, already as words and numbers: nothing after this decides what is true."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from report.charts import Band, Bar, Dot, Label


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table: its words, the address it leads to, and its share of the largest where it has a bar."""

    words: str
    url: str = ""
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table: (heading, class) of each column, its rows, and a sentence about what is not shown."""

    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    late: frozenset[int] = frozenset()
    """The rows that stand out."""


@dataclass(frozen=True, slots=True)
class Card:
    """A metric of the period: its value in words or why there is none, and its weeks."""

    metric: str
    title: str
    group: str
    value: str
    unit: str
    lines: Sequence[str]
    """Further facts: the level, the period before, the coverage, percentiles."""
    weeks: Sequence[Bar]
    says: str
    state: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing and the words around it; ``sentence`` stands in its place where there is nothing to draw."""

    title: str
    says: str
    x: Sequence[Label] = ()
    y: Sequence[Label] = ()
    dots: Sequence[Dot] = ()
    lines: Sequence[Label] = ()
    bands: Sequence[Band] = ()
    words: Sequence[str] = ()
    spans: Sequence[tuple[float, float, str, str, str]] = ()
    note: str = ""
    unknown: float = 0.0
    """The share of the width, from the left, that was over before the copy begins."""
    is_crowded: bool = False
    """Whether there are more dots than one can see, so that cells are drawn in their place."""


@dataclass(frozen=True, slots=True)
class Page:
    """A profile's page, in the order in which it is read."""

    profile: str
    period: str
    zone: str
    as_of: str
    jira: str
    issues: str
    weeks: Sequence[tuple[str, date]]
    notes: Sequence[str]
    cards: Sequence[Card]
    ageing: Chart
    aged: Table
    scatter: Chart
    took: Table
    wip: Chart
    cumulative: Chart
    delivered: Chart
    timeline: Chart
    deployments: Table
    incidents: Table
    forecast: Table
    forecast_says: str
    behind: Table
    left_out: Table
    quality: Table
    computed: Sequence[tuple[str, str]]
    fetches: Table
    reproduce: Sequence[str] = field(default_factory=tuple)
