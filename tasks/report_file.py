"""Writes the report page of a profile's configuration after a calculation. It never fails the run.

The page is written after the run has ended, because it says so. Until then Redis holds a key, so that a command that
waits for the run also waits for the page, even if the page is written on another machine.
"""

import contextlib
import logging
from collections.abc import Iterator
from typing import Final

from redis.exceptions import RedisError

from models.records import Run
from report.write import load_page, write_page
from worker.runtime import Runtime

log = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 30.0  # a page takes a second or two; its worker may have died
_EXPIRE_SECONDS: Final = 120
_PENDING: Final = "flowbeat:page:"  # with a run's id: its page is not written yet


@contextlib.contextmanager
def announced(current: Runtime, run: Run) -> Iterator[None]:
    """Let ``is_pending`` return true from before the run ends until its page is written, or the block fails."""
    if not _has_page(current, run.profile):
        yield
        return
    with contextlib.suppress(RedisError):  # without it the command does not wait for the page
        current.redis.set(f"{_PENDING}{run.run_id}", "", ex=_EXPIRE_SECONDS)
    try:
        yield
    finally:
        with contextlib.suppress(RedisError):  # it expires
            current.redis.delete(f"{_PENDING}{run.run_id}")


def is_pending(current: Runtime, run: Run) -> bool:
    """Return whether the page of an ended run is still being written; False where Redis does not say."""
    try:
        return run.state == "completed" and bool(current.redis.exists(f"{_PENDING}{run.run_id}"))
    except RedisError:
        return False


def write(current: Runtime, profile: str) -> None:
    """Write a profile's page to its file, if it has one; a page that cannot be written is a warning in the log."""
    configured = current.settings.profiles.get(profile)
    if configured is None or configured.report is None:
        return
    try:
        with current.reads() as session:
            page = load_page(current, session, profile)
        write_page(page, configured.report)
    except Exception as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        log.warning("report page not written", exc_info=True, extra={"file": str(configured.report), "reason": reason})
        return
    log.info("report page written", extra={"file": str(configured.report)})


def _has_page(current: Runtime, profile: str) -> bool:
    configured = current.settings.profiles.get(profile)
    return configured is not None and configured.report is not None
