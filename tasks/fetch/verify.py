"""The findings of ``refresh --verify``: where the stored copy differs from Jira though nothing should have changed.

Every issue is read again beside its copy (``tasks.fetch``) and compared by content hash before it replaces it.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from models.records import Issue, Verification, iso
from models.store import census, quality
from models.store import issues as stored_issues

log = logging.getLogger(__name__)

ORIGIN: Final = "verify"
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


def differences(session: Session, profile: str, issues: Sequence[Issue], watermark: str) -> list[Difference]:
    """Return the issues, as Jira has them now, whose copy differs though no change explains it.

    A change explains it where ``updated`` differs and is not before the watermark (ISO 8601); before it, the fetch that
    set it should have found it, as it should have an issue that is not stored, or gone. Another key is a change too:
    every fetch compares keys.
    """
    stored = census.standing(session, profile, [issue.issue_id for issue in issues])
    known = [issue for issue in issues if issue.issue_id in stored]
    plain = (issue for issue in known if not _explained(issue, stored[issue.issue_id], watermark))
    same = {issue.issue_id: issue for issue in plain}
    hashes = {issue_id: issue.content_hash() for issue_id, issue in same.items()}
    odd = [key for key in same if stored[key].content_hash != hashes[key]]
    copies = stored_issues.load(session, profile, odd)
    missing = [issue for issue in issues if issue.issue_id not in stored and iso(issue.updated) < watermark]
    return [
        *(Difference(copy.issue_id, copy.key, _what(copy, same[copy.issue_id])) for copy in copies),
        *(Difference(issue.issue_id, issue.key, (NOT_STORED,)) for issue in missing),
    ]


def _explained(issue: Issue, stored: census.Standing, watermark: str) -> bool:
    return issue.key != stored.key or (issue.updated != stored.updated and iso(issue.updated) >= watermark)


def gone(session: Session, profile: str, mark: str) -> list[Difference]:
    """Return the stored issues with the mark of those that Jira no longer has."""
    return [Difference(key, name, (GONE,)) for key, name in census.marked(session, profile, mark).items()]


def noted(before: Verification | None, verified: int, differences: Sequence[Difference]) -> Verification:
    """Return what the run's cursor says behind a page: issues verified, how many differed, and the first of these by
    name.
    """
    before = before or Verification()
    named = (*before.differences, *((difference.key, difference.what) for difference in differences))
    return Verification(before.verified + verified, before.differ + len(differences), named[:NAMED])


def save(session: Session, profile: str, differences: Sequence[Difference]) -> None:
    """Store the differences as data quality, until the next verification."""
    quality.save_findings(
        session, profile, ORIGIN, {difference.issue_id: difference.reasons for difference in differences}
    )


def log_differences(differences: Sequence[Difference]) -> None:
    """Log a line for each difference."""
    for difference in differences:
        log.warning(
            "copy differed from Jira",
            extra={"key": difference.key, "issue_id": difference.issue_id, "what": difference.what},
        )


def _what(copy: Issue, fresh: Issue) -> tuple[str, ...]:
    columns = [name for name in _COLUMNS if _plain(getattr(copy, name)) != _plain(getattr(fresh, name))]
    names = sorted({*copy.fields, *fresh.fields})
    fields = [name for name in names if copy.fields.get(name) != fresh.fields.get(name)]
    history = [HISTORY] if sorted(copy.transitions) != sorted(fresh.transitions) else []
    return (*columns, *fields, *history) or ("content_hash",)


def _plain(value: object) -> object:
    return iso(value) if isinstance(value, datetime) else value
