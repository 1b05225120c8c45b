"""Looks again at issues that Jira no longer lists or does not return, and marks those as gone that it does not show,
unless a permission seems to be lost.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy.orm import Session

from models.store import census
from models.wording import format_all, format_count
from tasks.fetch import verify
from tasks.fetch.reading import read_issues, store_batch
from tasks.fetch.state import Fetch, Fetched, hidden_mark, log, mark_issues, moved_mark
from worker.errors import FatalError, UnansweredError
from worker.jira.reader import Batch
from worker.jira.site import confirm_login

HIDDEN: Final = "deleted or no longer visible"
MOVED: Final = "moved out of the JQL"
NOT_RETURNED: Final = "Jira lists it and does not return it"
# A lost permission must not empty a copy: when more than this and more than half are hidden, the fetch is refused.
MANY_HIDDEN: Final = 20
_NAMED: Final = 3
_LOOK: Final = 1_000  # absent issues that are looked at between two commits


@dataclass(frozen=True, slots=True)
class Presence:
    """How many present stored issues a project has, and what a fetch found out about them.

    ``hidden``: Jira shows them to this login no more. ``moved``: it shows them, and the JQL does not find them.
    """

    stored: int
    hidden: int
    moved: int

    @property
    def is_hidden(self) -> bool:
        """Return whether Jira shows none of its issues."""
        return self.hidden == self.stored

    @property
    def is_left(self) -> bool:
        """Return whether nothing of it would be left, and some of it is hidden."""
        return not self.is_hidden and self.hidden > 0 and self.hidden + self.moved == self.stored


def find_loss(projects: Mapping[str, Presence], *, is_same_jql: bool) -> str | None:
    """Return what would be lost, as a sentence; None if the absent issues may be marked as gone.

    - More than 20 and more than half of all are hidden.
    - Every stored issue of a project is hidden, however few it has.
    - Nothing would be left, and the JQL is the one by which the issues were stored. A JQL that was changed may leave
      all of them, and a project may leave an unchanged one: Jira shows its issues, so no permission was lost.
    - Nothing of a project would be left, some of it hidden, the others outside of the same JQL.
    """
    return next(_losses(projects, is_same_jql=is_same_jql), None)


def _losses(projects: Mapping[str, Presence], *, is_same_jql: bool) -> Iterator[str]:
    stored, hidden, moved = (
        sum(getattr(project, name) for project in projects.values()) for name in ("stored", "hidden", "moved")
    )
    closed = [key for key, project in sorted(projects.items()) if project.is_hidden]
    if stored and hidden == stored:
        yield f"{_all_stored(stored)} no longer visible"
    if hidden > MANY_HIDDEN and hidden * 2 > stored:
        yield f"{hidden} of {stored} stored issues are no longer visible"
    if closed:
        number = sum(projects[key].stored for key in closed)
        yield f"{_all_stored(number, f' of {_listed(closed)}')} no longer visible"
    if is_same_jql and stored and hidden + moved == stored:
        also = f", and {hidden} {'is' if hidden == 1 else 'are'} no longer visible" if hidden else ""
        what = "the only stored issue" if stored == 1 else f"{moved} of {stored} stored issues"
        yield f"the JQL no longer finds {what}{also}, so that none would be left"
    for key, project in sorted(projects.items()) if is_same_jql else ():
        if project.is_left:
            which = format_count(project.stored, "stored issue")
            parts = f"{project.hidden} not visible any more, {project.moved} outside of the JQL"
            yield f"of {which} of project {key} none would be left: {parts}"


def _all_stored(number: int, of: str = "") -> str:
    return f"{format_all(number, 'stored issue')}{of} {'is' if number == 1 else 'are'}"


def _listed(keys: list[str]) -> str:
    named = ", ".join(keys[:_NAMED])
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return f"{'project' if len(keys) == 1 else 'projects'} {named}{more}"


def check_absent(fetch: Fetch, until: float) -> None:
    """Look again, by id, at some issues that were not listed or not returned. Those that match were missed, and are
    read; one that Jira shows and does not return then is unreadable.

    Where Jira cannot answer, fewer are looked at. A single issue without an answer stays as it was stored: it may be
    there.
    """
    most = fetch.cursor.check_size or _LOOK
    absent = _absent(fetch, most)
    if not absent:
        fetch.commit(replace(fetch.cursor, stage="mark_gone", vanished=()))
        return
    try:
        visible = fetch.reader.visible(absent)
        missed = sorted(fetch.reader.matching(fetch.profile.jql, sorted(visible))) if visible else []
    except UnansweredError as error:
        _look_at_fewer(fetch, absent, error)
        return
    if fetch.cursor.unreturned and visible != set(absent):
        confirm_login(fetch.client)  # to the anonymous, what was listed with the login is hidden
    if read_issues(fetch, missed, until) is None:
        return
    _note_unreturned(fetch, missed)
    seen = _marks(fetch, absent, visible, missed)
    cursor = replace(fetch.cursor, check_size=min(2 * most, _LOOK), unreturned=_later(fetch, absent))
    fetch.commit(cursor, lambda session: mark_issues(session, fetch, seen))


def _absent(fetch: Fetch, most: int) -> list[str]:
    """Return the ids of at most ``most`` issues to look at: stored ones that were not listed, then those that Jira
    listed and did not return.
    """
    run_id = fetch.run.run_id
    with fetch.current.reads() as session:
        marks = (run_id, hidden_mark(run_id), moved_mark(run_id))
        unlisted = census.unmarked(session, fetch.run.profile, marks, most)
    return unlisted or list(fetch.cursor.unreturned[:most])


def _later(fetch: Fetch, looked_at: Sequence[str]) -> tuple[str, ...]:
    done = set(looked_at)
    return tuple(issue_id for issue_id in fetch.cursor.unreturned if issue_id not in done)


def _marks(fetch: Fetch, absent: Sequence[str], visible: set[str], missed: Sequence[str]) -> dict[str, list[str]]:
    """Return mark → the ids that it is put on.

    Where Jira sent a warning with its list, an issue that it shows is not sure to have left the JQL, and is kept.
    """
    run_id = fetch.run.run_id
    hidden, moved = sorted(set(absent) - visible), sorted(visible - set(missed))
    if fetch.cursor.is_warned:
        return {run_id: sorted(visible), hidden_mark(run_id): hidden}
    return {run_id: list(missed), hidden_mark(run_id): hidden, moved_mark(run_id): moved}


def _note_unreturned(fetch: Fetch, missed: Sequence[str]) -> None:
    """Store a finding about the issues that Jira lists and shows, but did not return when they were read."""
    unreturned = sorted((set(missed) & set(fetch.cursor.vanished)) - set(fetch.cursor.unreadable))
    if unreturned:
        log.warning("issues are listed and not returned", extra={"issue_ids": unreturned})
        store_batch(fetch, unreturned, Batch((), dict.fromkeys(unreturned, NOT_RETURNED)), failed=())


def _look_at_fewer(fetch: Fetch, absent: Sequence[str], error: UnansweredError) -> None:
    if len(absent) > 1:
        fetch.commit(replace(fetch.cursor, check_size=(len(absent) + 1) // 2))
        return
    log.warning("issue cannot be looked at", extra={"issue_id": absent[0], "why": str(error)})
    store_batch(fetch, absent, Batch((), {absent[0]: str(error)}), failed=())
    fetch.commit(replace(fetch.cursor, check_size=_LOOK, unreturned=_later(fetch, absent)))


def mark_gone(fetch: Fetch, _until: float) -> None:
    """Mark the issues that the second look confirmed. Refuse if that would empty the copy, except with ``--full``."""
    run_id, profile = fetch.run.run_id, fetch.run.profile
    with fetch.current.reads() as session:
        projects = _presence(census.count_marks(session, profile), run_id)
        lost = [
            difference
            for mark in (hidden_mark(run_id), moved_mark(run_id))
            for difference in verify.gone(session, profile, mark)
        ]
    if any(project.hidden or project.moved for project in projects.values()):
        _refuse_loss(fetch, projects)
    lost = lost if fetch.is_verify else []
    now = fetch.current.now()

    def rows(session: Session) -> Fetched:
        verify.save(session, profile, lost)
        hidden = census.mark_gone(session, profile, hidden_mark(run_id), HIDDEN, now)
        moved = census.mark_gone(session, profile, moved_mark(run_id), MOVED, now)
        return Fetched(gone=hidden + moved, differed=len(lost))

    if fetch.is_verify:
        verification = verify.noted(fetch.cursor.verification, len(lost), lost)
        fetch.commit(replace(fetch.cursor, stage="refresh_catalogue", verification=verification), rows)
    else:
        stage = "refresh_catalogue" if fetch.full else "verify_share" if fetch.is_scheduled else "audit_changelogs"
        fetch.commit(replace(fetch.cursor, stage=stage), rows)
    verify.log_differences(lost)


def _presence(counts: Mapping[tuple[str, str | None], int], run_id: str) -> dict[str, Presence]:
    """Return project key → the state of its stored issues."""
    marks = (hidden_mark(run_id), moved_mark(run_id))
    stored: Counter[str] = Counter()
    for (project, _), number in counts.items():
        stored[project] += number
    return {key: Presence(number, *(counts.get((key, mark), 0) for mark in marks)) for key, number in stored.items()}


def _refuse_loss(fetch: Fetch, projects: Mapping[str, Presence]) -> None:
    """Raise if the login is lost, or if a permission seems to be lost and ``--full`` was not given."""
    confirm_login(fetch.client)
    loss = find_loss(projects, is_same_jql=fetch.cursor.same_source)
    if loss is None or fetch.run.options.full:
        return
    raise FatalError(
        f"{loss}; the account may have lost a permission. Nothing was marked gone: check what the account may see in"
        f" Jira. If they are really gone: flowbeat refresh {fetch.run.profile} --full"
    )
