"""The end of a worker after an error inside Celery, which a test cannot cause in a real worker."""

from types import SimpleNamespace

import pytest
from celery.exceptions import WorkerShutdown

from worker import app


@pytest.mark.parametrize("error", [RuntimeError("a fault"), WorkerShutdown(1), KeyboardInterrupt()])
def test_an_end_that_nobody_asked_for_keeps_its_exit_code(error: BaseException) -> None:
    """Celery sends the same signal as for Ctrl-C, from inside its ``except``."""
    worker = SimpleNamespace(exitcode=1)
    try:
        raise error
    except type(error):
        app._end_well(sender=worker)
    assert worker.exitcode == 1
