"""Keeps a run to one set of rules: its facts and all of its metrics are calculated by the same configuration.

Workers read their configuration when they start, so that one run may meet several. The facts step binds the run to the
rules of its worker. A metric step of another configuration, or of another version of this program, sends the run back
to the facts. Where workers take turns, that ends with a failed run after a few rounds.
"""

import logging
from typing import Final

from sqlalchemy.orm import Session

from models.database_faults import DamagedFactsError
from models.metrics.rules import rules_hash
from models.records import CalculationCursor, Run, RunProgress
from models.store import columns, quality, runs
from models.store.runs import AdvanceChanges, HeartbeatChanges
from worker.errors import MixedConfigurationsError
from worker.runtime import Runtime
from worker.task import StaleAttemptError
from worker.view import View

log = logging.getLogger(__name__)

MAX_CHANGES: Final = 3  # of the rules of one run: a restarted worker needs one


class OtherRulesError(Exception):
    """The stored facts of a run were made with a different configuration than that of this process."""


def bind(current: Runtime, run: Run, view: View) -> CalculationCursor:
    """Bind a run to the rules of this process, and make all facts of other rules stale; returns what the run counted.

    Raises MixedConfigurationsError where the rules of the run changed too often.
    """
    named, counted = rules_hash(view.rules), CalculationCursor.from_json(run.cursor)
    if run.rules_hash not in (None, named):
        counted = _with_another_change(current, run)
    cursor = counted.replaced_in(run.cursor)
    changes: HeartbeatChanges = {"rules_hash": named, "worker": current.node, "cursor": cursor}
    with current.sessions.begin() as session:
        if not runs.heartbeat(session, run.run_id, run.attempt, current.clock(session), **changes):
            raise StaleAttemptError
        columns.invalidate_facts_of_other_rules(session, run.profile, view.context.facts_rules_hash)
    return counted


def require_same(session: Session, run: Run, view: View) -> None:
    """Raise OtherRulesError unless the run and the stored facts have the rules of this process."""
    same = run.rules_hash == rules_hash(view.rules)
    if not same or not columns.are_facts_of(session, run.profile, view.context.facts_rules_hash):
        raise OtherRulesError


def return_to_facts(current: Runtime, run: Run) -> int:
    """Put a run back to its facts; return its new attempt, so that messages of its earlier metrics end at once.

    Raises MixedConfigurationsError where the rules of the run changed too often.
    """
    cursor, attempt = _with_another_change(current, run).replaced_in(run.cursor), run.attempt + 1
    changes: AdvanceChanges = {"attempt": attempt, "cursor": cursor, "progress": RunProgress(), "rules_hash": None}
    with current.sessions.begin() as session:
        if not runs.advance(session, run.run_id, run.attempt, current.clock(session), to="facts", **changes):
            raise StaleAttemptError
    log.warning("facts are of other rules; the run returns to them", extra={"facts_by": run.worker})
    return attempt


def discard_damaged(current: Runtime, run: Run, error: DamagedFactsError) -> None:
    """Delete facts that cannot be read, with a finding about the profile; they are made again from the issues."""
    with current.sessions.begin() as session:
        columns.discard(session, run.profile)
        quality.add_recomputed(session, run.profile, (quality.WHOLE_PROFILE,), {})
    log.error("stored facts cannot be read; they are made again", extra={"why": repr(error.__cause__)})


def _with_another_change(current: Runtime, run: Run) -> CalculationCursor:
    """Return a cursor with one change of rules more, and without what the earlier rules left in the run's cursor."""
    changes = CalculationCursor.from_json(run.cursor).rules_changes + 1
    if changes > MAX_CHANGES:
        nodes = " and ".join(sorted({name for name in (run.worker, current.node) if name}))
        raise MixedConfigurationsError(
            f"workers with different configurations took turns at this run{f' ({nodes})' if nodes else ''}; restart"
            f" those that flowbeat check names, then run: flowbeat calculate {run.profile}"
        )
    return CalculationCursor(rules_changes=changes)
