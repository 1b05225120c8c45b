"""Two reusable forms: a function that times and records itself, and one that caches until it is reset."""

import functools
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, ParamSpec, TypeVar

from models.records import FetchOperation

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("flowbeat.performance")


@dataclass(frozen=True, slots=True)
class Timing:
    """When something began and ended; the end is the start plus a monotonic difference of at least 1 µs."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.end - self.start).total_seconds()


def log_performance(
    name: str, record: Callable[[Timing, R], dict[str, Any]] | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Time every call that returns, log it to ``performance.log``, and hand (timing, result) to ``record``.

    ``record`` stores what it likes and returns further fields of the log line. A call that raises is not recorded: a
    failure is never a duration.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            start, ticks = datetime.now(UTC), time.perf_counter_ns()
            result = function(*args, **kwargs)
            elapsed = max(1, (time.perf_counter_ns() - ticks) // 1000)
            timing = Timing(start, start + timedelta(microseconds=elapsed))
            fields = record(timing, result) if record else {}
            log.info(name, extra={"start": timing.start, "end": timing.end, "duration": timing.seconds, **fields})
            return result

        return timed

    return decorate


def log_fetch(operation: FetchOperation) -> None:
    """Write an ended Fetch Operation to ``performance.log``; its row is stored by the caller."""
    log.info("fetch operation", extra=asdict(operation))


class Cached(Generic[P, R]):
    """A function with a small memory; ``invalidate`` empties it."""

    def __init__(self, function: Callable[P, R], size: int, weight: Callable[[R], int], heaviest: float) -> None:
        """Remember the newest result, and others while they are at most ``size`` and together not too heavy."""
        functools.update_wrapper(self, function)
        self._function = function
        self._size = size
        self._weight = weight
        self._heaviest = heaviest
        self._known: OrderedDict[Hashable, R] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the remembered result of these arguments, else a new one; an error is not remembered."""
        key = (args, tuple(sorted(kwargs.items())))
        if key in self._known:
            self._known.move_to_end(key)
            self.hits += 1
            return self._known[key]
        self.misses += 1
        result = self._known[key] = self._function(*args, **kwargs)
        while len(self._known) > 1 and self._is_full():
            self._known.popitem(last=False)
        return result

    def _is_full(self) -> bool:
        return len(self._known) > self._size or sum(map(self._weight, self._known.values())) > self._heaviest

    def invalidate(self) -> None:
        """Forget everything."""
        self._known.clear()


def cached_with_invalidation(
    size: int = 1, *, weight: Callable[[Any], int] = lambda _: 0, heaviest: float = math.inf
) -> Callable[[Callable[P, R]], Cached[P, R]]:
    """Remember a function's last results in this process; the arguments are the key and name a version of the data.

    The least recently used are forgotten while there are more than ``size``, or their weights add up to more than
    ``heaviest``; the newest is always remembered. Not for threads: a task runs alone in its process.
    """
    return lambda function: Cached(function, size, weight, heaviest)
