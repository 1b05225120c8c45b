"""Deployments from a CSV file: rows to records, with every mistake and its line."""

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from models.metrics.windows import instant_of, is_day, last_second
from models.records import TableDeployment, instant, iso
from worker.config_schema import did_you_mean

_REQUIRED: Final = ("deployed_at", "name")
_YEARS: Final = range(1970, 9999)
_MARKS: Final[Mapping[str, bool | None]] = {
    "": None, "no": False, "false": False, "0": False, "yes": True, "true": True, "1": True,
}  # fmt: skip
_KEY: Final = re.compile(r"[^\W\d_]\w*-\d+")
_DELIMITERS: Final[Mapping[str, str]] = {",": "comma", ";": "semicolon", "\t": "tab"}
# Excel writes such a line above the header, where the delimiter is not the one of its language.
_DELIMITER_LINE: Final = re.compile(r"""\s*"?sep=([,;\t])"?\s*\r?\n""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DeploymentFile:
    """The content of a file: deployments in order, one sentence for each mistake, and the number of rows.

    With mistakes the deployments are those of the remaining rows.
    """

    deployments: Sequence[TableDeployment]
    mistakes: Sequence[str]
    rows: int

    @property
    def look_alikes(self) -> list[TableDeployment]:
        """Return the deployments with the same instant and name as an earlier one."""
        seen: set[tuple[datetime, str]] = set()
        alike = []
        for deployment in self.deployments:
            place = (deployment.deployed_at, deployment.name)
            if place in seen:
                alike.append(deployment)
            seen.add(place)
        return alike


def parse_file(text: str, zone: ZoneInfo) -> DeploymentFile:
    """Return the deployments of a CSV text; a date without a time ends in ``zone``.

    - Cells are separated by commas, semicolons or tabs, as the header is.
    - Rows with the same ``deployment_id`` that differ in what they carry only are one deployment, as in an export
      with one row per issue.
    """
    delimiter, body, first_line = _delimited(text)
    mistakes: list[str] = []
    lines = _lines(body, delimiter, first_line, mistakes)
    header_line, header = next(lines, (first_line, []))
    names = _trimmed([cell.strip().casefold() for cell in header])
    mistakes += [f"line {header_line}: {sentence}" for sentence in _wrong_header(names)]
    if mistakes:
        return DeploymentFile((), mistakes, 0)
    rows: list[_Row] = []
    for line, cells in lines:
        row = _row(line, names, cells, delimiter, zone)
        if isinstance(row, _Row):
            rows.append(row)
        else:
            mistakes += [f"line {line}: {sentence}" for sentence in row]
    deployments, clashes = _joined(rows)
    return DeploymentFile(deployments, sorted([*mistakes, *clashes], key=_line_of), len(rows))


# --- the text -------------------------------------------------------------------------------------------------------


def _delimited(text: str) -> tuple[str, str, int]:
    """Return the delimiter, the text from the header on, and the number of its first line."""
    stated = _DELIMITER_LINE.match(text)
    if stated:
        return stated[1], text[stated.end() :], 2
    header = next((line for line in text.splitlines() if line.strip()), "")
    # Of equals the first: a comma.
    return max(_DELIMITERS, key=lambda delimiter: _known_columns(header, delimiter)), text, 1


def _known_columns(header: str, delimiter: str) -> int:
    return sum(cell.strip(' "\t').casefold() in _CELLS for cell in header.split(delimiter))


def _lines(text: str, delimiter: str, first_line: int, mistakes: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not empty, with its first line; add to ``mistakes`` what ends the reading."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = first_line
    try:
        for cells in rows:
            if any(cell.strip() for cell in cells):
                yield begins, cells
            begins = first_line + rows.line_num
    except csv.Error as error:
        mistakes.append(f"line {begins}: cannot be read as CSV ({error}); the lines after it were not checked")


def _trimmed(cells: Sequence[str]) -> list[str]:
    """Return the cells without the empty ones at the end, which spreadsheets add."""
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return list(cells[:end])


def _wrong_header(names: Sequence[str]) -> Iterator[str]:
    if not names:
        yield f"the header is missing; it names the columns: {', '.join(_CELLS)}"
        return
    for name in dict.fromkeys(names):
        if not name:
            yield f"column {names.index(name) + 1} has no name"
        elif name not in _CELLS:
            near = did_you_mean(name, _CELLS) or f"; known: {', '.join(_CELLS)}"
            yield f"unknown column {name!r}{near}"
        elif names.count(name) > 1:
            yield f"column {name!r} is there {names.count(name)} times"
    for name in _REQUIRED:
        if name not in names:
            yield f"column {name!r} is missing"


# --- rows -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Row:
    """A row: its line, its deployment, and whether its id identifies only one deployment.

    ``has_id``: the file states the id. ``has_time``: an id made of instant and name is that of one deployment; one
    made of a day and a name may be that of several.
    """

    line: int
    deployment: TableDeployment
    has_id: bool
    has_time: bool


def _row(line: int, names: Sequence[str], cells: Sequence[str], delimiter: str, zone: ZoneInfo) -> _Row | list[str]:
    """Return the deployment of a row, or what is wrong with its cells."""
    if len(cells) < len(names) or any(cell.strip() for cell in cells[len(names) :]):
        count = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
        quotes = f"a cell with a {_DELIMITERS[delimiter]} needs quotes"
        return [f"{count} where the header has {len(names)}; {quotes}"]
    texts = dict.fromkeys(_CELLS, "") | {name: cell.strip() for name, cell in zip(names, cells, strict=False)}
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for name, parse_cell in _CELLS.items():
        try:
            values[name] = parse_cell(texts[name], zone)
        except ValueError as error:
            wrong.append(f"{name} {error}")
    if wrong:
        return wrong
    # Not the instant of a bare date: in another time zone of the profile it would be another deployment.
    has_time = not is_day(texts["deployed_at"])
    when = iso(values["deployed_at"]) if has_time else texts["deployed_at"]
    own = values["deployment_id"]
    return _Row(
        line, TableDeployment(**values | {"deployment_id": own or f"{when} {values['name']}"}), bool(own), has_time
    )


def _joined(rows: Iterable[_Row]) -> tuple[list[TableDeployment], list[str]]:
    """Return the deployments in the order of their first rows, and a sentence for each row that contradicts one."""
    groups: dict[str, list[_Row]] = {}
    clashes: list[str] = []
    for row in rows:
        group = groups.setdefault(row.deployment.deployment_id, [])
        clash = _clash(group[0], row) if group else None
        if clash is None:
            group.append(row)
        else:
            clashes.append(f"line {row.line}: {clash}")
    return [_deployment(group) for group in groups.values()], clashes


def _clash(first: _Row, row: _Row) -> str | None:
    """Return why a row is not the same deployment as the first one of its id; None if it is."""
    here, there = row.deployment, first.deployment
    named = f"deployment {here.deployment_id!r} is in line {first.line} already"
    others = [
        name for name in ("deployed_at", "name", "failed", "rework") if getattr(here, name) != getattr(there, name)
    ]
    if others:
        return f"{named}, with another {', '.join(others)}; only issue_keys and versions may differ"
    if row.has_id and first.has_id:
        return None
    is_twin = here == there and row.has_time
    return None if is_twin else f"{named}; give both the same deployment_id if they are one, else different ones"


def _deployment(group: Sequence[_Row]) -> TableDeployment:
    keys = dict.fromkeys(key for row in group for key in row.deployment.issue_keys)
    versions = dict.fromkeys(name for row in group for name in row.deployment.versions)
    return replace(group[0].deployment, issue_keys=tuple(keys), versions=tuple(versions))


def _line_of(mistake: str) -> int:
    return int(mistake.removeprefix("line ").partition(":")[0])


# --- cells ----------------------------------------------------------------------------------------------------------


def _deployed_at(text: str, zone: ZoneInfo) -> datetime:
    try:
        when = instant(last_second(date.fromisoformat(text), zone) if is_day(text) else instant_of(text))
    except ValueError as error:
        message = f"{text!r} is neither a time with its offset (2026-11-20T14:03:00+01:00) nor a day (2026-11-20)"
        raise ValueError(message if text else "is empty") from error
    if when.year not in _YEARS:
        raise ValueError(f"{text!r} is outside the years {_YEARS.start} to {_YEARS.stop - 1}")
    return when


def _name(text: str, _zone: ZoneInfo) -> str:
    if not text:
        raise ValueError("is empty")
    return _composed(text)


def _mark(text: str, _zone: ZoneInfo) -> bool | None:
    if text.casefold() not in _MARKS:
        raise ValueError(f"{text!r} is none of yes, no, true, false, 1, 0; empty means unknown")
    return _MARKS[text.casefold()]


def _issue_keys(text: str, _zone: ZoneInfo) -> tuple[str, ...]:
    keys = [word.upper() for word in re.split(r"[\s,;]+", text) if word]
    for key in keys:
        if not _KEY.fullmatch(key):
            raise ValueError(f"names {key!r}, which is not an issue key such as PAY-12")
    return tuple(dict.fromkeys(keys))


def _versions(text: str, _zone: ZoneInfo) -> tuple[str, ...]:
    """Return the versions of a cell, not separated at spaces: Jira's version names often contain some."""
    names = (_composed(word) for word in re.split(r"[,;\r\n]", text))
    return tuple(dict.fromkeys(name for name in names if name))


def _deployment_id(text: str, _zone: ZoneInfo) -> str:
    return _composed(text)


def _composed(text: str) -> str:
    """Return a text with composed letters and single blanks, so that equal names are one deployment or version."""
    return " ".join(unicodedata.normalize("NFC", text).split())


_CELLS: Final[Mapping[str, Callable[[str, ZoneInfo], Any]]] = {
    "deployed_at": _deployed_at,
    "name": _name,
    "failed": _mark,
    "rework": _mark,
    "issue_keys": _issue_keys,
    "versions": _versions,
    "deployment_id": _deployment_id,
}
