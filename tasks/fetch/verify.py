"""The comparison of issues that are read with the stored copy: where it differs though nothing should have changed.

Whatever issue a fetch reads whole, it compares with the stored rows themselves, because a hash that was stored beside
them does not change with them.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from models.records import Issue, Verification, iso, transition_key
from models.store import census, quality
from models.store import issues as stored_issues
from tasks.fetch.state import Fetch

log = logging.getLogger(__name__)

CONTENT_HASH: Final = "content_hash"
DAMAGED: Final = "rows"  # no part of them can be named, because they cannot be read
NOTHING: Final = ()
NOT_STORED: Final = "not_stored"
GONE: Final = "gone_from_jira"
HISTORY: Final = "history"
NAMED: Final = 50  # maximum number of differences named in the run's cursor; data_quality has them all
_NOT_COLUMNS: Final = ("issue_id", "fields", "transitions", "findings")
_COLUMNS: Final = tuple(field.name for field in dataclass_fields(Issue) if field.name not in _NOT_COLUMNS)


@dataclass(frozen=True, slots=True)
class Difference:
    """An issue whose copy was not equal to Jira's; ``what`` names columns, fields by id, or ``history``."""

    issue_id: str
    key: str
    what: tuple[str, ...]

    @property
    def reasons(self) -> dict[str, int]:
        """Return the differences as data quality counts them."""
        whole = (NOT_STORED, GONE)
        return {part if part in whole else f"differed_{part}": 1 for part in self.what}


@dataclass(frozen=True, slots=True)
class Explained:
    """From when on a change explains that a copy is not equal to Jira's issue.

    ``since`` (ISO 8601): another ``updated`` from then on is a change that the fetch which stored the copy could not
    see; an older one it should have found. ``began``: a change in a history since then happened during this fetch,
    perhaps after the issue itself was read. Another key is a change too, because every fetch compares keys.
    """

    since: str
    began: datetime

    def by_a_change(self, issue: Issue, stored: census.Standing) -> bool:
        """Return whether a change in Jira explains the difference."""
        if issue.key != stored.key or (issue.updated != stored.updated and iso(issue.updated) >= self.since):
            return True
        return any(change.at >= self.began for change in issue.transitions)


def differing(fetch: Fetch, issues: Sequence[Issue]) -> tuple[frozenset[str], list[Difference]]:
    """Return (ids of the issues whose stored rows are to be written again, those that differ without an explanation).

    Every issue that is read is compared. A fetch of all issues explains any difference: of another JQL, of fields that
    are new, or because it was asked to begin again.
    """
    profile, watermark = fetch.run.profile, fetch.cursor.watermark or ""
    with fetch.current.reads() as session:
        unequal, plain = compare(session, profile, issues, _explained(fetch))
        lost = missing(session, profile, issues, watermark) if fetch.is_verify else []
    return unequal, [] if fetch.cursor.kind == "full" else [*plain, *lost]


def _explained(fetch: Fetch) -> Explained:
    """Return what explains a difference here: a list of changes may show one that the last fetch could not see yet."""
    since = fetch.cursor.watermark or ""
    if since and not fetch.proves:
        since = iso(datetime.fromisoformat(since) - timedelta(minutes=fetch.connection.overlap_minutes))
    return Explained(since, fetch.started_at)


def compare(
    session: Session, profile: str, issues: Sequence[Issue], explained: Explained
) -> tuple[frozenset[str], list[Difference]]:
    """Return (ids of the issues that are not equal to their stored rows, those of them that no change explains).

    Compared are every column, every field and the whole history. A change that could not be read before is explained:
    its finding says so.
    """
    stored = census.standing(session, profile, [issue.issue_id for issue in issues])
    known = [issue for issue in issues if issue.issue_id in stored]
    if not known:
        return frozenset(), []
    copies = _copies(session, profile, [issue.issue_id for issue in known])
    hashes = {issue.issue_id: issue.content_hash() for issue in known}
    odd = [
        issue
        for issue in known
        if stored[issue.issue_id].content_hash != hashes[issue.issue_id]
        or not _is_equal(copies[issue.issue_id], issue, hashes[issue.issue_id])
    ]
    unread = quality.unread_issues(session, profile, [issue.issue_id for issue in odd]) if odd else set[str]()
    others = [issue for issue in odd if issue.issue_id not in unread]
    plain = [issue for issue in others if not explained.by_a_change(issue, stored[issue.issue_id])]
    return frozenset(issue.issue_id for issue in odd), [
        Difference(issue.issue_id, stored[issue.issue_id].key, _what(copies[issue.issue_id], issue)) for issue in plain
    ]


