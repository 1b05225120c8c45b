"""The overview command: all profiles side by side, with values, levels, freshness and problems."""

from typing import Any, Final

import click

from console.shared import database
from console.shared.output import Column, Format, Row, Sheet, format_option, is_for_people, room_for, show
from models.records import METRIC_GROUPS, METRIC_TYPES
from report.overview import Glance, load_glance
from report.words import NOTHING, format_duration, format_number
from worker.errors import FatalError

_STATES: Final = {"no_data": "no data", "missing_mapping": NOTHING, "calculation_error": "error"}
_NAMES: Final = (
    "profile",
    "window_start",
    "window_end",
    "data_as_of",
    "data_age_seconds",
    "verified_up_to",
    *(f"{name}{ending}" for name in METRIC_TYPES for ending in ("", "_level", "_state")),
    "problems",
)
_BESIDE: Final = 2  # letters between two columns


@click.command()
@format_option
def overview(*, form: Format) -> None:
    """Show all profiles side by side: a row each, with what is wrong.

    A level is below its value. A dash: nothing configured or stored. Sheets too wide for the terminal are split.

    Example: flowbeat overview
    """
    with database.open_for_reading() as (current, session):
        profiles = current.settings.profiles
        if not profiles:
            raise FatalError("flowbeat.toml has no profile; add one: flowbeat init shows how")
        glances = [load_glance(current, session, profile) for profile in profiles]
    rows = [_row(glance) for glance in glances]
    show(form, _sheets(rows, room_for(form)) if is_for_people(form) else Sheet(_NAMES, rows, ()))


COMMANDS: tuple[click.Command, ...] = (overview,)


def _row(glance: Glance) -> dict[str, Any]:
    first = next(iter(glance.results.values()), None)
    values: dict[str, Any] = {}
    for name in METRIC_TYPES:
        result = glance.results.get(name)
        values[name] = result.value if result else None
        values[f"{name}_level"] = result.level if result else None
        values[f"{name}_state"] = result.state if result else None
    return {
        "profile": glance.profile,
        "window_start": first.window_start if first else None,
        "window_end": first.window_end if first else None,
        "data_as_of": glance.data_as_of,
        "data_age_seconds": None if glance.age is None else glance.age.total_seconds(),
        "verified_up_to": glance.verified_up_to,
        **values,
        "problems": list(glance.problems),
    }


def _sheets(rows: list[dict[str, Any]], room: int) -> dict[str, Sheet]:
    """Return one table if it fits ``room``, else one for each group of metrics."""
    whole = tuple(_metric(name) for name in METRIC_TYPES)
    notes = tuple(f"{row['profile']}: {problem}." for row in rows for problem in row["problems"])
    ends = (Column("data", _age, right=True, keep=True), Column("problems", _count, right=True))
    title = "The values of the newest period"
    if _width((_PROFILE, *whole, *ends), rows) <= room:
        return {"": Sheet(_NAMES, rows, (_PROFILE, *whole, *ends), title, notes)}
    groups: dict[str, Sheet] = {
        group: Sheet(_NAMES, rows, (_PROFILE, *(_metric(name) for name in names)), group)
        for group, names in METRIC_GROUPS.items()
    }
    return {**groups, "ends": Sheet(_NAMES, rows, (_PROFILE, *ends), "freshness", notes)}


_PROFILE: Final = Column("profile", lambda row: row["profile"], keep=True)


def _metric(name: str) -> Column:
    def value(row: Row) -> str:
        state = row[f"{name}_state"]
        return format_number(row[name]) if state == "success" else _STATES.get(str(state), NOTHING)

    heading = "\n".join(name.split("_"))
    return Column(heading, value, right=True, keep=True, below=lambda row: row[f"{name}_level"] or "")


def _age(row: Row) -> str:
    return NOTHING if row["data_age_seconds"] is None else f"{format_duration(row['data_age_seconds'])} old"


def _count(row: Row) -> str:
    return f"{len(row['problems']):,}" if row["problems"] else ""


def _width(columns: tuple[Column, ...], rows: list[dict[str, Any]]) -> int:
    texts = [[column.title, *(f"{column.cell(row)}\n{column.below(row)}" for row in rows)] for column in columns]
    widest = [max(len(line) for text in cells for line in text.splitlines()) for cells in texts]
    return sum(widest) + _BESIDE * (len(columns) - 1)
