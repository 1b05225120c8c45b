"""Lists issues, and reads and stores those that differ from the copy."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from models.records import FailedGroup, FetchCursor
from models.store import census as stored_census
from models.store import issues, quality
from tasks.fetch import halving, verify
from tasks.fetch.state import Fetch, Fetched, log, mark_issues, newest_update, progress_of
from worker.errors import FatalError, UnansweredError
from worker.jira.faults import RefusedError
from worker.jira.reader import INCOMPLETE, Batch, Listing

# The rotation reads histories of open issues and of those updated in this many days: older ones do not change any more.
RECENT_DAYS: Final = 30
AUDIT_BATCH: Final = 1_000
# No copy is complete without most of its issues: when more than this and more than half cannot be read, it is refused.
MANY_UNREADABLE: Final = 20
MAX_LIST_RESTARTS: Final = 3  # times that lists of one fetch are begun again


def list_changed(fetch: Fetch, until: float) -> None:
    """List a page of issues updated since the watermark less the overlap; unchanged ones are not read again.

    What differs waits until there is a batch of it: the histories of a batch cost one request, however few they are.
    """
    since = datetime.fromisoformat(fetch.cursor.watermark or "") - timedelta(minutes=fetch.connection.overlap_minutes)
    page = _listed(fetch, lambda position: fetch.reader.changed(fetch.profile.jql, since, position), dated=True)
    stored = _standing(fetch, page)
    differing = [issue_id for issue_id in page.updates if _is_changed(issue_id, page, stored)]
    pending = list(dict.fromkeys([*fetch.cursor.pending_ids, *differing]))
    newest = newest_update(fetch, page.updates.values())
    whole = len(pending) // fetch.batch * fetch.batch if page.after else len(pending)
    if read_issues(fetch, pending[:whole], until):
        following = _next(fetch, page, "census")
        fetch.commit(replace(following, newest=newest, pending_ids=tuple(pending[whole:])))


def census(fetch: Fetch, until: float) -> None:
    """Compare a page of ids with the stored ones: read new and differing issues, then mark all that Jira has."""
    dated = fetch.reader.lists_updates and bool(fetch.cursor.position)
    page = _listed(fetch, lambda position: fetch.reader.census(fetch.profile.jql, position), dated=dated)
    stored = _standing(fetch, page)
    with fetch.current.reads() as session:
        unread = quality.unread_issues(session, fetch.run.profile, list(page.updates))
    wanted = [key for key in page.updates if key in unread or _is_wanted(fetch, key, page, stored)]
    if not read_issues(fetch, wanted, until):
        return
    listed = [key for key in page.updates if key not in fetch.cursor.vanished]
    seen = fetch.cursor.seen + len(page.updates)
    fetch.commit(
        replace(_next(fetch, page, "check_absent"), seen=seen, unshown=fetch.cursor.unshown + page.unshown),
        lambda session: mark_issues(session, fetch, {fetch.run.run_id: listed}),
        progress=progress_of(fetch, seen),
    )


def _listed(fetch: Fetch, ask: Callable[[Any], Listing], *, dated: bool) -> Listing:
    """Return the list page at the cursor. A lasting refusal of it concerns the profile's own query."""
    try:
        return _asked(fetch, ask, dated=dated)
    except RefusedError as error:
        if fetch.cursor.position:  # the query was accepted for the first page
            raise
        raise RefusedError(f"{str(error).rstrip('.')}; correct profiles.{fetch.run.profile}.jql") from error


def _asked(fetch: Fetch, ask: Callable[[Any], Listing], *, dated: bool) -> Listing:
    """Return the page from Jira, with a second try.

    Where Jira refuses or repeats a page token (they die after some days), the list is begun again, a few times at most;
    where it refuses a query with our instant in it, it is asked once more with the instant as a literal.
    """
    try:
        return ask(fetch.cursor.position)
    except (RefusedError, UnansweredError) as error:
        again = fetch.cursor.begun_again
        if "token" in (fetch.cursor.position or ()) and again < MAX_LIST_RESTARTS:
            fetch.cursor = replace(fetch.cursor, position=None, seen=0, unshown=0, begun_again=again + 1)
            log.warning("a list is begun again", extra={"stage": fetch.stage, "why": str(error)})
        elif isinstance(error, RefusedError) and dated and fetch.cursor.zone is None:
            fetch.use_account_timezone()
            log.warning("dates are asked in local time", extra={"zone": fetch.cursor.zone, "why": str(error)})
        else:
            raise
    return ask(fetch.cursor.position)


def _standing(fetch: Fetch, page: Listing) -> dict[str, stored_census.Standing]:
    with fetch.current.reads() as session:
        return stored_census.standing(session, fetch.run.profile, list(page.updates))


def _is_wanted(fetch: Fetch, issue_id: str, page: Listing, stored: Mapping[str, stored_census.Standing]) -> bool:
    known = stored.get(issue_id)
    if known is None or (fetch.full and known.mark != fetch.run.run_id):
        return True
    if fetch.reader.lists_updates:
        return _is_changed(issue_id, page, stored)
    return page.keys.get(issue_id, known.key) != known.key


def _is_changed(issue_id: str, page: Listing, stored: Mapping[str, stored_census.Standing]) -> bool:
    """Return whether a listed issue is new, was updated, or has another key: renaming a project touches no issue."""
    known = stored.get(issue_id)
    if known is None or known.updated != page.updates[issue_id]:
        return True
    return page.keys.get(issue_id, known.key) != known.key


def _next(fetch: Fetch, page: Listing, following: str) -> FetchCursor:
    """Return the cursor after a page: at the next page of the stage, or at the next stage."""
    stage = fetch.stage if page.after else following
    return replace(fetch.cursor, position=page.after, stage=stage, vanished=())


