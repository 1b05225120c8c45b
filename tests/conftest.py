"""What all tests share: hypothesis judges what it finds, not how busy the machine is."""

import gc
import os
import signal
import sys

import forked
import measured
import pytest
from groups import pytest_collection_modifyitems, pytest_runtest_logreport  # noqa: F401 - hooks
from hypothesis import HealthCheck, settings
from memory_folder import MEMORY_FOLDER

settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# `make soak` loads it, before any test is collected.
settings.register_profile(
    "soak",
    max_examples=280,
    stateful_step_count=60,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("here")


def pytest_configure() -> None:
    """Handle SIGINT as usual, write to memory, keep compiled modules, and look for garbage rarely.

    A background job of a shell ignores SIGINT, and the processes that tests start would too. They are hundreds, and
    each would compile the same modules again where the shell forbids Python to keep them.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.set_threshold(50_000, 20, 50)
    MEMORY_FOLDER.use()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Look for no garbage among the modules and tests: with a usual threshold, a sixth of the processor time."""
    measured.mark(session)
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """End the process that forked this test process's commands."""
    forked.SERVER_OF_TESTS.stop()
