"""Logs: every process's records become redacted JSON entries in three shared files, and short lines for a person.

The files are written by a handler of our own, because concurrent-log-handler 0.9.31 cannot hold what is promised here:
it rotates through a temporary name, so a process killed between its renames leaves ten megabytes under a name that no
later rotation or clean-up knows; it keeps the rest of a short write in a buffer, so a disk that was full tears a line;
it swallows a failed rotation; and it knows no limit for the folder. Here a line is one ``write`` to a file opened for
appending, under an exclusive ``flock`` of that very file: there is no lock file to lose, and the kernel frees the lock
of a killed process. Who rolls a file holds its lock and, for the renames, that of the folder; always in this order.
The folder has to lie on a file system with ``flock`` (any local one).
"""

import contextlib
import errno
import fcntl
import functools
import heapq
import itertools
import json
import logging
import os
import re
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from models.records import LOG_LEVELS, MAX_LOG_BACKUPS, MAX_LOG_BYTES, LogEntry, LogFile, instant
from models.wording import format_count
from worker.redact import Redactor, format_plain

APP: Final = "app.log"
ERRORS: Final = "errors.log"
PERFORMANCE: Final = "performance.log"
PERFORMANCE_LOGGER: Final = "flowbeat.performance"
MAX_FOLDER_BYTES: Final = 100_000_000
MAX_AGE: Final = timedelta(days=30)

# The folder's size is looked at whenever a file has grown by this much, so each of the three files can add at most
# this much unseen; the limit is kept with that margin.
_STEP: Final = 65_536
_LIVE: Final = (APP, ERRORS, PERFORMANCE)
_ARCHIVE: Final = re.compile(r"(.+\.log)\.(\d{1,9})")
_RESERVED: Final = frozenset((*RESERVED_ATTRS, "taskName"))
_REORDER: Final = 1_000
_BOUND: ContextVar[Mapping[str, Any]] = ContextVar("flowbeat_log_context", default={})  # noqa: B039 - never written to

_log = logging.getLogger(__name__)


