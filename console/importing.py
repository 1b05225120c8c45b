"""The import command: deployments from a CSV file into the table that source "table" counts, all of them or none."""

import csv
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, BinaryIO, Final
from zoneinfo import ZoneInfo

import click
from sqlalchemy.orm import Session

from console import reading
from console.render import clean
from models import store
from models.database import migrate
from models.metrics.windows import instant_of, is_day, last_second
from models.records import TableDeployment, instant, iso
from worker import settings
from worker.errors import ConfigError, FatalError
from worker.keys import did_you_mean
from worker.stored import Stored

_REQUIRED: Final = ("deployed_at", "name")
_YEARS: Final = range(1970, 9999)
_FAILED: Final[Mapping[str, bool]] = {
    "": False, "no": False, "false": False, "0": False, "yes": True, "true": True, "1": True,
}  # fmt: skip
_KEY: Final = re.compile(r"[^\W\d_]\w*-\d+")
_NAMED: Final = 5  # of the unknown keys or versions


@click.group(name="import")
def import_() -> None:
    """Import what Jira does not know."""


@import_.command()
@click.argument("file", type=click.File("rb"))
@click.option("--profile", metavar="P", help="Whose deployments they are; may be left out where there is but one.")
@click.option("--dry-run", is_flag=True, help="Only say what would be imported.")
def deployments(file: BinaryIO, *, profile: str | None, dry_run: bool) -> None:
    """Import deployments from a CSV file (- reads standard input); importing it again changes nothing.

    Columns: deployed_at, name; also failed, issue_keys, versions, deployment_id. One mistake anywhere, and nothing is
    imported. docs/deployments.md says more.
    """
    current = Stored(settings.load(None, os.environ))
    settings.require_file(current.settings)
    try:
        name = _profile(current, profile)
        found = _read(file, reading.zone_of(current, name))
        _say(current, name, _store(current, name, found, dry_run=dry_run), dry_run=dry_run)
    finally:
        current.close()


COMMANDS: tuple[click.Command, ...] = (import_,)


def read(text: str, zone: ZoneInfo) -> tuple[list[TableDeployment], list[str]]:
    """The deployments of a CSV text in its order, and a sentence for each thing that is wrong, in the order of lines.

    A bare date is that day's last second in ``zone``. Where anything is wrong, the deployments are those of the rest.
    """
    wrong: list[str] = []
    lines = _lines(text, wrong)
    _, header = next(lines, (1, []))
    names = [cell.strip().casefold() for cell in header]
    wrong += [f"line 1: {sentence}" for sentence in _wrong_header(names)]
    if wrong:
        return [], wrong
    found: dict[str, tuple[int, TableDeployment]] = {}
    for line, cells in lines:
        row = _row(names, cells, zone)
        if isinstance(row, TableDeployment) and row.deployment_id not in found:
            found[row.deployment_id] = (line, row)
            continue
        sentences = [_twice(row, found)] if isinstance(row, TableDeployment) else row
        wrong += [f"line {line}: {sentence}" for sentence in sentences]
    return [deployment for _, deployment in found.values()], wrong


# --- the file -------------------------------------------------------------------------------------------------------


def _read(file: BinaryIO, zone: ZoneInfo) -> list[TableDeployment]:
    """The deployments of a file; says everything that is wrong with it, and then raises FatalError."""
    found, wrong = read(_text(file), zone)
    for sentence in wrong:
        click.echo(clean(sentence), err=True)
    if wrong:
        mistakes = "1 mistake" if len(wrong) == 1 else f"{len(wrong):,} mistakes"
        raise FatalError(f"{file.name}: {mistakes}; nothing was imported")
    return found


def _text(file: BinaryIO) -> str:
    raw = file.read()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise FatalError(f"{file.name}: line {line} is not UTF-8; save the file as UTF-8") from error
    if "\0" in text:
        raise FatalError(f"{file.name}: it holds NUL bytes, as UTF-16 does; save the file as UTF-8")
    return text


