"""The explain command: one number taken apart again, offline, into the issues behind it and those left out.

The number is computed again from the stored facts, by the functions that computed the stored result; so what is listed
is what was counted, and where the stored result says something else, the command says so.
"""

import click

from console.explain.loading import load
from console.explain.order import SORTS, Order, Sort
from console.explain.rows import rows_of
from console.explain.tables import everything, sheets
from console.shared import completing, database
from console.shared.output import Format, format_option, is_for_people, room_for, show
from models.records import METRIC_TYPES


@click.command(epilog=f"The metrics: {', '.join(METRIC_TYPES)}.")
@click.argument("profile", shell_complete=completing.profiles)
@click.argument("metric", shell_complete=completing.metrics)
@click.option(
    "--week", metavar="YYYY-Www", shell_complete=completing.weeks, help="An ISO week (2026-W40), instead of the period."
)
@click.option(
    "--as-of",
    metavar="DATE",
    help="As of a past day (2026-10-31, yesterday, 7d: its end) or instant, instead of the newest.",
)
@click.option(
    "--against",
    metavar="YYYY-Www",
    shell_complete=completing.weeks,
    help="Compare with another week, or with the window before: previous.",
)
@click.option(
    "--against-as-of", metavar="DATE", help="Compare with the same window as it was at a past day or instant."
)
@click.option(
    "--sort", type=click.Choice(SORTS), help="Largest contribution first, or newest first; else oldest first."
)
@click.option("--top", type=click.IntRange(1), metavar="N", help="The first N of each list (default: all).")
@click.option("--history", is_flag=True, help="Show which history entry, field or release set each instant.")
@format_option
def explain(
    profile: str,
    metric: str,
    *,
    week: str | None,
    as_of: str | None,
    against: str | None,
    against_as_of: str | None,
    sort: Sort | None,
    top: int | None,
    history: bool,
    form: Format,
) -> None:
    """Show the issues behind a number, and those left out with the reason.

    Computed from the stored copy, without a request to Jira. CSV contains the issues only, JSON the number too. Both
    contain the history entries.

    Example: flowbeat explain payments lead_time --against previous
    """
    if against and against_as_of:
        raise click.UsageError("--against and --against-as-of cannot be combined; use one of them")
    order = Order(sort, top)
    with database.open_for_reading() as (current, session):
        database.one_of("profile", profile, current.settings.profiles)
        database.one_of("metric", metric, METRIC_TYPES)
        view = load(current, session, profile, metric, week=week, as_of=as_of)
        if against or against_as_of:
            from console.explain import against as comparing  # noqa: PLC0415 - one number needs no comparison
            from console.explain import differences  # noqa: PLC0415 - the same

            texts = {"against": against, "against_as_of": against_as_of, "as_of": as_of}
            other = comparing.load_other(current, session, view, **texts)
            compared = differences.Compared.of(session, view, other)
            is_csv = form == "csv"
            show(form, differences.everything(compared, order) if is_csv else differences.sheets(compared, order))
            return
        rows = rows_of(session, view)
    below = history and is_for_people(form)  # programs get the entries with each row
    show(form, everything(rows, order) if form == "csv" else sheets(view, rows, order, room_for(form), history=below))


COMMANDS: tuple[click.Command, ...] = (explain,)
