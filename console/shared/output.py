"""Prints rows for people as tables, also in Markdown, and for programs in full as JSON or CSV."""

import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar, get_args

import click
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment, SegmentLines
from rich.style import Style
from rich.table import Table
from rich.text import Text

from console.shared import markdown, voice
from console.shared.csv_cells import csv_cell
from report.plain import to_plain
from report.words import NOTHING

Format = Literal["table", "markdown", "json", "csv"]
Row = Mapping[str, Any]
F = TypeVar("F", bound=Callable[..., Any])

_STYLES: Final = {"elite": "green", "high": "green", "medium": "yellow", "low": "red", "failed": "red", "fail": "red"}
_SPARKS: Final = "▁▂▃▄▅▆▇█"
_BETWEEN: Final = 2  # letters between two columns
_WORD: Final = 16  # letters: longer words are not figures or keys, and may be broken where space is short
_FITTING: Final = 80  # columns that all tables are made for: a word is rather broken than the table wider than that


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its heading and what it shows of a row; one that shows nothing of any is left out.

    One with a heading that is kept whole (``keep``) stays all the same. Where the terminal is too narrow, text is
    folded between words, and the table becomes wider than the terminal before a figure or a key is cut.
    """

    title: str
    cell: Callable[[Row], str]
    right: bool = False  # figures, and whole like what is kept
    keep: bool = False  # on one line, whole
    clip: bool = False  # on one line, cut where the room ends
    below: Callable[[Row], str] = lambda _row: ""  # on a line of its own under the cell
    fold: int = 0  # letters on a line, the rest below; 0: as many as fit
    link: Callable[[Row], str] = lambda _row: ""  # the address that the cell leads to, where a terminal can follow it
    style: Callable[[Row], str] = lambda _row: ""  # how rich shows the cell


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows that share their fields, in full for programs; and what a person sees of them.

    ``names`` are the fields in order; ``title`` and ``notes`` stand above and below the table, ``empty`` in place of
    one without rows. Without ``columns`` no table is printed.
    """

    names: tuple[str, ...]
    rows: Sequence[Row]
    columns: tuple[Column, ...]
    title: str = ""
    notes: tuple[str, ...] = ()
    empty: str = "Nothing."


def format_option(command: F) -> F:
    """Return the option ``--format``, given to the command as ``form``."""
    choice = click.Choice(get_args(Format))
    text = "How to print it. Markdown: for a wiki or a chat. CSV: for spreadsheets; its times are in UTC."
    return click.option("--format", "form", type=choice, default="table", show_default=True, help=text)(command)


def is_for_people(form: Format) -> bool:
    """Return whether the output is for a person; programs get full rows without titles and notes."""
    return form in ("table", "markdown")


def room_for(form: Format) -> int:
    """Return the width of tables in letters: the terminal's width, or any width in Markdown."""
    return terminal().width if form == "table" else sys.maxsize


def show(form: Format, sheets: Sheet | Mapping[str, Sheet]) -> None:
    """Print one sheet, or several: as tables below each other, as one JSON object, as CSV only the first."""
    several = {"": sheets} if isinstance(sheets, Sheet) else sheets
    if form == "csv":
        _write_csv(next(iter(several.values())))
    elif form == "json":
        lists = {name: [to_plain(sheet.names, row) for row in sheet.rows] for name, sheet in several.items()}
        rows = lists[""] if isinstance(sheets, Sheet) else lists
        click.echo(json.dumps(rows, ensure_ascii=not _is_unicode(), indent=2))
    elif form == "markdown":
        click.echo("\n\n".join(part for sheet in several.values() for part in _markdown(sheet)))
    else:
        console = terminal()
        for index, sheet in enumerate(several.values()):
            _print_table(console, sheet, first=index == 0)


def terminal() -> Console:
    """Return standard output as rich sees it now, with its width and colours."""
    return Console(highlight=False, markup=False, emoji=False, **_colours())


def progress_console() -> Console:
    """Return standard error for progress and hints; it prints nothing for a person who wants quiet."""
    return Console(stderr=True, quiet=voice.is_quiet(), **_colours())


def _colours() -> dict[str, Any]:
    wanted = voice.colours()
    return {} if wanted is None else {"force_terminal": True} if wanted else {"color_system": None}


