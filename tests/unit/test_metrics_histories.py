"""The timeline of stages from a history, what set its instants, and what is odd in it."""

from dataclasses import replace

import pytest
from metric_rows import REVIEW_WAITS, STATUSES, at, issue, time, transition
from one_issue import line_of, read_one

from models.metrics.issues import Batch
from models.metrics.rules import Context
from models.records import DeploymentRules, Issue, Rules, Timeline, Transition

CONTEXT = Context.of(Rules(workflow=REVIEW_WAITS), STATUSES)


def line(story: Issue) -> Timeline:
    """Return the timeline of an issue."""
    return line_of(story, CONTEXT.stages)


def reasons(story: Issue) -> list[tuple[str, str]]:
    """Return the findings of an issue's history."""
    return read_one(story, CONTEXT).findings


def entered(story: Issue) -> list[str | None]:
    """Return the ids of the statuses that an issue's changes lead to, in their order."""
    past = Batch.of([story]).histories
    return [past.refs[code].status_id for code in past.entered]


def test_a_timeline_begins_at_creation_and_keeps_changes_of_stage_only() -> None:
    """Doing → Review is a change of stage where Review waits; Done → Closed is none."""
    story = issue(1, "10-01 → 1", "10-02 → 2", "10-03 → 3", "10-04 → 4", "10-20 → 5")
    assert line(story) == (
        (at("10-01"), "todo"),
        (at("10-02"), "active"),
        (at("10-03"), "waiting"),
        (at("10-04"), "done"),
    )


def test_without_a_change_the_current_status_counts_from_creation() -> None:
    """An issue that was never moved is in the status of its creation."""
    assert line(issue(1, "10-01 → 2")) == ((at("10-01"), "active"),)


def test_an_imported_issue_was_born_with_its_first_change() -> None:
    """An import sets ``created`` later than the history: Open → Doing → Review are before it, Done after."""
    story = issue(1, "10-05 → 1", "10-02 → 2", "10-03 → 3", "10-06 → 4")
    assert line(story) == (
        (at("10-02"), "todo"),
        (at("10-02"), "active"),
        (at("10-03"), "waiting"),
        (at("10-06"), "done"),
    )


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        # closed on the 20th without a recorded history
        (issue(1, "10-01 → 4", resolved="10-20"), [("10-01", "todo"), ("10-20", "done")]),
        (issue(1, "10-01 → 4"), [("10-01", "done")]),  # no date
        (issue(1, "10-01 → 4", resolved="10-01"), [("10-01", "done")]),  # not after its creation
        (issue(1, "10-05 → 4", "10-09 → 5", resolved="10-07"), [("10-05", "todo"), ("10-07", "done")]),
        # the history begins at that instant
        (
            issue(1, "10-05 → 4", "10-07 → 2", resolved="10-07"),
            [("10-05", "todo"), ("10-07", "done"), ("10-07", "active")],
        ),
        (issue(1, "10-05 → 4", "10-07 → 2", resolved="10-08"), [("10-05", "done"), ("10-07", "active")]),  # after it
        (issue(1, "10-01 → 2", "10-07 → 4", resolved="10-05"), [("10-01", "active"), ("10-07", "done")]),  # not in done
        (issue(1, "10-05 → 4", "10-02 → 5", resolved="10-03"), [("10-02", "done")]),  # born with its first change
    ],
)
def test_done_without_a_history_is_done_at_the_resolution_date(story: Issue, expected: list[tuple[str, str]]) -> None:
    """In todo until then. A first change before that date goes before the date."""
    assert [(when, stage) for when, stage in line(story)] == [(at(when), stage) for when, stage in expected]


