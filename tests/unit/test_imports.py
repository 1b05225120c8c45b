"""Importing a module has no effects: it uses no file, connection, environment or clock."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = """
import importlib, os, pkgutil, socket, sys

def refuse(event, args):
    if event in ("socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen", "os.mkdir", "os.fork"):
        raise RuntimeError(f"{event} at import")
    if event == "open" and args[1] and any(mode in str(args[1]) for mode in "wax+") :
        raise RuntimeError(f"{args[0]} opened for writing at import")

READS_THE_TIME = ("time", "time_ns", "now", "utcnow", "today")

def refuse_clock(frame, event, function):
    # Only if a module of Flowbeat is among the callers: other libraries may read the time.
    if event == "c_call" and function.__name__ in READS_THE_TIME and of_ours(frame):
        raise RuntimeError(f"{function.__name__} called at import of {frame.f_code.co_filename}")

def of_ours(frame):
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return False
        if frame.f_code.co_filename.startswith(ROOT) and "/.venv/" not in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False

ROOT = os.getcwd() + os.sep

class Closed(dict):
    def __getitem__(self, name):
        if name.startswith("FLOWBEAT"):
            raise RuntimeError(f"{name} read at import")
        return super().__getitem__(name)
    def get(self, name, default=None):
        return self[name] if name in self or str(name).startswith("FLOWBEAT") else default

sys.dont_write_bytecode = True
sys.addaudithook(refuse)
os.environ = Closed(os.environ)
sys.setprofile(refuse_clock)
count = 0
for room in ("models", "worker", "tasks", "report", "scheduler", "sandbox", "console"):
    package = importlib.import_module(room)
    for found in pkgutil.walk_packages(package.__path__, room + "."):
        if ".migrations." in found.name or found.name.endswith("__main__"):
            continue
        importlib.import_module(found.name)
        count += 1
import celeryconfig
sys.setprofile(None)
print(count)
"""


def test_importing_every_module_touches_nothing() -> None:
    """In a new process whose audit hooks refuse files, sockets, databases, processes and the time of day."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 40