def configure(log_dir: str | Path, level: str = "INFO", *, secrets: Iterable[str] = (), console: bool = True) -> None:
    """Send every record of this process, its warnings and its uncaught exceptions to the files of ``log_dir``.

    The root logger's handlers are replaced, so a second call replaces the first. ``secrets`` are the configured
    secrets, redacted wherever they turn up; ``console`` also shows a short line for each record on standard error.
    An unwritable folder is no error: the lines go to standard error until it can be written.
    ``ValueError`` when ``level`` is no standard level.
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
    handler.start(datetime.now(UTC))


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
    """A copy of the fields bound here and now."""
    return dict(_BOUND.get())


def files(log_dir: str | Path) -> tuple[LogFile, ...]:
    """The log files of a folder, live ones first, then their archives from newest to oldest; () without a folder."""
    found = [(path, sequence) for path, sequence in _listing(Path(log_dir)) if sequence <= MAX_LOG_BACKUPS]
    described = (_described(path, sequence) for path, sequence in found)
    return tuple(
        sorted((f for f in described if f), key=lambda f: (f.rotation_sequence, f.file_path)),
    )


def clean(log_dir: str | Path, now: datetime) -> tuple[str, ...]:
    """Delete what is too old, too many or too much, roll live files that began 30 days ago; the deleted paths.

    Archives last modified more than 30 days before ``now`` (aware) go, then those beyond the fifth, then the oldest
    while the folder would pass 100,000,000 bytes. Raises ``OSError`` when the folder cannot be written.
    """
    folder = Path(log_dir)
    for name in _LIVE:
        if (folder / name).is_file():
            _LiveFile(folder / name).roll_if_older(now - MAX_AGE)
    with _locked_folder(folder):
        return (*_delete_stale(folder, now - MAX_AGE), *_make_room(folder, 0))


# --- reading --------------------------------------------------------------------------------------------------------


def read(
    log_dir: str | Path,
    *,
    level: str | None = None,
    task: str | None = None,
    profile: str | None = None,
    since: datetime | None = None,
) -> Iterator[dict[str, Any]]:
    """Entries of ``app.log`` and its archives in time order, each the dict of its line (design: Log Entry).

    ``level`` is the lowest level wanted, ``task`` and ``profile`` those of the context, ``since`` an aware instant.
    A rotation while reading loses and repeats nothing. A line that is no entry is given as a WARNING that says where.
    """
    wanted = _filter(level, task, profile, since)
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(file) for file in _open_newest_first(Path(log_dir) / APP)]
        lines = (entry for file in reversed(opened) for entry in _entries(file))
        yield from _in_time_order(entry for entry in lines if wanted(entry))


def follow(
    log_dir: str | Path,
    *,
    level: str | None = None,
    task: str | None = None,
    profile: str | None = None,
    since: datetime | None = None,
    poll_seconds: float = 0.2,
) -> Iterator[dict[str, Any]]:
    """Entries as they are written, over rotations, without end; those since ``since`` first, else only new ones.

    Takes what ``read`` takes; sleeps ``poll_seconds`` when there is nothing new. Ends only when the caller stops.
    """
    wanted = _filter(level, task, profile, since)
    path = Path(log_dir) / APP
    opened = list(reversed(_open_newest_first(path)))
    if since is None and opened:
        opened[-1].seek(0, os.SEEK_END)
        opened = _keep_last(opened)
    try:
        while True:
            for file in opened:
                yield from (entry for entry in _entries(file) if wanted(entry))
            opened = _moved_on(path, opened)
            if not any(_grown(file) for file in opened):
                time.sleep(poll_seconds)
    finally:
        for file in opened:
            file.close()


# --- the handler ----------------------------------------------------------------------------------------------------


class EntryFormatter(JsonFormatter):
    """Turns a record into one line of JSON: the fields of a Log Entry, redacted before the entry is made."""

    def __init__(self, redactor: Callable[[Any], Any]) -> None:
        """Take the pure function that redacts."""
        super().__init__(json_ensure_ascii=False)
        self._redact = redactor

    def format(self, record: logging.LogRecord) -> str:
        """The entry of a record as a line without its newline; the record stays as it was."""
        return self.line(self.entry(record))

    def line(self, entry: LogEntry) -> str:
        """An entry as one line of JSON; absent parts are left out."""
        return str(self.serialize_log_record(_fields(entry)))

    def entry(self, record: logging.LogRecord) -> LogEntry:
        """The Log Entry of a record, redacted."""
        return LogEntry(
            timestamp=_timestamp(record.created),
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
        self._files = {name: _LiveFile(folder / name) for name in _LIVE}
        self._folder = folder
        self._console = console
        self._missed = 0
        _close_in_children(self)

    def start(self, now: datetime) -> None:
        """Make the folder and clean it up; a folder that refuses is met by the fallback, not by the caller."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            removed = clean(self._folder, now)
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


class _LiveFile:
    """One live file and its archives, shared by all processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def append(self, line: bytes) -> None:
        """Add one whole line, or raise ``OSError``."""
        try:
            self._lock_for(len(line))
            self._write(line)
        finally:
            self._unlock()

    def roll_if_older(self, limit: datetime) -> None:
        """Archive the file when its first entry was made before ``limit``."""
        try:
            self._lock()
            if _began(self._path) < limit:
                self._roll()
        finally:
            self.close()

    def close(self) -> None:
        """Close the file, which also frees its lock; in a forked child the parent's lock stays."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _lock_for(self, length: int) -> None:
        size = self._lock()
        if size and size + length > MAX_LOG_BYTES:
            self._roll()
            size = self._lock()
        if size == 0 or size // _STEP != (size + length) // _STEP:
            with _locked_folder(self._path.parent):
                _make_room(self._path.parent, length)

    def _lock(self) -> int:
        """Lock the file that bears the name now, whole lines in it; its size."""
        while True:
            descriptor = self._open()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            held = os.fstat(descriptor)
            if _is_at(held, self._path):
                return _mended(descriptor, held.st_size)
            self.close()

    def _open(self) -> int:
        if self._descriptor is None:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            try:
                self._descriptor = os.open(self._path, flags, 0o640)
            except FileNotFoundError:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._descriptor = os.open(self._path, flags, 0o640)
        return self._descriptor

    def _write(self, line: bytes) -> None:
        if os.write(self._open(), line) != len(line):
            # The disk is full; whoever locks the file next cuts off the half line.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _roll(self) -> None:
        with _locked_folder(self._path.parent):
            _shift(self._path)
        self.close()

    def _unlock(self) -> None:
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)


