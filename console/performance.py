"""The performance command: the duration of each calculation and fetch, and missed targets."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Final

import click

from console.shared import database
from console.shared.output import Column, Format, Row, Sheet, format_option, show
from models.records import CalculationPerformance, FetchOperation, PerformanceThreshold
from models.store import operations
from report.words import NOTHING, format_duration, format_number

MISSED: Final = 3
_CALCULATION: Final = tuple(field.name for field in fields(CalculationPerformance))
_THRESHOLD: Final = tuple(field.name for field in fields(PerformanceThreshold) if field.name not in _CALCULATION)
_FETCH: Final = tuple(field.name for field in fields(FetchOperation))


@click.command()
@click.option("--failed", is_flag=True, help="Only calculations that missed their target; exit code 3 if any did.")
@click.option(
    "--limit", type=click.IntRange(1), default=18, show_default=True, help="Maximum number of each, newest first."
)
@format_option
def performance(*, failed: bool, limit: int, form: Format) -> None:
    """Show Calculation Performance with its thresholds, and Fetch Operations. CSV contains the first.

    Example: flowbeat performance
    """
    with database.open_for_reading() as (_, session):
        measured = operations.load_performance(session, limit, failed=failed)
        unknown = operations.unknown_performance(session)
        fetched = [fetch for fetch in operations.list_fetches(session, limit) if not failed or fetch.state == "failed"]
    sheet = calculations(measured, unknown, failed=failed)
    show(form, {"calculations": sheet, "fetches": fetches(fetched, failed=failed)})
    if failed and measured:
        raise click.exceptions.Exit(MISSED)


COMMANDS: tuple[click.Command, ...] = (performance,)


def calculations(
    measured: Sequence[tuple[CalculationPerformance, PerformanceThreshold]],
    unknown: Sequence[str] = (),
    *,
    failed: bool = False,
) -> Sheet:
    """Return each calculation beside its target; ``unknown``: metrics that this program does not know."""
    rows = [{**asdict(threshold), **asdict(item)} for item, threshold in measured]
    empty = "No calculation missed its target." if failed else "No calculation yet."
    notes = ("New: issues whose facts were computed in this calculation. All others were stored.",) if rows else ()
    if unknown:
        notes = (*notes, f"Not shown, because another version of Flowbeat stored them: {', '.join(unknown)}.")
    return Sheet((*_CALCULATION, *_THRESHOLD), rows, _CALCULATION_COLUMNS, "Calculations", notes, empty)


def fetches(fetched: Sequence[FetchOperation], *, failed: bool = False) -> Sheet:
    """Return each fetch with its results and its cost."""
    notes = tuple(f"{entry.request_id[:8]} failed: {entry.error}" for entry in fetched if entry.error)
    empty = "No fetch failed." if failed else "No fetch yet."
    return Sheet(_FETCH, [asdict(item) for item in fetched], _FETCH_COLUMNS, "Fetches", notes, empty)


def _run(row: Row) -> str:
    return str(row["run_id"][:8])


def _began(row: Row) -> str:
    return str(row["start_time"].strftime("%m-%d %H:%M:%S"))


def _issues(row: Row) -> str:
    gone = f" −{row['issues_gone']:,}" if row["issues_gone"] else ""
    return f"{row['issues_changed']:,}{gone}"


_CALCULATION_COLUMNS: Final = (
    Column("run", _run, keep=True),
    Column("profile", lambda row: row["profile"]),
    Column("metric", lambda row: row["metric_type"], keep=True),
    Column("took", lambda row: format_duration(row["duration_seconds"]), right=True, keep=True),
    Column("target", lambda row: f"{format_number(row['target_duration_seconds'])} s", right=True, keep=True),
    Column("", lambda row: row["threshold_status"], keep=True),
    Column("issues", lambda row: f"{row['input_data_size']:,}", right=True, keep=True),
    Column("new", lambda row: f"{row['cache_misses']:,}", right=True, keep=True),
)
_FETCH_COLUMNS: Final = (
    Column("fetch", lambda row: row["request_id"][:8], keep=True),
    Column("profile", lambda row: row["profile"]),
    Column("began (UTC)", _began, keep=True),
    Column("kind", lambda row: "cache hit" if row["cache_hit"] else row["kind"], keep=True),
    Column("", lambda row: "" if row["state"] == "completed" else row["state"], keep=True),
    Column(
        "took",
        lambda row: NOTHING if row["duration_seconds"] is None else format_duration(row["duration_seconds"]),
        right=True,
    ),
    Column("calls", lambda row: f"{row['api_calls_made']:,}", right=True),
    Column("changed", _issues, right=True),
)
