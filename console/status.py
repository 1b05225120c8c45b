"""The status command: live runs and the last ended ones, or the details of one run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import click
from sqlalchemy.orm import Session

from console.refresh import progress
from console.shared import completing, database, queued
from console.shared.output import Column, Format, Row, Sheet, format_bar, format_option, show
from models.records import Run
from models.store import runs as stored_runs
from report.words import format_duration, format_time
from worker.cron import next_due
from worker.database import Stored, zone_of
from worker.errors import FatalError

_NAMES: Final = tuple(field.name for field in fields(Run))
# Rows are kept by age, not by number, and a run may be a year old; there are ten times fewer than this by then.
_ALL: Final = 1_000_000
_NAMED: Final = 5  # profiles that are due next


@click.command()
@click.argument("run", required=False, shell_complete=completing.runs)
@click.option(
    "--limit", type=click.IntRange(1), default=10, show_default=True, help="Maximum number of runs, live ones first."
)
@format_option
def status(run: str | None, *, limit: int, form: Format) -> None:
    """Show live and recent runs; with RUN (the beginning of its id), the details of one run.

    A refresh that the schedule asked for is of the kind scheduled.

    Example: flowbeat status
    """
    with database.open_for_reading() as (current, session):
        now = current.clock(session)
        if run is None:
            runs = stored_runs.load_newest(session, limit)
            notes = (*_reasons(runs, queued.reasons(current, runs, now)), *_next_due(current, now))
            show(form, _runs(runs, now, notes))
            return
        sheets = _story(current, session, _found(session, run), now)
    show(form, sheets)


COMMANDS: tuple[click.Command, ...] = (status,)


def _found(session: Session, run_id: str) -> Run:
    result = stored_runs.find(session, run_id)
    if result is None:
        raise FatalError(f"no run, or more than one, has an id that begins with {run_id!r}; flowbeat status lists them")
    return result


def _runs(runs: Sequence[Run], now: datetime, notes: tuple[str, ...] = ()) -> Sheet:
    rows = [_row(run, now) for run in runs]
    return Sheet(_NAMES, rows, _COLUMNS, notes=notes, empty="No run yet. To start one, run: flowbeat refresh")


def _reasons(runs: Sequence[Run], reasons: Mapping[str, str]) -> tuple[str, ...]:
    """Return why runs failed, and (``reasons``, by id) why they are still queued."""
    errors = {run.run_id: run.error for run in runs if run.error and run.state == "failed"}
    queues = {run_id: f"still queued: {reason}" for run_id, reason in reasons.items()}
    return tuple(f"{run_id[:8]}: {sentence}" for run_id, sentence in {**errors, **queues}.items())


def _next_due(current: Stored, now: datetime) -> tuple[str, ...]:
    """Return a sentence that says when each profile with a schedule is due next, the first ones first."""
    configured = current.settings
    lines = {name: profile.schedule for name, profile in configured.profiles.items() if profile.schedule}
    if not lines:
        return ()
    zone = ZoneInfo(configured.timezone)
    instants = sorted((next_due(line, zone, now), name) for name, line in lines.items())
    texts = [f"{name} {format_time(at, zone)}" for at, name in instants[:_NAMED]]
    more = f" and {len(instants) - _NAMED:,} more" if len(instants) > _NAMED else ""
    return (f"Next by schedule: {', '.join(texts)}{more} ({zone.key}).",)


def _row(run: Run, now: datetime) -> Row:
    """Return the run's own fields, and what the table shows of them at ``now``."""
    share = "" if run.state == "failed" else f"{format_bar(progress.percent(run) / 100)} {progress.percent(run):3.0f} %"
    silent = format_duration(max(0.0, (now - run.heartbeat_at).total_seconds()))
    stored = {"progress": run.progress.to_json(), "options": run.options.to_json()}
    return {**asdict(run), **stored, "share": share, "doing": _doing(run, now), "silent": silent}


def _doing(run: Run, now: datetime) -> str:
    return f"failed at {run.step}" if run.state == "failed" else progress.words(run, now)


_COLUMNS: Final = (
    Column("run", lambda row: row["run_id"][:8], keep=True),
    Column("profile", lambda row: row["profile"]),
    Column("kind", lambda row: "scheduled" if row["due_at"] else row["kind"], keep=True),
    Column("progress", lambda row: row["share"], keep=True),
    Column("doing", lambda row: row["doing"]),
    Column("last sign", lambda row: f"{row['silent']} ago", right=True, keep=True),
)


# --- one run --------------------------------------------------------------------------------------------------------


def _story(current: Stored, session: Session, run: Run, now: datetime) -> dict[str, Sheet]:
    from console.performance import calculations, fetches  # noqa: PLC0415 - the list of runs needs neither
    from models.store import operations  # noqa: PLC0415 - the same

    fetched = operations.fetch_of(session, run.run_id)
    measured = [pair for pair in operations.load_performance(session, _ALL) if pair[0].run_id == run.run_id]
    measured.sort(key=lambda pair: pair[0].start_time)
    return {
        "run": _one(current, run, now),
        "fetches": fetches([fetched] if fetched else []),
        "calculations": calculations(measured),
    }


def _one(current: Stored, run: Run, now: datetime) -> Sheet:
    zone = zone_of(current, run.profile)
    reason = queued.reasons(current, [run], now).get(run.run_id)
    sheet = _runs([run], now)
    moments = {
        "asked for": run.requested_at,
        "begun": run.started_at,
        "last sign of life": run.heartbeat_at,
        "waits until": run.wait_until,
        "ended": run.ended_at,
        "calculated as of": run.as_of,
    }
    texts = [f"{what} {format_time(at, zone)}" for what, at in moments.items() if at is not None]
    texts[0] += f" by {'a command' if run.due_at is None else f'the schedule of {format_time(run.due_at, zone)}'}"
    lines = (
        f"{'; '.join(texts)} ({zone.key}).",
        f"At step {run.step} in attempt {run.attempt}{_options(run)}.",
        *(() if run.error is None else (f"Error: {run.error}",)),
        *(() if reason is None else (f"Still queued: {reason}.",)),
    )
    return Sheet(_NAMES, sheet.rows, _COLUMNS, f"Run {run.run_id}", tuple(line[0].upper() + line[1:] for line in lines))


def _options(run: Run) -> str:
    chosen = list(run.options.to_json())
    return f", with --{' --'.join(chosen)}" if chosen else ""
