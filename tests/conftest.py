"""What all tests share: hypothesis judges what it finds, not how busy the machine is."""

import signal

from hypothesis import HealthCheck, settings

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
    """Handle SIGINT as usual: a background job of a shell ignores it, and the processes that tests start would too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