def read_issues(fetch: Fetch, ids: Sequence[str], until: float) -> bool:
    """Read issues and commit them group by group, at least one; return False when the time is up before the last one.

    Where Jira could not answer for a group, its halves are asked for next. Ids that came to nothing are kept in the
    cursor, so that no slice asks for them again: until the page is done, or until the run is where Jira cannot answer.
    """
    is_first = True
    while True:
        failed, others = halving.take(fetch.cursor.failed, max(1, fetch.connection.concurrency // 2))
        groups = halving.halves(failed) or _next_group(fetch, ids)
        if not groups:
            return True
        if not is_first and time.monotonic() >= until:
            return False
        batch = fetch.reader.issues(*groups)
        fetch.reader.sizes.update(halving.smaller(fetch.reader.sizes, halving.learned_sizes(failed, batch)))
        read = [issue_id for group in groups for issue_id in group]
        store_batch(fetch, read, batch, failed=[*others, *halving.as_groups(batch.failed)])
        ids = [issue_id for issue_id in ids if issue_id not in set(read)]
        is_first = False


def _next_group(fetch: Fetch, ids: Sequence[str]) -> list[Sequence[str]]:
    """Return the next group of issues to read; empty if all were requested."""
    passed = {*fetch.cursor.vanished, *fetch.cursor.unreadable}
    group = [issue_id for issue_id in ids if issue_id not in passed][: fetch.batch]
    return [group] if group else []


def store_batch(fetch: Fetch, asked: Sequence[str], batch: Batch, failed: Sequence[FailedGroup]) -> None:
    """Commit a batch; the mark says that this run has read it. ``failed`` waits for the next requests."""
    read = [issue.issue_id for issue in batch.issues]
    pending = {issue_id for failure in batch.failed for issue_id in failure.ids}
    done = [issue_id for issue_id in asked if issue_id not in pending]
    vanished = set(done) - set(read) - batch.broken.keys()
    differing = _differing(fetch, batch)

    def rows(session: Session) -> Fetched:
        verify.save(session, fetch.run.profile, differing)
        changed = issues.save(session, fetch.run.profile, batch.issues)
        broken = {issue_id: {_finding(why): 1} for issue_id, why in batch.broken.items()}
        quality.save_findings(session, fetch.run.profile, "changelog", broken)
        mark_issues(session, fetch, {fetch.run.run_id: [*read, *batch.broken]})
        stored_census.note_histories(session, fetch.run.profile, [*read, *batch.broken], fetch.started_at)
        return Fetched(issues=len(read), changed=changed)

    before = fetch.cursor
    cursor = replace(
        before,
        vanished=(*before.vanished, *sorted(vanished)),
        unreadable=(*before.unreadable, *sorted(batch.broken)),
        failed=tuple(failed),
        pending_ids=tuple(issue_id for issue_id in before.pending_ids if issue_id not in set(done)),
        read=before.read + len(done),
        newest=newest_update(fetch, [issue.updated for issue in batch.issues]),
        verification=verify.noted(before.verification, len(read), differing) if fetch.is_verify else None,
    )
    fetch.commit(cursor, rows, progress=progress_of(fetch, before.seen + len(done)))
    verify.log_differences(differing)
    _refuse_unreadable(fetch, batch)


def _refuse_unreadable(fetch: Fetch, batch: Batch) -> None:
    """Raise if Jira cannot answer for most of the issues, because then no single issue is at fault."""
    count, asked = len(fetch.cursor.unreadable), fetch.cursor.read
    if count <= MANY_UNREADABLE or count * 2 <= asked or not batch.broken:
        return
    why = next(iter(batch.broken.values()))
    raise FatalError(
        f"{count} of the first {asked} issues could not be read ({why}); what came was stored. Ask Jira's administrator"
        f" to look at them, then run: flowbeat refresh {fetch.run.profile}"
    )


def _finding(why: str) -> str:
    return "incomplete_history" if why == INCOMPLETE else "unreadable_issue"


def _differing(fetch: Fetch, batch: Batch) -> list[verify.Difference]:
    if not fetch.is_verify:
        return []
    with fetch.current.reads() as session:
        return verify.differences(session, fetch.run.profile, batch.issues, fetch.cursor.watermark or "")


def audit_changelogs(fetch: Fetch, until: float) -> None:
    """Read the histories that were read longest ago again, because some change without a new ``updated``.

    What differs from the stored history is read whole. A turn takes ``every_days``, a run ``issues_per_run`` at most.
    """
    audited, rules = fetch.cursor.audited, fetch.current.settings.changelog_audit
    before, lately = (fetch.started_at - timedelta(days=days) for days in (rules.every_days, RECENT_DAYS))
    limit = min(rules.issues_per_run - audited, AUDIT_BATCH)
    with fetch.current.reads() as session:
        due = stored_census.due_histories(session, fetch.run.profile, before, lately, limit)
        stored = issues.load_histories(session, fetch.run.profile, due)
    if not due:
        fetch.commit(replace(fetch.cursor, stage="refresh_catalogue", vanished=()))
        return
    read = fetch.reader.histories(due)
    differing = [issue_id for issue_id in due if read.get(issue_id) != tuple(stored.get(issue_id, ()))]
    if differing:
        log.info("histories changed silently", extra={"issue_ids": differing})
    if read_issues(fetch, differing, until):
        cursor = replace(fetch.cursor, audited=audited + len(due))
        fetch.commit(cursor, lambda session: _note_audited(session, fetch, due))


def _note_audited(session: Session, fetch: Fetch, ids: Sequence[str]) -> Fetched:
    stored_census.note_histories(session, fetch.run.profile, ids, fetch.started_at)
    return Fetched()
