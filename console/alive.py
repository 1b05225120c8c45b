"""The probe ``flowbeat alive worker|beat``: whether a worker or scheduler of this machine runs and does its work.

It costs less than 50 ms of processor time, because a health check runs it every few seconds: no Celery, no Redis, no
database, and of the configuration only the state folder.
"""

import os
import sys
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path

from worker import alive

KINDS = ("worker", "beat")


def main(kind: str) -> int:
    """Write a sentence for each fault, else the names of the processes that respond; return the exit code."""
    signs = alive.load(alive.folder_of(state_dir(os.environ)), kind)
    if not signs:
        sys.stderr.write(f"flowbeat: no {kind} runs on this machine; start one: flowbeat {kind}\n")
        return 1
    now = time.time()
    faults = [fault for sign in signs for fault in alive.faults(kind, sign, now)]
    for message, advice in faults:
        sys.stderr.write(f"flowbeat: {message}; {advice}\n")
    if faults:
        return 1
    sys.stdout.write(f"{', '.join(sorted(sign['node'] for sign in signs))}: no fault found\n")
    return 0


def state_dir(environ: Mapping[str, str]) -> Path:
    """Return the state folder as the settings would: of the environment, else of the configuration file."""
    file = Path(environ.get("FLOWBEAT_CONFIG") or "flowbeat.toml").absolute()
    named = environ.get("FLOWBEAT_STATE_DIR") or _named_in(file) or ".flowbeat"
    return file.parent / Path(named).expanduser()


def _named_in(file: Path) -> str | None:
    try:
        value = tomllib.loads(file.read_text(encoding="utf-8-sig")).get("state_dir")
    except (OSError, ValueError):  # a check says what is wrong with the file
        return None
    return value if isinstance(value, str) else None
