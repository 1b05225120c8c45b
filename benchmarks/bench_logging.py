"""How many lines a second the log files take, with and without redaction, beside plain python-json-logger.

Run: ``python -m benchmarks.bench_logging``. One process, then four at once into the same files. The plain rows use
python-json-logger with the standard library's FileHandler: no rotation, no lock between processes, no redaction.
Lines differ, so that no cache of whole texts helps; ids and names repeat, as they do in a worker.
"""

import logging
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from worker import logs
from worker.redact import Redactor

LINES = 10_000
PROCESSES = 4


def main() -> None:
    """Print the table."""
    kinds: dict[str, Callable[[Path], logging.Handler]] = {
        "plain python-json-logger": plain,
        "files, no redaction": lambda folder: files(folder, _as_it_is),
        "files, redaction": lambda folder: files(folder, Redactor(["a-configured-secret-1", "another!configured?2"])),
    }
    print(f"{'handler':28}{'1 process':>12}{f'{PROCESSES} processes':>14}   lines/s")
    for name, make in kinds.items():
        result, several = rate(make, 1), rate(make, PROCESSES)
        print(f"{name:28}{result:12,.0f}{several:14,.0f}")
    print(f"configure with clean-up of full folder: {start_up() * 1000:.0f} ms")


def plain(folder: Path) -> logging.Handler:
    """Return the handler of python-json-logger alone."""
    handler = logging.FileHandler(folder / "plain.log")
    handler.setFormatter(JsonFormatter(["levelname", "name", "funcName", "lineno", "message"], timestamp=True))
    return handler


def files(folder: Path, redactor: Callable[[Any], Any]) -> logging.Handler:
    """Return Flowbeat's handler without the console."""
    return logs.FilesHandler(folder, redactor, console=False)


def rate(make: Callable[[Path], logging.Handler], processes: int) -> float:
    """Return the lines a second of all processes together, best of three."""
    return max(_once(make, processes) for _ in range(3))


def start_up() -> float:
    """Return the seconds of ``configure`` in a full folder: ten archives to read, three to delete."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("app.log", "errors.log"):
            for number in range(1, 6):
                Path(folder, f"{name}.{number}").write_bytes(b"x" * 10_485_760)
        started = time.perf_counter()
        logs.configure(folder, console=False)
        taken = time.perf_counter() - started
    logging.getLogger().handlers.clear()
    return taken


def _once(make: Callable[[Path], logging.Handler], processes: int) -> float:
    fork = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        children = [fork.Process(target=_write, args=(make, Path(folder), n)) for n in range(processes)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        return processes * LINES / (time.perf_counter() - started)


def _write(make: Callable[[Path], logging.Handler], folder: Path, number: int) -> None:
    logger = logging.getLogger(f"worker.bench.p{number}")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(make(folder))
    run = f"5e1f7a34-1c2d-4e5f-8a9b-0000000000{number:02d}"
    with logs.bind(task_id=run, task_name="tasks.fetch.slice", profile="payments", run_id=run):
        for line in range(LINES):
            logger.info("GET %s answered %d in %.3f s", f"/rest/api/3/issue/PAY-{line}", 200, line / 7919)


def _as_it_is(value: Any) -> Any:
    return value


if __name__ == "__main__":
    sys.stdout.write(f"{datetime.now(UTC):%Y-%m-%d} on Python {sys.version.split()[0]}\n")
    main()
