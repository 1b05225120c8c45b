"""The limiter: what a slot costs beside PING, and how much of a quota 1, 4 and 16 processes use together.

Run: python benchmarks/bench_limiter.py. Server, clients and this program share the machine's cores, so read the
ratio to PING, not the microseconds. A request is stood in for by a sleep of 20 ms, its arrival by the moment before.
"""

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from redis import Redis

from worker import embedded
from worker.errors import RetryableError
from worker.limiter import Limiter

CALLS = 3000
ROUNDS = 5
REQUESTS, PER_SECONDS = 50, 1.0
LATENCY = 0.02
SECONDS = 6.0
THREADS = 4
START_DELAY = 0.5  # seconds for each process to start in


def main() -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as state_dir:
        handle = embedded.ensure(Path(state_dir))
        try:
            with Redis.from_url(handle.client_url) as client:
                print_costs(client)
            print_utilisation(handle.client_url)
        finally:
            handle.close()


def print_costs(client: Redis) -> None:
    """Print the microseconds of each operation, best of some rounds, and its ratio to PING in the same run."""
    client.flushall()
    wide = Limiter(client, key="wide", requests=10_000_000, per_seconds=60.0)
    narrow = Limiter(client, key="narrow", requests=1, per_seconds=3600.0)
    with narrow.slot():
        pass
    operations: dict[str, Callable[[], object]] = {
        "PING": client.ping,
        "state()": wide.state,
        "slot, taken and given back": lambda: _hold(wide),
        "slot, refused": lambda: _is_refused(narrow),
    }
    costs = {name: min(_time(call) for _ in range(ROUNDS)) for name, call in operations.items()}
    print(f"{'operation':<28}{'us':>8}{'x PING':>8}")
    for name, cost in costs.items():
        print(f"{name:<28}{cost * 1e6:8.1f}{cost / costs['PING']:8.2f}")


def print_utilisation(url: str) -> None:
    """Print the share of the quota used, and the most arrivals in any window, by number of processes."""
    print(f"\n{REQUESTS} requests in {PER_SECONDS:g} s, {THREADS} threads a process, answers after {LATENCY:g} s")
    print(f"{'processes':>9}{'sent':>7}{'used':>8}{'most in a window':>18}{'least/most by process':>23}")
    for processes in (1, 4, 16):
        shares = _load(url, processes)
        arrivals = sorted(arrival for share in shares for arrival in share)
        sizes = [len(share) for share in shares]
        print(
            f"{processes:>9}{len(arrivals):>7}{_utilisation(arrivals):>8.1%}{_most_in_a_window(arrivals):>18}"
            f"{f'{min(sizes)}/{max(sizes)}':>23}"
        )


def send(url: str, key: str, start: float) -> list[float]:
    """Return the arrivals of one process whose threads take as many slots as they can."""
    with Redis.from_url(url) as client, ThreadPoolExecutor(THREADS) as pool:
        limiter = Limiter(client, key=key, requests=REQUESTS, per_seconds=PER_SECONDS)
        time.sleep(max(0.0, start - time.time()))
        lists = pool.map(lambda _: _send(limiter, start + SECONDS), range(THREADS))
        return [arrival for arrivals in lists for arrival in arrivals]


def _send(limiter: Limiter, until: float) -> list[float]:
    arrivals = []
    while time.time() < until:
        with limiter.slot(max_wait=60.0):
            arrivals.append(time.time())
            time.sleep(LATENCY)
    return arrivals


def _load(url: str, processes: int) -> list[list[float]]:
    start = time.time() + 1.0 + START_DELAY * processes
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running = [pool.submit(send, url, f"load of {processes}", start) for _ in range(processes)]
        return [future.result() for future in running]


def _utilisation(arrivals: list[float]) -> float:
    """Return the time that full use of the quota would take, divided by the time that it took."""
    rounds = (len(arrivals) - 1) // REQUESTS
    return rounds * PER_SECONDS / (arrivals[rounds * REQUESTS] - arrivals[0])


def _most_in_a_window(arrivals: list[float]) -> int:
    most = first = 0
    for last, arrival in enumerate(arrivals):
        while arrivals[first] <= arrival - PER_SECONDS:
            first += 1
        most = max(most, last - first + 1)
    return most


def _hold(limiter: Limiter) -> None:
    with limiter.slot():
        pass


def _is_refused(limiter: Limiter) -> bool:
    try:
        _hold(limiter)
    except RetryableError:
        return True
    return False


def _time(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - started) / CALLS


if __name__ == "__main__":
    main()
