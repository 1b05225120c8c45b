"""Writes the report page of a profile's configuration after a calculation. It never fails the run."""

import logging

from report.write import load_page, write_page
from worker.runtime import Runtime

log = logging.getLogger(__name__)


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
