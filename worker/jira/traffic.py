"""What went over the wire, counted from any thread: requests, and those that had to wait."""

from dataclasses import dataclass, field
from threading import Lock


@dataclass(slots=True)
class Traffic:
    """What went over the wire since it was last taken: counted here, stored with the Fetch Operation."""

    calls: int = 0
    delays: int = 0
    lock: Lock = field(default_factory=Lock, repr=False)

    def add(self, *, calls: int = 0, delays: int = 0) -> None:
        """Count, from any thread."""
        with self.lock:
            self.calls += calls
            self.delays += delays

    def take(self) -> tuple[int, int]:
        """Return (calls, delays) since the last take."""
        with self.lock:
            taken = (self.calls, self.delays)
            self.calls = self.delays = 0
        return taken
