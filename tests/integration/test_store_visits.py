"""The statuses that issues were in, as the check and results commands read them, on both databases."""

from dataclasses import replace

import pytest
from store_rows import PROFILE, T0, after, issue, transition

from models.database import Sessions
from models.metrics.rules import Context
from models.metrics.waiting import Waiting
from models.records import Issue, Rules, Status, micros
from models.store import census, quality, visits
from models.store import issues as stored_issues
from models.store.waiting import load_waiting

SHIPPED = ("910", "Shipped")


@pytest.fixture
def retired(sessions: Sessions) -> Sessions:
    """Store three issues that were in a deleted status (one twice, one is gone), and one that was not."""
    _save(sessions, _shipped(1), _shipped(2, again=True), _shipped(3), issue(4))
    with sessions.begin() as session:
        findings = {str(number): {"unmapped_status": 1} for number in (1, 2, 3)}
        quality.save_findings(session, PROFILE, "facts", findings)
        census.mark(session, PROFILE, ["3"], "lost")
        census.mark_gone(session, PROFILE, "lost", "deleted", T0)
    return sessions


def _save(sessions: Sessions, *issues: Issue) -> None:
    with sessions.begin() as session:
        stored_issues.save(session, PROFILE, issues)


def _shipped(number: int, *, again: bool = False) -> Issue:
    moves = [transition(number), transition(10 + number, at=after(2), from_id="3", to_id="910", to_name="Shipped")]
    if again:
        moves.append(transition(20 + number, at=after(3), from_id="910", from_name="Shipped", to_id="910"))
    return replace(issue(number), transitions=tuple(moves))


def test_an_unmapped_status_is_counted_by_present_issues(retired: Sessions) -> None:
    """Each issue counts once, however often it was in the status; its other statuses are mapped."""
    with retired() as session:
        counts = visits.unmapped_statuses(session, PROFILE)
        other = visits.unmapped_statuses(session, "another")
    assert counts[SHIPPED] == 2
    assert counts["10000", "To Do"] == 2
    assert other == {}


def test_every_side_of_a_change_was_visited(retired: Sessions) -> None:
    """The status of an issue's creation counts too."""
    with retired() as session:
        visited = visits.visited_statuses(session, PROFILE)
    assert {SHIPPED, ("10000", "To Do"), ("3", "In Progress")} <= visited


def test_waiting_statuses_are_read_from_histories_only_if_the_list_has_none(retired: Sessions) -> None:
    """A status that only the history of a present issue has counts; without one, active statuses are named."""
    listed = (Status("10000", "To Do", "new"), Status("3", "In Progress", "indeterminate"))
    with retired() as session:
        by_list, by_history, nothing = (
            load_waiting(session, PROFILE, Context.of(Rules(workflow={"waiting": names}), listed), micros(after(9)))
            for names in (("In Progress",), ("Shipped",), ())
        )
    assert by_list == by_history == Waiting()
    assert nothing == Waiting(is_mapped=False, active_statuses=("In Progress", "Shipped"))


def test_the_history_of_a_gone_issue_has_no_waiting_status(sessions: Sessions) -> None:
    """The issue counts for no day, so it maps no status either."""
    _save(sessions, _shipped(1), issue(4))
    context = Context.of(Rules(workflow={"waiting": ("Shipped",)}), (Status("3", "In Progress", "indeterminate"),))
    with sessions.begin() as session:
        census.mark(session, PROFILE, ["1"], "lost")
        census.mark_gone(session, PROFILE, "lost", "deleted", T0)
        assert not load_waiting(session, PROFILE, context, micros(after(9))).is_mapped