def _lines(text: str, wrong: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Each row that holds something, with the line it begins in; what ends the reading is told to ``wrong``."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    begins = 1
    try:
        for cells in rows:
            if any(cell.strip() for cell in cells):
                yield begins, cells
            begins = rows.line_num + 1
    except csv.Error as error:
        wrong.append(f"line {begins}: cannot be read as CSV ({error}); what follows was not looked at")


def _wrong_header(names: Sequence[str]) -> Iterator[str]:
    if not names:
        yield f"there is no header; it names columns, separated by commas: {', '.join(_CELLS)}"
        return
    for name in dict.fromkeys(names):
        if name not in _CELLS:
            near = did_you_mean(name, _CELLS) or f"; known: {', '.join(_CELLS)}"
            yield f"unknown column {name!r}{near}"
        elif names.count(name) > 1:
            yield f"column {name!r} stands there {names.count(name)} times"
    for name in _REQUIRED:
        if name not in names:
            yield f"column {name!r} is missing"


def _row(names: Sequence[str], cells: Sequence[str], zone: ZoneInfo) -> TableDeployment | list[str]:
    """The deployment of a row, or what is wrong with its cells."""
    if len(cells) != len(names):
        return [f"{len(cells)} cells where the header has {len(names)}; a cell with a comma needs quotes"]
    texts = dict.fromkeys(_CELLS, "") | {name: cell.strip() for name, cell in zip(names, cells, strict=True)}
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for name, read_cell in _CELLS.items():
        try:
            values[name] = read_cell(texts[name], zone)
        except ValueError as error:
            wrong.append(f"{name} {error}")
    if wrong:
        return wrong
    # Not the instant of a bare date: another time zone of the profile would make another deployment of it.
    when = texts["deployed_at"] if is_day(texts["deployed_at"]) else iso(values["deployed_at"])
    return TableDeployment(**values | {"deployment_id": values["deployment_id"] or f"{when} {values['name']}"})


def _twice(row: TableDeployment, found: Mapping[str, tuple[int, TableDeployment]]) -> str:
    line, _ = found[row.deployment_id]
    return f"deployment {row.deployment_id!r} stands in line {line} already; a deployment_id tells two apart"


# --- the cells ------------------------------------------------------------------------------------------------------


def _deployed_at(text: str, zone: ZoneInfo) -> datetime:
    try:
        found = instant(last_second(date.fromisoformat(text), zone) if is_day(text) else instant_of(text))
    except ValueError as error:
        message = f"{text!r} is neither a time with its offset (2026-11-20T14:03:00+01:00) nor a day (2026-11-20)"
        raise ValueError(message if text else "is empty") from error
    if found.year not in _YEARS:
        raise ValueError(f"{text!r} lies outside the years {_YEARS.start} to {_YEARS.stop - 1}")
    return found


def _name(text: str, _zone: ZoneInfo) -> str:
    if not text:
        raise ValueError("is empty")
    return " ".join(text.split())


def _failed(text: str, _zone: ZoneInfo) -> bool:
    if text.casefold() not in _FAILED:
        raise ValueError(f"{text!r} is none of yes, no, true, false, 1, 0; empty means no")
    return _FAILED[text.casefold()]


def _issue_keys(text: str, _zone: ZoneInfo) -> tuple[str, ...]:
    keys = [word.upper() for word in re.split(r"[\s,;]+", text) if word]
    for key in keys:
        if not _KEY.fullmatch(key):
            raise ValueError(f"names {key!r}, which is no issue key such as PAY-12")
    return tuple(dict.fromkeys(keys))


def _versions(text: str, _zone: ZoneInfo) -> tuple[str, ...]:
    """Not parted at spaces: Jira's version names often hold some."""
    names = (" ".join(word.split()) for word in re.split(r"[,;\r\n]", text))
    return tuple(dict.fromkeys(name for name in names if name))


def _deployment_id(text: str, _zone: ZoneInfo) -> str:
    return " ".join(text.split())


_CELLS: Final[Mapping[str, Callable[[str, ZoneInfo], Any]]] = {
    "deployed_at": _deployed_at,
    "name": _name,
    "failed": _failed,
    "issue_keys": _issue_keys,
    "versions": _versions,
    "deployment_id": _deployment_id,
}


# --- the table ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, or would do: how many rows of each kind, and what they name that is not in the copy."""

    new: int
    changed: int
    unchanged: int
    keys: Sequence[str] = ()
    versions: Sequence[str] = ()


def _profile(current: Stored, name: str | None) -> str:
    configured = current.settings.profiles
    if not configured:
        raise ConfigError("no profile is configured; write a flowbeat.toml with: flowbeat init")
    if name is None and len(configured) > 1:
        raise click.UsageError(f"Whose deployments? Say --profile P; known: {', '.join(configured)}")
    return reading.one_of("profile", next(iter(configured)) if name is None else name, configured)


def _store(current: Stored, profile: str, found: Sequence[TableDeployment], *, dry_run: bool) -> Imported:
    """Store what is new or changed as one transaction; a dry run writes nothing, and makes no database either."""
    if not dry_run:
        migrate(current.engine)
        with current.sessions.begin() as session:
            imported, fresh = _compare(session, profile, found)
            store.save_table_deployments(session, profile, fresh)
        return imported
    if reading.missing_file(current) is not None or reading.schema_of(current) is None:
        return Imported(len(found), 0, 0)
    reading.require_schema(current)
    with current.reads() as session:
        return _compare(session, profile, found)[0]


def _compare(
    session: Session, profile: str, found: Sequence[TableDeployment]
) -> tuple[Imported, list[TableDeployment]]:
    """What the rows are beside those stored, and the ones that have to be written."""
    stored = store.load_table_deployments(session, profile)
    fresh = [row for row in found if stored.get(row.deployment_id) != row]
    new = sum(row.deployment_id not in stored for row in fresh)
    keys = store.unknown_keys(session, profile, (key for row in found for key in row.issue_keys))
    versions = store.unknown_versions(session, profile, (name for row in found for name in row.versions))
    return Imported(new, len(fresh) - new, len(found) - len(fresh), keys, versions), fresh


def _say(current: Stored, profile: str, imported: Imported, *, dry_run: bool) -> None:
    counts = f"{imported.new:,} new, {imported.changed:,} changed, {imported.unchanged:,} unchanged"
    click.echo(f"{profile}: {'would import ' if dry_run else ''}deployments: {counts}.")
    for what, names in (("issue keys", imported.keys), ("versions", imported.versions)):
        if names:
            few = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
            click.echo(f"Warning: {what} not in the copy (yet): {len(names):,} ({clean(few)})", err=True)
    rules = current.settings.profiles[profile].rules.deployments
    if rules is None or rules.source != "table":
        section = f'[profiles.{profile}.deployments] says source = "table"'
        click.echo(f"Warning: they count once {section}", err=True)
    if not dry_run:
        click.echo(f"The metrics with them: flowbeat calculate {profile}")
