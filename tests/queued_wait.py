"""A wait for a queued run as in `flowbeat refresh`, which ends when the reason is printed or after half a second."""

from world import World

_SCRIPT = """
import io, os, sys
from rich.console import Console
from console.refresh import wait
from models.store import runs
from worker import runtime, settings
from worker.runtime import Runtime

current = Runtime(settings.load(None, os.environ))
runtime.adopt(current)
out = io.StringIO()

def keep():
    if "still queued" in out.getvalue():
        with current.sessions.begin() as session:
            run = runs.load(session, sys.argv[1])
            runs.end(session, run.run_id, run.attempt, current.now(), error="given up")

wait.until_ended(current, [sys.argv[1]], Console(file=out, width=200), keep, queued_seconds=0.5)
open("said.txt", "w").write(out.getvalue())
current.close()
"""


def explanation(world: World, run_id: str) -> str:
    """Return what the wait printed; the run is failed afterwards."""
    world.python(_SCRIPT, run_id)
    return (world.folder / "said.txt").read_text()


def make_old(world: World) -> None:
    """Set back the times of all live runs by two minutes."""
    times = ", ".join(f"{name} = datetime({name}, '-2 minutes')" for name in ("requested_at", "heartbeat_at"))
    world.execute(f"UPDATE runs SET {times} WHERE ended_at IS NULL")  # noqa: S608 - a test's own words