def test_what_was_never_recorded_is_no_entry_into_a_status() -> None:
    """Closed on the 20th without a history: neither the creation nor the resolution date is a deployment."""
    context = Context.of(Rules(deployments=DeploymentRules("status", statuses=("Done",))), STATUSES)
    assert read_one(issue(1, "10-01 → 4", resolved="10-20"), context).deployments == ()
    again = issue(1, "10-01 → 4", "10-21 → 2", "10-22 → 4", resolved="10-20")
    assert [deployment.at for deployment in read_one(again, context).deployments] == [at("10-22")]


def test_histories_of_one_instant_are_ordered_by_integer_id_then_position() -> None:
    """Id 9 comes before id 10, though "10" sorts before "9" as text."""
    moves = [(10, 0, "2", "4"), (9, 1, "3", "2"), (9, 0, "1", "3")]
    history = tuple(
        Transition(time("10-02"), entry, position, "status", str(entry), before, None, after, None)
        for entry, position, before, after in moves
    )
    story = Issue("1", "P-1", "P", "Story", "4", time("10-01"), time("10-02"), None, None, None, {}, history)
    assert entered(story) == ["3", "2", "4"]
    assert reasons(story) == []


def test_a_history_told_twice_counts_once() -> None:
    """Jira repeats the last entry of a page on the next page."""
    story = issue(1, "10-01 → 1", "10-02 → 2", "10-03 → 4")
    twice = replace(story, transitions=story.transitions * 2)
    assert entered(twice) == ["2", "4"]


def test_changes_of_other_fields_are_no_changes_of_status() -> None:
    """Setting a fix version does not move the issue."""
    other = Transition(time("10-02"), 1, 0, "fixVersions", "1", None, None, "4", "1.0")
    story = Issue("1", "P-1", "P", "Story", "1", time("10-01"), time("10-02"), None, None, None, {}, (other,))
    assert line(story) == ((at("10-01"), "todo"),)


def test_a_broken_chain_is_reported_and_the_earlier_change_stands() -> None:
    """Open → Doing, then Review → Done: between the two changes the issue was in Doing."""
    history = (transition(time("10-02"), 1, "1", "2"), transition(time("10-04"), 2, "3", "4"))
    story = Issue("1", "P-1", "P", "Story", "4", time("10-01"), time("10-04"), None, None, None, {}, history)
    assert line(story) == ((at("10-01"), "todo"), (at("10-02"), "active"), (at("10-04"), "done"))
    assert reasons(story) == [("broken_chain", "after history 1")]


def test_a_history_that_does_not_lead_to_the_current_status_decides_and_is_reported() -> None:
    """The issue is in Open, but its last change is to Done: it counts as done."""
    story = issue(1, "10-01 → 1", "10-02 → 4", status_id="1")
    assert line(story)[-1] == (at("10-02"), "done")
    assert reasons(story) == [("broken_chain", "after history 100")]


@pytest.mark.parametrize(
    ("left", "entered", "ended", "current", "broken"),
    [
        ("Doing", "Doing", "Done", "4", []),
        ("Doing", "Review", "Done", "4", ["after history 1"]),
        ("Doing", "Doing", "Done", "2", ["after history 2"]),  # the current status is named Doing
        ("Doing", "Doing", "Done", "77", ["after history 2"]),  # … or has no name at the site
        (None, None, None, "77", ["after history 2"]),
    ],
)
def test_a_chain_without_ids_is_followed_by_its_names(
    left: str | None, entered: str | None, ended: str | None, current: str, broken: list[str]
) -> None:
    """Open → ``left``, then ``entered`` → ``ended``. Old servers send no ids."""
    first = Transition(time("10-02"), 1, 0, "status", "1", None, "Open", None, left)
    second = Transition(time("10-04"), 2, 0, "status", "2", None, entered, None, ended)
    story = replace(issue(1, "10-01 → 1"), status_id=current, transitions=(first, second))
    assert [detail for reason, detail in reasons(story) if reason == "broken_chain"] == broken


