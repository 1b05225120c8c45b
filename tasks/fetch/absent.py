"""Looks again at issues that Jira no longer lists, and marks them as gone unless a permission seems to be lost."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy.orm import Session

from models.store import census
from models.wording import format_all
from tasks.fetch import verify
from tasks.fetch.reading import read_issues, store_batch
from tasks.fetch.state import Fetch, Fetched, hidden_mark, log, mark_issues, moved_mark
from worker.errors import FatalError, UnansweredError
from worker.jira.reader import Batch
from worker.jira.site import confirm_login

HIDDEN: Final = "deleted or no longer visible"
MOVED: Final = "moved out of the JQL"
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


def find_loss(projects: Mapping[str, Presence], *, is_same_jql: bool) -> str | None:
    """Return what would be lost, as a sentence; None if the absent issues may be marked as gone.

    - More than 20 and more than half of all are hidden.
    - Every stored issue of a project is hidden, however few it has.
    - Nothing would be left, and the JQL is the one by which the issues were stored. A JQL that was changed may leave
      all of them, and a project may leave an unchanged one: Jira shows its issues, so no permission was lost.
    """
    return next(_losses(projects, is_same_jql=is_same_jql), None)


def _losses(projects: Mapping[str, Presence], *, is_same_jql: bool) -> Iterator[str]:
    stored, hidden, moved = (
        sum(getattr(project, name) for project in projects.values()) for name in ("stored", "hidden", "moved")
    )
    closed = [key for key, project in sorted(projects.items()) if project.hidden == project.stored]
    if stored and hidden == stored:
        yield f"{_all_stored(stored)} no longer visible"
    if hidden > MANY_HIDDEN and hidden * 2 > stored:
        yield f"{hidden} of {stored} stored issues are no longer visible"
    if closed:
        number = sum(projects[key].stored for key in closed)
        yield f"{_all_stored(number, f' of {_listed(closed)}')} no longer visible"
    if is_same_jql and stored and hidden + moved == stored:
        also = f", and {hidden} {'is' if hidden == 1 else 'are'} no longer visible" if hidden else ""
        which = "the only stored issue" if stored == 1 else f"{moved} of {stored} stored issues"
        yield f"the JQL no longer finds {which}{also}, so that none would be left"


def _all_stored(number: int, of: str = "") -> str:
    return f"{format_all(number, 'stored issue')}{of} {'is' if number == 1 else 'are'}"


def _listed(keys: list[str]) -> str:
    named = ", ".join(keys[:_NAMED])
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return f"{'project' if len(keys) == 1 else 'projects'} {named}{more}"


def check_absent(fetch: Fetch, until: float) -> None:
    """Look again, by id, at some issues that were not listed. Those that match were missed by the list, and are read.

    Where Jira cannot answer, fewer are looked at. A single issue without an answer stays as it was stored: it may be
    there.
    """
    run_id, most = fetch.run.run_id, fetch.cursor.check_size or _LOOK
    with fetch.current.reads() as session:
        marks = (run_id, hidden_mark(run_id), moved_mark(run_id))
        unlisted = census.unmarked(session, fetch.run.profile, marks, most)
    if not unlisted:
        fetch.commit(replace(fetch.cursor, stage="mark_gone"))
        return
    try:
        visible = fetch.reader.visible(unlisted)
        missed = fetch.reader.matching(fetch.profile.jql, sorted(visible)) if visible else set()
    except UnansweredError as error:
        _look_at_fewer(fetch, unlisted, error)
        return
    if read_issues(fetch, sorted(missed), until) is None:
        return
    seen = {
        run_id: sorted(missed),
        hidden_mark(run_id): sorted(set(unlisted) - visible),
        moved_mark(run_id): sorted(visible - missed),
    }
    cursor = replace(fetch.cursor, check_size=min(2 * most, _LOOK))
    fetch.commit(cursor, lambda session: mark_issues(session, fetch, seen))


def _look_at_fewer(fetch: Fetch, unlisted: Sequence[str], error: UnansweredError) -> None:
    if len(unlisted) > 1:
        fetch.commit(replace(fetch.cursor, check_size=(len(unlisted) + 1) // 2))
        return
    log.warning("issue cannot be looked at", extra={"issue_id": unlisted[0], "why": str(error)})
    store_batch(fetch, unlisted, Batch((), {unlisted[0]: str(error)}), failed=())
    fetch.commit(replace(fetch.cursor, check_size=_LOOK))


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
