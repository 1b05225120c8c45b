"""Tables in Markdown for a wiki or a chat. Their columns are aligned in plain text too."""

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final

from rich.cells import cell_len

# Within a word an underscore is only itself. A bracket makes a link only before another bracket or a colon.
_MARKUP: Final = re.compile(r"[\\`*|]|\[(?=\[)|\](?=[(\[:])|(?<!\w)_|_(?!\w)|~(?=~)")
_BRACKET: Final = re.compile(r"(?<!\\)[\[\]]")
_ENTITY: Final = re.compile(r"&(?=#?\w+;)")
_LEAST: Final = 3  # dashes below a heading


def escape(text: str) -> str:
    """Return text that Markdown shows as it is: neither a cell's end, nor emphasis, a link, code or HTML."""
    return _MARKUP.sub(r"\\\g<0>", _ENTITY.sub("&amp;", text).replace("<", "&lt;"))


def link(text: str, url: str) -> str:
    """Return an escaped text as a link; the text alone without an address that Markdown can hold."""
    name = _BRACKET.sub(r"\\\g<0>", text)
    return f"[{name}]({url})" if url and not re.search(r"[\s()<>|]", url) else text


def format_table(headings: Sequence[str], right: Sequence[bool], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table of escaped texts, each column as wide as its widest text; ``right``: of figures."""
    columns = zip_longest(*([headings, *rows]), fillvalue="")
    widths = [max(_LEAST, *map(cell_len, column)) for column in columns]
    rule = [f"{'-' * (width - 1)}{':' if figures else '-'}" for width, figures in zip(widths, right, strict=True)]
    for line in (headings, rule, *rows):
        cells = (_padded(*cell) for cell in zip(line, widths, right, strict=True))
        yield f"| {' | '.join(cells)} |"


def _padded(text: str, width: int, figures: bool) -> str:  # noqa: FBT001 - a column's side, as format_table has it
    blanks = " " * (width - cell_len(text))
    return f"{blanks}{text}" if figures else f"{text}{blanks}"
