"""The content of a page in words and numbers. Nothing after this decides what is true."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from report.charts import Band, Bar, Dot, Label


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table: its words, its link, and its share of the largest value if it has a bar."""

    words: str
    url: str = ""
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table: (heading, class) of each column, its rows, and a sentence about rows that are left out."""

    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    late: frozenset[int] = frozenset()
    """The rows that stand out."""


@dataclass(frozen=True, slots=True)
class Card:
    """A metric of the period: its value in words, or the reason why it has none, and its weeks."""

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
    """A drawing and the words around it; ``sentence`` replaces it if there is nothing to draw."""

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
    """A profile's page, in the order of reading."""

    profile: str
    period: str
    zone: str
    as_of: str
    verified: str
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
