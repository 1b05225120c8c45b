"""A process that a command forks at its start, and that becomes the worker which the command starts later.

A worker of a command's own is a new program, which imports the same modules again for a second and a half. The spare
process is a child of the command as well, has opened nothing, and gets the same words, environment and files. It exits
with the command if no worker was started. Only `fork_server` uses it; a command that a test starts as a new program
starts its worker as one too.
"""

import importlib
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from requested import Command, receive, send

WAITS: Final = {"calculate", "demo", "refresh"}
REMAP: Final = "REMAP_SIGTERM"
# The modules that read it on import, in the order in which they import each other.
READERS: Final = (
    *("billiard.common", "billiard.pool", "celery.concurrency.asynpool", "celery.concurrency.prefork"),
    "celery.apps.worker",
)


def is_useful(command: Command) -> bool:
    """Return whether the command may start a worker and wait for it."""
    return bool(WAITS & set(command.words)) and "--no-wait" not in command.words


def keep(command: Command, files: list[int]) -> tuple[Command, list[int]]:
    """Fork a spare process; return what to run: the given command, or in the spare process what it starts."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid:
        theirs.close()
        _Popen.channel, _Popen.spare_pid = ours, pid
        subprocess.Popen = _Popen  # type: ignore[misc] # as the product calls it
        return command, files
    ours.close()
    for file in files:
        os.close(file)
    request = receive(theirs)
    if request is None:
        os._exit(0)
    theirs.close()
    if REMAP not in request[0].environment:
        del os.environ[REMAP]
        for name in READERS:
            importlib.reload(sys.modules[name])
    return request


class _Popen(subprocess.Popen[Any]):
    """The class that starts programs; the first that is this interpreter, in its own session, is the spare process."""

    channel: socket.socket | None = None
    spare_pid: int = 0

    def _execute_child(self, words: Any, *options: Any) -> None:
        """Start a program, as the method that this one replaces does, with the same options by position."""
        environment, pipes, new_session = options[5], options[9:15], options[-2]
        reads, _, _, writes, _, errors = pipes
        is_ours = isinstance(words, list) and words[0] == sys.executable and new_session
        if _Popen.channel is None or not is_ours:
            super()._execute_child(words, *options)  # type: ignore[misc] # a private method
            return
        self._become_spare(words[1:], environment, (reads, writes, errors))
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined] # a private method

    def _become_spare(self, words: Sequence[str], environment: Any, standard: Sequence[int]) -> None:
        files = [number if file == -1 else file for number, file in enumerate(standard)]
        channel, _Popen.channel = _Popen.channel, None
        if channel is not None:
            with channel:
                send(channel, Command(words, str(Path.cwd()), dict(environment or os.environ), new_session=True), files)
        self._child_created = True
        self.pid = _Popen.spare_pid
