"""A command line that a forked process is asked to run: how it is sent, received and begun; see `fork_server`."""

import fcntl
import json
import os
import signal
import socket
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

HEADER_BYTES: Final = 4
FILES: Final = 4


@dataclass(frozen=True, slots=True)
class Command:
    """A command line after the name of the interpreter (-c CODE, -m MODULE or FILE), and where it runs."""

    words: Sequence[str]
    cwd: str
    environment: Mapping[str, str]
    new_session: bool
    terminal: bool = False
    """Whether its standard input becomes its controlling terminal; it needs a session of its own."""


def send(channel: socket.socket, command: Command, files: Sequence[int]) -> None:
    """Send a command with its open files: standard input, output and error, and where its exit code is reported."""
    request = json.dumps(asdict(command)).encode()
    socket.send_fds(channel, [len(request).to_bytes(HEADER_BYTES)], files)
    channel.sendall(request)


def receive(channel: socket.socket) -> tuple[Command, list[int]] | None:
    """Return the next command with its files, None when there will be none."""
    header, files, _, _ = socket.recv_fds(channel, HEADER_BYTES, FILES)
    if not header:
        return None
    return Command(**json.loads(channel.recv(int.from_bytes(header), socket.MSG_WAITALL))), files


def become(command: Command, files: Sequence[int]) -> None:
    """Make this process one that was just started for the command."""
    if command.new_session:
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(command.cwd)
    os.environ.clear()
    os.environ.update(command.environment)
    time.tzset()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    if command.terminal:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
            was = getattr(sys, name)
            stream = open(number, mode, 1, was.encoding, was.errors, closefd=False)  # noqa: SIM115 - it stays open
            setattr(sys, name, stream)  # line by line, and without a place in a file
            setattr(sys, f"__{name}__", stream)