def missing(session: Session, profile: str, issues: Sequence[Issue], watermark: str) -> list[Difference]:
    """Return the issues that are not stored, though they are older than the watermark (ISO 8601)."""
    stored = census.standing(session, profile, [issue.issue_id for issue in issues])
    lost = [issue for issue in issues if issue.issue_id not in stored and iso(issue.updated) < watermark]
    return [Difference(issue.issue_id, issue.key, (NOT_STORED,)) for issue in lost]


def _copies(session: Session, profile: str, ids: Sequence[str]) -> dict[str, Issue | None]:
    """Return issue id → the stored issue; None where its rows are so damaged that they cannot be read."""
    try:
        loaded = stored_issues.load(session, profile, ids)
    except (TypeError, ValueError) as error:
        if len(ids) == 1:
            log.warning("stored rows of an issue cannot be read", extra={"issue_id": ids[0], "why": str(error)})
            return {ids[0]: None}
        half = len(ids) // 2
        return _copies(session, profile, ids[:half]) | _copies(session, profile, ids[half:])
    return dict.fromkeys(ids) | {issue.issue_id: issue for issue in loaded}


def _is_equal(copy: Issue | None, fresh: Issue, fresh_hash: str) -> bool:
    """Return whether the stored rows say what Jira says; equal values are found without a hash."""
    if copy is None:
        return False
    return not _what(copy, fresh, NOTHING) or copy.content_hash() == fresh_hash


def gone(session: Session, profile: str, mark: str) -> list[Difference]:
    """Return the stored issues with the mark of those that Jira no longer has."""
    return [Difference(key, name, (GONE,)) for key, name in census.marked(session, profile, mark).items()]


def noted(before: Verification | None, verified: int, differences: Sequence[Difference]) -> Verification | None:
    """Return what the run's cursor says behind a page: issues verified, how many differed, and the first of these by
    name; None while there is nothing to say.
    """
    if before is None and not verified and not differences:
        return None
    before = before or Verification()
    named = (*before.differences, *((difference.key, difference.what) for difference in differences))
    return Verification(before.verified + verified, before.differ + len(differences), named[:NAMED])


def save(session: Session, profile: str, differences: Sequence[Difference], compared: Sequence[str] = ()) -> None:
    """Store the differences as data quality; of the issues in ``compared`` earlier ones end."""
    reasons = dict[str, Mapping[str, int]]({key: {} for key in compared})
    reasons |= {difference.issue_id: difference.reasons for difference in differences}
    if reasons:
        quality.save_findings(session, profile, quality.VERIFY, reasons, kept=quality.RECOMPUTED)


def log_differences(differences: Sequence[Difference]) -> None:
    """Log a line for each difference."""
    for difference in differences:
        log.warning(
            "copy differed from Jira",
            extra={"key": difference.key, "issue_id": difference.issue_id, "what": difference.what},
        )


def _what(copy: Issue | None, fresh: Issue, otherwise: tuple[str, ...] = (CONTENT_HASH,)) -> tuple[str, ...]:
    """Return what differs by its name; ``otherwise`` if every value is equal."""
    if copy is None:
        return (DAMAGED,)
    columns = [name for name in _COLUMNS if getattr(copy, name) != getattr(fresh, name)]
    names = sorted({*copy.fields, *fresh.fields})
    fields = [name for name in names if copy.fields.get(name) != fresh.fields.get(name)]
    stored, now = (sorted(issue.transitions, key=transition_key) for issue in (copy, fresh))
    return (*columns, *fields, *([HISTORY] if stored != now else [])) or otherwise
