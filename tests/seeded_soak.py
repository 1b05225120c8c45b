"""Plays ten thousand histories of `tests/seeded_history.py` in two processes, from a new seed on.

python tests/seeded_soak.py [COUNT [FIRST]]
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

COUNT: Final = 10_000
PROCESSES: Final = 2
PROGRAM: Final = Path(__file__).with_name("seeded_history.py")


def main(words: list[str]) -> int:
    """Play them, and print how many a second there were; return the exit code."""
    count, first = (*map(int, words), *(COUNT, int(time.time()) * COUNT)[len(words) :])
    share, began = count // PROCESSES, time.monotonic()
    commands = [[sys.executable, str(PROGRAM), str(first + number * share), str(share)] for number in range(PROCESSES)]
    processes = [subprocess.Popen(command) for command in commands]
    codes = [process.wait() for process in processes]
    sys.stdout.write(f"{share * PROCESSES / (time.monotonic() - began):.1f} histories a second\n")
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
