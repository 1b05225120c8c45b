"""A limiter for tests that have no Redis: it lets everything through and records the pauses."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from worker.limiter import NoSlotError, Slot


@dataclass
class Gate:
    """A limiter that lets everything through and records the pauses."""

    pauses: list[tuple[float, str]] = field(default_factory=list)
    held: int = 0
    delay: float = 0.0
    leave: int = 0
    refusal: NoSlotError | None = None
    """Raised by ``slot`` after ``leave`` requests."""

    @contextmanager
    def slot(self, max_wait: float) -> Iterator[Slot]:
        """Yield one request."""
        assert max_wait > 0
        if self.refusal and self.leave == 0:
            raise self.refusal
        self.leave -= 1
        self.held += 1
        yield Slot(self.delay)
        self.held -= 1

    def pause(self, seconds: float, reason: str = "") -> None:
        """Record the pause."""
        self.pauses.append((seconds, reason))
