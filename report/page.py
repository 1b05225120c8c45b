"""A page as one HTML file without a script: no content can send a request or run, whatever an issue is called.

The policy allows one style sheet, by its hash. All text is escaped by the template; what is not comes from
``charts.py``, which escapes what it draws, and from the tables here.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Final, Literal

from tornado.template import Loader

from report import charts
from report.charts import Label
from report.content import Card, Chart, Page, Table

_FOLDER: Final = Path(__file__).parent
_PLACE: Final = re.compile(r'[" ]([lbw])(\d{1,4})(?=[" ])')
_RULES: Final = {"l": "left", "b": "bottom", "w": "width"}
_STYLE: Final = "\0style\0"
_POLICY: Final = "\0policy\0"
Kind = Literal["dots", "areas", "stacked", "spans"]


def render(page: Page) -> str:
    """Return a profile's page."""
    groups = [(name, list(members)) for name, members in groupby(page.cards, key=lambda card: card.group)]
    written = (
        _loader()
        .load("page.html")
        .generate(
            page=page, groups=groups, chart=_chart, card_chart=_card_chart, table=_table, style=_STYLE, policy=_POLICY
        )
    )
    return _finished(written.decode())


def render_index(pages: Sequence[tuple[str, Page]]) -> str:
    """Return the page that leads to those of several profiles, with their values side by side."""
    return _finished(_loader().load("index.html").generate(pages=pages, style=_STYLE, policy=_POLICY).decode())


def _finished(html: str) -> str:
    """Return the page with its style sheet, a rule for each place of its labels, and the policy with its hash."""
    places = sorted(set(_PLACE.findall(html)), key=lambda place: (place[0], int(place[1])))
    rules = "".join(f".{kind}{at}{{{_RULES[kind]}:{int(at) / 10:g}%}}" for kind, at in places)
    sheet = (_FOLDER / "page.css").read_text(encoding="utf-8").strip() + rules
    digest = b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return html.replace(_POLICY, policy, 1).replace(_STYLE, f"<style>{sheet}</style>", 1)


@cache
def _loader() -> Loader:
    return Loader(str(_FOLDER / "templates"))


def _card_chart(card: Card) -> str:
    values = [week.value for week in card.weeks if week.value is not None]
    low, high = charts.extent(values)
    marks = [Label(float(end > 0), f"{end:g}") for end in (low, high) if end and any(values)]
    return charts.framed(charts.bars(card.weeks), card.says, y=marks)


def _chart(chart: Chart, kind: Kind) -> str:
    drawn = _drawing(chart, kind)
    heading = (f"<h3>{escape(chart.title)}</h3>\n" if chart.title else "") + f"<p>{escape(chart.says)}</p>\n"
    if not drawn:
        return heading
    note = f'<p class="soft small">{escape(chart.note)}</p>' if chart.note else ""
    css = "slant" if kind == "dots" and chart.bands == () and _is_named(chart.x) else "short" if kind == "spans" else ""
    says = f"{chart.title}. {chart.says}".lstrip(". ")
    frame = charts.framed(drawn, says, x=chart.x, y=chart.y, right=chart.lines, unknown=chart.unknown, css=css)
    return heading + _legend(chart) + frame + note


def _is_named(labels: Sequence[Label]) -> bool:
    """Return whether labels name columns side by side, and not places on an axis of time."""
    return bool(labels) and [label.at for label in labels] == [(at + 0.5) / len(labels) for at in range(len(labels))]


def _drawing(chart: Chart, kind: Kind) -> str:
    if kind == "areas":
        return charts.areas(chart.bands) if any(any(band.values) for band in chart.bands) else ""
    if kind == "stacked":
        return charts.stacked(chart.bands, chart.words) if chart.bands else ""
    if kind == "spans":
        return charts.spans(chart.spans, chart.dots) if chart.spans or chart.dots else ""
    if not chart.dots:
        return ""
    if chart.is_crowded:
        return charts.cells(((dot.x, dot.y) for dot in chart.dots), 52, 28, chart.lines, chart.y)
    return charts.dots(chart.dots, chart.lines, chart.y)


def _legend(chart: Chart) -> str:
    """Return the names of the bands, the topmost first, as in the drawing."""
    if not chart.bands:
        return ""
    names = "".join(f'<li><i class="{band.css}"></i>{escape(band.name)}</li>' for band in reversed(chart.bands))
    return f'<ul class="legend">{names}</ul>'


def _table(table: Table, number: int = 0, empty: str = "") -> str:
    """Return a table; rows beyond ``shown`` are folded."""
    if not table.rows:
        return f"<p>{escape(empty)}</p>" if empty else ""
    note = f'<p class="soft small">{escape(table.note)}</p>' if table.note else ""
    if not number or len(table.rows) <= number:
        return _scrolled(table, range(len(table.rows))) + note
    rest = len(table.rows) - number
    others = _scrolled(table, range(number, len(table.rows)))
    more = f'<details class="screen"><summary>{rest:,} more</summary>{others}{note}</details>'
    return _scrolled(table, range(number)) + more


def _scrolled(table: Table, rows: Iterable[int]) -> str:
    heads = "".join(
        f'<th scope="col" class="{css}">{escape(name)}</th>' if name else "<td></td>" for name, css in table.columns
    )
    lines = "".join(_row(table, index) for index in rows)
    css = ' class="full"' if any(css == "t" for _, css in table.columns) else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Table: {escape(_words(table))}"><table{css}>'
        f"<thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _words(table: Table) -> str:
    return ", ".join(name for name, _ in table.columns if name)


def _row(table: Table, index: int) -> str:
    cells = []
    for (_, css), cell in zip(table.columns, table.rows[index], strict=True):
        words = escape(cell.words)
        inner = f'<a href="{escape(cell.url)}" rel="noreferrer">{words}</a>' if cell.url else words
        if cell.share is not None:
            inner = charts.share_bar(cell.share)
        cells.append(f'<td class="{css}">{inner}</td>' if css else f"<td>{inner}</td>")
    late = ' class="late"' if index in table.late else ""
    return f"<tr{late}>{''.join(cells)}</tr>"
