"""The migrate command: updates the database schema."""

import os

import click

from console.shared import schema, writable
from report.reading import schema_of
from worker.database import Stored
from worker.settings import load, require_file


@click.command()
def migrate() -> None:
    """Update the database schema to the newest revision. Workers also do this when they start.

    A SQLite file with data is copied first, to a file beside it.

    Example: flowbeat migrate
    """
    current = Stored(load(None, os.environ))
    require_file(current.settings)
    writable.require(current.settings, "database_url")
    try:
        schema_of(current)
        before, now = schema.update(current)
    finally:
        current.close()
    if before == now:
        click.echo(f"The schema is up to date: revision {now}.")
    else:
        click.echo(f"The schema was updated from {f'revision {before}' if before else 'nothing'} to revision {now}.")


COMMANDS: tuple[click.Command, ...] = (migrate,)
