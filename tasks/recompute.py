"""Makes the facts and results of one profile a night again, from `issues` and `transitions` alone, and compares them.

What differs is wrong: it is replaced in the same transaction, logged, and kept as findings of the origin ``verify``.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Unpack

import numpy as np
from sqlalchemy.orm import Session

from models.database_faults import DamagedFactsError
from models.metrics import issues
from models.metrics.calculate import calculate
from models.metrics.columns import Chunk
from models.metrics.compared import differing_ids
from models.records import METRIC_TYPES, CalculationCursor, Recomputation, Run, RunProgress, without_retries
from models.store import batches, columns, quality, recomputed, results, runs
from models.store import facts as stored_facts
from models.store.recomputed import Calculated
from models.store.runs import AdvanceChanges
from tasks import departed, run_rules
from tasks.calculate import SLICE_SECONDS, to_results, uncollected, view_of
from worker.runtime import Runtime
from worker.snapshots import load_snapshot
from worker.task import StaleAttemptError
from worker.view import View

log = logging.getLogger(__name__)

BATCH: Final = 2_000
A_NIGHT: Final = timedelta(hours=20)  # in which one profile is recomputed
CURRENT: Final = timedelta(hours=48)  # a profile whose copy is older does not hold up the others


def is_due(current: Runtime, run: Run) -> bool:
    """Return whether a scheduled run is that of the profile whose turn it is, and none had its turn this night."""
    if run.due_at is None:
        return False
    now = current.now()
    with current.reads() as session:
        instants = recomputed.instants(session)
    configured = current.settings.profiles
    if any(at is not None and at > now - A_NIGHT for _, at in instants.values()):
        return False
    first = datetime.min.replace(tzinfo=UTC)
    waiting = {
        name: at or first
        for name, (completed, at) in instants.items()
        if name in configured and configured[name].schedule is not None and completed >= now - CURRENT
    }
    return run.profile == min(waiting, key=lambda name: (waiting[name], name), default=None)


def begin(current: Runtime, run: Run) -> None:
    """Send the run to the step, and forget what the last recomputation found."""
    with current.sessions.begin() as session:
        quality.clear_recomputed(session, run.profile)
        _advance(current, session, run, to="recompute", cursor=Recomputation().replaced_in(run.cursor))


def work(current: Runtime, run: Run, seconds: float = SLICE_SECONDS, size: int = BATCH) -> tuple[str, int]:
    """Compare until the time is up or all is done, ``size`` issues at a time; return the run's step and attempt then.

    Where other rules made the facts, or they cannot be read, the run returns to them, and compares after that.
    """
    until = time.monotonic() + seconds
    try:
        view, stored = _load(current, run)
    except (run_rules.OtherRulesError, DamagedFactsError) as error:
        if isinstance(error, DamagedFactsError):
            run_rules.discard_damaged(current, run, error)
        return "facts", run_rules.return_to_facts(current, run)
    state = Recomputation.from_json(run.cursor)
    while True:
        with current.reads() as session:
            batch = recomputed.with_facts(session, run.profile, state.after, size)
        if not batch:
            break
        state = _compare_facts(current, run, view, (batch, stored), state)
        if time.monotonic() >= until:
            return "recompute", run.attempt
    return "finish", _end(current, run, view, stored, state)


def _load(current: Runtime, run: Run) -> tuple[View, Chunk]:
    """Return the view of the run and the columns as they are stored."""
    with current.reads() as session:
        view = view_of(current, session, run)
        run_rules.require_same(session, run, view)
        return view, columns.load_columns(session, run.profile)


@uncollected()
def _compare_facts(
    current: Runtime, run: Run, view: View, facts: tuple[Sequence[Calculated], Chunk], state: Recomputation
) -> Recomputation:
    """Make the facts of a batch again, and store them if any differ from the stored ones; return where to continue.

    The one writer of facts writes them into a transaction that is rolled back if the rows are the same as before.
    """
    batch, stored = facts
    ids = [issue.issue_id for issue in batch]
    following = replace(state, after=ids[-1])
    with current.sessions() as session:
        before = recomputed.facts_of(session, run.profile, ids)
        _write(session, run.profile, view, batch)
        after = recomputed.facts_of(session, run.profile, ids)
        newest = columns.load_newest(session, run.profile)
        odd = differing_ids(np.array(ids, np.int64), stored, newest)
        odd |= {issue_id for issue_id in ids if not recomputed.are_equal(before[issue_id], after[issue_id])}
        if not odd:
            session.rollback()
        else:
            following = replace(following, differed=state.differed + len(odd))
            quality.add_recomputed(session, run.profile, odd, {})
        _heartbeat(current, session, run, following)
        session.commit()
    if odd:
        log.warning("stored facts differed from those made again", extra={"issue_ids": sorted(odd)})
    return following


def _write(session: Session, profile: str, view: View, batch: Sequence[Calculated]) -> None:
    present = {issue.issue_id: issue.content_hash for issue in batch if not issue.is_gone}
    gone = {issue.issue_id: issue.content_hash for issue in batch if issue.is_gone}
    made = issues.read(batches.load(session, profile, list(present), view.context.flagged), view.context)
    if gone:
        departed.save(session, profile, view.context, gone)
    stored_facts.save(session, profile, view.context.facts_rules_hash, present, made)


def _end(current: Runtime, run: Run, view: View, stored: Chunk, state: Recomputation) -> int:
    """Compare the results, and send the run to its end; return its attempt then.

    After a difference it is a new one, so that no process continues with facts that it loaded before.
    """
    with current.sessions.begin() as session:
        strays = _remove_strays(session, run.profile, stored)
    with current.reads() as session:
        snapshot = load_snapshot(session, run.profile, view)
    failed = CalculationCursor.from_json(run.cursor).failed
    odd: dict[str, int] = {}
    with uncollected(), current.sessions.begin() as session:
        for metric in METRIC_TYPES:
            if metric not in failed:
                rows = to_results(current, run, view, calculate(metric, snapshot))
                odd |= _replace(session, metric, rows)
        quality.add_recomputed(session, run.profile, (), odd)
        recomputed.note(session, run.profile, current.now())
        attempt = run.attempt + bool(odd or strays or state.differed)
        _advance(current, session, run, to="finish", attempt=attempt, progress=RunProgress())
    counts = {"facts_differed": state.differed + strays, "results_differed": odd}
    log.info("facts and results made again and compared", extra=counts)
    return attempt


def _replace(session: Session, metric: str, rows: Sequence[Any]) -> dict[str, int]:
    """Return metric → number of its stored results that differed and were replaced, if any did."""
    replaced = results.replace_differing(session, rows)
    if not replaced:
        return {}
    windows = [f"{row.window_kind} {row.window_start:%Y-%m-%d}" for row in replaced]
    log.warning("stored results differed from those made again", extra={"metric": metric, "windows": windows})
    return {metric: len(replaced)}


def _remove_strays(session: Session, profile: str, stored: Chunk) -> int:
    """Remove facts of issues that have none, because they are not there or do not count; return how many."""
    ids = {str(number) for part in (stored.items, stored.others) for number in part.ids.tolist()}
    strays = (ids | recomputed.ids_with_rows(session, profile)) - recomputed.counting_ids(session, profile)
    if strays:
        log.warning("stored facts belong to no issue that counts", extra={"issue_ids": sorted(strays)})
        stored_facts.delete_facts(session, profile, sorted(strays))
        quality.add_recomputed(session, profile, strays, {})
    return len(strays)


def _heartbeat(current: Runtime, session: Session, run: Run, state: Recomputation) -> None:
    cursor = without_retries(state.replaced_in(run.cursor))
    if not runs.heartbeat(session, run.run_id, run.attempt, current.clock(session), cursor=cursor, restarts=0):
        raise StaleAttemptError


def _advance(current: Runtime, session: Session, run: Run, *, to: str, **changes: Unpack[AdvanceChanges]) -> None:
    if not runs.advance(session, run.run_id, run.attempt, current.clock(session), to=to, **changes):
        raise StaleAttemptError
