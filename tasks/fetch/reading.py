"""Lists issues, and reads and stores those that differ from the copy."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from worker.jira.parse import STORED_AS
from worker.jira.reader import INCOMPLETE, Batch, Failed, Listing, Plain

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
    pending = [*fetch.cursor.pending_ids, *differing]
    newest = newest_update(fetch, page.updates.values())
    if len(pending) > fetch.current.pages.few:
        _list_changed_multi_valued(fetch, since)
    left = read_issues(fetch, pending, until, keeps_rest=bool(page.after))
    if left is not None:
        is_listed = fetch.cursor.multi_listed and page.after is not None
        following = replace(_next(fetch, page, "census"), pending_ids=tuple(left), multi_listed=is_listed)
        fetch.commit(replace(following, newest=newest, whole_ids=following.whole_ids if is_listed else ()))


def _list_changed_multi_valued(fetch: Fetch, since: datetime) -> None:
    """List which of the changed issues have multi-valued fields, once; a list of several pages is not worth it."""
    if not fetch.cursor.multi_valued or fetch.cursor.multi_listed:
        return
    try:
        page = fetch.reader.multi_valued(fetch.profile.jql, fetch.recent, since, None)
    except (RefusedError, UnansweredError) as error:
        why = str(error)
    else:
        why = "Jira sent a warning" if page.is_warned else "there are too many" if page.after else ""
    if why:
        log.warning("all fields are asked for together", extra={"why": why})
        fetch.cursor = replace(fetch.cursor, multi_valued={})
    else:
        fetch.cursor = replace(fetch.cursor, multi_listed=True, whole_ids=tuple(page.updates))


def list_multi_valued(fetch: Fetch, until: float) -> None:
    """List a page of issues that have multi-valued fields or were updated lately, and read these whole.

    The census then reads all others in larger pages. Where Jira refuses the list, or it may be incomplete, all are read
    whole.
    """
    zone = fetch.cursor.zone

    def ask(position: Any) -> Listing:
        return fetch.reader.multi_valued(fetch.profile.jql, fetch.recent, None, position)

    try:
        page = _asked(fetch, ask, dated=True)
    except (RefusedError, UnansweredError) as error:
        fetch.write_instants_in(zone)
        _read_all_whole(fetch, str(error))
        return
    if page.is_warned:
        _read_all_whole(fetch, "Jira sent a warning with the list")
        return
    stored = _standing(fetch, page)
    unread = [key for key in page.updates if key not in stored or stored[key].mark != fetch.run.run_id]
    left = read_issues(fetch, [*fetch.cursor.pending_ids, *unread], until, keeps_rest=True)
    if left is not None:
        following = replace(_next(fetch, page, "census"), pending_ids=tuple(left), whole_ids=tuple(left))
        fetch.commit(replace(following, multi_listed=page.after is None))


def _read_all_whole(fetch: Fetch, why: str) -> None:
    log.warning("all fields are asked for together", extra={"why": why})
    cursor = replace(fetch.cursor, stage="census", position=None, vanished=(), multi_valued={}, whole_ids=())
    fetch.commit(replace(cursor, multi_listed=False, begun_again=0, seen=0, unshown=0))


def census(fetch: Fetch, until: float) -> None:
    """Compare a page of ids with the stored ones: read new and differing issues, then mark all that Jira has."""
    dated = fetch.reader.lists_updates and bool(fetch.cursor.position)
    page = _listed(fetch, lambda position: fetch.reader.census(fetch.profile.jql, position), dated=dated)
    stored = _standing(fetch, page)
    with fetch.current.reads() as session:
        unread = quality.unread_issues(session, fetch.run.profile, list(page.updates))
    wanted = [key for key in page.updates if key in unread or _is_wanted(fetch, key, page, stored)]
    left = read_issues(fetch, [*fetch.cursor.pending_ids, *wanted], until, keeps_rest=bool(page.after))
    if left is None:
        return
    unmarked = {*fetch.cursor.vanished, *left}  # what waits is marked when it is read: it may be gone by then
    listed = [key for key in page.updates if key not in unmarked]
    seen = fetch.cursor.seen + len(page.updates)
    waiting = set(left)
    whole = tuple(issue_id for issue_id in fetch.cursor.whole_ids if issue_id in waiting)
    following = replace(_next(fetch, page, "check_absent"), pending_ids=tuple(left), whole_ids=whole)
    if page.after is None:
        following = replace(following, multi_listed=False)
    fetch.commit(
        replace(following, seen=seen, unshown=fetch.cursor.unshown + page.unshown),
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
    """Return the cursor after a page: at the next page of the stage, or at the next stage.

    What the page listed and Jira did not return is looked at again when all is listed.
    """
    stage = fetch.stage if page.after else following
    unreturned = tuple(dict.fromkeys([*fetch.cursor.unreturned, *fetch.cursor.vanished]))
    warned = fetch.cursor.is_warned or page.is_warned
    return replace(fetch.cursor, position=page.after, stage=stage, vanished=(), unreturned=unreturned, is_warned=warned)


def read_issues(fetch: Fetch, ids: Sequence[str], until: float, *, keeps_rest: bool = False) -> Sequence[str] | None:
    """Read issues and commit them batch by batch, at least one; return what is left, None when the time is up before.

    ``keeps_rest``: less than a batch is left for the next page; else nothing is. Where Jira could not answer for a
    group, its halves are asked for next. Ids that came to nothing are kept in the cursor, so that no slice asks for
    them again: until the page is done, or until the run is where Jira cannot answer.
    """
    waiting = dict.fromkeys(ids)
    is_first = True
    while True:
        failed, others = halving.take(fetch.cursor.failed, max(1, fetch.connection.concurrency // 2))
        groups = halving.halves(failed) or _next_group(fetch, waiting, keeps_rest=keeps_rest)
        if not groups:
            return _unread(fetch, waiting)
        if not is_first and time.monotonic() >= until:
            return None
        batch = fetch.reader.issues(*groups, plain=_plain(fetch, failed, groups))
        fetch.reader.sizes.update(halving.smaller(fetch.reader.sizes, halving.learned_sizes(failed, batch)))
        read = [issue_id for group in groups for issue_id in group]
        store_batch(fetch, read, batch, failed=[*others, *halving.as_groups(batch.failed)])
        for issue_id in read:
            waiting.pop(issue_id, None)
        waiting |= dict.fromkeys(batch.doubtful)
        is_first = False


def _unread(fetch: Fetch, ids: Iterable[str]) -> list[str]:
    """Return the ids that did not come to nothing before."""
    passed = {*fetch.cursor.vanished, *fetch.cursor.unreadable}
    return [issue_id for issue_id in ids if issue_id not in passed]


def _next_group(fetch: Fetch, ids: Iterable[str], *, keeps_rest: bool) -> list[Sequence[str]]:
    """Return the next batch of issues; empty if all were requested, or if less than a batch is left and is kept."""
    most, most_whole, whole = fetch.plain_batch, fetch.batch, set(fetch.cursor.whole_ids)
    group: list[str] = []
    count = 0
    for issue_id in _unread(fetch, ids):
        group.append(issue_id)
        count += not most or issue_id in whole
        if len(group) == most or count == most_whole:
            return [group]
    return [group] if group and not keeps_rest else []


def _plain(fetch: Fetch, failed: Iterable[Failed], groups: Iterable[Sequence[str]]) -> Plain | None:
    """Return those of the groups that have no multi-valued fields; of halves only those of ``Plain`` that failed.

    An issue whose copy has a value there is read whole, whatever the search index says now.
    """
    if not fetch.plain_batch or any(failure.part != "plain" for failure in failed):
        return None
    ids = [issue_id for group in groups for issue_id in group]
    stored_as = {STORED_AS.get(name, name) for name in fetch.cursor.multi_valued}
    with fetch.current.reads() as session:
        valued = stored_census.with_values(session, fetch.run.profile, ids, stored_as)
    return Plain(frozenset(ids) - valued - set(fetch.cursor.whole_ids), fetch.recent)


def store_batch(fetch: Fetch, asked: Sequence[str], batch: Batch, failed: Sequence[FailedGroup]) -> None:
    """Commit a batch; the mark says that this run has read it. ``failed`` waits for the next requests."""
    read = [issue.issue_id for issue in batch.issues]
    pending = {issue_id for failure in batch.failed for issue_id in failure.ids} | batch.doubtful
    done = [issue_id for issue_id in asked if issue_id not in pending]
    vanished = set(done) - set(read) - batch.broken.keys()
    unequal, differing = verify.differing(fetch, batch.issues)
    verified = read if fetch.proves else []

    def rows(session: Session) -> Fetched:
        verify.save(session, fetch.run.profile, differing, verified)
        changed = issues.save(session, fetch.run.profile, batch.issues, unequal)
        broken = {issue_id: {_finding(why): 1} for issue_id, why in batch.broken.items()}
        quality.save_findings(session, fetch.run.profile, "changelog", broken)
        mark_issues(session, fetch, {fetch.run.run_id: [*read, *batch.broken]})
        stored_census.note_whole(session, fetch.run.profile, read, fetch.started_at)
        stored_census.note_histories(session, fetch.run.profile, list(batch.broken), fetch.started_at)
        return Fetched(len(read), changed, verified=len(verified), differed=len(differing))

    before = fetch.cursor
    cursor = replace(
        before,
        vanished=(*before.vanished, *sorted(vanished)),
        unreadable=(*before.unreadable, *sorted(batch.broken)),
        failed=tuple(failed),
        pending_ids=_still(before.pending_ids, done, batch.doubtful),
        whole_ids=_still(before.whole_ids, done, batch.doubtful),
        read=before.read + len(done),
        newest=newest_update(fetch, [issue.updated for issue in batch.issues]),
        audited=before.audited + (len(done) if fetch.stage == "verify_share" else 0),
        verification=verify.noted(before.verification, len(verified), differing),
    )
    fetch.commit(cursor, rows, progress=progress_of(fetch, before.seen + len(done)))
    verify.log_differences(differing)
    _refuse_unreadable(fetch, batch)


def _still(ids: Iterable[str], done: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    """Return the ids that are not done, each once, and more of them."""
    finished = set(done)
    return tuple(issue_id for issue_id in dict.fromkeys([*ids, *sorted(more)]) if issue_id not in finished)


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
    if read_issues(fetch, differing, until) is not None:
        cursor = replace(fetch.cursor, audited=audited + len(due))
        fetch.commit(cursor, lambda session: _note_audited(session, fetch, due))


def _note_audited(session: Session, fetch: Fetch, ids: Sequence[str]) -> Fetched:
    stored_census.note_histories(session, fetch.run.profile, ids, fetch.started_at)
    return Fetched()
