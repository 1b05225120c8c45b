"""Signs of life as small files, and what is wrong according to them: for a probe that may cost almost nothing.

Worker and scheduler write a file each some seconds, and a task writes one of its own. This module imports little,
because a health check runs it every few seconds.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

EVERY_SECONDS = 5.0
STALE_SECONDS = 30.0  # after this time without a sign a process hangs
WAITED_SECONDS = 60.0  # a free worker takes a message within a second
LIMIT_SECONDS = 200.0  # Celery ends every task before
_FOLDER = "alive"
_TASK = "task"

Sign = dict[str, Any]


def folder_of(state_dir: Path) -> Path:
    """Return the folder of the files."""
    return state_dir / _FOLDER


def keep(folder: Path, kind: str, sign: Mapping[str, Any]) -> None:
    """Write the sign of this process; one that cannot be written is missing, and that is a sign too."""
    file = _file(folder, kind)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = file.with_name(f"new-{file.name}")
        new.write_text(json.dumps({**sign, "pid": os.getpid(), "at": time.time()}), encoding="utf-8")
        new.replace(file)
    except OSError:
        return


def drop(folder: Path, kind: str) -> None:
    """Remove the sign of this process, which ends."""
    _remove(_file(folder, kind))


def touch(folder: Path) -> None:
    """Write that the task at work in this process responds."""
    keep(folder, _TASK, {})


def load(folder: Path, kind: str) -> list[Sign]:
    """Return the signs of the processes of this machine that run, and remove those of processes that were killed."""
    try:
        files = [file for file in folder.iterdir() if _is_ours(file.name, kind)]
    except OSError:
        return []
    return list(_running(files))


def silence_of_task(folder: Path, pid: int, now: float) -> float | None:
    """Return the seconds since the task of a process gave its last sign; None if it never gave one."""
    try:
        return max(0.0, now - _file(folder, _TASK, pid).stat().st_mtime)
    except OSError:
        return None


def faults(kind: str, sign: Sign, now: float) -> list[tuple[str, str]]:
    """Return what is wrong with a process and what to do about it, the cause before its effects."""
    name = sign.get("node") or f"the {kind}"
    silent = now - sign["at"]
    if silent > STALE_SECONDS:
        return [(f"{name} runs, but has not responded for {silent:.0f} s", f"restart it (process {sign['pid']})")]
    if sign.get("redis"):
        return [(f"{name} cannot work: {sign['redis']}", "see: flowbeat check")]
    return _faults_of_worker(name, sign, now) if kind == "worker" else _faults_of_beat(name, sign)


def _faults_of_worker(name: str, sign: Sign, now: float) -> list[tuple[str, str]]:
    pid, hangs = sign["pid"], now - sign["loop_at"]
    if hangs > STALE_SECONDS:
        return [(f"{name} runs, but its main loop has not responded for {hangs:.0f} s", f"restart it (process {pid})")]
    for task in sign["active"]:
        if (task["silent"] or 0.0) > STALE_SECONDS or task["seconds"] > LIMIT_SECONDS:
            what = f"{task['name']} has not responded for {task['silent'] or task['seconds']:.0f} s"
            return [(f"the pool of {name} hangs: {what}", f"restart it (process {pid}); its run continues elsewhere")]
    waited, finished = sign["oldest_seconds"] or 0.0, now - sign["finished_at"]
    if waited > WAITED_SECONDS and finished > WAITED_SECONDS and len(sign["active"]) < sign["slots"]:
        effect = f"the oldest message has waited {waited:.0f} s, and no task ended for {finished:.0f} s"
        return [(f"{name} runs, but takes no message: {effect}", f"restart it (process {pid})")]
    return []


def _faults_of_beat(name: str, sign: Sign) -> list[tuple[str, str]]:
    unsent = sign.get("unsent") or []
    return [(f"{name} cannot send: {', '.join(unsent)}", "see: flowbeat logs --level ERROR")] if unsent else []


def _running(files: list[Path]) -> Iterator[Sign]:
    for file in files:
        try:
            sign: Sign = json.loads(file.read_text(encoding="utf-8"))
            os.kill(sign["pid"], 0)
        except PermissionError:  # it runs as another user
            continue
        except (OSError, ValueError, KeyError):
            _remove(file)
        else:
            yield sign


def _is_ours(name: str, kind: str) -> bool:
    """Return whether a file is of that kind and of this machine: several containers may share a folder."""
    return name.startswith(f"{kind}-") and name.endswith(f"@{os.uname().nodename}")


def _file(folder: Path, kind: str, pid: int | None = None) -> Path:
    return folder / f"{kind}-{pid or os.getpid()}@{os.uname().nodename}"


def _remove(file: Path) -> None:
    with contextlib.suppress(OSError):
        file.unlink()
