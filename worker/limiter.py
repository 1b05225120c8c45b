"""The limiter: the one gate that every request to Jira passes, shared by all workers and machines through Redis."""

import hashlib
import logging
import math
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from worker.errors import ConfigError, RetryableError

log = logging.getLogger(__name__)

WARN_PAUSE_SECONDS = 1.0  # a pause of more seconds than this is worth a warning
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Slot:
    """Leave to send one request; ``delay`` is how many seconds it was waited for."""

    delay: float


@dataclass(frozen=True, slots=True)
class LimiterState:
    """What ``check`` shows: slots in flight, slots used (in flight or cooling), waiters, seconds of pause left."""

    in_flight: int
    used: int
    waiting: int
    paused_for: float


class NoSlotError(RetryableError):
    """Nothing may be sent now: the wait is longer than the caller sleeps, or Redis does not answer or refuses."""


class RequestLimiter(Protocol):
    """What a client needs of the limiter."""

    def slot(self, max_wait: float) -> AbstractContextManager[Slot]:
        """Hold a slot around one request."""

    def pause(self, seconds: float, reason: str) -> None:
        """Hold every request for this many seconds."""


class Limiter:
    """Never more than ``requests`` in any window of ``per_seconds``, counted where they arrive.

    A slot is held from before the request until its answer, and is free again ``per_seconds`` later. Waiters are
    served first come, first served, and sleep until the time the server names; a slot costs two calls to Redis,
    three if it was waited for. The only clock is the server's.

    What it cannot do: a holder that is frozen for longer than ``timeout`` between taking its slot and sending sends
    outside it; a Redis that lost its data has forgotten one window; one whose clock is set back waits that much.

    ``timeout`` is the longest a request may take: the slot of a holder that died is free ``timeout +
    per_seconds`` after it was taken. One Limiter may serve many threads.
    """

    def __init__(self, client: Redis, *, key: str, requests: int, per_seconds: float, timeout: float = 60.0) -> None:
        """Bind a quota to its key (see ``limiter_key``). Raises ConfigError for a quota that lets nothing through."""
        if requests < 1 or not 0 < per_seconds < math.inf:
            raise ConfigError(
                f"A limit of {requests} requests per {per_seconds:g} seconds lets nothing through: "
                "set requests and per_seconds of the connection above 0"
            )
        self._quota = f"{requests} {'request' if requests == 1 else 'requests'} per {per_seconds:g} s"
        # The braces make a Redis Cluster keep one limiter's keys together.
        self._keys = [f"{{{key}}}:{part}" for part in ("flying", "cooling", "queue", "tickets", "pause")]
        window = math.ceil(per_seconds * _MICROSECONDS)
        self._limits = (requests, window, window + math.ceil(timeout * _MICROSECONDS))
        self._script = client.register_script(Path(__file__).with_suffix(".lua").read_text(encoding="utf-8"))

    @contextmanager
    def slot(self, max_wait: float = 2.0) -> Iterator[Slot]:
        """Hold a slot around one request, waiting up to ``max_wait`` seconds for it.

        Raises NoSlotError when the wait would be longer (``retry_after`` says how long; nothing is held then; waiting
        for a pause counts as no try) or when Redis does not answer: without it no request may be sent.
        """
        token = uuid.uuid4().hex
        delay = self._take(token, max_wait)
        try:
            yield Slot(delay)
        finally:
            self._release(token)

    def pause(self, seconds: float, reason: str = "") -> None:
        """Hold every request of this key, of any process, for at least this many seconds; a longer pause is kept.

        Raises NoSlotError when Redis does not answer.
        """
        level = logging.WARNING if seconds > WARN_PAUSE_SECONDS else logging.INFO
        log.log(level, "requests paused", extra={"seconds": seconds, "reason": reason})
        self._call("pause", span=seconds)

    def state(self) -> LimiterState:
        """Return the counts of this moment. Raises NoSlotError when Redis does not answer."""
        in_flight, cooling, waiting, paused = self._call("state")
        return LimiterState(in_flight, in_flight + cooling, waiting, paused / _MICROSECONDS)

    def _take(self, token: str, max_wait: float) -> float:
        """Wait for a slot, and return the seconds waited."""
        started = time.monotonic()
        waited = 0.0
        while True:
            left = max(0.0, max_wait - waited)
            wait, paused = (span / _MICROSECONDS for span in self._call("take", token, left))
            if not wait:
                return waited
            if wait > left:
                cause = "Jira asked for a pause" if paused else f"the limit of {self._quota} is used up"
                message = f"No request may be sent for {wait:.1f} s: {cause}"
                raise NoSlotError(message, retry_after=wait, tries=0 if paused else 1)
            time.sleep(wait)
            waited = time.monotonic() - started

    def _release(self, token: str) -> None:
        try:
            self._call("release", token)
        except NoSlotError as error:
            # The request is answered and must not fail for this; the slot is free when its lease ends.
            log.warning("slot not given back", extra={"reason": str(error)})

    def _call(self, verb: str, token: str = "", span: float = 0.0) -> list[int]:  # nosec B107
        """Run the script: the spans in its answer are microseconds."""
        arguments: list[str | int] = [verb, *self._limits, token, math.floor(span * _MICROSECONDS)]
        try:
            answer: list[int] = self._script(keys=self._keys, args=arguments)
        except RedisError as error:
            did = "refused" if isinstance(error, ResponseError) else "did not answer"
            raise NoSlotError(f"Redis {did} the limiter ({type(error).__name__})") from error
        return answer


def limiter_key(base_url: str, credential: str) -> str:
    """Return the name under which all who use this credential on this Jira share a quota; it does not hold the
    credential.
    """
    url = urlsplit(base_url)
    port = "" if url.port in (None, 80, 443) else f":{url.port}"
    fingerprint = hashlib.sha256(credential.encode()).hexdigest()[:16]
    return f"flowbeat:limiter:{url.hostname}{port}{url.path.rstrip('/')}:{fingerprint}"
