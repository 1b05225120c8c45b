"""The logs command: the entries of the log files as readable lines, now or as they are written."""

import csv
import json
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import click

from console.log_lines import is_routine, line
from console.shared import voice
from console.shared.csv_cells import csv_cell
from console.shared.output import Format, terminal
from models.metrics.windows import instant_of, is_day
from models.records import LOG_LEVELS, instant
from worker import logs as files
from worker import settings
from worker.config_schema import did_you_mean
from worker.errors import FatalError

_NAMES: Final = ("timestamp", "level", "module", "function", "line", "message", "exception", "context")
_AGO: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@click.command("logs")
@click.option("--follow", "-f", is_flag=True, help="Continue with new entries until Ctrl-C.")
@click.option("--level", type=click.Choice(LOG_LEVELS, case_sensitive=False), help="This level and above.")
@click.option("--task", metavar="ID", help="Only of the task with this id.")
@click.option("--run", metavar="RUN", help="Only of this run (the beginning of its id, as status shows it).")
@click.option("--profile", metavar="PROFILE", help="Only of this profile.")
@click.option("--since", metavar="TIME", help="Only entries since a day, an instant or a span ago (30m, 2h, 1d).")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="How to print it. JSON and CSV have the whole entries.",
)
@click.option("--all", "everything", is_flag=True, help="Celery's own lines and those of the schedule too.")
def logs_command(**chosen: Any) -> None:
    """Show the log entries, oldest first: a short line each, in this machine's time.

    Lines of Celery and of the schedule are left out unless they are warnings, or --all or --task asks for them.

    Example: flowbeat logs --level WARNING --since 2h
    """
    form: Format = chosen.pop("form")
    follow: bool = chosen.pop("follow")
    shows_all: bool = chosen.pop("everything") or bool(chosen["task"]) or form != "table"
    run: str = chosen.pop("run") or ""
    configured = settings.load(None, os.environ)
    chosen["since"] = _since(chosen["since"], datetime.now(UTC))
    if not (configured.log_dir / files.APP).exists() and not follow:
        settings.require_file(configured)
        raise FatalError(f"no log exists yet in {configured.log_dir}; to create one, run: flowbeat refresh")
    entries = (files.follow if follow else files.read)(configured.log_dir, **chosen)
    wanted = (entry for entry in entries if _of_run(entry, run) and (shows_all or not is_routine(entry)))
    result = _print(wanted, form, max(map(len, configured.profiles), default=0))
    if not result:
        click.echo(f"No entry in {configured.log_dir} matches{_near(chosen['profile'], configured.profiles)}", err=True)


COMMANDS: tuple[click.Command, ...] = (logs_command,)


def _near(profile: str | None, known: Mapping[str, object]) -> str:
    if profile is None or profile in known:
        return ""
    return did_you_mean(profile, known) or f"; known profiles: {', '.join(known)}"


def _of_run(entry: dict[str, Any], run: str) -> bool:
    return not run or str((entry.get("context") or {}).get("run_id", "")).startswith(run)


def _print(entries: Iterator[dict[str, Any]], form: Format, width: int) -> int:
    """Print each entry at once, because a person may follow them; return how many."""
    room = terminal().width if sys.stdout.isatty() else sys.maxsize
    if form == "table" and not voice.is_quiet():
        now = datetime.now().astimezone()
        click.echo(f"Times are in {now:%Z, UTC%z}. Whole entries: --format json", err=True)
    count = 0
    writer = csv.DictWriter(sys.stdout, _NAMES, extrasaction="ignore", lineterminator="\n")
    if form == "csv":
        writer.writeheader()
    for count, entry in enumerate(entries, 1):  # noqa: B007 - counted for the caller
        if form == "csv":
            cells = {**entry, "timestamp": datetime.fromisoformat(entry["timestamp"])}
            writer.writerow({name: csv_cell(value) for name, value in cells.items()})
        else:
            click.echo(json.dumps(entry, ensure_ascii=False) if form == "json" else line(entry, width, room))
    return count


def _since(text: str | None, now: datetime) -> datetime | None:
    """Return the instant of `--since`; days begin at this machine's midnight, because lines show local time."""
    if text is None:
        return None
    number, unit = text[:-1], text[-1:]
    if number.isdecimal() and unit in _AGO:
        return now - timedelta(**{_AGO[unit]: min(int(number), 1_000_000)})
    try:
        if is_day(text):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day).astimezone()
        return instant(instant_of(text))
    except ValueError as error:
        raise click.UsageError(
            f"--since {text!r} is not a day (2026-10-01), an instant (2026-10-01T12:00+02:00) or a span (30m, 2h, 1d)"
        ) from error
