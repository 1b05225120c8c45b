"""The check command: a line for each part that Flowbeat needs, with what to do if something is wrong."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from typing import Final

import click
from rich.text import Text

from console.check import clocks, exposure, jira, listing, local, redis_server, reports, stored
from console.check.local import Line
from console.shared import errors, writable
from console.shared.output import Column, Format, Sheet, clean, format_option, show, terminal
from worker import runtime, settings
from worker.runtime import Runtime

_MARKS: Final = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "bad": ("✗", "red")}
_NAMES: Final = tuple(field.name for field in fields(Line))
_COLUMNS: Final = (
    Column("", lambda row: _MARKS[row["state"]][0]),
    Column("check", lambda row: row["what"]),
    Column("finding", lambda row: row["message"]),
    Column("advice", lambda row: row["advice"] or ""),
)
# The check under which an unwritable folder is reported; one sentence covers all files of the folder.
_PLACES: Final = {"database_url": "database", "state_dir": "Redis", "log_dir": "log files"}
_NO_QUEUE: Final = (Line("Redis", "warning", "not checked; fix that first, then workers and Jira are checked"),)


@click.command()
@click.option("--local", "is_local", is_flag=True, help="Ask Jira nothing; check only what is on this side.")
@click.option("--names", "shows_names", is_flag=True, help="List what each Jira has, instead of checking.")
@format_option
def check(*, is_local: bool, shows_names: bool, form: Format) -> None:
    """Check each part of the installation: ✓ works, ! look at it, ✗ broken; exit code 1 if anything is broken.

    Sends a few requests to each Jira, and starts the embedded server if redis_url is not set.

    --names lists statuses with category and stage, issue types, resolutions, priorities, fields, and the projects'
    versions: 6 requests to each Jira, and up to 41 for the projects of each profile.

    Example: flowbeat check --local
    """
    if is_local and shows_names:
        raise click.UsageError("--names asks Jira, and --local asks it nothing; leave one of them out")
    current = Runtime(settings.load(None, os.environ))
    runtime.adopt(current)
    try:
        if current.settings.path is not None:
            _log_if_possible(current)
        if shows_names:
            listing.show_names(current, form)
            return
        lines = _lines(current, asks_jira=not is_local)
    finally:
        current.close()
        runtime.forget()
    if form == "table":
        _print(lines)
    else:
        show(form, Sheet(_NAMES, [asdict(line) for line in lines], _COLUMNS))
    if any(line.state == "bad" for line in lines):
        raise click.exceptions.Exit(1)


COMMANDS: tuple[click.Command, ...] = (check,)


def _log_if_possible(current: Runtime) -> None:
    """Attach the logs; if that fails, only the line about the log files reports it."""
    if not local.trouble(current.settings.log_dir):
        runtime.configure_logs(current.settings, console=False)
    else:
        logging.getLogger().addHandler(logging.NullHandler())


def _lines(current: Runtime, *, asks_jira: bool) -> list[Line]:
    """Return each check by itself, so that a failing one hides no other."""
    if current.settings.path is None:  # the other checks would create files in a wrong folder
        return list(local.configuration(current))
    closed = writable.closed(current.settings)
    names = {name for item in closed for name in item.settings}
    return [
        *_careful("configuration", lambda: local.configuration(current)),
        *(Line(_PLACES[entry.settings[0]], "bad", entry.message, entry.advice) for entry in closed),
        *(() if "database_url" in names else _careful("database", lambda: stored.look(current))),
        *(_NO_QUEUE if "state_dir" in names else _behind_the_queue(current, asks_jira=asks_jira)),
        *_careful("notify", lambda: local.notices(current)),
        *_careful("exposure", lambda: exposure.look(current.settings)),
        *(() if "log_dir" in names else _careful("log files", lambda: local.log_files(current))),
        *(line for name in current.settings.profiles for line in _careful(f"data {name}", _data(current, name))),
        *(line for name in current.settings.profiles for line in _careful(f"report {name}", _report(current, name))),
    ]


def _behind_the_queue(current: Runtime, *, asks_jira: bool) -> list[Line]:
    """Check Redis and what depends on it; report only once why Redis cannot be used."""
    redis = _careful("Redis", lambda: _redis(current))
    connections = sorted({profile.connection for profile in current.settings.profiles.values()}) if asks_jira else ()
    others = [
        *_careful("workers", lambda: local.workers(current)),
        *(line for name in connections for line in _careful(f"Jira {name}", _jira(current, name))),
    ]
    messages = {line.message for line in redis if line.state == "bad"}
    return [*redis, *(_not_looked_at(line) if line.message in messages else line for line in others)]


def _redis(current: Runtime) -> Iterator[Line]:
    yield from local.redis(current)
    yield from redis_server.login(current.redis)
    yield from clocks.of_redis(current)


def _not_looked_at(line: Line) -> Line:
    return Line(line.what, "warning", "not checked, because Redis does not answer")


def _jira(current: Runtime, name: str) -> Callable[[], Iterable[Line]]:
    return lambda: jira.connection(current, current.settings.connections[name])


def _data(current: Runtime, name: str) -> Callable[[], Iterable[Line]]:
    return lambda: local.data(current, name)


def _report(current: Runtime, name: str) -> Callable[[], Iterable[Line]]:
    return lambda: reports.page(current, name)


def _careful(what: str, look: Callable[[], Iterable[Line]]) -> list[Line]:
    """Return the lines of a check, up to the error that ended it."""
    lines: list[Line] = []
    try:
        lines.extend(look())
    except errors.EXPECTED as error:
        lines.append(Line(what, "bad", errors.sentence(error)))
    return lines


def _print(lines: Sequence[Line]) -> None:
    console = terminal()
    width = max(len(line.what) for line in lines)
    for line in lines:
        mark, style = _MARKS[line.state]
        said = f"{line.message}; {line.advice}" if line.advice else line.message
        room = Text(clean(said)).wrap(console, max(20, console.width - width - 5))
        for index, part in enumerate(room):
            part.rstrip()
            head = (f"{mark} ", style) if index == 0 else "  "
            console.print(Text.assemble(head, f"{line.what if index == 0 else '':<{width}}  ", part))