def clean(text: str) -> str:
    """Return text from outside without characters that could steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def format_bar(done: float, width: int = 10) -> str:
    """Return a share between 0 and 1 as a bar."""
    full = round(min(max(done, 0.0), 1.0) * width)
    return "█" * full + "░" * (width - full)


def sparkline(values: Sequence[float | None], unknown: int = 0) -> str:
    """Return a letter of growing height for each value, from zero to the largest; a dot for no value.

    Where a value is negative the lowest letter is the least one. The first ``unknown`` of them are dashes, because the
    copy has no data about them.
    """
    known = values[unknown:]
    present = [0.0, *(value for value in known if value is not None)]
    least, largest = min(present), max(present)
    marks = ("·" if value is None else _spark(value - least, largest - least) for value in known)
    return NOTHING * unknown + "".join(marks)


def _spark(height: float, highest: float) -> str:
    share = height / highest if highest > 0 else 0.0
    return _SPARKS[min(len(_SPARKS) - 1, int(share * len(_SPARKS)))]


def _write_csv(sheet: Sheet) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(sheet.names)
    writer.writerows([csv_cell(row[name]) for name in sheet.names] for row in sheet.rows)


def _markdown(sheet: Sheet) -> Iterator[str]:
    """Yield the paragraphs of a sheet: its title, the table or its replacement, and each note."""
    if sheet.title:
        yield f"**{markdown.escape(clean(sheet.title))}**"
    if not sheet.rows:
        yield markdown.escape(clean(sheet.empty))
    elif sheet.columns:
        columns = [column for column in sheet.columns if _has_something(column, sheet.rows)]
        lines = [[_markdown_cell(column, row) for column in columns] for row in sheet.rows]
        headings = [markdown.escape(" ".join(column.title.split())) for column in columns]
        filled = [line for line in lines if any(line)]
        yield "\n".join(markdown.format_table(headings, [column.right for column in columns], filled))
    yield from (markdown.escape(clean(note)) for note in sheet.notes)


def _markdown_cell(column: Column, row: Row) -> str:
    text, below = (markdown.escape(clean(part)) for part in (column.cell(row), column.below(row)))
    if row.get("heading") and text:
        return f"**{text}**"
    return " ".join(filter(None, (markdown.link(text, clean(column.link(row))), f"({below})" if below else "")))


def _is_unicode() -> bool:
    """Return whether standard output can encode every character; JSON has escapes for the others."""
    return (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")


def _print_table(console: Console, sheet: Sheet, *, first: bool) -> None:
    if not first:
        console.print()
    if sheet.title:
        console.print(Text(clean(sheet.title), style="bold"))
    if not sheet.rows:
        console.print(Text(sheet.empty))
    elif sheet.columns:
        console.print(_unpadded(console, _table(sheet, console.width)), crop=False, end="")
    for note in sheet.notes:
        console.print(Text(clean(note)))


def _unpadded(console: Console, table: Table) -> SegmentLines:
    """Return the table's lines without blanks at their ends, because padded lines would wrap on a narrow terminal."""
    options = console.options.update(width=max(console.width, table.width or 0))
    return SegmentLines(map(_stripped, console.render_lines(table, options, pad=False)), new_lines=True)


def _stripped(line: Sequence[Segment]) -> list[Segment]:
    segments = list(line)
    while segments and not segments[-1].text.strip():
        segments.pop()
    if segments:
        segments[-1] = segments[-1]._replace(text=segments[-1].text.rstrip())
    return segments


def _table(sheet: Sheet, room: int) -> Table:
    """Return the rows as a table; it exceeds ``room`` only if a figure or a key would be cut otherwise."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    columns = [column for column in sheet.columns if _has_something(column, sheet.rows)]
    cells = [[_text(column, row) for row in sheet.rows] for column in columns]
    for column, texts in zip(columns, cells, strict=True):
        lines = [line for text in (column.title, *map(str, texts)) for line in text.splitlines()]
        least = _least(column, lines, narrow=room < _FITTING)
        fixed = column.keep or least >= max(map(cell_len, lines), default=0)
        justify: Literal["left", "right"] = "right" if column.right else "left"
        table.add_column(column.title, justify=justify, no_wrap=fixed, overflow="fold", min_width=least)
    for line in zip(*cells, strict=True):
        table.add_row(*line)
    total = sum(column.min_width or 0 for column in table.columns) + _BETWEEN * (len(columns) - 1)
    table.width = total if total > room else None  # rich would rather leave columns out
    return table


def _least(column: Column, lines: Sequence[str], *, narrow: bool) -> int:
    """Return the least width of a column with these lines: unchanged, or for text the width of the words to keep."""
    if column.keep or column.right or column.fold:
        return max(map(cell_len, lines), default=1)
    if column.clip:
        return cell_len(column.title)
    words = [word for line in lines for word in line.split() if len(word) <= _WORD]
    return max((cell_len(word) for word in words if narrow or any(map(str.isdigit, word))), default=1)


def _has_something(column: Column, rows: Sequence[Row]) -> bool:
    return bool(column.title and column.keep) or any(column.cell(row) for row in rows)


def _text(column: Column, row: Row) -> Text:
    text = _plain_text(column, row)
    style, url = column.style(row), clean(column.link(row))
    if style:
        text.stylize(style)
    if url:
        text.stylize(Style(link=url))
    return text


def _plain_text(column: Column, row: Row) -> Text:
    text, below = clean(column.cell(row)), clean(column.below(row))
    if below:
        return Text.assemble(text, "\n", (below, "dim"))
    if column.fold:
        return Text("\n".join(text[start : start + column.fold] for start in range(0, len(text), column.fold)))
    if column.clip:  # not said of the column, for rich would then narrow all others first
        return Text(text, no_wrap=True, overflow="ellipsis")
    return Text(text, style=_STYLES.get(text, "bold" if row.get("heading") else ""))
