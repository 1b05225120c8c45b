"""The report command: a profile's results as one HTML page that can be sent."""

import webbrowser
from datetime import datetime
from pathlib import Path

import click

from console.shared import completing, database
from report.page import render
from report.write import load_page, write_folder, write_page
from worker.database import zone_of
from worker.errors import FatalError


@click.command()
@click.argument("profiles", metavar="[PROFILE]...", nargs=-1, shell_complete=completing.profiles)
@click.option("-o", "--output", metavar="FILE", help="A file, a folder for several profiles, or - for the output.")
@click.option("--as-of", metavar="DATE", help="As of a past day (2026-10-31, yesterday, 7d: its end) or instant.")
@click.option("--no-titles", is_flag=True, help="Leave out the titles of issues.")
@click.option("--open", "opens", is_flag=True, help="Show the page in a browser.")
def report(profiles: tuple[str, ...], *, output: str | None, as_of: str | None, no_titles: bool, opens: bool) -> None:
    """Write a profile's results as one HTML page: charts, issues, and what was left out.

    The page has no script and asks nothing of any network. Several profiles make a folder with an index.html.

    Example: flowbeat report payments -o payments.html
    """
    with database.open_for_reading() as (current, session):
        names = profiles or tuple(current.settings.profiles)
        if not names:
            raise FatalError("flowbeat.toml has no profile; add one: flowbeat init shows how")
        pages = []
        for name in dict.fromkeys(names):
            database.one_of("profile", name, current.settings.profiles)
            asked: datetime | None = database.as_of_option(as_of, zone_of(current, name), current.now())
            pages.append(load_page(current, session, name, text=as_of, asked=asked, with_titles=not no_titles))
    if output == "-":
        if len(pages) > 1:
            raise click.UsageError("Several profiles need a folder: -o FOLDER")
        click.echo(render(pages[0]), nl=False)
        return
    if len(pages) == 1 and not (output and (output.endswith("/") or Path(output).is_dir())):
        file = Path(output or f"{names[0]}-report.html")
        write_page(pages[0], file)
    else:
        file = write_folder(pages, Path(output or "flowbeat-report"))
    click.echo(file)
    if opens:
        webbrowser.open(file.absolute().as_uri())


COMMANDS: tuple[click.Command, ...] = (report,)
