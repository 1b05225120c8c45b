"""The error messages of commands: one redacted sentence. The traceback is only in the log."""

import logging
import os
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Final

from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError
from sqlalchemy.exc import InterfaceError, OperationalError

from models.database_faults import OutdatedFactsError, UnusableDatabaseError, describe
from worker import logs, runtime, settings
from worker.embedded import CANNOT_WRITE
from worker.errors import ConfigError, FlowbeatError
from worker.redact import Redactor

# Errors of the environment, which the sentence describes fully. Any other error is a fault in Flowbeat.
EXPECTED: Final = (
    FlowbeatError,
    UnusableDatabaseError,
    OutdatedFactsError,
    OperationalError,
    InterfaceError,
    RedisError,
    BrokerError,
    OSError,
)


def sentence(error: BaseException) -> str:
    """Return what went wrong and what to do about it, without configured secrets."""
    return str(Redactor(_secrets())(_words(error)))


def traceback_of(error: BaseException) -> str:
    """Return the traceback of an error, without configured secrets."""
    return str(Redactor(_secrets())("".join(traceback.format_exception(error))))


def unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print one sentence, and write the traceback to the log; for ``sys.excepthook``."""
    try:
        configured = settings.load(None, os.environ)
    except ConfigError:
        sys.__excepthook__(kind, error, trace)  # nobody knows where the log would be
        return
    runtime.configure_logs(configured, console=False)
    logging.getLogger(__name__).critical("unexpected error", exc_info=(kind, error, trace))
    print(  # noqa: T201 - after a failed command there is nothing left that could print
        f"flowbeat: unexpected error ({kind.__name__}). Details are in {configured.log_dir / logs.APP}",
        file=sys.stderr,
    )


def _words(error: BaseException) -> str:
    if isinstance(error, FlowbeatError | OutdatedFactsError):
        return str(error)
    if isinstance(error, UnusableDatabaseError | OperationalError | InterfaceError):
        return describe(error)
    if isinstance(error, RedisError | BrokerError) and CANNOT_WRITE in str(error):
        return f"Redis cannot write to its disk: {_first_line(error)}; free some space there, then: flowbeat check"
    if isinstance(error, RedisError | BrokerError):
        return f"Redis cannot be used: {_first_line(error)}; {_look_at()}, then: flowbeat check"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return _first_line(error)


def _look_at() -> str:
    """Return where to look after a fault of Redis: the address of redis_url, or the embedded server's log."""
    try:
        configured = settings.load(None, os.environ)
    except ConfigError:
        return "check redis_url"
    return "check redis_url" if configured.redis_url else f"see {configured.state_dir / 'redis' / 'server.log'}"


def _first_line(error: BaseException | None) -> str:
    """Return the first line of a driver's message, which names the fault."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(". ")


def _secrets() -> Iterator[str]:
    try:
        yield from settings.secrets(settings.load(None, os.environ), os.environ)
    except ConfigError:
        return
