"""Brings the copy of a profile up to date with Jira: a series of slices, each a task of about a minute.

A fetch goes through stages; where it stands is the run's ``cursor``, written in the transaction that stores the rows:

- ``begin``: is the copy good enough as it is (a cache hit)? Else ask the site who it is and resolve the mapped fields.
- ``list_changed``: (Cloud, when there is a copy) what was updated since the watermark less the overlap.
- ``list_multi_valued``: (Cloud, where all is read) the issues that have fields with several values, and are read whole.
- ``census``: every id of the JQL against what is stored: what is new is read, what is listed is marked.
- ``check_absent``: what was not listed is looked at again by id: hidden, moved out of the JQL, or missed.
- ``mark_gone``: the hidden and the moved are marked gone, unless there are suspiciously many hidden.
- ``verify_share``: (of a scheduled run) issues verified longest ago are read again whole, and compared with the copy.
- ``audit_changelogs``: (where not all was read anyway) histories read longest ago are read again, some each run.
- ``refresh_catalogue``: statuses and versions, then the Cache Metadata: the copy is what Jira was when the fetch began.
"""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from models.records import Run
from tasks import steps
from tasks.fetch.absent import check_absent, mark_gone
from tasks.fetch.finish import refresh_catalogue
from tasks.fetch.plan import begin
from tasks.fetch.reading import audit_changelogs, census, list_changed, list_multi_valued
from tasks.fetch.share import verify_share
from tasks.fetch.state import Fetch
from worker.app import app
from worker.errors import FlowbeatError
from worker.runtime import Runtime
from worker.task import RunTask

SLICE_SECONDS: Final = 60.0


@app.task(base=RunTask, name="tasks.fetch.slice", steps=("fetch",))
def fetch_slice(current: Runtime, run: Run) -> None:
    """Work at the fetch for about a minute, then hand on: to the next slice, or to the calculation."""
    step = work(current, run)
    steps.enqueue(app, run, step)


def work(current: Runtime, run: Run, seconds: float = SLICE_SECONDS) -> str:
    """Go through the stages until the time is up or the fetch is done; returns the run's step then.

    However short the time, something is committed: a slice never ends where it began. What Jira was asked by a stage
    that failed is counted too.
    """
    with rare_collections():
        return _work(Fetch(current, run), time.monotonic() + seconds)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let Python look for cycles a hundred times less often within the block.

    The pages of an answer hold hundreds of thousands of objects without a cycle, and each search walks them all: it
    took a quarter of a fetch's processor time.
    """
    usual = gc.get_threshold()
    gc.set_threshold(100 * usual[0], *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _work(fetch: Fetch, until: float) -> str:
    while fetch.stage != "end":
        try:
            STAGES[fetch.stage](fetch, until)
        except FlowbeatError as error:
            cause = fetch.cause_of(error)
            fetch.record_requests()
            if cause is not error:
                raise cause from error
            raise
        if fetch.stage != "end" and time.monotonic() >= until:
            fetch.yield_slice()
            return "fetch"
    return "facts"


STAGES: Final[Mapping[str, Callable[[Fetch, float], None]]] = {
    "begin": begin,
    "list_changed": list_changed,
    "list_multi_valued": list_multi_valued,
    "census": census,
    "check_absent": check_absent,
    "mark_gone": mark_gone,
    "verify_share": verify_share,
    "audit_changelogs": audit_changelogs,
    "refresh_catalogue": refresh_catalogue,
}
