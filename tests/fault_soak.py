"""Runs a share of all points of `tests/fault_points.py`, and prints how many there were of each kind.

    python tests/fault_soak.py [EVERY [SEED]]

It exits with 1 if a point left something wrong, or if a fault did not fire where an undisturbed work has an operation.
"""

import json
import resource
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from fault_scenarios import SCENARIOS
from fault_trap import EFFECTS

EVERY: Final = 6
POSTGRESQL_EVERY: Final = 60
PROCESSES: Final = 4  # a point waits for a third of its time: for Redis that does not answer, and for back-offs
MINIMUM: Final = 1_500  # points that fired
PROGRAM: Final = Path(__file__).with_name("fault_points.py")
Line = dict[str, Any]


def run(words: list[str]) -> list[Line]:
    """Return the points of a program run: its first line has the counts, and an end that failed is a point too."""
    command = [sys.executable, str(PROGRAM), *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    first, *points = [json.loads(line) for line in ended.stdout.splitlines()] or [{"counts": {}}]
    if ended.returncode:
        points.append({"kind": "", "effect": "", "number": 0, "has_fired": False, "faults": [ended.stderr[-2000:]]})
    return [point | {"counts": first["counts"], "words": words} for point in points]


def wrong(point: Line) -> list[str]:
    """Return what is wrong at a point, a fault that did not fire included."""
    is_silent = not point["has_fired"] and point["number"] <= point["counts"].get(point["kind"], 0)
    return [*point["faults"], *(["the fault did not fire"] if is_silent else [])]


def command_of(point: Line) -> str:
    """Return the command that repeats a point."""
    backend = " postgresql" if point["words"][-1] == "postgresql" else ""
    place = f'{point["kind"]} "{point["effect"]}" {point["number"]}{backend}'
    return f"python tests/fault_points.py {point['words'][0]} {place}"


def table(points: list[Line]) -> list[str]:
    """Return how many faults fired, by kind and effect, a column for each scenario."""
    counts = Counter((point["words"][0], point["kind"], point["effect"]) for point in points if point["has_fired"])
    lines = ["".join(["fault".ljust(24), *(name.rjust(13) for name in SCENARIOS)])]
    for kind, effects in EFFECTS.items():
        for effect in effects:
            numbers = (str(counts[name, kind, effect]).rjust(13) for name in SCENARIOS)
            lines.append("".join([f"{kind} {effect}".ljust(24), *numbers]))
    return lines


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join([*lines, ""]))
    sys.stdout.flush()


def main(words: list[str]) -> int:
    """Run all, print the table and what is wrong; return the exit code."""
    every, seed = (*map(int, words), *(EVERY, int(time.time()))[len(words) :])
    jobs = [[name, str(every), str(seed)] for name in SCENARIOS]
    jobs += [[name, str(max(every, POSTGRESQL_EVERY)), str(seed), "postgresql"] for name in SCENARIOS]
    began = time.monotonic()
    with ThreadPoolExecutor(PROCESSES) as pool:
        points = [point for lines in pool.map(run, jobs) for point in lines]
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    fired = sum(point["has_fired"] for point in points)
    seconds = time.monotonic() - began
    _say(*table(points))
    _say(
        f"{fired} faults fired (seed {seed}) in {seconds:.0f} s; processor time {spent.ru_utime + spent.ru_stime:.0f} s"
    )
    failures = [(point, lines) for point in points if (lines := wrong(point))]
    for point, lines in failures:
        _say(command_of(point), *(f"  {line[:1000]}" for line in lines[:5]))
    return int(bool(failures) or (every <= EVERY and fired < MINIMUM))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
