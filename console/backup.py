"""The backup command: a SQLite database as one new file, checked; for PostgreSQL the command that does it."""

import os
import shlex
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import click

from models import backups
from models.wording import format_count
from report import reading
from worker import settings
from worker.database import Stored
from worker.errors import FatalError
from worker.settings.configured import without_password


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Copy the SQLite database to a new FILE, while workers work, and check the copy.

    A plain copy of the file would lack the newest rows. FILE must not exist yet; only you can read it. For PostgreSQL
    this command says which pg_dump does the same.

    Example: flowbeat backup flowbeat-2026-11-30.db
    """
    current = Stored(settings.load(None, os.environ))
    settings.require_file(current.settings)
    source = reading.database_file(current.settings)
    if source is None:
        click.echo(_dump(current.settings.database_url, file))
        raise FatalError("no backup was written: the database is PostgreSQL; to copy it, run the pg_dump printed above")
    try:
        _require_database(current)
    finally:
        current.close()
    written = backups.write(source, file.absolute())
    rows, size = sum(written.rows.values()), f"{written.size_bytes / 1_000_000:,.1f} MB"
    tables = format_count(len(written.rows), "table")
    click.echo(f"Wrote {file}: {size}, {format_count(rows, 'row')} in {tables}. The copy is intact.")


COMMANDS: tuple[click.Command, ...] = (backup,)


def _require_database(current: Stored) -> None:
    """Raise FatalError unless there is a database of Flowbeat, of any version."""
    missing = reading.missing_file(current)
    if missing is not None:
        raise FatalError(f"no database exists yet at {missing}; to create and fill it, run: flowbeat refresh")
    if reading.schema_of(current) is None:
        raise FatalError("the database is empty; to fill it, run: flowbeat refresh")


def _dump(url: str, file: Path) -> str:
    """Return the command that copies a PostgreSQL database; the password is left out."""
    address = urlunsplit(urlsplit(without_password(url))._replace(scheme="postgresql"))
    return shlex.join(("pg_dump", "--format=custom", f"--file={file}", f"--dbname={address}"))
