"""Draws values: SVG marks in a box of 100 by 100 that is stretched to its place, with HTML labels over it.

A drawing has no text of its own, so that words keep their size on every screen; each label and each line of a grid is
an element placed by a class (``l250`` lies 25 % from the left), because the page's policy allows no style attributes.
Everything that comes from outside is escaped here; a dot is a path of length zero with round ends, so it stays round.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Literal

DAY: Final = 86_400.0
# The rungs of a ladder: each is a longer unit, and the axis between two of them is logarithmic.
RUNGS: Final = (
    (60.0, "1 minute"),
    (3_600.0, "1 hour"),
    (DAY, "1 day"),
    (7 * DAY, "1 week"),
    (30 * DAY, "1 month"),
    (91 * DAY, "3 months"),
    (365 * DAY, "1 year"),
    (1_095 * DAY, "3 years"),
)
Known = Literal["value", "running", "none", "unknown", "missing"]


@dataclass(frozen=True, slots=True)
class Bar:
    """A week of a chart; ``known`` says why a value is missing, ``words`` are its tooltip."""

    known: Known
    value: float | None
    words: str


@dataclass(frozen=True, slots=True)
class Label:
    """Words beside a drawing, at a share (0 to 1) of its width or height."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A mark at shares of width and height, with its tooltip and the address that it leads to."""

    x: float
    y: float
    words: str
    url: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """One area or one part of each stacked bar: a name for the legend, the class of its colour, and its values."""

    name: str
    css: str
    values: Sequence[float]


def bars(weeks: Sequence[Bar], size: str = "") -> str:
    """Return a bar for each value, a dot on the line for 0, a dash for no value, hatching for unknown weeks.

    A running week is drawn dashed. Bars begin at 0, which lies above the lower edge where a value is negative.
    """
    low, high = extent([week.value for week in weeks if week.value is not None])
    step, zero = 100 / max(1, len(weeks)), 100 * high / (high - low)
    marks = [_path(f"M0 {_n(zero)}H100", "axis")] if low else []
    marks += [_week(week, index * step, step, 100 / (high - low), zero) for index, week in enumerate(weeks)]
    hatched = "".join(_hatched(start, end, len(weeks)) for start, end in _runs(weeks))
    return _box(hatched, marks, size)


def extent(values: Sequence[float]) -> tuple[float, float]:
    """Return the lower and the upper end of an axis that holds 0 and these values, as round numbers."""
    least, most = min(values, default=0.0), max(values, default=0.0)
    low = -ceiling(-least) if least < 0 else 0.0
    return low, 0.0 if low and most <= 0 else ceiling(most)


def stacked(bands: Sequence[Band], words: Sequence[str]) -> str:
    """Return a bar for each index, made of one part for each band, the first at the bottom."""
    count = len(words)
    totals = [sum(band.values[index] for band in bands) for index in range(count)]
    top, step = ceiling(max(totals, default=0.0)), 100 / max(1, count)
    marks = []
    for index in range(count):
        base, parts = 0.0, []
        for band in bands:
            height = 100 * band.values[index] / top
            if height:
                left, width = index * step + step * 0.12, step * 0.76
                parts.append(_path(f"M{_n(left)} {_n(100 - base)}h{_n(width)}v-{_n(height)}h-{_n(width)}z", band.css))
            base += height
        marks.append(_titled("".join(parts), words[index]) if parts else "")
    return _box("", marks)


def areas(bands: Sequence[Band], top: float | None = None) -> str:
    """Return one area for each band, stacked, the first at the bottom, with a step at every value."""
    count = max((len(band.values) for band in bands), default=0)
    totals = [sum(band.values[index] for band in bands) for index in range(count)]
    highest, step = top or ceiling(max(totals, default=0.0)), 100 / max(1, count)
    lower, marks = [0.0] * count, []
    for band in bands:
        upper = [base + value for base, value in zip(lower, band.values, strict=True)]
        there = "".join(
            f"V{_n(100 - 100 * value / highest)}H{_n((index + 1) * step)}" for index, value in enumerate(upper)
        )
        back = "".join(
            f"V{_n(100 - 100 * lower[index] / highest)}H{_n(index * step)}" for index in reversed(range(count))
        )
        start = _n(100 - 100 * lower[0] / highest) if count else "100"
        marks.append(_path(f"M0 {start}{there}{back}z", band.css))
        lower = upper
    return _box("", marks)


