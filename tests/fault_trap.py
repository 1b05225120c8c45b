"""A trap: it counts the operations of one kind, and lets the k-th fail or kills the process there."""

import os
import signal
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, NoReturn

KINDS: Final = ("commit", "jira", "redis", "file")
# What happens at the k-th operation of a kind. "before" and "after" are relative to its effect.
EFFECTS: Final = {
    "commit": ("fails", "is locked", "fails after", "killed before", "killed after"),
    "jira": ("reset", "busy", "cut", "gone", "killed before", "killed after"),
    "redis": ("closed before", "closed after", "silent", "gone", "killed before", "killed after"),
    "file": ("full", "broken", "killed before"),
}
LASTING: Final = {("jira", "gone"): 30, ("redis", "gone"): 6}  # operations that fail from the k-th on; else it is one
BEGIN: Final = "begin"  # of a transaction that writes: where a locked database shows


def die() -> NoReturn:
    """End this process as `kill -9` does: nothing is flushed, closed or handed back."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a killed process continues")


@dataclass(slots=True)
class Trap:
    """The k-th operation (``number``, from 1) of a kind, and what happens there; it is armed between two calls."""

    kind: str
    effect: str
    number: int
    counts: Counter[str] = field(default_factory=Counter)
    is_armed: bool = False
    has_fired: bool = False

    def set(self, kind: str, effect: str, number: int) -> None:
        """Wait for another operation, and count from the first."""
        self.kind, self.effect, self.number = kind, effect, number
        self.counts, self.has_fired = Counter(), False

    def strikes(self, operation: str) -> str | None:
        """Count an operation; return the effect if this one is hit."""
        if not self.is_armed:
            return None
        self.counts[operation] += 1
        if operation != (BEGIN if self.effect == "is locked" else self.kind):
            return None
        if not self.number <= self.counts[operation] < self.number + LASTING.get((self.kind, self.effect), 1):
            return None
        self.has_fired = True
        return self.effect
