"""The limiter's promise under load: processes and threads against a server that records when requests arrive.

The file is also the load itself: run as a program it sends requests until its time is up, and prints how many.
"""

import os
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY, create_connection

import pytest
from redis import Redis

from worker.errors import RetryableError
from worker.limiter import Limiter

THREADS = 2
ROOT = Path(__file__).parents[2]


class Recorder(socketserver.ThreadingTCPServer):
    """Answers each byte after a while and keeps the time it came, by the clock that Redis reads too."""

    daemon_threads = True

    def __init__(self, latency: float) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.latency = latency
        self.arrivals: list[float] = []


class Connection(socketserver.BaseRequestHandler):
    server: Recorder

    def handle(self) -> None:
        self.request.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        while self.request.recv(1):
            self.server.arrivals.append(time.time())
            time.sleep(self.server.latency)
            self.request.sendall(b"!")


@contextmanager
def recorder(latency: float) -> Iterator[Recorder]:
    """A recorder on a loopback port, served until the block ends."""
    with Recorder(latency) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def load(url: str, port: int, quota: tuple[int, float], *, processes: int, seconds: float) -> list[int]:
    """Requests sent by each of so many processes of two threads, all wanting as many as they can get."""
    command = [sys.executable, __file__, url, str(port), *map(str, quota), str(time.time() + 1.2), str(seconds)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(processes)]
    return [int(process.communicate(timeout=60)[0]) for process in running]


@pytest.mark.usefixtures("redis_client")
@pytest.mark.parametrize(
    ("quota", "latency", "seconds"),
    [((20, 1.0), 0.02, 4.3), ((100, 10.0), 0.05, 11.0)],
    ids=["20 in 1 s", "100 in 10 s"],
)
def test_no_window_holds_more_than_the_quota_and_95_percent_of_it_is_used(
    redis_url: str, quota: tuple[int, float], latency: float, seconds: float
) -> None:
    """Eight processes of two threads ask for all they can get.

    Any requests + 1 arrivals in a row span at least a window. Use is the time the windows should have taken over
    the time they took, from the first arrival to the first of the last full round.
    """
    requests, per_seconds = quota
    with recorder(latency) as server:
        sent = load(redis_url, server.server_address[1], quota, processes=8, seconds=seconds)
    arrivals = sorted(server.arrivals)
    spans = [later - earlier for earlier, later in zip(arrivals, arrivals[requests:], strict=False)]
    assert len(arrivals) == sum(sent)
    assert min(spans) >= per_seconds
    rounds = (len(arrivals) - 1) // requests
    assert rounds >= 1
    assert rounds * per_seconds / (arrivals[rounds * requests] - arrivals[0]) >= 0.95


@pytest.mark.usefixtures("redis_client")
def test_processes_that_wait_get_equal_shares(redis_url: str) -> None:
    """Four processes want more than there is: none gets less than two thirds of its share."""
    with recorder(latency=0.01) as server:
        sent = load(redis_url, server.server_address[1], (10, 0.5), processes=4, seconds=3.0)
    assert sum(sent) >= 30
    assert min(sent) >= 2 / 3 * sum(sent) / len(sent)


def _send_for(until: float, limiter: Limiter, port: int) -> int:
    sent = 0
    with create_connection(("127.0.0.1", port)) as connection, suppress(RetryableError):
        connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        while time.time() < until:
            with limiter.slot(max_wait=until - time.time()):
                connection.sendall(b"?")
                connection.recv(1)
            sent += 1
    return sent


def _main(arguments: list[str]) -> None:
    url, port, requests, per_seconds, start, seconds = arguments
    with Redis.from_url(url) as client, ThreadPoolExecutor(THREADS) as pool:
        limiter = Limiter(client, key="load", requests=int(requests), per_seconds=float(per_seconds))
        time.sleep(max(0.0, float(start) - time.time()))
        until = float(start) + float(seconds)
        sent = [pool.submit(_send_for, until, limiter, int(port)) for _ in range(THREADS)]
        sys.stdout.write(str(sum(future.result() for future in sent)))


if __name__ == "__main__":
    _main(sys.argv[1:])
