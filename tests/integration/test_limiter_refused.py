"""The limiter with a Redis that refuses writes: no request is sent, and the error is retryable."""

from collections.abc import Callable
from pathlib import Path

import pytest
from redis_server import RedisServer, fail_over, fill_memory, lose_disk, redis_server

from worker.errors import RetryableError
from worker.limiter import Limiter


@pytest.mark.parametrize("fault", [fail_over, lose_disk])
def test_a_redis_that_refuses_writes_allows_no_request(
    tmp_path: Path, fault: Callable[[RedisServer], Callable[[], object]]
) -> None:
    """The error is retryable, and a slot is available as soon as Redis accepts writes."""
    with redis_server(tmp_path / "redis") as server:
        limiter = Limiter(server.client, key="k", requests=1, per_seconds=0.4)
        mend = fault(server)
        with pytest.raises(RetryableError, match="Redis refused the limiter"), limiter.slot():
            pytest.fail("a request would have been sent")
        with pytest.raises(RetryableError, match="Redis refused the limiter"):
            limiter.pause(1.0)
        mend()
        with limiter.slot() as slot:
            assert slot.delay == 0


def test_a_redis_without_memory_still_counts(tmp_path: Path) -> None:
    """The script first frees memory, after which Redis accepts its writes, so the quota holds."""
    with redis_server(tmp_path / "redis") as server:
        limiter = Limiter(server.client, key="k", requests=1, per_seconds=60.0)
        fill_memory(server)
        with limiter.slot(), pytest.raises(RetryableError, match="is used up"), limiter.slot(max_wait=0.0):
            pytest.fail("a second request would have been sent")
