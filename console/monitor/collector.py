"""Reads the figures whenever a monitor asks: the database and Redis side by side, neither for long."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from console.monitor.figures import Sample, families
from console.shared import errors

log = logging.getLogger(__name__)

ANSWER_SECONDS: Final = 5.0  # half of the time after which Prometheus gives up
_EXPECTED: Final = (*errors.EXPECTED, SQLAlchemyError)


@dataclass(eq=False, slots=True)
class _Reading:
    """One reading of a part; ``samples`` is None until it has ended well."""

    over: threading.Event = field(default_factory=threading.Event)
    samples: list[Sample] | None = None
    fault: str = ""


class Part:
    """A source of figures, read in a thread of its own: one that hangs must not hold up the others."""

    def __init__(self, name: str, read: Callable[[], list[Sample]]) -> None:
        """Read nothing yet."""
        self.name = name
        self._read = read
        self._reading: _Reading | None = None
        self._fault = ""

    def begin(self) -> None:
        """Begin to read, unless the last reading still hangs."""
        if self._reading is None or self._reading.over.is_set():
            self._reading = _Reading()
            threading.Thread(target=self._work, args=(self._reading,), name=f"read-{self.name}", daemon=True).start()

    def end(self, seconds: float) -> list[Sample]:
        """Return the figures, and whether the part answered within ``seconds``; the log says when that changes."""
        reading = self._reading
        if reading is None or not reading.over.wait(seconds):
            samples, fault = None, f"no answer within {ANSWER_SECONDS:g} s"
        else:
            samples, fault = reading.samples, reading.fault
        if fault and fault != self._fault:
            log.warning("figures cannot be read", extra={"part": self.name, "why": fault})
        elif self._fault and not fault:
            log.info("figures can be read again", extra={"part": self.name})
        self._fault = fault
        return [Sample("flowbeat_up", samples is not None, (self.name,)), *(samples or ())]

    def _work(self, reading: _Reading) -> None:
        try:
            reading.samples = self._read()
        except _EXPECTED as error:
            reading.fault = errors.sentence(error)
        finally:
            reading.over.set()


class Figures(Collector):
    """The figures of this moment, for one monitor after the other."""

    def __init__(self, parts: Sequence[Part]) -> None:
        """Read nothing yet."""
        self._parts = parts
        self._lock = threading.Lock()

    def collect(self) -> Iterable[Metric]:
        """Return what can be read now; what is unknown is absent."""
        with self._lock:
            return list(families(self._samples()))

    def _samples(self) -> Iterator[Sample]:
        until = time.monotonic() + ANSWER_SECONDS
        for part in self._parts:
            part.begin()
        for part in self._parts:
            yield from part.end(max(0.0, until - time.monotonic()))
