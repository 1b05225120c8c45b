"""A Python process that has imported Flowbeat, and forks for each command that a test starts.

A new process needs most of a second of processor time for its imports alone, and the tests start a thousand. A fork is
a process like any other: with its own folder, environment, files and signal handlers, and nothing was read or opened
before the fork. `tests/forked.py` is the client. Each command has a parent of its own, which reports its exit code.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, Never

HEADER_BYTES: Final = 4
FILES: Final = 4
IMPORTS: Final = (
    *("celery.__main__", "celery.apps.beat", "celery.apps.worker", "celery.concurrency.prefork", "celery.bin.celery"),
    *("kombu.transport.redis", "psycopg", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite"),
    *("scheduler.schedule", "tasks.calculate", "tasks.calculating", "tasks.fetch.task", "tasks.maintain", "worker.app"),
)


@dataclass(frozen=True, slots=True)
class Command:
    """A command line after the name of the interpreter (-c CODE, -m MODULE or FILE), and where it runs."""

    words: list[str]
    cwd: str
    environment: dict[str, str]
    new_session: bool
    files: list[int]


class ReplacedError(BaseException):
    """Raised in place of an exec of this interpreter, which would import the same modules again."""

    def __init__(self, words: list[str]) -> None:
        """Keep the new command line."""
        super().__init__(words)
        self.words = words


def serve(channel: socket.socket) -> Command | None:
    """Fork for each request; return None in the server, at the end, and the command in each fork."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        header, files, _, _ = socket.recv_fds(channel, HEADER_BYTES, FILES)
        _reap()
        if not header:
            return None
        request = json.loads(channel.recv(int.from_bytes(header), socket.MSG_WAITALL))
        *standard, report = files
        if os.fork() == 0:
            channel.close()
            if _is_command(report):
                return Command(**request, files=standard)
        for file in files:
            os.close(file)


def _reap() -> None:
    """Forget the parents of commands that have ended; their processor time counts as that of the server's children."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _is_command(report: int) -> bool:
    """Fork once more; return True in the command. Its parent reports its process id, then its exit code, and exits."""
    pid = os.fork()
    if pid == 0:
        os.close(report)
        return True
    os.write(report, f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    os.write(report, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def become(command: Command) -> None:
    """Make this process one that was just started for the command."""
    if command.new_session:
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(command.cwd)
    os.environ.clear()
    os.environ.update(command.environment)
    time.tzset()
    for number, file in enumerate(command.files):
        os.dup2(file, number)
        os.close(file)


def run(words: list[str]) -> None:
    """Run a command line as the interpreter would."""
    os.execv = _replace
    while True:
        try:
            _run_once(words)
        except ReplacedError as replaced:
            words = replaced.words
            sys.excepthook = sys.__excepthook__
        else:
            return


def _exit_code(words: list[str]) -> int:
    """Run a command line; return the exit code if it ends by itself or by ``sys.exit`` of a number."""
    try:
        run(words)
    except SystemExit as error:
        if error.code is None:
            return 0
        if not isinstance(error.code, int):
            raise
        return error.code
    return 0


class QuickExit:
    """The last function at exit: it ends the process without freeing a hundred megabytes of modules one by one."""

    code: int | None = None

    def __call__(self) -> None:
        """End it if the exit code is known."""
        if self.code is not None:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self.code)


def _run_once(words: list[str]) -> None:
    kind, *rest = words
    if kind == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.modules["__main__"] = main = ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), main.__dict__)  # noqa: S102 - what `python -c` does
    else:
        sys.argv = words
        runpy.run_path(kind, run_name="__main__")


def _replace(path: Any, words: Any) -> Never:
    if path != sys.executable:
        raise AssertionError(f"an exec of {path}")
    raise ReplacedError(words[1:])


def _import_all() -> None:
    from console.cli import TABLE  # noqa: PLC0415 - as late as the others

    commands = {f"console.{module}" for group in TABLE.values() for module, _ in group.values()}
    for name in (*IMPORTS, *sorted(commands)):
        importlib.import_module(name)
    gc.freeze()  # no fork looks for garbage among the modules


if __name__ == "__main__":
    at_exit = QuickExit()
    atexit.register(at_exit)  # the first to be registered is the last to be called
    os.environ["REMAP_SIGTERM"] = "SIGQUIT"  # as `flowbeat worker` sets it for Celery, which reads it on import
    _import_all()
    requested = serve(socket.socket(fileno=int(sys.argv[1])))
    if requested is not None:
        become(requested)
        at_exit.code = _exit_code(requested.words)
