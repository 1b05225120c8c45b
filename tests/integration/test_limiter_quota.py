"""The limiter's quota under load: processes and threads against a server that records when requests arrive.

The file is also the load: run as a program it sends requests until its time is up, and prints their number.
"""

import os
import socketserver
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from socket import IPPROTO_TCP, TCP_NODELAY, create_connection

import forked
import pytest
from redis import Redis

from worker.limiter import Limiter

THREADS = 2


class Recorder(socketserver.ThreadingTCPServer):
    """A server that answers each byte after a latency, records its time by Redis's clock, and ends after enough."""

    daemon_threads = True

    def __init__(self, latency: float, enough: int) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.latency = latency
        self.enough = enough
        self.arrivals: list[float] = []


class Connection(socketserver.BaseRequestHandler):
    server: Recorder

    def handle(self) -> None:
        self.request.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        while self.request.recv(1):
            self.server.arrivals.append(time.time())
            time.sleep(self.server.latency)
            self.request.sendall(b"!" if len(self.server.arrivals) < self.server.enough else b".")


@contextmanager
def recorder(latency: float, enough: int) -> Iterator[Recorder]:
    """Yield a recorder on a port of localhost that serves until the block ends."""
    with Recorder(latency, enough) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def load(url: str, port: int, quota: tuple[int, float], *, processes: int) -> list[int]:
    """Return the number of requests of each process; all start together, with two threads, and send all they can."""
    words = (__file__, url, str(port), *map(str, quota))
    started = [forked.Conversation(*words, env=os.environ) for _ in range(processes)]
    for process in started:
        assert process.line() == "ready\n"
    for process in started:
        process.write("go\n")
    return [int(process.end()) for process in started]


@pytest.mark.usefixtures("redis_client")
@pytest.mark.parametrize(
    ("quota", "latency", "enough"), [((20, 1.0), 0.02, 90), ((100, 10.0), 0.05, 110)], ids=["20 in 1 s", "100 in 10 s"]
)
def test_no_window_holds_more_than_the_quota(
    redis_url: str, quota: tuple[int, float], latency: float, enough: int
) -> None:
    """Eight processes of two threads send all they can: `requests` + 1 arrivals in a row need at least a window.

    The used share of the quota depends on the machine; benchmarks/bench_limiter.py measures it.
    """
    requests, per_seconds = quota
    with recorder(latency, enough) as server:
        sent = load(redis_url, server.server_address[1], quota, processes=8)
    arrivals = sorted(server.arrivals)
    spans = [later - earlier for earlier, later in zip(arrivals, arrivals[requests:], strict=False)]
    assert len(arrivals) == sum(sent) >= enough
    assert min(spans) >= per_seconds


@pytest.mark.usefixtures("redis_client")
def test_no_process_starves(redis_url: str) -> None:
    """Four processes want more than the quota, and each gets a share; unit tests show that turns are kept."""
    with recorder(latency=0.01, enough=60) as server:
        sent = load(redis_url, server.server_address[1], (10, 0.5), processes=4)
    assert sum(sent) >= 60
    assert min(sent) >= 3


def _send(limiter: Limiter, port: int) -> int:
    sent, answer = 0, b"!"
    with create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        while answer == b"!":
            with limiter.slot(max_wait=60):
                connection.sendall(b"?")
                answer = connection.recv(1)
            sent += 1
    return sent


def _main(arguments: list[str]) -> None:
    url, port, requests, per_seconds = arguments
    with Redis.from_url(url) as client, ThreadPoolExecutor(THREADS) as pool:
        limiter = Limiter(client, key="load", requests=int(requests), per_seconds=float(per_seconds))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        sent = [pool.submit(_send, limiter, int(port)) for _ in range(THREADS)]
        sys.stdout.write(str(sum(future.result() for future in sent)))


if __name__ == "__main__":
    _main(sys.argv[1:])
