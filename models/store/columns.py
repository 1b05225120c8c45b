"""Work items as columns in the database: chunks written with the facts, merged now and then, read whole.

Each chunk carries the rules and the format it was written by. Chunks of another format are rebuilt by the next
calculation, and read by nothing before that.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Final
from zipfile import BadZipFile

import numpy as np
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from models.database_faults import DamagedFactsError, OutdatedFactsError
from models.metrics.columns import Chunk, Items, columns_of, merged, unpacked
from models.records import CATEGORIES, STAGES, digest
from models.store.shared import change, insert_rows
from models.tables.facts import WorkItemColumnsRow
from models.tables.issues import IssueRow

_ISSUES: Final = IssueRow.__table__.c
_COLUMNS: Final = WorkItemColumnsRow.__table__.c

_UNREADABLE: Final = (BadZipFile, EOFError, KeyError, OSError, ValueError)
# Chunks of fewer issues are merged with later ones; larger ones are kept until they are mostly outdated.
LARGEST: Final = 32_768
# Raise it where a column changes its meaning under its old name, or where facts are worked out differently from the
# same issue and rules. Names of columns, and what codes mean, need no number.
FACTS_VERSION: Final = 4
FORMAT: Final = digest([FACTS_VERSION, [field.name for field in fields(Items)], list(STAGES), list(CATEGORIES)])


def load_columns(session: Session, profile: str) -> Chunk:
    """Return the work items of a profile, and its issues that deploy or are incidents.

    Raises OutdatedFactsError where they are of another format.
    """
    if any(form != FORMAT for _, form in _made_by(session, profile)):
        raise OutdatedFactsError(profile)
    return _merged(session, profile, _chunks(session, profile))


def load_newest(session: Session, profile: str) -> Chunk:
    """Return the two chunks that were appended last, as one, with what they swallowed."""
    return merged(_read(session, profile, _chunks(session, profile)[-2:]))


def append_columns(session: Session, profile: str, chunk: Chunk, rules: str) -> None:
    """Store what became of some issues, by the named rules."""
    if len(chunk.issue_ids):
        _append(session, profile, chunk, rules)


def forget_items(session: Session, profile: str, ids: Sequence[str]) -> None:
    """Delete the work items of these issues."""
    for rules, form in _made_by(session, profile):
        if form == FORMAT:  # the others are rebuilt without these issues
            try:
                append_columns(session, profile, Chunk(np.array(ids, np.int64), columns_of(())), rules)
            except DamagedFactsError:
                discard(session, profile)


def invalidate_facts_of_other_rules(session: Session, profile: str, rules: str) -> None:
    """Make every fact stale that other rules or formats made, and all facts if they have no columns."""
    if _made_by(session, profile) != {(rules, FORMAT)}:
        discard(session, profile)


def discard(session: Session, profile: str) -> None:
    """Delete a profile's columns and make all of its facts stale, so that the next calculation makes them again."""
    change(session, delete(WorkItemColumnsRow).where(_COLUMNS.profile == profile))
    made = (_ISSUES.profile == profile, _ISSUES.facts_hash.is_not(None))
    change(session, update(IssueRow).where(*made).values(facts_hash=None))


def are_facts_of(session: Session, profile: str, rules: str) -> bool:
    """Return whether all stored facts are of these rules and of this program's format; also where there are none."""
    return _made_by(session, profile) <= {(rules, FORMAT)}


def count_stale(session: Session, profile: str, rules: str) -> int:
    """Return how many present issues have no facts by these rules."""
    query = select(func.count()).where(_ISSUES.profile == profile, _ISSUES.gone_at.is_(None))
    if _made_by(session, profile) == {(rules, FORMAT)}:
        query = query.where(_ISSUES.facts_hash.is_(None))
    return session.scalar(query) or 0


def compact_items(session: Session, profile: str, issues: int) -> None:
    """Drop what is outdated when that is most of what is stored; ``issues`` is how many there are."""
    chunks = _chunks(session, profile)
    if sum(size for _, size in chunks) <= 2 * issues + LARGEST:
        return
    ((rules, _),) = _made_by(session, profile)
    whole = _merged(session, profile, chunks)
    change(session, delete(WorkItemColumnsRow).where(_COLUMNS.profile == profile))
    for number, piece in enumerate(whole.pieces(LARGEST)):  # also of no issue: the chunk says by which rules
        _insert(session, profile, number, piece, rules)


def _append(session: Session, profile: str, chunk: Chunk, rules: str) -> None:
    """As one more chunk, which swallows those before it that are not larger: each issue is rewritten a few times."""
    chunks = _chunks(session, profile)
    number = chunks[-1][0] + 1 if chunks else 0
    size, swallowed = len(chunk.issue_ids), []
    while chunks and chunks[-1][1] <= 2 * size and chunks[-1][1] + size <= LARGEST:
        swallowed.append(chunks.pop())
        size += swallowed[-1][1]
    whole = merged([*_read(session, profile, swallowed[::-1]), chunk])
    if not chunks:
        whole = Chunk.of(whole.items, whole.others)  # nothing older is left that would have to be contradicted
    numbers = [item for item, _ in swallowed]
    of_profile = (_COLUMNS.profile == profile, _COLUMNS.chunk.in_(numbers))
    change(session, delete(WorkItemColumnsRow).where(*of_profile))
    _insert(session, profile, number, whole, rules)


def _made_by(session: Session, profile: str) -> set[tuple[str, str]]:
    """Return the rules and formats that made a profile's columns: one pair, or none where there are none."""
    table = _COLUMNS
    rows = session.execute(select(table.rules_hash, table.format).where(table.profile == profile).distinct())
    return {(rules, form) for rules, form in rows}


def _chunks(session: Session, profile: str) -> list[tuple[int, int]]:
    """Return (chunk, number of its issues), oldest first."""
    table = _COLUMNS
    query = select(table.chunk, table.issues).where(table.profile == profile).order_by(table.chunk)
    return [(number, issues) for number, issues in session.execute(query)]


def _read(session: Session, profile: str, chunks: Sequence[tuple[int, int]]) -> list[Chunk]:
    table, collected = _COLUMNS, []
    for number, _ in chunks:
        archive = session.scalar(select(table.archive).where(table.profile == profile, table.chunk == number))
        try:
            collected.append(unpacked(archive or b""))
        except _UNREADABLE as error:
            raise DamagedFactsError(profile) from error
    return collected


def _merged(session: Session, profile: str, chunks: Sequence[tuple[int, int]]) -> Chunk:
    return merged(_read(session, profile, chunks))


def _insert(session: Session, profile: str, number: int, chunk: Chunk, rules: str) -> None:
    row = {"profile": profile, "chunk": number, "rules_hash": rules, "format": FORMAT}
    content = {"issues": len(chunk.issue_ids), "archive": chunk.packed()}
    insert_rows(session, WorkItemColumnsRow, [{**row, **content}])