def dots(points: Sequence[Dot], lines: Sequence[Label] = (), rungs: Sequence[Label] = ()) -> str:
    """Return a mark for each point, above the lines that are drawn over the whole width."""
    grid = [_path(f"M0 {_n(100 - 100 * rung.at)}H100", "grid") for rung in rungs]
    across = [_path(f"M0 {_n(100 - 100 * line.at)}H100", "line") for line in lines]
    kinds = dict.fromkeys(point.kind for point in points)
    return _box("", [*grid, *across, *(_cloud([dot for dot in points if dot.kind == kind], kind) for kind in kinds)])


def cells(
    points: Iterable[tuple[float, float]],
    columns: int,
    rows: int,
    lines: Sequence[Label] = (),
    rungs: Sequence[Label] = (),
) -> str:
    """Return a cell for each place with points, darker for more of them; for more points than a person can see."""
    counts: dict[tuple[int, int], int] = {}
    for x, y in points:
        place = min(columns - 1, int(x * columns)), min(rows - 1, int(y * rows))
        counts[place] = counts.get(place, 0) + 1
    most, width, height = max(counts.values(), default=1), 100 / columns, 100 / rows
    marks = []
    for (column, row), count in sorted(counts.items()):
        shade = min(9, 1 + int(8 * math.sqrt(count / most)))
        corner = f"M{_n(column * width)} {_n(100 - (row + 1) * height)}"
        mark = _path(f"{corner}h{_n(width)}v{_n(height)}h-{_n(width)}z", f"cell s{shade}")
        marks.append(_titled(mark, f"{count:,}"))
    grid = [_path(f"M0 {_n(100 - 100 * rung.at)}H100", "grid") for rung in rungs]
    across = [_path(f"M0 {_n(100 - 100 * line.at)}H100", "line") for line in lines]
    return _box("", [*grid, *marks, *across])


def spans(rows: Sequence[tuple[float, float, str, str, str]], ticks: Sequence[Dot]) -> str:
    """Return bars (from, to, class, words, address) in the lower half, ticks in the upper one."""
    marks = []
    for start, end, css, words, url in rows:
        width = max(0.2, 100 * (end - start))
        marks.append(_linked(_titled(_path(f"M{_n(100 * start)} 70h{_n(width)}v22h-{_n(width)}z", css), words), url))
    for tick in ticks:
        top = 8 if tick.kind == "failed" else 20
        mark = _path(f"M{_n(100 * tick.x)} {top}V55", f"tick {tick.kind}".strip())
        marks.append(_linked(_titled(mark, tick.words), tick.url))
    return _box("", [_path("M0 55H100", "grid"), *marks])


def ladder(low: float, high: float) -> tuple[Callable[[float], float], list[Label]]:
    """Return the place of a duration in seconds (0 to 1), and the marks between the least and the largest."""
    rungs = [size for size, _ in RUNGS]
    bottom = max((rung for rung in rungs if rung <= low), default=rungs[0] / 2)
    top = min((rung for rung in rungs if rung >= high), default=max(high, rungs[-1]))
    if top <= bottom:
        bottom, top = bottom / 2, bottom * 2
    width = math.log(top / bottom)

    def place(seconds: float) -> float:
        return min(1.0, max(0.0, math.log(max(seconds, bottom) / bottom) / width))

    return place, [Label(place(size), words) for size, words in RUNGS if bottom <= size <= top]


def ceiling(value: float) -> float:
    """Return a round number at or above a value, as the top of an axis; 1 if the value is 0."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(unit * step for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if unit * step >= value * (1 - 1e-9))


def framed(
    drawing: str,
    says: str,
    *,
    x: Sequence[Label] = (),
    y: Sequence[Label] = (),
    right: Sequence[Label] = (),
    unknown: float = 0.0,
    css: str = "",
) -> str:
    """Return a drawing with its labels. Screen readers read ``says``, so the marks inside are hidden from them.

    It is a figure and not an image, because an image may hold no links.
    ``unknown`` is the share of the width, from the left, that nobody knows anything of.
    """
    below = "".join(f'<span class="{_end(label.at)}l{_m(label.at)}">{escape(label.words)}</span>' for label in x)
    beside = "".join(f'<span class="b{_m(label.at)}">{escape(label.words)}</span>' for label in y)
    beside += "".join(f'<span class="r b{_m(label.at)}">{escape(label.words)}</span>' for label in spread(right))
    hatched = f'<div class="hatched l0 w{_m(unknown)}"></div>' if _m(unknown) else ""
    return (
        f'<div class="chart {css}" role="figure" aria-label="{escape(says)}"><div class="plot">{hatched}{drawing}'
        f'<div class="ys" aria-hidden="true">{beside}</div></div><div class="xs" aria-hidden="true">{below}</div></div>'
    )


def spread(labels: Sequence[Label], gap: float = 0.065) -> list[Label]:
    """Return labels moved apart so that none covers another, inside the drawing if there is room."""
    places: list[float] = []
    for label in sorted(labels, key=lambda label: label.at):
        places.append(max(label.at, places[-1] + gap) if places else label.at)
    highest = 1.0
    for index in reversed(range(len(places))):
        places[index] = highest = min(places[index], highest)
        highest -= gap
    ordered = sorted(labels, key=lambda label: label.at)
    return [Label(max(0.0, place), label.words) for place, label in zip(places, ordered, strict=True)]


def share_bar(share: float) -> str:
    """Return a bar inside a table's cell."""
    return f'<span class="share"><span class="w{_m(min(1.0, max(0.0, share)))}"></span></span>'


