"""The turn of one scheduler among several: a key in Redis, which only the one that has it renews."""

import contextlib
import logging
import uuid
from collections.abc import Callable
from typing import Final

from redis import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

TURN_SECONDS: Final = 30  # after this time without a sign, another scheduler takes the turn
KEY: Final = "flowbeat:beat"


class Turn:
    """Tells a scheduler whether it is the one that sends.

    While Redis does not answer, each has the turn: nothing can be sent, and the reason is logged by who tries. Two that
    send at the same moment do no harm, because the workers answer each instant once.
    """

    def __init__(self, redis: Callable[[], "Redis"]) -> None:
        """Have no turn yet."""
        self._redis = redis
        self._own = uuid.uuid4().hex
        self._waits = False
        self.held = False
        self.fault: str | None = None

    def take(self) -> bool:
        """Take or renew the turn; returns whether this scheduler has it. The log says when that changes."""
        try:
            mine = bool(self._redis().set(KEY, self._own, nx=True, ex=TURN_SECONDS)) or self._renew()
        except RedisError as error:
            self.fault = str(error).partition("\n")[0]
            return True
        self.fault = None
        if mine and self._waits:
            log.warning("the other scheduler does not respond; this one sends the schedule now")
        elif not mine and not self._waits:
            log.warning("another scheduler sends the schedule; this one waits")
        self.held, self._waits = mine, not mine
        return mine

    def release(self) -> None:
        """Give the turn back, where Redis answers."""
        with contextlib.suppress(RedisError):
            if self.held and self._is_own():
                self._redis().delete(KEY)
        self.held = False

    def _renew(self) -> bool:
        return self._is_own() and bool(self._redis().expire(KEY, TURN_SECONDS))

    def _is_own(self) -> bool:
        value = self._redis().get(KEY)
        return value in (self._own, self._own.encode())
