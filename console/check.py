"""Being written."""

import click

COMMANDS: tuple[click.Command, ...] = ()
