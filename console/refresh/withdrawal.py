"""Withdraws the runs of a command that fails before a worker has begun them."""

import contextlib
from collections.abc import Iterator, Sequence

from sqlalchemy.exc import SQLAlchemyError

from models.store import runs
from worker.runtime import Runtime


@contextlib.contextmanager
def withdrawn_on_error(current: Runtime, run_ids: Sequence[str]) -> Iterator[None]:
    """Delete the runs that no worker has begun when the block raises any error; ``run_ids`` may grow meanwhile.

    Otherwise a later refresh would continue what this command reported as failed. Ctrl-C is not an error: after it
    the runs stay queued.
    """
    try:
        yield
    except Exception:
        with contextlib.suppress(SQLAlchemyError), current.sessions.begin() as session:  # it may be what failed
            for run_id in run_ids:
                runs.withdraw(session, run_id)
        raise
