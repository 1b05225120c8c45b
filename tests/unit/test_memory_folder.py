"""The folder in memory: every process of a run writes there, and nothing of it outlives the run, also a killed one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parent.parent
USE: Final = """
import subprocess, sys, tempfile
from pathlib import Path
from memory_folder import MemoryFolder
folder = MemoryFolder(Path(sys.argv[1]), int(sys.argv[2]))
folder.use()
print(tempfile.mkdtemp(), flush=True)
subprocess.run([sys.executable, "-c", "import tempfile; print(tempfile.mkdtemp(), flush=True)"], check=True)
sys.stdin.readline()
"""


def _user(memory: Path, needed_bytes: int = 1, **environment: str) -> subprocess.Popen[str]:
    """Return a process that uses a folder until it reads a line; ``memory`` is what it takes for memory."""
    clean = {name: value for name, value in os.environ.items() if name != "TMPDIR"}
    return subprocess.Popen(
        [sys.executable, "-c", USE, str(memory), str(needed_bytes)],
        cwd=TESTS,
        env=clean | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _folders(user: subprocess.Popen[str]) -> list[Path]:
    """Return where it and its child wrote."""
    assert user.stdout
    return [Path(user.stdout.readline().strip()) for _ in range(2)]


@pytest.mark.parametrize("end", ["ended", "killed"])
def test_one_folder_in_memory_is_used_by_all_and_removed(tmp_path: Path, end: str) -> None:
    """Write to one folder in memory, and remove it at the end of the run, whatever ended it."""
    with _user(tmp_path) as user:
        ours, child = _folders(user)
        assert ours.parent == child.parent
        assert ours.parent.parent == tmp_path
        assert ours.is_dir()
        if end == "killed":
            os.killpg(user.pid, signal.SIGKILL)
        user.communicate("\n")
    until = time.monotonic() + 20
    while ours.parent.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not list(tmp_path.iterdir())


def test_another_temporary_folder_is_kept(tmp_path: Path) -> None:
    """Leave ``TMPDIR`` as somebody has set it."""
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    with _user(tmp_path, TMPDIR=str(chosen)) as user:
        assert {folder.parent for folder in _folders(user)} == {chosen}
        user.communicate("\n")


@pytest.mark.parametrize("memory", ["small", "absent"])
def test_too_little_memory_is_left_alone(tmp_path: Path, memory: str) -> None:
    """Write to the usual folder where memory has no room."""
    place = tmp_path / memory
    if memory == "small":
        place.mkdir()
    with _user(place, needed_bytes=2**60) as user:
        for folder in _folders(user):
            assert not folder.is_relative_to(tmp_path)
            folder.rmdir()
        user.communicate("\n")
    assert not place.exists() or not list(place.iterdir())
