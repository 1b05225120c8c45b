"""The commands that set things up: init writes a configuration to fill in, migrate updates the schema."""

import os
from pathlib import Path

import click

from console.init_template import TEMPLATE
from worker.errors import FatalError
from worker.settings import CONFIG_NAME, CONFIG_VARIABLE, load, require_file


@click.command()
def init() -> None:
    """Write a commented flowbeat.toml into this folder (or to FLOWBEAT_CONFIG). An existing file is not changed.

    Example: flowbeat init
    """
    file = Path(os.environ.get(CONFIG_VARIABLE, "").strip() or CONFIG_NAME)
    try:
        with file.open("x", encoding="utf-8") as config:
            config.write(TEMPLATE)
    except FileExistsError as error:
        named = f"; to write one into this folder, first run: unset {CONFIG_VARIABLE}" if _is_named_elsewhere() else ""
        raise FatalError(f"{file} already exists and was not changed; edit it, or move it away first{named}") from error
    except OSError as error:
        raise FatalError(f"{file} cannot be written: {error.strerror}") from error
    click.echo(
        f"Wrote {file}. Fill in base_url, email and jql; put the token into the environment: export JIRA_TOKEN=…\n"
        "Then: flowbeat check, and flowbeat refresh"
    )


def _is_named_elsewhere() -> bool:
    return bool(os.environ.get(CONFIG_VARIABLE, "").strip())


@click.command()
def migrate() -> None:
    """Update the database schema to the newest revision. Workers also do this when they start.

    Example: flowbeat migrate
    """
    from console.shared import writable  # noqa: PLC0415 - init needs no database
    from console.shared.database import schema_of  # noqa: PLC0415 - the same
    from models import database  # noqa: PLC0415 - the same
    from worker.database import Stored  # noqa: PLC0415 - the same

    current = Stored(load(None, os.environ))
    require_file(current.settings)
    writable.require(current.settings, "database_url")
    try:
        schema_of(current)
        before, now = database.migrate(current.engine)
    finally:
        current.close()
    if before == now:
        click.echo(f"The schema is up to date: revision {now}.")
    else:
        click.echo(f"The schema was updated from {f'revision {before}' if before else 'nothing'} to revision {now}.")


COMMANDS: tuple[click.Command, ...] = (init, migrate)
