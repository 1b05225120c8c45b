"""The results command: stored values, for the period or by week, with how far each can be trusted."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

import click
from sqlalchemy.orm import Session

from console.results.groups import group_rows
from console.results.sheets import build_sheet, list_weeks, summarise_weeks
from console.shared import database
from console.shared.output import Format, Sheet, format_option, show
from models.records import METRIC_TYPES, MetricResult, WindowKind
from models.store import results as stored_results
from report.notes import About, load_about
from report.selection import choose_rows
from worker.database import Stored
from worker.errors import FatalError
from worker.view import zone_of


@click.command(epilog=f"The metrics: {', '.join(METRIC_TYPES)}.")
@click.argument("profile", required=False)
@click.option("--metric", metavar="M", help="Only this one, such as lead_time.")
@click.option("--window", type=click.Choice(["period", "weeks"]), default="period", show_default=True)
@click.option("--as-of", metavar="T", help="The results of a past day (2026-10-31: its end) or instant.")
@format_option
def results(profile: str | None, *, metric: str | None, window: str, as_of: str | None, form: Format) -> None:
    """Show the stored values of the metrics.

    Coverage: how many candidates were used for a value. flowbeat explain lists them, and the others with the reason.
    """
    show_results(profile, metric=metric, window=window, as_of=as_of, form=form)


COMMANDS: tuple[click.Command, ...] = (results,)


def show_results(
    profile: str | None,
    *,
    metric: str | None = None,
    window: str = "period",
    as_of: str | None = None,
    form: Format = "table",
) -> None:
    """Print the stored results of one profile, or of all; raises as ``reading.opened`` does."""
    if metric is not None:
        database.one_of("metric", metric, METRIC_TYPES)
    kind: WindowKind = "week" if window == "weeks" else "period"
    with database.open_for_reading() as (current, session):

        def asked(name: str) -> datetime | None:
            return database.as_of_option(as_of, zone_of(current, name))

        if profile is not None:
            _known_profile(current, session, profile)
        stored = stored_results.load(session, profile=profile, metric=metric, kind=kind)
        by_name = _by_profile(stored) if as_of is None else _with_unstored(current, profile, stored)
        chosen = {
            name: rows_shown
            for name, rows in by_name.items()
            if (
                rows_shown := choose_rows(
                    current, session, name, rows, text=as_of, as_of=asked(name), kind=kind, metric=metric
                )
            )
        }
        if not chosen:
            raise FatalError(_nothing(session, profile, kind))
        told = {
            name: load_about(current, session, name, rows, text=as_of, asked=asked(name))
            for name, rows in chosen.items()
        }
        sheets = {name: build_sheet(told[name], rows, metric) for name, rows in chosen.items()}
    _show(form, sheets, told, metric)


def _known_profile(current: Stored, session: Session, profile: str) -> None:
    if profile not in current.settings.profiles and not stored_results.load(session, profile=profile):
        stored = (row.profile for row in stored_results.load(session))
        database.one_of("profile", profile, (*current.settings.profiles, *stored))


def _by_profile(rows: Iterable[MetricResult]) -> dict[str, list[MetricResult]]:
    found: dict[str, list[MetricResult]] = {}
    for row in rows:
        found.setdefault(row.profile, []).append(row)
    return found


def _with_unstored(current: Stored, profile: str | None, rows: Iterable[MetricResult]) -> dict[str, list[MetricResult]]:
    """Return the rows by profile, and nothing for the configured profiles that none is stored of."""
    configured = [name for name in current.settings.profiles if profile in (None, name)]
    by_name = {**{name: [] for name in configured}, **_by_profile(rows)}
    return dict(sorted(by_name.items()))


def _nothing(session: Session, profile: str | None, kind: str) -> str:
    whose = f" of {profile!r}" if profile else ""
    if kind == "week" and stored_results.load(session, profile=profile):
        return f"no week{whose} is stored: history_weeks is 0 in flowbeat.toml, or the first week has just begun"
    return f"no result{whose} is stored yet; flowbeat refresh{f' {profile}' if profile else ''} makes the first"


def _show(form: Format, sheets: Mapping[str, Sheet], told: Mapping[str, "About"], metric: str | None) -> None:
    """For programs the rows of all profiles are one list, for each row names its own."""
    if form == "table":
        weekly = {name: sheet for name, sheet in sheets.items() if _is_weekly(sheet)}
        by_week = {
            name: list_weeks(sheet) if metric else group_rows(summarise_weeks(told[name], sheet), "metric")
            for name, sheet in weekly.items()
        }
        periods = {name: group_rows(sheet, "metric_type") for name, sheet in sheets.items() if name not in weekly}
        show(form, {**sheets, **periods, **by_week})
        return
    first, *_ = sheets.values()
    show(form, replace(first, rows=[row for sheet in sheets.values() for row in sheet.rows]))


def _is_weekly(sheet: Sheet) -> bool:
    return "week" in sheet.names
