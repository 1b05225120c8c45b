"""The handler that writes entries into files which all processes share, and what else it captures."""

import contextlib
import logging
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from models.records import LOG_LEVELS, LogEntry
from models.wording import format_count
from worker.logs.cleaning import clean
from worker.logs.entries import EntryFormatter
from worker.logs.folder import APP, ERRORS, LIVE, MAX_AGE, PERFORMANCE, PERFORMANCE_LOGGER
from worker.logs.live_file import LiveFile
from worker.redact import Redactor

_log = logging.getLogger(__name__)


def configure(
    log_dir: str | Path,
    level: str = "INFO",
    *,
    secrets: Iterable[str] = (),
    console: bool = True,
    keep: timedelta = MAX_AGE,
) -> None:
    """Send every record of this process, its warnings and its uncaught exceptions to the files of ``log_dir``.

    The root logger's handlers are replaced, so a second call replaces the first. ``secrets`` are the configured
    secrets, redacted wherever they turn up; ``console`` also shows a short line for each record on standard error.
    Archives older than ``keep`` are deleted. An unwritable folder does not raise: the lines go to standard error until
    it can be written.
    ``ValueError`` when ``level`` is not a standard level.
    """
    if level not in LOG_LEVELS:
        message = f"log level {level!r} is none of {', '.join(LOG_LEVELS)}"
        raise ValueError(message)
    handler = FilesHandler(Path(log_dir), Redactor(secrets), console=console)
    root = logging.getLogger()
    for old in tuple(root.handlers):
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(level)
    _capture()
    handler.start(datetime.now(UTC), keep)


class FilesHandler(logging.Handler):
    """Writes each record to ``app.log``, and where it belongs there to ``errors.log`` or ``performance.log``.

    When the files cannot be written the lines go to standard error, after one warning, and the files are tried again
    with every record. One handler for all three files and the console, so that a record is redacted once.
    """

    def __init__(self, folder: Path, redactor: Callable[[Any], Any], *, console: bool) -> None:
        """Remember where to write; nothing is opened before the first record."""
        super().__init__()
        self._formatter = EntryFormatter(redactor)
        self.setFormatter(self._formatter)
        self._files = {name: LiveFile(folder / name) for name in LIVE}
        self._folder = folder
        self._console = console
        self._missed = 0
        _close_in_children(self)

    def start(self, now: datetime, keep: timedelta = MAX_AGE) -> None:
        """Make the folder and clean it up; a folder that refuses is met by the fallback, not by the caller."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            removed = clean(self._folder, now, keep)
        except OSError as error:
            with self.lock or contextlib.nullcontext():
                self._fall_back(error)
            return
        if removed:
            _log.info("deleted %d old log files", len(removed), extra={"files": list(removed)})

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; raises nothing but what ends the process."""
        try:
            entry = self._formatter.entry(record)
            line = self._formatter.line(entry) + "\n"
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            self.handleError(record)
            _say(f"a record of {record.name} line {record.lineno} could not be logged: {type(error).__name__}")
            return
        written = self._append(record, line.encode("utf-8", "backslashreplace"))
        if self._console:
            _say(_for_a_person(entry))
        elif not written:
            _say(line.rstrip("\n"))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Say nothing: the standard one prints the record's arguments as they are, secrets included."""

    def close(self) -> None:
        """Close the files; they open again should a late record come."""
        for file in self._files.values():
            file.close()
        super().close()

    def _append(self, record: logging.LogRecord, line: bytes) -> bool:
        try:
            for name in _targets(record):
                self._files[name].append(line)
        except OSError as error:
            self._fall_back(error)
            return False
        if self._missed:
            self._recovered()
        return True

    def _fall_back(self, error: OSError) -> None:
        self._missed += 1
        if self._missed == 1:
            _say(
                f"WARNING log files in {self._folder} cannot be written ({error.strerror or error}): "
                "lines are shown here until they can; free space or make the folder writable"
            )

    def _recovered(self) -> None:
        missed, self._missed = self._missed, 0
        records = format_count(missed, "record was", "records were")
        _say(f"log files in {self._folder} are written again; {records} shown here only")


def _targets(record: logging.LogRecord) -> Iterator[str]:
    yield APP
    if record.levelno >= logging.ERROR:
        yield ERRORS
    if record.name == PERFORMANCE_LOGGER:
        yield PERFORMANCE


def _for_a_person(entry: LogEntry) -> str:
    local = datetime.fromisoformat(entry.timestamp).astimezone().strftime("%H:%M:%S")
    text = f"{local} {entry.level:<7} {entry.message}"
    cause = entry.exception.rstrip().rpartition("\n")[2] if entry.exception else ""
    return f"{text} | {cause}" if cause else text


def _say(text: str) -> None:
    """Show a line on standard error; a closed or broken one is nothing we could tell anyone about."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
        sys.stderr.flush()


def _capture() -> None:
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, Exception):
        sys.__excepthook__(kind, error, trace)
        return
    _log.critical("uncaught exception ends the process", exc_info=(kind, error, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is None or issubclass(args.exc_type, SystemExit):
        return
    name = args.thread.name if args.thread else "unknown"
    _log.critical(
        "uncaught exception ends thread %s", name, exc_info=(args.exc_type, args.exc_value, args.exc_traceback)
    )


def _unraisable(args: Any) -> None:
    info = (args.exc_type, args.exc_value, args.exc_traceback) if args.exc_value else None
    _log.error("%s in %s", args.err_msg or "exception ignored", args.object, exc_info=info)


def _close_in_children(handler: FilesHandler) -> None:
    """Open the files again in a forked child, which must not share the parent's lock."""
    alive = weakref.ref(handler)

    def close() -> None:
        held = alive()
        if held is not None:
            for file in held._files.values():  # noqa: SLF001 - the handler's own helper
                file.close()

    os.register_at_fork(after_in_child=close)