def _box(before: str, marks: Iterable[str], size: str = "") -> str:
    return (
        f'{before}<svg class="{size}" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true"'
        f' focusable="false">{"".join(marks)}</svg>'
    )


def _week(week: Bar, left: float, step: float, scale: float, zero: float) -> str:
    """Return the mark of a week; ``scale`` is the height of 1, ``zero`` the place of the line of 0."""
    if week.known in ("unknown", "missing"):
        return _titled(_path(f"M{_n(left)} 0h{_n(step)}v100h-{_n(step)}z", "blank"), week.words)
    middle, line = left + step / 2, _n(min(zero, 98))
    if week.known == "none" or week.value is None:
        return _titled(_path(f"M{_n(middle - step * 0.28)} {line}H{_n(middle + step * 0.28)}", "dash"), week.words)
    if week.value == 0:
        return _titled(_path(f"M{_n(middle)} {line}h0", "zero"), week.words)
    height, width = scale * week.value, step * 0.72
    css = "so-far" if week.known == "running" else "bar"
    x = _n(left + step * 0.14)
    return _titled(_path(f"M{x} {_n(zero)}v{_n(-height)}h{_n(width)}v{_n(height)}z", css), week.words)


def _runs(weeks: Sequence[Bar]) -> list[tuple[int, int]]:
    """Return the beginnings and ends of unknown weeks."""
    edges: list[tuple[int, int]] = []
    for index, week in enumerate(weeks):
        if week.known not in ("unknown", "missing"):
            continue
        if edges and edges[-1][1] == index:
            edges[-1] = (edges[-1][0], index + 1)
        else:
            edges.append((index, index + 1))
    return edges


def _hatched(start: int, end: int, count: int) -> str:
    """Return a hatched area as HTML: a pattern inside the drawing would be stretched with it."""
    return f'<div class="hatched l{_m(start / count)} w{_m((end - start) / count)}"></div>'


def _cloud(points: Sequence[Dot], kind: str) -> str:
    """Return the dots of a kind: those without an address as one path, which is small and fast to draw."""
    plain = "".join(map(_at, (point for point in points if not point.url)))
    drawn = f'<path d="{plain}"/>' if plain else ""
    linked = "".join(map(_linked_dot, (point for point in points if point.url)))
    return f'<g class="{f"dot {kind}".strip()}">{drawn}{linked}</g>'


def _linked_dot(point: Dot) -> str:
    mark = f'<path d="{_at(point)}"><title>{escape(point.words)}</title></path>'
    return _linked(mark, point.url)


def _at(point: Dot) -> str:
    """Return a dot's path; its length is not quite zero, because a PDF shows no square end of zero length."""
    return f"M{_n(100 * point.x)} {_n(100 - 100 * point.y)}h.01"


def _path(d: str, css: str) -> str:
    return f'<path class="{css}" d="{d}"/>'


def _titled(marks: str, words: str) -> str:
    return f"<g>{marks}<title>{escape(words)}</title></g>" if words else marks


def _linked(mark: str, url: str) -> str:
    return f'<a href="{escape(url)}" tabindex="-1">{mark}</a>' if url else mark


def _n(value: float) -> str:
    """Return a coordinate with two decimals at most."""
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")


def _end(at: float) -> str:
    """Return the class of a label near the right edge, which ends at its place so that it stays on the page."""
    return "end " if at > 0.88 else ""  # noqa: PLR2004 - from there a label of some letters would not fit a phone


def _m(share: float) -> int:
    """Return a share in thousandths, as in the names of place classes."""
    return round(1000 * share)
