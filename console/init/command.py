"""The init command: writes a configuration to fill in."""

import os
from pathlib import Path

import click

from console.init.template import TEMPLATE
from worker.errors import FatalError
from worker.settings import CONFIG_NAME, CONFIG_VARIABLE


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


COMMANDS: tuple[click.Command, ...] = (init,)
