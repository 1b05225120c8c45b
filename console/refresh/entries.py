"""Prints the log entries of runs while a command waits for them, if the person wants to read more."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import Console
from rich.text import Text

from console.log_lines import is_routine, line
from console.shared import voice
from worker import logs
from worker.runtime import Runtime

_LAST_SECONDS = 1.0  # for the entries that are written after a run's row says that it has ended
_ENDS = ("run completed", "run failed")


@contextlib.contextmanager
def followed(current: Runtime, run_ids: Sequence[str], since: datetime, console: Console) -> Iterator[None]:
    """Print the entries of these runs, on this machine, that are written in the block or were written since."""
    if not voice.is_verbose():
        yield
        return
    printing = threading.Thread(target=_print, args=(current, set(run_ids), since, console), daemon=True)
    printing.start()
    yield
    printing.join(_LAST_SECONDS)


def _print(current: Runtime, run_ids: set[str], since: datetime, console: Console) -> None:
    for entry in logs.follow(current.settings.log_dir, since=since):
        run_id = (entry.get("context") or {}).get("run_id")
        if run_id not in run_ids or is_routine(entry):
            continue
        console.print(Text.from_ansi(line(entry)), soft_wrap=True)
        if entry.get("message") in _ENDS:
            run_ids.discard(run_id)
        if not run_ids:
            return