# --- records to entries ---------------------------------------------------------------------------------------------


def _timestamp(created: float) -> str:
    at = instant(round(created * 1_000_000))
    return at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _level(number: int) -> str:
    """The standard level at or below a level's number; what is below DEBUG counts as DEBUG."""
    return LOG_LEVELS[min(max(number // 10, 1), len(LOG_LEVELS)) - 1]


@functools.lru_cache(maxsize=1024)
def _module(name: str, pathname: str) -> str:
    """The dotted name of where a record was made: its logger's when dotted, else found from the file's path."""
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
    """A redacted value as JSON can hold it: text keys, lists, no NaN; anything else as its text."""
    if type(value) is str:
        return value
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_jsonable(item) for item in value]
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    return value if value is None or isinstance(value, str | int) else str(value)


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


# --- what reaches no logger by itself -------------------------------------------------------------------------------


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
    """A forked child must not share the parent's lock: it opens the files anew."""
    alive = weakref.ref(handler)

    def close() -> None:
        held = alive()
        if held is not None:
            for file in held._files.values():  # noqa: SLF001 - the handler's own helper
                file.close()

    os.register_at_fork(after_in_child=close)


# --- files on disk --------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _locked_folder(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _listing(folder: Path) -> Iterator[tuple[Path, int]]:
    """Each log file of the folder with its rotation sequence, 0 for a live one."""
    for path in folder.iterdir() if folder.is_dir() else ():
        archive = _ARCHIVE.fullmatch(path.name)
        if archive:
            yield path, int(archive[2])
        elif path.suffix == ".log":
            yield path, 0


def _described(path: Path, sequence: int) -> LogFile | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    live = path.name if sequence == 0 else path.stem
    return LogFile(
        file_path=str(path),
        size_bytes=found.st_size,
        creation_date=_began(path),
        rotation_sequence=sequence,
        last_modified=datetime.fromtimestamp(found.st_mtime, UTC),
        log_level_filter="ERROR" if live == ERRORS else None,
    )


def _began(path: Path) -> datetime:
    """When the first entry of a file was made; a file without a readable one began when it was last modified."""
    with path.open("rb") as file:
        first = _parsed(file.readline(MAX_LOG_BYTES))
    try:
        return datetime.fromisoformat(str((first or {}).get("timestamp")))
    except ValueError:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _is_at(held: os.stat_result, path: Path) -> bool:
    try:
        return os.path.samestat(held, path.stat())
    except FileNotFoundError:
        return False


def _mended(descriptor: int, size: int) -> int:
    """Cut off a half line: of a process killed while it wrote, or from when the disk was full; the size left."""
    if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
        return size
    start = max(0, size - MAX_LOG_BYTES)
    whole = start + os.pread(descriptor, size - start, start).rfind(b"\n") + 1
    os.ftruncate(descriptor, whole)
    return whole


def _shift(live: Path) -> None:
    """Rename ``.log`` to ``.log.1``, that to ``.log.2`` and so on up to the first free number, at most the fifth."""
    paths = [live, live.with_name(f"{live.name}.1")]
    while paths[-1].exists() and len(paths) <= MAX_LOG_BACKUPS:
        paths.append(live.with_name(f"{live.name}.{len(paths)}"))
    for newer, older in reversed(list(itertools.pairwise(paths))):
        # A person may have moved a file away since it was seen.
        with contextlib.suppress(FileNotFoundError):
            newer.replace(older)


def _delete_stale(folder: Path, limit: datetime) -> tuple[str, ...]:
    stale = [
        path
        for path, sequence, found in _sizes(folder)
        if sequence > MAX_LOG_BACKUPS or (sequence and found.st_mtime < limit.timestamp())
    ]
    return tuple(_delete(path) for path in stale)


def _make_room(folder: Path, coming: int) -> tuple[str, ...]:
    """Delete the oldest archives until the folder holds what may come before the next look; the deleted paths."""
    sizes = _sizes(folder)
    total = sum(found.st_size for _, _, found in sizes)
    archives = [item for item in sizes if item[1]]
    removed = []
    for path, _, found in sorted(archives, key=lambda item: (item[2].st_mtime_ns, -item[1])):
        if total + coming + len(_LIVE) * _STEP <= MAX_FOLDER_BYTES:
            break
        removed.append(_delete(path))
        total -= found.st_size
    return tuple(removed)


def _sizes(folder: Path) -> list[tuple[Path, int, os.stat_result]]:
    """Path, rotation sequence and stat of each log file that is still there when looked at."""
    found = []
    for path, sequence in _listing(folder):
        with contextlib.suppress(FileNotFoundError):
            found.append((path, sequence, path.stat()))
    return found


def _delete(path: Path) -> str:
    path.unlink(missing_ok=True)
    return str(path)


# --- entries from files ---------------------------------------------------------------------------------------------


def _open_newest_first(live: Path) -> list[IO[bytes]]:
    """The live file and its archives, opened from newest to oldest: a rotation meanwhile can repeat, never skip one."""
    opened: dict[tuple[int, int], IO[bytes]] = {}
    for path in (live, *(live.with_name(f"{live.name}.{number}") for number in range(1, MAX_LOG_BACKUPS + 1))):
        try:
            file = path.open("rb")
        except FileNotFoundError:
            continue
        if opened.setdefault(_identity(file), file) is not file:
            file.close()
    return list(opened.values())


def _identity(file: IO[bytes]) -> tuple[int, int]:
    stat = os.fstat(file.fileno())
    return stat.st_dev, stat.st_ino


def _entries(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """The entries from where a file stands to its last whole line."""
    while True:
        start = file.tell()
        line = file.readline()
        if not line.endswith(b"\n"):
            file.seek(start)
            return
        yield _parsed(line) or _unreadable(file, start)


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("timestamp"), str) else None


def _unreadable(file: IO[bytes], position: int) -> dict[str, Any]:
    seen = os.fstat(file.fileno()).st_mtime
    message = f"{Path(file.name).name} holds a line at byte {position} that is no log entry"
    return {
        "timestamp": _timestamp(seen),
        "level": "WARNING",
        "module": __name__,
        "function": "read",
        "line": 0,
        "message": message,
    }


def _in_time_order(entries: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Entries sorted by timestamp; processes write within moments of the event, so a short look ahead is enough."""
    waiting: list[tuple[str, int, dict[str, Any]]] = []
    for number, entry in enumerate(entries):
        item = (entry["timestamp"], number, entry)
        if len(waiting) < _REORDER:
            heapq.heappush(waiting, item)
        else:
            yield heapq.heappushpop(waiting, item)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def _filter(
    level: str | None, task: str | None, profile: str | None, since: datetime | None
) -> Callable[[dict[str, Any]], bool]:
    levels = LOG_LEVELS[LOG_LEVELS.index(level) :] if level else LOG_LEVELS
    first = _timestamp(since.timestamp()) if since else ""

    def wanted(entry: dict[str, Any]) -> bool:
        fields = entry.get("context") or {}
        return (
            entry.get("level") in levels
            and entry["timestamp"] >= first
            and (task is None or fields.get("task_id") == task)
            and (profile is None or fields.get("profile") == profile)
        )

    return wanted


def _keep_last(opened: list[IO[bytes]]) -> list[IO[bytes]]:
    for file in opened[:-1]:
        file.close()
    return opened[-1:]


def _grown(file: IO[bytes]) -> bool:
    return os.fstat(file.fileno()).st_size > file.tell()


def _moved_on(live: Path, opened: list[IO[bytes]]) -> list[IO[bytes]]:
    """What to read next: the file read last while it is the live one, else all that are newer, oldest first."""
    known = _identity(opened[-1]) if opened else None
    files = _open_newest_first(live)
    newer = list(itertools.takewhile(lambda file: _identity(file) != known, files))
    for file in files[len(newer) :]:
        file.close()
    return _keep_last(opened) + newer[::-1]
