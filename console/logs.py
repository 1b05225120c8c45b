"""The logs command: the entries of the log files as readable lines, now or as they are written."""

import csv
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import click

from console.shared.csv_cells import csv_cell
from console.shared.output import Format, clean
from models.metrics.windows import instant_of, is_day
from models.records import LOG_LEVELS, instant
from worker import logs as files
from worker import settings
from worker.config_schema import did_you_mean
from worker.errors import FatalError

_COLOURS: Final = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}
_NAMES: Final = ("timestamp", "level", "module", "function", "line", "message", "exception", "context")
_AGO: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# In readable lines these say nothing that the line does not say (``data`` is Celery's), or nothing to a person.
_UNSAID: Final = ("request_id", "task_id", "task_name", "data")
# Celery shows the whole way to a lost connection, again for each message it held; its one line says all of it. What it
# restarts after a loss, and then only, may stumble over what is gone with any error.
_OF_CONNECTION: Final = re.compile(r"(celery\.worker\.consumer|kombu)\.|celery\.worker\.request Couldn't (ack|reject) ")
_OF_RESTART: Final = "celery.bootsteps Error on restarting "
_LOST: Final = re.compile(
    r"((redis|kombu)\.exceptions\.)?(ConnectionError|TimeoutError|BusyLoadingError|OperationalError|"
    r"ConnectionResetError|ConnectionRefusedError|BrokenPipeError)\b"
)


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
    help="How to print it. CSV: for spreadsheets; its times are in UTC.",
)
def logs_command(**chosen: Any) -> None:
    """Show the log entries, oldest first. JSON shows the entries as written, one per line.

    Example: flowbeat logs --level WARNING --since 2h
    """
    form: Format = chosen.pop("form")
    follow: bool = chosen.pop("follow")
    run: str = chosen.pop("run") or ""
    configured = settings.load(None, os.environ)
    chosen["since"] = _since(chosen["since"], datetime.now(UTC))
    if not (configured.log_dir / files.APP).exists() and not follow:
        settings.require_file(configured)
        raise FatalError(f"no log exists yet in {configured.log_dir}; to create one, run: flowbeat refresh")
    entries = (files.follow if follow else files.read)(configured.log_dir, **chosen)
    result = _print((entry for entry in entries if _of_run(entry, run)), form)
    if not result:
        click.echo(f"No entry in {configured.log_dir} matches{_near(chosen['profile'], configured.profiles)}", err=True)


COMMANDS: tuple[click.Command, ...] = (logs_command,)


def line(entry: dict[str, Any]) -> str:
    """Return an entry as text in local time. An exception follows, indented, unless it only reports a lost Redis."""
    at = datetime.fromisoformat(entry["timestamp"]).astimezone()
    level = str(entry.get("level", ""))
    context = entry.get("context") or {}
    said = " ".join(f"{key}={_word(value)}" for key, value in context.items() if key not in _UNSAID)
    head = f"{at:%Y-%m-%d %H:%M:%S} {click.style(f'{level:<8}', fg=_COLOURS.get(level))} "
    text = head + clean(str(entry.get("message", ""))) + (click.style(f"  {said}", dim=True) if said else "")
    trace = str(entry.get("exception") or "").rstrip().splitlines()
    if trace and _tells_of_a_loss(entry, trace[-1]):
        return text + click.style("  (traceback: --format json)", dim=True)
    return "\n".join([text, *(f"    {clean(item)}" for item in trace)])


def _tells_of_a_loss(entry: dict[str, Any], raised: str) -> bool:
    """Return whether Celery reports a lost connection to Redis, from which it recovers without help."""
    text = f"{entry.get('module')} {entry.get('message')}"
    return text.startswith(_OF_RESTART) or bool(_OF_CONNECTION.match(text) and _LOST.match(raised))


def _near(profile: str | None, known: Mapping[str, object]) -> str:
    if profile is None or profile in known:
        return ""
    return did_you_mean(profile, known) or f"; known profiles: {', '.join(known)}"


def _of_run(entry: dict[str, Any], run: str) -> bool:
    return not run or str((entry.get("context") or {}).get("run_id", "")).startswith(run)


def _print(entries: Iterator[dict[str, Any]], form: Format) -> int:
    """Print each entry at once, because a person may follow them; return how many."""
    count = 0
    writer = csv.DictWriter(sys.stdout, _NAMES, extrasaction="ignore", lineterminator="\n")
    if form == "csv":
        writer.writeheader()
    for count, entry in enumerate(entries, 1):  # noqa: B007 - counted for the caller
        if form == "csv":
            cells = {**entry, "timestamp": datetime.fromisoformat(entry["timestamp"])}
            writer.writerow({name: csv_cell(value) for name, value in cells.items()})
        else:
            click.echo(json.dumps(entry, ensure_ascii=False) if form == "json" else line(entry))
    return count


def _word(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return clean(text) if " " not in text else json.dumps(text, ensure_ascii=False)


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
