"""Many processes write, rotate and are killed at the same time: no line is lost or split."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

# Files are small, so that there are dozens of rotations in a few seconds; archives are many, so that every line can be
# counted. A number is printed when its logging call has returned: those lines must be in the files.
WRITER = """
    import logging, sys
    from worker import logs
    from worker.logs import folder as log_folder, live_file
    live_file.MAX_LOG_BYTES, log_folder.MAX_LOG_BACKUPS = 100_000, 400
    folder, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    logs.configure(folder, console=False)
    log = logging.getLogger("flowbeat.performance")
    for number in range(count):
        log.error("%s-%d token=%s %s", name, number, "s3cret" * 3, "x" * (number % 700))
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()
"""


def start(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", textwrap.dedent(WRITER), str(folder), name, str(count)]
    with (folder.parent / f"{name}.out").open("w") as out:
        return subprocess.Popen(arguments, stdout=out, text=True)


def written(folder: Path, file: str) -> list[str]:
    """Return the first word of every message; a split line raises an error of json."""
    lines = itertools.chain.from_iterable(path.read_text().splitlines() for path in folder.glob(f"{file}*"))
    return [json.loads(line)["message"].split()[0] for line in lines]


def confirmed(folder: Path, name: str) -> set[str]:
    numbers = (folder.parent / f"{name}.out").read_text().split("\n")[:-1]
    return {f"{name}-{number}" for number in numbers}


@pytest.mark.timeout(180)
def test_no_line_is_lost_or_split_while_processes_write_rotate_and_are_killed(tmp_path: Path) -> None:
    """Five writers are killed with SIGKILL and replaced, one after another, until there were twenty rotations."""
    rng, folder, names = random.Random(11), tmp_path / "logs", itertools.count()
    folder.mkdir()
    running = {name: start(folder, name, 1_000_000) for name in (f"w{next(names)}" for _ in range(5))}
    gone: list[str] = []
    while len(gone) < 12 or len(list(folder.glob("app.log.*"))) <= 20:
        time.sleep(rng.uniform(0.3, 0.7))
        name = rng.choice(sorted(running))
        os.kill(running[name].pid, signal.SIGKILL)
        running.pop(name).wait()
        gone.append(name)
        name = f"w{next(names)}"
        running[name] = start(folder, name, 1_000_000)
    for name, process in running.items():
        process.kill()
        process.wait()
        gone.append(name)
    for file in ("app.log", "errors.log", "performance.log"):
        lines = written(folder, file)
        assert len(lines) == len(set(lines)), "a line was written twice"
        assert not set().union(*(confirmed(folder, name) for name in gone)) - set(lines), "a line was lost"
    assert sum(len(confirmed(folder, name)) for name in gone) > 1_000


@pytest.mark.timeout(120)
def test_files_deleted_and_renamed_by_hand_split_no_line(tmp_path: Path) -> None:
    """A user's mv and rm only lose the removed lines, never other lines or parts of lines."""
    folder = tmp_path / "logs"
    folder.mkdir()
    writers = [start(folder, f"w{number}", 1_500) for number in range(3)]
    for number in range(20):
        time.sleep(0.1)
        live = folder / "app.log"
        if live.exists():
            live.replace(folder / f"app.log.moved-{number}")
    for process in writers:
        assert process.wait(timeout=90) == 0
    expected = set().union(*(confirmed(folder, f"w{number}") for number in range(3)))
    lines = written(folder, "app.log")
    assert sorted(lines) == sorted(expected)
