"""Lets a process that receives SIGTERM or SIGHUP give back what it holds: without a handler they end it at once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_TOLD: Final = (signal.SIGTERM, signal.SIGHUP)
_INTERRUPTING: Final = (*_TOLD, signal.SIGINT)
_BY_SIGNAL: Final = 128  # a shell's exit code of a process that a signal has ended: this, and the signal's number


def exit_when_told() -> None:
    """Turn SIGTERM and SIGHUP into SystemExit, so that ``finally`` and ``atexit`` run; handlers that are set stay."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _TOLD:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _exit)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back SIGTERM, SIGHUP and Ctrl-C until the block is over: for what must not be left half done."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are handled in the main thread
        return
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in _INTERRUPTING}
    for number in _INTERRUPTING:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, lambda given, _frame: received.append(given))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if received:
            os.kill(os.getpid(), received[0])


def _exit(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(_BY_SIGNAL + number)
