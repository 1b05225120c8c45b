"""The two documents that browse shows, as data: the queries of docs/sql.md and the columns of docs/tables.md."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SECTION: Final = re.compile(r"^## (?P<title>[^\n]+)\n(?P<body>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_TABLE: Final = re.compile(r"^### (?P<names>[^\n]+)\n(?P<body>.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_SQL: Final = re.compile(r"^```sql\n(?P<sql>.*?)^```$", re.MULTILINE | re.DOTALL)
_ROW: Final = re.compile(r"^\| (?P<names>`.+?) \| (?P<text>.+) \|$", re.MULTILINE)
_LINK: Final = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_NOT_A_NAME: Final = re.compile(r"\W+")


@dataclass(frozen=True, slots=True)
class Query:
    """A question and the SQL that answers it: one text for both databases, or a variant for each."""

    title: str
    description: str
    sqlite: str
    postgresql: str

    @property
    def name(self) -> str:
        """The title as a part of an address: ``how-fresh-and-at-what-cost``."""
        return _NOT_A_NAME.sub("-", self.title.lower())


@dataclass(frozen=True, slots=True)
class Table:
    """What docs/tables.md says of a table or view: a sentence or more, and the meaning of each column."""

    description: str
    columns: Mapping[str, str]


def read(name: str) -> str:
    """Return a document: an installed package has it beside this module, a checkout in its folder docs."""
    beside = Path(__file__).with_name(name)
    file = beside if beside.exists() else Path(__file__).parents[2] / "docs" / name
    return file.read_text(encoding="utf-8")


def parse_queries(page: str) -> tuple[Query, ...]:
    """Return the sections with SQL in the order of the page: the first text is SQLite's, a second PostgreSQL's."""
    return tuple(_queries(page))


def _queries(page: str) -> Iterator[Query]:
    for section in _SECTION.finditer(page):
        texts = [sql.strip().removesuffix(";") for sql in _SQL.findall(section["body"])]
        if texts:
            first, *_ = re.split(r"^(?:SQLite:|```)", section["body"], maxsplit=1, flags=re.MULTILINE)
            yield Query(section["title"], plain(first), texts[0], texts[-1])


def parse_tables(page: str) -> dict[str, Table]:
    """Return the tables and views of the page by name; of two in one section both have all of its columns."""
    tables: dict[str, Table] = {}
    for section in _TABLE.finditer(page):
        first, *_ = re.split(r"^(?:\||```)", section["body"], maxsplit=1, flags=re.MULTILINE)
        table = Table(plain(first), dict(_columns(section["body"])))
        tables |= dict.fromkeys(section["names"].split(", "), table)
    return tables


def _columns(body: str) -> Iterator[tuple[str, str]]:
    """Yield each column; those that share a line have their names before its text."""
    for row in _ROW.finditer(body):
        names, text = re.findall(r"`(\w+)`", row["names"]), plain(row["text"])
        yield from ((name, text if len(names) == 1 else f"{', '.join(names)}: {text}") for name in names)


def plain(markdown: str) -> str:
    """Return a paragraph without Markdown's marks: links as their texts, code without backticks, one line."""
    return " ".join(_LINK.sub(r"\1", markdown).replace("`", "").split())