@pytest.mark.parametrize(("left_id", "entered_id"), [("2", None), (None, "2")])
def test_a_chain_with_an_id_on_one_side_only_is_followed_by_its_names(
    left_id: str | None, entered_id: str | None
) -> None:
    """An id cannot be compared with a missing one."""
    first = Transition(time("10-02"), 1, 0, "status", "1", "1", "Open", left_id, "Doing")
    second = Transition(time("10-04"), 2, 0, "status", "2", entered_id, "Doing", "4", "Done")
    assert reasons(replace(issue(1, "10-01 → 1"), status_id="4", transitions=(first, second))) == []


def test_an_unknown_status_is_named_in_the_finding() -> None:
    """The finding says what to put under [workflow]."""
    assert reasons(issue(1, "10-01 → 1", "10-02 → 98", "10-03 → 4")) == [("unmapped_status", "98")]
    assert reasons(issue(1, "10-01 → ")) == [("unmapped_status", "no status")]


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        (("10-02 → 2", "10-03 → 4"), []),
        (("10-02 → 2", "10-03 → 3", "10-04 → 2", "10-05 → 4"), []),  # active and waiting are one stretch of work
        (("10-02 → 2", "10-03 → 1", "10-04 → 2"), ["Doing → Open"]),
        (("10-02 → 4", "10-03 → 5"), []),  # from done to done
        (("10-02 → 2", "10-03 → 4", "10-04 → 3", "10-05 → 5", "10-06 → 1"), ["Done → Review", "Closed → Open"]),
    ],
)
def test_a_move_into_an_earlier_stage_is_reported(moves: tuple[str, ...], expected: list[str]) -> None:
    """From done to any other stage, from active or waiting to todo; the statuses say which move it was."""
    assert reasons(issue(1, "10-01 → 1", *moves)) == [("moved_backwards", detail) for detail in expected]


def test_a_status_without_a_name_is_reported_by_its_id() -> None:
    """The site lists it no more, and old servers leave names out."""
    history = (
        Transition(time("10-02"), 1, 0, "status", "1", "1", None, "98", None),
        Transition(time("10-03"), 2, 0, "status", "2", "98", None, "1", None),
    )
    reported = reasons(replace(issue(1, "10-01 → 1"), transitions=history))
    assert ("moved_backwards", "98 → Open") in reported


@pytest.mark.parametrize(
    ("born", "moves", "resolved", "expected"),
    [
        ("10-01 → 1", ("10-02 → 4", "10-03 → 2", "10-04 → 4"), None, ["Done before Doing"]),
        ("10-01 → 1", ("10-02 → 2", "10-03 → 4", "10-04 → 2"), None, []),  # started before it was first done
        ("10-01 → 1", ("10-02 → 4", "10-03 → 1"), None, []),  # never started
        ("10-01 → 5", ("10-03 → 3",), None, ["Closed before Review"]),  # born done
        ("10-01 → 4", ("10-03 → 2",), "10-02", ["Done before Doing"]),  # done without a recorded history
        ("10-01 → 1", ("10-02 → 4", "10-02 → 2"), None, []),  # at one instant: not earlier
    ],
)
def test_done_before_the_first_start_is_reported(
    born: str, moves: tuple[str, ...], resolved: str | None, expected: list[str]
) -> None:
    """JiraMetrics calls it stopped before started; the statuses say what came first."""
    reported = reasons(issue(1, born, *moves, resolved=resolved))
    assert [detail for reason, detail in reported if reason == "stopped_before_started"] == expected


def test_the_new_findings_change_no_fact() -> None:
    """An issue that was re-opened keeps its timeline, and its start after it was first done."""
    reopened = issue(1, "10-01 → 1", "10-02 → 4", "10-03 → 2", "10-04 → 4")
    stages = [(at("10-01"), "todo"), (at("10-02"), "done"), (at("10-03"), "active"), (at("10-04"), "done")]
    assert list(line(reopened)) == stages
    assert [reason for reason, _ in reasons(reopened)] == ["moved_backwards", "stopped_before_started"]
