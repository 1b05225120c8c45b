"""Log entries as short lines for a person: time, profile, what happened, and the figures that say how it went."""

import json
import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import click

from console.shared.output import clean
from models.wording import format_count
from report.words import format_duration

_COLOURS: Final = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}
_PLAIN: Final = ("INFO", "DEBUG")
_LEAST: Final = 20  # letters of figures, however narrow the terminal
# These say nothing that the line does not say (``data`` is Celery's), or nothing to a person; JSON has them.
_UNSAID: Final = frozenset(("request_id", "task_id", "task_name", "data", "run_id", "profile"))
# Celery shows the whole way to a lost connection, again for each message it held; its one line says all of it. What it
# restarts after a loss, and then only, may stumble over what is gone with any error.
_OF_CONNECTION: Final = re.compile(r"(celery\.worker\.consumer|kombu)\.|celery\.worker\.request Couldn't (ack|reject) ")
_OF_RESTART: Final = "celery.bootsteps Error on restarting "
_LOST: Final = re.compile(
    r"((redis|kombu)\.exceptions\.)?(ConnectionError|TimeoutError|BusyLoadingError|OperationalError|"
    r"ConnectionResetError|ConnectionRefusedError|BrokenPipeError)\b"
)
# These write lines while nothing happens: Celery's steps, and the schedule.
_IDLE: Final = ("amqp", "celery", "flower", "kombu", "scheduler", "tornado")


def is_routine(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry is one of Celery's own or of the schedule, and no warning."""
    return entry.get("level") in _PLAIN and str(entry.get("module", "")).partition(".")[0] in _IDLE


def line(entry: Mapping[str, Any], width: int = 0, room: int = sys.maxsize) -> str:
    """Return an entry as text in local time, its profile in a column of ``width`` letters.

    The figures are cut where the line would be longer than ``room``. An exception follows, indented, unless it only
    reports a lost Redis.
    """
    at = datetime.fromisoformat(entry["timestamp"]).astimezone()
    level, message = str(entry.get("level", "")), str(entry.get("message", ""))
    context = entry.get("context") or {}
    parts = [
        f"{at:%Y-%m-%d %H:%M:%S}",
        clean(str(context.get("profile") or "")).ljust(width),
        "" if level in _PLAIN else click.style(level, fg=_COLOURS.get(level)),
        clean(message),
    ]
    text = "  ".join(part for part in parts if part)
    figures = _cut(_figures(message, context), room - len(click.unstyle(text)) - 2)
    text += click.style(f"  {figures}", dim=True) if figures else ""
    trace = str(entry.get("exception") or "").rstrip().splitlines()
    if trace and _tells_of_a_loss(entry, trace[-1]):
        return text + click.style("  (traceback: --format json)", dim=True)
    return "\n".join([text, *(f"    {clean(item)}" for item in trace)])


def _figures(message: str, context: Mapping[str, Any]) -> str:
    """Return what the context says; of the entries that come most, only what a person asks."""
    try:
        return _SHORT[message](context)
    except (KeyError, TypeError, ValueError):  # another message, or an entry of another version
        return " ".join(f"{key}={_word(value)}" for key, value in context.items() if key not in _UNSAID)


def _request(context: Mapping[str, Any]) -> str:
    waited = f", after {format_duration(context['delay'])}" if context["delay"] >= 1 else ""
    result = context["status"] if "status" in context else _word(context["error"])
    return clean(f"{context['method']} {context['path']}: {result} in {format_duration(context['duration'])}{waited}")


def _fetch(context: Mapping[str, Any]) -> str:
    if context["error"]:
        return clean(str(context["error"]))
    if context["cache_hit"]:
        return f"{format_count(context['data_volume_fetched'], 'issue')} from the stored copy, no request"
    gone = f", {context['issues_gone']:,} gone" if context["issues_gone"] else ""
    requests, seconds = format_count(context["api_calls_made"], "request"), format_duration(context["duration_seconds"])
    changed = f"{format_count(context['issues_changed'], 'issue')} changed{gone}"
    return clean(f"{context['kind']}: {changed}, {requests} in {seconds}")


def _calculation(context: Mapping[str, Any]) -> str:
    issues, seconds = format_count(context["input_data_size"], "issue"), format_duration(context["duration_seconds"])
    return clean(f"{context['metric_type']}: {issues} in {seconds}")


_SHORT: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "jira request": _request,
    "fetch operation": _fetch,
    "calculation": _calculation,
}


def _cut(text: str, room: int) -> str:
    return text if len(text) <= max(room, _LEAST) else f"{text[: max(room, _LEAST) - 1]}…"


def _word(value: Any) -> str:
    bare = isinstance(value, str) and " " not in value
    return clean(value if bare else json.dumps(value, ensure_ascii=False))


def _tells_of_a_loss(entry: Mapping[str, Any], raised: str) -> bool:
    """Return whether Celery reports a lost connection to Redis, from which it recovers without help."""
    text = f"{entry.get('module')} {entry.get('message')}"
    return text.startswith(_OF_RESTART) or bool(_OF_CONNECTION.match(text) and _LOST.match(raised))
