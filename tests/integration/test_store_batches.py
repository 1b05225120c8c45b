"""Batches of issues for a calculation equal the stored issues, and facts are written as they are read."""

from dataclasses import replace
from typing import Any

import pytest
from metric_teams import SOURCES, scene
from sqlalchemy import Engine, text
from store_rows import PROFILE, T0, after, facts_found, issue, transition

from models.database import Sessions
from models.metrics.issues import Batch
from models.records import INVALID, Issue, Transition, WorkItem, micros
from models.records.instants import Timeline
from models.store import batches, facts
from models.store import issues as stored_issues
from models.tables.facts import WorkItemRow


def _loaded(sessions: Sessions, *issues: Issue) -> Batch:
    with sessions.begin() as session:
        stored_issues.save(session, PROFILE, issues)
    with sessions() as session:
        return batches.load(session, PROFILE, [*(stored_issue.issue_id for stored_issue in issues), "404"], None)


def _content(batch: Batch) -> dict[str, object]:
    """Return issue id → its content in a batch, independent of the order of rows and the codes of statuses."""
    content_by_id: dict[str, object] = {}
    past = batch.histories
    for row, head in enumerate(batch.heads):
        changes = slice(past.offsets[row], past.offsets[row + 1])
        ends = [[past.refs[code] for code in codes[changes]] for codes in (past.left, past.entered)]
        named = [past.at[changes].tolist(), past.history_ids[changes].tolist(), past.positions[changes].tolist()]
        content_by_id[head.issue_id] = (head, int(past.created[row]), past.refs[past.current[row]], named, ends)
    return content_by_id


@pytest.mark.parametrize("source", SOURCES)
def test_a_batch_equals_the_stored_issues(sessions: Sessions, source: str) -> None:
    """It has every issue with its status changes in their order; an unknown id is left out."""
    team, _, _ = scene(source, 7)
    issues = [replace(original, transitions=_unique_changes(original)) for original in team.issues]
    assert _content(_loaded(sessions, *issues)) == _content(Batch.of(issues))


def _unique_changes(original: Issue) -> tuple[Transition, ...]:
    """Return the history of an issue as a database stores it: a history item has one row."""
    return tuple({(t.history_id, t.position): t for t in original.transitions}.values())


def test_changes_of_other_fields_are_left_out(sessions: Sessions) -> None:
    """A change of a fix version is not a change of status."""
    changed = issue(1, transitions=(transition(1), transition(2, field="fixVersions", to_id="4")))
    changed = replace(changed, hierarchy_level=1, subtask=False)
    plain = replace(changed, transitions=(transition(1),))
    assert _content(_loaded(sessions, changed)) == _content(Batch.of([plain]))


def test_without_issues_a_batch_is_empty(sessions: Sessions) -> None:
    """All requested issues may be gone by now."""
    assert _content(_loaded(sessions)) == {}


def test_instants_written_by_other_programs_are_read_too(sessions: Sessions, engine: Engine) -> None:
    """SQLite stores any text: without an offset it is UTC, and an offset is applied."""
    _loaded(sessions, issue(1, transitions=(transition(1), transition(2, at=after(2)))))
    with engine.begin() as connection:
        connection.execute(text("UPDATE issues SET created = '2026-03-02 13:00:00+01:00'"))
        connection.execute(text("UPDATE transitions SET at = '2026-03-03T12:00:00+00:00' WHERE history_id = '1'"))
    with sessions() as session:
        past = batches.load(session, PROFILE, ["1"], None).histories
    assert (past.created.tolist(), past.at.tolist()) == ([micros(T0)], [micros(after(1)), micros(after(2))])


def test_facts_are_written_as_any_other_row(sessions: Sessions, engine: Engine) -> None:
    """Instants and JSON of a work item are the values that its mapped class reads, and the text that it writes."""
    lines: Timeline = ((micros(after(0)), "todo"), (micros(after(1.000001)), "active"), (micros(after(2)), "done"))
    full = WorkItem(
        "1", "P-1", 'Ein "Typ"', "feature", excluded=False, timeline=lines, points=0.5, version_ids=("ä", "2")
    )
    odd = replace(full, issue_id="2", timeline=lines[:1], committed_at=INVALID, points=INVALID, version_ids=())
    with sessions.begin() as session:
        stored_issues.save(session, PROFILE, [issue(1), issue(2)])
        facts.save(session, PROFILE, "rules", {"1": "a", "2": "b"}, facts_found(full, odd))
    before = _written(engine)
    with sessions.begin() as session:
        first, second = session.query(WorkItemRow).order_by(WorkItemRow.issue_id)
        assert (first.started_at, first.done_at, first.active_seconds) == (after(1.000001), after(2), 86399.9136)
        assert [[at, stage] for at, stage in first.timeline] == [
            ["2026-03-02T12:00:00.000000Z", "todo"],
            ["2026-03-03T12:00:00.086400Z", "active"],
            ["2026-03-04T12:00:00.000000Z", "done"],
        ]
        assert (first.type, first.points, first.version_ids, first.invalid, first.delivered) == (
            'Ein "Typ"',
            0.5,
            ["ä", "2"],
            [],
            True,
        )
        assert (second.started_at, second.done_at, second.committed_at, second.points) == (None, None, None, None)
        assert (second.version_ids, second.invalid, second.delivered) == ([], ["committed_at", "points"], False)
        for row in (first, second):  # written again by SQLAlchemy
            for name in ("started_at", "done_at", "timeline", "version_ids", "invalid"):
                value = getattr(row, name)
                setattr(row, name, None if name.endswith("_at") else [])
                session.flush()
                setattr(row, name, value)
    assert _written(engine) == before


def _written(engine: Engine) -> list[Any]:
    """Return the rows as the text that the database has."""
    columns = ("started_at", "done_at", "timeline", "version_ids", "invalid")
    casts = ", ".join(f"CAST({name} AS TEXT)" for name in columns)
    with engine.connect() as connection:
        return list(connection.execute(text(f"SELECT {casts} FROM work_items ORDER BY issue_id")))  # noqa: S608 - ours
