"""The dashboards command: writes what a Grafana needs to show the metrics, and says what to do with it."""

import os
from pathlib import Path

import click

from console.dashboards.provisioning import PASSWORD_VARIABLE, dialect_of, files
from console.dashboards.written import write_files
from models.wording import format_count
from worker import settings


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace files that were edited, or that this command did not write.")
def dashboards(folder: Path, *, force: bool) -> None:
    """Write dashboards for Grafana into DIR: a data source for this database, a team, and all teams.

    Files that you edited, or that this command did not write, are never replaced without --force.
    How Grafana finds them: https://github.com/flowbeat/flowbeat/blob/main/docs/dashboards.md

    Example: flowbeat dashboards grafana
    """
    current = settings.load(None, os.environ)
    settings.require_file(current)
    made = files(current.database_url)
    changed = write_files(folder, made, force=force)
    click.echo(f"Wrote {format_count(len(changed), 'file')} into {folder}; {len(made) - len(changed)} were up to date.")
    steps = _sqlite_steps() if dialect_of(current.database_url) == "sqlite" else _postgresql_steps(folder)
    for number, step in enumerate((*steps, *_last_steps(folder)), 1):
        click.echo(f"{number}. {step}")


COMMANDS: tuple[click.Command, ...] = (dashboards,)


def _sqlite_steps() -> tuple[str, ...]:
    return (
        "Install the plugin where Grafana runs: grafana cli plugins install frser-sqlite-datasource",
        "Let Grafana read the database's file and write to its folder: SQLite needs both, also for reading.",
    )


def _postgresql_steps(folder: Path) -> tuple[str, ...]:
    source = folder / "datasources" / "flowbeat.yaml"
    return (
        f"Choose a password for the role that Grafana reads with: export {PASSWORD_VARIABLE}=…",
        f"Create the role, as the owner of the tables: psql DATABASE -f {folder / 'reader.sql'}",
        f"Set {PASSWORD_VARIABLE} also where Grafana runs. Check that it reaches the host in {source}.",
    )


def _last_steps(folder: Path) -> tuple[str, ...]:
    made = f"{folder / 'datasources'} and {folder / 'dashboards'}"
    return (
        f"Copy {made} into Grafana's provisioning folder (/etc/grafana/provisioning).",
        "Restart Grafana. The dashboards are in its folder Flowbeat.",
    )
