"""A Python process that has imported Flowbeat, and forks for each command that a test starts.

A new process needs most of a second of processor time for its imports alone, and the tests start a thousand. A fork is
a process like any other: with its own folder, environment, files and signal handlers, and nothing was read or opened
before the fork. `tests/forked.py` is the client. Each command has a parent of its own, which reports its exit code.
"""

import atexit
import gc
import importlib
import os
import runpy
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import ModuleType
from typing import Any, Final, Never

import spare
from requested import Command, become, receive

IMPORTS: Final = (
    *("celery.__main__", "celery.apps.beat", "celery.apps.worker", "celery.concurrency.prefork", "celery.bin.celery"),
    *("kombu.transport.redis", "psycopg", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite"),
    *("scheduler.schedule", "tasks.calculate", "tasks.calculating", "tasks.fetch.task", "tasks.maintain", "worker.app"),
)


class ReplacedError(BaseException):
    """Raised in place of an exec of this interpreter, which would import the same modules again."""

    def __init__(self, words: list[str]) -> None:
        """Keep the new command line."""
        super().__init__(words)
        self.words = words


def serve(channel: socket.socket) -> tuple[Command, list[int]] | None:
    """Fork for each request; return None in the server, at the end, and the command with its files in each fork."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        request = receive(channel)
        _reap()
        if request is None:
            return None
        command, (*standard, report) = request
        if os.fork() == 0:
            channel.close()
            if _is_command(report):
                return command, standard
        for file in (*standard, report):
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


def run(words: Sequence[str]) -> None:
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


def _exit_code(words: Sequence[str]) -> int:
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


def _run_once(words: Sequence[str]) -> None:
    kind, *rest = words
    if kind == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.modules["__main__"] = main = ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), main.__dict__)  # noqa: S102 - what `python -c` does
    else:
        sys.argv = list(words)
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
        asked, standard = spare.keep(*requested) if spare.is_useful(requested[0]) else requested
        become(asked, standard)
        at_exit.code = _exit_code(asked.words)
