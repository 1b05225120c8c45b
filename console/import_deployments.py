"""The import command: deployments from a CSV file into the table of source "table", all of them or none."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, Final
from zoneinfo import ZoneInfo

import click
from sqlalchemy.orm import Session

from console.deployments_csv import DeploymentFile, parse_file
from console.shared import database, schema
from console.shared.output import clean
from models.records import TableDeployment
from models.store import deployments as stored_deployments
from report import reading
from worker import settings
from worker.database import Stored, zone_of
from worker.errors import ConfigError, FatalError

_NAMED: Final = 5  # of the unknown keys or versions


@click.group(name="import")
def import_() -> None:
    """Import data that is not in Jira.

    Example: flowbeat import deployments releases.csv
    """


@import_.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--profile", metavar="PROFILE", help="The profile of the deployments; optional if only one is configured."
)
@click.option("--dry-run", is_flag=True, help="Print what would be imported, and write nothing.")
def deployments(file: BinaryIO, *, profile: str | None, dry_run: bool) -> None:
    """Import deployments from a CSV file (- reads standard input); importing it again changes nothing.

    Columns: deployed_at, name; also failed, issue_keys, versions, deployment_id. Rows with the same deployment_id are
    one deployment. If any row has a mistake, nothing is imported. See
    https://github.com/flowbeat/flowbeat/blob/main/docs/deployments.md

    Example: flowbeat import deployments releases.csv --profile payments
    """
    current = Stored(settings.load(None, os.environ))
    settings.require_file(current.settings)
    try:
        name = _profile(current, profile)
        parsed = _read(file, zone_of(current, name))
        imported = _store(current, name, parsed.deployments, dry_run=dry_run)
        _say(current, name, imported, dry_run=dry_run)
        _say_of_file(parsed)
        if not dry_run:
            click.echo(f"To update the metrics, run: flowbeat calculate {name}")
    finally:
        current.close()


COMMANDS: tuple[click.Command, ...] = (import_,)


# --- the file -------------------------------------------------------------------------------------------------------


def _read(file: BinaryIO, zone: ZoneInfo) -> DeploymentFile:
    """Return the content of a file; print each mistake, and raise FatalError if it has any."""
    parsed = parse_file(_text(file), zone)
    for sentence in parsed.mistakes:
        click.echo(clean(sentence), err=True)
    if parsed.mistakes:
        count = len(parsed.mistakes)
        mistakes = "1 mistake" if count == 1 else f"{count:,} mistakes"
        raise FatalError(f"{file.name}: {mistakes}; nothing was imported")
    return parsed


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


def _say_of_file(parsed: DeploymentFile) -> None:
    """Print which rows were joined to one deployment, and which deployments may be the same."""
    if parsed.rows > len(parsed.deployments):
        click.echo(f"Joined by deployment_id: {parsed.rows:,} rows are {_deployments(len(parsed.deployments))}.")
    alike = parsed.look_alikes
    if alike:
        ids = ", ".join(deployment.deployment_id for deployment in alike[:_NAMED])
        more, have = ", …" if len(alike) > _NAMED else "", "has" if len(alike) == 1 else "have"
        click.echo(
            f"Warning: {_deployments(len(alike))} ({clean(ids)}{more}) {have} the instant and name of an earlier row; "
            "rows of one deployment need the same deployment_id",
            err=True,
        )


def _deployments(count: int) -> str:
    return "1 deployment" if count == 1 else f"{count:,} deployments"


# --- the table ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import or a dry run: rows of each kind, and named issues or versions outside the copy."""

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
    return database.one_of("profile", next(iter(configured)) if name is None else name, configured)


def _store(current: Stored, profile: str, table_deployments: Sequence[TableDeployment], *, dry_run: bool) -> Imported:
    """Store new and changed rows in one transaction; a dry run writes nothing and creates no database."""
    if not dry_run:
        schema.update(current)
        with current.sessions.begin() as session:
            imported, fresh = _compare(session, profile, table_deployments)
            stored_deployments.save_table(session, profile, fresh)
        return imported
    if reading.missing_file(current) is not None or reading.schema_of(current) is None:
        return Imported(len(table_deployments), 0, 0)
    reading.require_schema(current)
    with current.reads() as session:
        return _compare(session, profile, table_deployments)[0]


def _compare(
    session: Session, profile: str, deployments: Sequence[TableDeployment]
) -> tuple[Imported, list[TableDeployment]]:
    """Return how the deployments of a file differ from the stored ones, and those to write.

    Where the file leaves ``failed`` or ``rework`` open the stored mark stays: it may have been set later, by SQL.
    """
    stored = stored_deployments.load_table(session, profile)
    rows = [_with_stored_marks(row, stored.get(row.deployment_id)) for row in deployments]
    fresh = [row for row in rows if stored.get(row.deployment_id) != row]
    new = sum(row.deployment_id not in stored for row in fresh)
    keys = stored_deployments.unknown_keys(session, profile, (key for row in rows for key in row.issue_keys))
    versions = stored_deployments.unknown_versions(session, profile, (name for row in rows for name in row.versions))
    return Imported(new, len(fresh) - new, len(rows) - len(fresh), keys, versions), fresh


def _with_stored_marks(row: TableDeployment, stored: TableDeployment | None) -> TableDeployment:
    if stored is None:
        return row
    failed = stored.failed if row.failed is None else row.failed
    return replace(row, failed=failed, rework=stored.rework if row.rework is None else row.rework)


def _say(current: Stored, profile: str, imported: Imported, *, dry_run: bool) -> None:
    counts = f"{imported.new:,} new, {imported.changed:,} changed, {imported.unchanged:,} unchanged"
    click.echo(f"{profile}: {'would import ' if dry_run else ''}deployments: {counts}.")
    for what, names in (("issue keys", imported.keys), ("versions", imported.versions)):
        if names:
            few = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
            click.echo(f"Warning: {what} not in the copy (yet): {len(names):,} ({clean(few)})", err=True)
    rules = current.settings.profiles[profile].rules.deployments
    if rules is None or rules.source != "table":
        section = f'source = "table" under [profiles.{profile}.deployments]'
        click.echo(f"Warning: they do not count yet; set {section}", err=True)
