"""The limiter when a holder, a waiter or the server is killed, or its scripts or data are lost."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker import embedded
from worker.errors import RetryableError
from worker.limiter import Limiter

ROOT = Path(__file__).parents[2]
WINDOW = 0.4
TIMEOUT = 0.6


def one_slot(client: Redis, timeout: float = 60.0) -> Limiter:
    """Return a limiter with a quota of one request, so that the holder of its slot delays all others."""
    return Limiter(client, key="k", requests=1, per_seconds=WINDOW, timeout=timeout)


@contextmanager
def victim(url: str) -> Iterator[subprocess.Popen[str]]:
    """Yield another process that takes the slot, prints a line, and keeps the slot until it is killed."""
    running = subprocess.Popen(
        [sys.executable, __file__, url],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with running:
        try:
            yield running
        finally:
            running.kill()


def wait_until_queued(limiter: Limiter) -> None:
    """Wait until a process waits for a slot."""
    until = time.monotonic() + 20.0
    while limiter.state().waiting == 0:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_killed_holder_frees_its_slot_when_its_lease_ends(redis_client: Redis, redis_url: str) -> None:
    """The holder is killed with SIGKILL: the next process gets the slot after time-out + window, and not before."""
    limiter = one_slot(redis_client)
    with victim(redis_url) as holder:
        assert holder.stdout is not None
        taken = float(holder.stdout.readline())
        holder.send_signal(signal.SIGKILL)
        with limiter.slot(max_wait=5.0):
            # The process prints a moment after Redis has stored the time.
            assert TIMEOUT + WINDOW - 0.2 < time.time() - taken < TIMEOUT + WINDOW + 2.0


def test_a_killed_waiter_does_not_block_the_next(redis_client: Redis, redis_url: str) -> None:
    """A waiter is killed with SIGKILL: the next one has the slot a second after its turn."""
    limiter = one_slot(redis_client)
    with limiter.slot(), victim(redis_url) as waiter:
        wait_until_queued(limiter)
        waiter.send_signal(signal.SIGKILL)
    started = time.monotonic()
    with limiter.slot(max_wait=5.0):
        assert time.monotonic() - started < 4.0


def test_a_pause_holds_other_processes_and_waiting_ones(redis_client: Redis, redis_url: str) -> None:
    """One client sets it while another waits for a slot: no request is sent before it ends."""
    mine = one_slot(redis_client)
    with ExitStack() as both:
        held = both.enter_context(ExitStack())
        held.enter_context(mine.slot())
        other = both.enter_context(victim(redis_url))
        assert other.stdout is not None
        wait_until_queued(mine)
        paused = time.time()
        mine.pause(1.0, "a test")
        held.close()
        assert float(other.stdout.readline()) >= paused + 1.0


def test_threads_of_one_process_share_one_limiter(redis_client: Redis) -> None:
    """Sixteen threads share five slots: at most five are served in a window, none is refused, all are served."""
    limiter = Limiter(redis_client, key="k", requests=5, per_seconds=WINDOW)
    sent: list[float] = []

    def send(_: int) -> None:
        with limiter.slot(max_wait=30.0):
            sent.append(time.time())

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(send, range(20)))
    sent.sort()
    assert len(sent) == 20
    assert min(later - earlier for earlier, later in zip(sent, sent[5:], strict=False)) >= WINDOW


def test_a_lost_script_cache_is_filled_again(redis_client: Redis) -> None:
    """SCRIPT FLUSH between two calls has no effect."""
    limiter = one_slot(redis_client)
    with limiter.slot():
        redis_client.script_flush()
    assert limiter.state().used == 1


def test_after_a_flush_one_window_is_lost_and_requests_continue(redis_client: Redis) -> None:
    """A waiter whose ticket was deleted takes a new one at the time of its turn."""
    limiter = one_slot(redis_client)
    waited: list[float] = []

    def wait() -> None:
        with limiter.slot(max_wait=5.0) as slot:
            waited.append(slot.delay)

    with limiter.slot():
        waiter = threading.Thread(target=wait)
        waiter.start()
        wait_until_queued(limiter)
        redis_client.flushall()
        waiter.join()
    assert WINDOW / 2 < waited[0] < 4.0


def test_a_killed_server_refuses_and_a_restarted_one_serves(tmp_path: Path) -> None:
    """Errors of a killed server are retryable; after its restart the same limiter continues with its stored data."""
    first = embedded.ensure(tmp_path)
    with Redis.from_url(first.client_url, retry=Retry(NoBackoff(), 0)) as client:
        limiter = Limiter(client, key="k", requests=1, per_seconds=30.0)
        with limiter.slot():
            pass
        time.sleep(1.1)  # the append-only file is written every second
        os.kill(client.info()["process_id"], signal.SIGKILL)
        with pytest.raises(RetryableError, match="Redis did not answer"):
            limiter.state()
        second = embedded.ensure(tmp_path)
        assert limiter.state().used == 1
    second.close()
    first.close()


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "unix:///nonexistent/redis.sock"])
def test_an_unreachable_server_sends_nothing(url: str) -> None:
    """The limiter allows no request, over TCP or over a socket."""
    with Redis.from_url(url, retry=Retry(NoBackoff(), 0)) as client:
        limiter = one_slot(client)
        with pytest.raises(RetryableError, match="Redis did not answer"):
            limiter.slot().__enter__()


def _main(url: str) -> None:
    with Redis.from_url(url) as client, one_slot(client, TIMEOUT).slot(max_wait=30.0):
        sys.stdout.write(f"{time.time()}\n")
        sys.stdout.flush()
        time.sleep(60)


if __name__ == "__main__":
    _main(sys.argv[1])
