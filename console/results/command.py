"""The results command: stored values of the period or by week, with notes about how complete they are."""

from collections.abc import Mapping
from dataclasses import replace

import click

from console.results.groups import group_rows
from console.results.sheets import build_sheet, list_weeks, summarise_weeks
from console.shared import completing, database
from console.shared.output import Format, Sheet, format_option, is_for_people, room_for, show
from models.records import METRIC_TYPES, MetricResult
from report.asked import UnknownNameError
from report.notes import About, load_about
from report.rows import WINDOWS, Request


@click.command(epilog=f"The metrics: {', '.join(METRIC_TYPES)}.")
@click.argument("profiles", nargs=-1, metavar="[PROFILE]...", shell_complete=completing.profiles)
@click.option(
    "--metric",
    "metrics",
    metavar="METRIC",
    shell_complete=completing.metrics,
    multiple=True,
    help="Only this one, such as lead_time; repeatable.",
)
@click.option("--window", type=click.Choice(["period", "weeks"]), default="period", show_default=True)
@click.option(
    "--as-of", metavar="DATE", help="The results of a past day (2026-10-31, yesterday, 7d: its end) or instant."
)
@format_option
def results(
    profiles: tuple[str, ...], *, metrics: tuple[str, ...], window: str, as_of: str | None, form: Format
) -> None:
    """Show the stored values of the metrics.

    Coverage: how many candidates were used for a value. flowbeat explain lists them, and the others with the reason.

    Example: flowbeat results payments --metric lead_time --window weeks
    """
    show_results(*profiles, metrics=metrics, window=window, as_of=as_of, form=form)


COMMANDS: tuple[click.Command, ...] = (results,)


def show_results(
    *profiles: str,
    metrics: tuple[str, ...] = (),
    window: str = "period",
    as_of: str | None = None,
    form: Format = "table",
) -> None:
    """Print the stored results of these profiles, or of all; raises as ``database.open_for_reading`` does."""
    with database.open_for_reading() as (current, session):
        request = Request(current, session, profiles, metrics, WINDOWS[window], as_of)
        try:
            chosen = request.choose()
        except UnknownNameError as error:
            raise click.UsageError(str(error)) from error
        abouts = {
            name: load_about(current, session, name, rows, text=as_of, asked=request.asked(name))
            for name, rows in chosen.items()
        }
        sheets = {
            (name, metric): build_sheet(
                abouts[name],
                [row for row in rows if metric in (None, row.metric_type)],
                metric,
            )
            for name, rows in chosen.items()
            for metric in _lists(request, rows)
        }
    _show(form, sheets, abouts)


def _lists(request: Request, rows: list[MetricResult]) -> list[str | None]:
    """Return the metrics with a list of weeks each; None for one table of all."""
    if request.kind == "week" and request.metrics:
        return list(dict.fromkeys(row.metric_type for row in rows))
    return list(request.metrics) if len(request.metrics) == 1 else [None]


def _show(form: Format, sheets: Mapping[tuple[str, str | None], Sheet], abouts: Mapping[str, About]) -> None:
    """Print a table for each profile, or list of weeks; for programs, all rows as one list."""
    if is_for_people(form):
        room = room_for(form)
        tables = {
            f"{name} {metric}": _table(abouts[name], sheet, metric, room) for (name, metric), sheet in sheets.items()
        }
        show(form, tables)
        return
    first, *_ = sheets.values()
    show(form, replace(first, rows=[row for sheet in sheets.values() for row in sheet.rows]))


def _table(about: About, sheet: Sheet, metric: str | None, room: int) -> Sheet:
    if not _is_weekly(sheet):
        return group_rows(sheet, "metric_type")
    return list_weeks(sheet) if metric else group_rows(summarise_weeks(about, sheet, room), "metric")


def _is_weekly(sheet: Sheet) -> bool:
    return "week" in sheet.names
