"""Issues loaded by the thousand for a calculation are what was stored, and facts are written as they are read."""

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
from models.tables import WorkItemRow


def _loaded(sessions: Sessions, *issues: Issue) -> Batch:
    with sessions.begin() as session:
        stored_issues.save(session, PROFILE, issues)
    with sessions() as session:
        return batches.load(session, PROFILE, [*(one.issue_id for one in issues), "404"], None)


def _told(batch: Batch) -> dict[str, object]:
    """Return what a batch says of each issue, whatever the order of its rows and the codes of its statuses."""
    found: dict[str, object] = {}
    past = batch.histories
    for row, head in enumerate(batch.heads):
        changes = slice(past.offsets[row], past.offsets[row + 1])
        ends = [[past.refs[code] for code in codes[changes]] for codes in (past.left, past.entered)]
        named = [past.at[changes].tolist(), past.history_ids[changes].tolist(), past.positions[changes].tolist()]
        found[head.issue_id] = (head, int(past.created[row]), past.refs[past.current[row]], named, ends)
    return found


@pytest.mark.parametrize("source", SOURCES)
def test_a_batch_is_what_was_stored(sessions: Sessions, source: str) -> None:
    """Every issue with its status changes in their order; an unknown id is left out."""
    team, _, _ = scene(source, 7)
    issues = [replace(one, transitions=_each_once(one)) for one in team.issues]
    assert _told(_loaded(sessions, *issues)) == _told(Batch.of(issues))


def _each_once(some: Issue) -> tuple[Transition, ...]:
    """Return its history as a database keeps it: a history item has one row."""
    return tuple({(t.history_id, t.position): t for t in some.transitions}.values())


def test_changes_of_other_fields_are_left_out(sessions: Sessions) -> None:
    """A fix version that is set moves nothing."""
    some = issue(1, transitions=(transition(1), transition(2, field="fixVersions", to_id="4")))
    some = replace(some, hierarchy_level=1, subtask=False)
    plain = replace(some, transitions=(transition(1),))
    assert _told(_loaded(sessions, some)) == _told(Batch.of([plain]))


def test_no_issue_is_an_empty_batch(sessions: Sessions) -> None:
    """All of them may have gone since they were asked for."""
    assert _told(_loaded(sessions)) == {}


def test_instants_that_others_wrote_are_read_too(sessions: Sessions, engine: Engine) -> None:
    """SQLite keeps whatever text it is given: without an offset it is UTC, with one it means what it says."""
    _loaded(sessions, issue(1, transitions=(transition(1), transition(2, at=after(2)))))
    with engine.begin() as connection:
        connection.execute(text("UPDATE issues SET created = '2026-03-02 13:00:00+01:00'"))
        connection.execute(text("UPDATE transitions SET at = '2026-03-03T12:00:00+00:00' WHERE history_id = '1'"))
    with sessions() as session:
        past = batches.load(session, PROFILE, ["1"], None).histories
    assert (past.created.tolist(), past.at.tolist()) == ([micros(T0)], [micros(after(1)), micros(after(2))])


def test_facts_are_written_as_any_other_row(sessions: Sessions, engine: Engine) -> None:
    """Instants and JSON of a work item are the values that its mapped class reads, and the text that it would write."""
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
        one, two = session.query(WorkItemRow).order_by(WorkItemRow.issue_id)
        assert (one.started_at, one.done_at, one.active_seconds) == (after(1.000001), after(2), 86399.9136)
        assert [[at, stage] for at, stage in one.timeline] == [
            ["2026-03-02T12:00:00.000000Z", "todo"],
            ["2026-03-03T12:00:00.086400Z", "active"],
            ["2026-03-04T12:00:00.000000Z", "done"],
        ]
        assert (one.type, one.points, one.version_ids, one.invalid, one.delivered) == (
            'Ein "Typ"',
            0.5,
            ["ä", "2"],
            [],
            True,
        )
        assert (two.started_at, two.done_at, two.committed_at, two.points) == (None, None, None, None)
        assert (two.version_ids, two.invalid, two.delivered) == ([], ["committed_at", "points"], False)
        for row in (one, two):  # written once more, by SQLAlchemy
            for name in ("started_at", "done_at", "timeline", "version_ids", "invalid"):
                value = getattr(row, name)
                setattr(row, name, None if name.endswith("_at") else [])
                session.flush()
                setattr(row, name, value)
    assert _written(engine) == before


def _written(engine: Engine) -> list[Any]:
    """Return the rows as the database has them, in text."""
    columns = ("started_at", "done_at", "timeline", "version_ids", "invalid")
    told = ", ".join(f"CAST({name} AS TEXT)" for name in columns)
    with engine.connect() as connection:
        return list(connection.execute(text(f"SELECT {told} FROM work_items ORDER BY issue_id")))  # noqa: S608 - ours
