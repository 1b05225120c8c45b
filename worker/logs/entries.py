"""A record of the logging library becomes an entry: redacted, JSON, with the context of its process."""

import contextlib
import functools
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from models.records import LOG_LEVELS, LogEntry
from worker.logs.lines import format_timestamp
from worker.redact import format_plain

_RESERVED: Final = frozenset((*RESERVED_ATTRS, "taskName"))
_BOUND: ContextVar[Mapping[str, Any]] = ContextVar("flowbeat_log_context", default={})  # noqa: B039 - never written to


@contextlib.contextmanager
def bind(**fields: Any) -> Iterator[None]:
    """Put ``fields`` (task_id, task_name, profile, request_id, run_id) into the context of every entry made inside.

    A field that is None is left out. Threads started inside begin without them, as contextvars do.
    """
    token = _BOUND.set({**_BOUND.get(), **{key: value for key, value in fields.items() if value is not None}})
    try:
        yield
    finally:
        _BOUND.reset(token)


def context() -> dict[str, Any]:
    """Return a copy of the fields bound here and now."""
    return dict(_BOUND.get())


class EntryFormatter(JsonFormatter):
    """Turns a record into one line of JSON: the fields of a Log Entry, redacted before the entry is made."""

    def __init__(self, redactor: Callable[[Any], Any]) -> None:
        """Take the pure function that redacts."""
        super().__init__(json_ensure_ascii=False)
        self._redact = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Return the entry of a record as a line without its newline; the record stays as it was."""
        return self.line(self.entry(record))

    def line(self, entry: LogEntry) -> str:
        """Return an entry as one line of JSON; absent parts are left out."""
        return str(self.serialize_log_record(_fields(entry)))

    def entry(self, record: logging.LogRecord) -> LogEntry:
        """Return the Log Entry of a record, redacted."""
        return LogEntry(
            timestamp=format_timestamp(record.created),
            level=_level(record.levelno),
            module=_module(record.name, record.pathname),
            function=record.funcName or "<module>",
            line=record.lineno or 0,
            message=self._redact(self._message(record)),
            exception=self._exception(record),
            context=self._context(record),
        )

    def _message(self, record: logging.LogRecord) -> str:
        template = record.msg if isinstance(record.msg, str) else self._shown(record.msg)
        if not record.args:
            return template
        try:
            return str(template % self._arguments(record.args))
        except (TypeError, ValueError, LookupError, ArithmeticError):
            # A template that does not fit its arguments is the caller's slip, not a reason to lose the line.
            return f"{template} {self._redact(record.args)!r}"

    def _shown(self, message: Any) -> str:
        return str(self._redact(message)) if isinstance(message, Mapping | list | tuple) else format_plain(message)

    def _arguments(self, args: Any) -> Any:
        if isinstance(args, Mapping):
            return {key: self._argument(value) for key, value in self._redact(args).items()}
        return tuple(self._argument(value) for value in args)

    def _argument(self, value: Any) -> Any:
        if isinstance(value, str | int | float):
            return value
        if isinstance(value, Mapping | list | tuple | set | frozenset | bytes | bytearray):
            return self._redact(value)
        return _Argument(format_plain(value), str(self._redact(value)))

    def _exception(self, record: logging.LogRecord) -> str | None:
        text = record.exc_text
        if isinstance(record.exc_info, tuple) and record.exc_info[0] is not None:
            text = str(self.formatException(record.exc_info))
        if record.stack_info:
            text = f"{text}\n{record.stack_info}" if text else str(record.stack_info)
        return self._redact(text) if text else None

    def _context(self, record: logging.LogRecord) -> dict[str, Any] | None:
        extra = {
            key: value for key, value in record.__dict__.items() if key not in _RESERVED and not key.startswith("_")
        }
        merged = {**_BOUND.get(), **extra}
        return _jsonable(self._redact(merged)) if merged else None


class _Argument:
    """An object's str and repr, taken where they may raise, for a template that asks for either."""

    __slots__ = ("_repr", "_str")

    def __init__(self, text: str, representation: str) -> None:
        self._str = text
        self._repr = representation

    def __str__(self) -> str:
        return self._str

    def __repr__(self) -> str:
        return self._repr


def _level(number: int) -> str:
    """Return the standard level at or below a level's number; what is below DEBUG counts as DEBUG."""
    return LOG_LEVELS[min(max(number // 10, 1), len(LOG_LEVELS)) - 1]


@functools.lru_cache(maxsize=1024)
def _module(name: str, pathname: str) -> str:
    """Return the dotted name of where a record was made: its logger's when dotted, else found from the file's path."""
    if "." not in name:
        roots = sorted((root for root in sys.path if root and pathname.startswith(root + os.sep)), key=len)
        inner = Path(pathname[len(roots[-1]) + 1 :] if roots else Path(pathname).name)
        name = ".".join(part for part in inner.with_suffix("").parts if part != "__init__")
    dotted = ".".join(part for part in re.sub(r"[^\w.]", "_", name).split(".") if part)
    return dotted if re.match(r"[A-Za-z_]", dotted) else f"_{dotted}"


def _fields(entry: LogEntry) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "timestamp": entry.timestamp,
        "level": entry.level,
        "module": entry.module,
        "function": entry.function,
        "line": entry.line,
        "message": entry.message,
    }
    if entry.exception is not None:
        fields["exception"] = entry.exception
    if entry.context:
        fields["context"] = dict(entry.context)
    return fields


def _jsonable(value: Any) -> Any:
    """Return a redacted value as JSON can hold it: text keys, lists, no NaN; anything else as its text."""
    if type(value) is str:
        return value
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_jsonable(item) for item in value]
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    return value if value is None or isinstance(value, str | int) else str(value)
