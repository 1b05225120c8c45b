"""The results command: stored values of the period or by week, with notes about how complete they are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import click
from sqlalchemy.orm import Session

from console.results.groups import group_rows
from console.results.sheets import build_sheet, list_weeks, summarise_weeks
from console.shared import completing, database
from console.shared.output import Format, Sheet, format_option, is_for_people, room_for, show
from models.records import METRIC_TYPES, MetricResult, WindowKind
from models.store import results as stored_results
from report.notes import About, load_about
from report.selection import choose_rows
from worker.database import Stored, zone_of
from worker.errors import FatalError


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
    for metric in metrics:
        database.one_of("metric", metric, METRIC_TYPES)
    kind: WindowKind = "week" if window == "weeks" else "period"
    with database.open_for_reading() as (current, session):
        for profile in profiles:
            _known_profile(current, session, profile)
        wanted = _Wanted(current, session, profiles, metrics, kind, as_of)
        chosen = wanted.rows()
        if not chosen:
            raise FatalError(_nothing(session, profiles, kind))
        abouts = {
            name: load_about(current, session, name, rows, text=as_of, asked=wanted.asked(name))
            for name, rows in chosen.items()
        }
        sheets = {
            (name, metric): build_sheet(
                abouts[name],
                [row for row in rows if metric in (None, row.metric_type)],
                metric,
            )
            for name, rows in chosen.items()
            for metric in wanted.lists(rows)
        }
    _show(form, sheets, abouts)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The requested rows: of these profiles and metrics, or of all if none is named."""

    current: Stored
    session: Session
    profiles: tuple[str, ...]
    metrics: tuple[str, ...]
    kind: WindowKind
    as_of: str | None

    def asked(self, profile: str) -> datetime | None:
        """Return the requested as-of as an instant in a profile's zone."""
        return database.as_of_option(self.as_of, zone_of(self.current, profile), self.current.now())

    def rows(self) -> dict[str, list[MetricResult]]:
        """Return the rows of each profile that has some, in the order of the command line."""
        only = self.metrics[0] if len(self.metrics) == 1 else None
        stored = stored_results.load(self.session, metric=only, kind=self.kind)
        by_name = _by_profile(stored) if self.as_of is None else _with_unstored(self.current, stored)
        chosen = {}
        for name in dict.fromkeys(self.profiles) or by_name:
            rows = choose_rows(
                *(self.current, self.session, name, by_name.get(name, [])),
                text=self.as_of,
                as_of=self.asked(name),
                kind=self.kind,
                metric=only,
            )
            chosen[name] = [row for row in rows if not self.metrics or row.metric_type in self.metrics]
        return {name: rows for name, rows in chosen.items() if rows}

    def lists(self, rows: list[MetricResult]) -> list[str | None]:
        """Return the metrics with a list of weeks each; None for one table of all."""
        names = dict.fromkeys(row.metric_type for row in rows)
        if self.kind == "week" and self.metrics:
            return list(names)
        return list(self.metrics) if len(self.metrics) == 1 else [None]


def _known_profile(current: Stored, session: Session, profile: str) -> None:
    if profile not in current.settings.profiles and not stored_results.load(session, profile=profile):
        stored = (row.profile for row in stored_results.load(session))
        database.one_of("profile", profile, (*current.settings.profiles, *stored))


def _by_profile(rows: Iterable[MetricResult]) -> dict[str, list[MetricResult]]:
    grouped: dict[str, list[MetricResult]] = {}
    for row in rows:
        grouped.setdefault(row.profile, []).append(row)
    return grouped


def _with_unstored(current: Stored, rows: Iterable[MetricResult]) -> dict[str, list[MetricResult]]:
    """Return the rows by profile, and an empty list for each configured profile without a stored row."""
    by_name = {**{name: [] for name in current.settings.profiles}, **_by_profile(rows)}
    return dict(sorted(by_name.items()))


def _nothing(session: Session, profiles: tuple[str, ...], kind: str) -> str:
    whose = f" of {', '.join(map(repr, profiles))}" if profiles else ""
    has_periods = any(stored_results.load(session, profile=profile) for profile in profiles or (None,))
    if kind == "week" and has_periods:
        return f"no week{whose} is stored: history_weeks is 0 in flowbeat.toml, or the first week has just begun"
    command = " ".join(("flowbeat refresh", *profiles))
    return f"no result{whose} is stored yet; {command} makes the first"


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
