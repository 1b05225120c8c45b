"""A folder in memory for what the tests write: less than half the time in the kernel, where the machine has room."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the folder in it is a new one of this user
NEEDED_BYTES: Final = 3 * 2**30
# It outlives a killed run: it reads until the run has exited, and then removes the folder. A PostgreSQL server whose
# folder was removed stops within a minute.
GUARD: Final = 'exec 3<&0; (trap "" INT TERM HUP; cat <&3; until rm -rf "$0" 2>/dev/null; do sleep 1; done) &'


class MemoryFolder:
    """The folder of a run, which another process removes when the run has exited, however it ended."""

    def __init__(self, memory: Path = MEMORY, needed_bytes: int = NEEDED_BYTES) -> None:
        """Create nothing yet."""
        self._memory, self._needed_bytes = memory, needed_bytes

    def use(self) -> None:
        """Create the folder if there is room. This process, and all that it starts, write temporary files there.

        A ``TMPDIR`` in the environment says that somebody wants them elsewhere, or that it is in use already.
        """
        if "TMPDIR" in os.environ or not self._has_room():
            return
        folder = tempfile.mkdtemp(prefix="fb-", dir=self._memory)  # short, because the path of a socket has a limit
        read, _ = os.pipe()  # the other end is open until this process exits
        subprocess.run(["/bin/sh", "-c", GUARD, folder], stdin=read, start_new_session=True, check=True)
        os.close(read)
        os.environ["TMPDIR"] = tempfile.tempdir = folder

    def _has_room(self) -> bool:
        """Return whether the machine has enough memory for files, which a container seldom has."""
        if not os.access(self._memory, os.W_OK | os.X_OK):
            return False
        lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
        available = next(int(words[1]) * 1024 for words in lines if words[0] == "MemAvailable:")
        return min(shutil.disk_usage(self._memory).free, available) >= self._needed_bytes


MEMORY_FOLDER: Final = MemoryFolder()
