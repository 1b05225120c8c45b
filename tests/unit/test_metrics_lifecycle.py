"""From a history to stages, a timeline and the facts at an instant."""

from dataclasses import replace

import pytest
from metric_rows import REVIEW_WAITS, STATUSES, at, issue, time, transition

from models.metrics.lifecycle import Facts, facts, findings, status_changes, visits
from models.metrics.lifecycle import timeline as stages
from models.metrics.stats import DAY, HOUR
from models.metrics.statuses import StatusStages
from models.records import Issue, Stage, Status, Timeline, Transition

PLAIN = StatusStages.of(STATUSES, REVIEW_WAITS)


def line(some: Issue, stage_of: StatusStages = PLAIN) -> Timeline:
    """The timeline of an issue."""
    return stages(visits(some, status_changes(some)), stage_of)


def reasons(some: Issue, stage_of: StatusStages = PLAIN) -> list[tuple[str, str]]:
    """What is odd about an issue's history."""
    changes = status_changes(some)
    found = findings(some, changes, visits(some, changes), stage_of)
    return [(finding.reason, finding.detail) for finding in found]


# --- stages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("category", "stage"),
    [("new", "todo"), ("undefined", "todo"), ("indeterminate", "active"), ("done", "done"), ("in-flight", "active")],
)
def test_a_listed_status_has_the_stage_of_its_category(category: str, stage: Stage) -> None:
    """Jira's four keys; one that Jira never sends is work rather than nothing."""
    assert StatusStages.of([Status("7", "Any", category)], {}).stage("7", "Any") == (stage, True)


@pytest.mark.parametrize(
    ("workflow", "stage"),
    [
        ({"waiting": ("REVIEW",)}, "waiting"),  # by name, ignoring case
        ({"waiting": ("3",)}, "waiting"),  # by id
        ({"waiting": ("3",), "done": ("Review",)}, "waiting"),  # the id says which of two namesakes
        ({"waiting": ("Old review",)}, "active"),  # the name of a history does not name a listed status
        ({"todo": ("Doing",)}, "active"),  # another one's
    ],
)
def test_the_profile_moves_a_status_by_id_or_name(workflow: dict[str, tuple[str, ...]], stage: Stage) -> None:
    """Today's name counts, for that is the one a person reads in Jira."""
    assert StatusStages.of(STATUSES, workflow).stage("3", "Old review") == (stage, True)


@pytest.mark.parametrize(
    ("status_id", "name", "workflow", "expected"),
    [
        ("99", "Blocked", {"waiting": ("blocked",)}, ("waiting", True)),  # the profile's word for the name it had
        ("99", "Blocked", {"waiting": ("99",)}, ("waiting", True)),  # … or for its id
        ("99", "doNE", {}, ("done", True)),  # the listed status of that name
        ("99", "doing", {"waiting": ("2",)}, ("waiting", True)),  # … with the stage the profile gives that one
        ("99", "Blocked", {}, ("active", False)),
        (None, "Review", {}, ("active", True)),
        (None, None, {}, ("active", False)),
    ],
)
def test_a_retired_status_is_placed_by_what_is_known_of_it(
    status_id: str | None, name: str | None, workflow: dict[str, tuple[str, ...]], expected: tuple[Stage, bool]
) -> None:
    """By override, by a namesake, else active and reported."""
    assert StatusStages.of(STATUSES, workflow).stage(status_id, name) == expected


def test_of_two_namesakes_the_lowest_id_speaks_for_a_retired_one() -> None:
    """Team-managed projects repeat names: the choice must not hang on the order of the list."""
    namesakes = [Status("10", "Ready", "done"), Status("9", "Ready", "new")]
    for order in (namesakes, namesakes[::-1]):
        assert StatusStages.of(order, {}).stage("77", "ready") == ("todo", True)


# --- the timeline -----------------------------------------------------------------------------------------------------


def test_a_timeline_begins_at_creation_and_keeps_changes_of_stage_only() -> None:
    """Doing → Review is a change of stage where Review waits; Done → Closed is none."""
    some = issue(1, "10-01 → 1", "10-02 → 2", "10-03 → 3", "10-04 → 4", "10-20 → 5")
    assert line(some) == (
        (at("10-01"), "todo"),
        (at("10-02"), "active"),
        (at("10-03"), "waiting"),
        (at("10-04"), "done"),
    )


def test_without_a_change_the_current_status_counts_from_creation() -> None:
    """An issue nobody has moved is where it was born."""
    assert line(issue(1, "10-01 → 2")) == ((at("10-01"), "active"),)


def test_a_change_dated_before_creation_counts_at_creation_in_its_order() -> None:
    """An imported history: Open → Doing → Review, all before the issue was created, Done after."""
    some = issue(1, "10-05 → 1", "10-02 → 2", "10-03 → 3", "10-06 → 4")
    assert line(some) == (
        (at("10-05"), "todo"),
        (at("10-05"), "active"),
        (at("10-05"), "waiting"),
        (at("10-06"), "done"),
    )


def test_histories_of_one_instant_are_ordered_by_integer_id_then_position() -> None:
    """Id 9 comes before id 10, though "10" sorts before "9" as text."""
    moves = [(10, 0, "2", "4"), (9, 1, "3", "2"), (9, 0, "1", "3")]
    history = tuple(
        Transition(time("10-02"), entry, position, "status", str(entry), before, None, after, None)
        for entry, position, before, after in moves
    )
    some = Issue("1", "P-1", "P", "Story", "4", time("10-01"), time("10-02"), None, None, None, {}, history)
    assert [change.to_id for change in status_changes(some)] == ["3", "2", "4"]
    assert reasons(some) == []


def test_a_history_told_twice_counts_once() -> None:
    """Jira repeats the last history of a page on the next one."""
    some = issue(1, "10-01 → 1", "10-02 → 2", "10-03 → 4")
    twice = replace(some, transitions=some.transitions * 2)
    assert status_changes(twice) == list(some.transitions)


def test_changes_of_other_fields_are_no_changes_of_status() -> None:
    """A fix version that is set moves nothing."""
    other = Transition(time("10-02"), 1, 0, "fixVersions", "1", None, None, "4", "1.0")
    some = Issue("1", "P-1", "P", "Story", "1", time("10-01"), time("10-02"), None, None, None, {}, (other,))
    assert line(some) == ((at("10-01"), "todo"),)


def test_a_broken_chain_is_reported_and_the_earlier_change_stands() -> None:
    """Open → Doing, then Review → Done: from the first change to the second the issue was in Doing."""
    history = (transition(time("10-02"), 1, "1", "2"), transition(time("10-04"), 2, "3", "4"))
    some = Issue("1", "P-1", "P", "Story", "4", time("10-01"), time("10-04"), None, None, None, {}, history)
    assert line(some) == ((at("10-01"), "todo"), (at("10-02"), "active"), (at("10-04"), "done"))
    assert reasons(some) == [("broken_chain", "after history 1")]


def test_a_history_that_does_not_lead_to_the_current_status_decides_and_is_reported() -> None:
    """The issue says Open, its last change says Done: done."""
    some = issue(1, "10-01 → 1", "10-02 → 4", status_id="1")
    assert line(some)[-1] == (at("10-02"), "done")
    assert reasons(some) == [("broken_chain", "after history 100")]


@pytest.mark.parametrize(
    ("left", "entered", "ended", "current", "broken"),
    [
        ("Doing", "Doing", "Done", "4", []),
        ("Doing", "Review", "Done", "4", ["after history 1"]),
        ("Doing", "Doing", "Done", "2", ["after history 2"]),  # the current status is named Doing
        ("Doing", "Doing", "Done", "77", ["after history 2"]),  # … or has no name the site knows
        (None, None, None, "77", ["after history 2"]),
    ],
)
def test_a_chain_without_ids_is_followed_by_its_names(
    left: str | None, entered: str | None, ended: str | None, current: str, broken: list[str]
) -> None:
    """Open → ``left``, then ``entered`` → ``ended``: old servers leave ids out."""
    first = Transition(time("10-02"), 1, 0, "status", "1", None, "Open", None, left)
    second = Transition(time("10-04"), 2, 0, "status", "2", None, entered, None, ended)
    some = replace(issue(1, "10-01 → 1"), status_id=current, transitions=(first, second))
    assert [detail for reason, detail in reasons(some) if reason == "broken_chain"] == broken


@pytest.mark.parametrize(("left_id", "entered_id"), [("2", None), (None, "2")])
def test_a_chain_with_an_id_on_one_side_only_is_followed_by_its_names(
    left_id: str | None, entered_id: str | None
) -> None:
    """One id cannot be compared with none."""
    first = Transition(time("10-02"), 1, 0, "status", "1", "1", "Open", left_id, "Doing")
    second = Transition(time("10-04"), 2, 0, "status", "2", entered_id, "Doing", "4", "Done")
    assert reasons(replace(issue(1, "10-01 → 1"), status_id="4", transitions=(first, second))) == []


def test_an_unknown_status_is_named_in_the_finding() -> None:
    """A person has to know what to put under [workflow]."""
    assert reasons(issue(1, "10-01 → 1", "10-02 → 98", "10-03 → 4")) == [("unmapped_status", "98")]
    assert reasons(issue(1, "10-01 → ")) == [("unmapped_status", "no status")]


# --- the facts --------------------------------------------------------------------------------------------------------

# A day in todo, two in active, one back in todo, one waiting, one in active; done on the 7th, a hop on the 9th.
LIFE = line(issue(1, "10-01 → 1", "10-02 → 2", "10-04 → 1", "10-05 → 3", "10-06 → 2", "10-07 → 4", "10-09 → 5"))


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        ("10-01", None),  # created at the as-of: does not exist
        ("10-01 06:00", Facts("todo", None, None, 0, 0)),
        ("10-02", Facts("todo", None, None, 0, 0)),  # the change at the as-of has not happened
        ("10-03", Facts("active", at("10-02"), None, DAY, 0)),
        ("10-04 12:00", Facts("todo", at("10-02"), None, 2 * DAY, 0)),  # back in todo: neither grows
        ("10-05 12:00", Facts("waiting", at("10-02"), None, 2 * DAY, 12 * HOUR)),
        ("10-08", Facts("done", at("10-02"), at("10-07"), 3 * DAY, DAY)),
        ("11-30", Facts("done", at("10-02"), at("10-07"), 3 * DAY, DAY)),  # done stands still
        (None, Facts("done", at("10-02"), at("10-07"), 3 * DAY, DAY)),
    ],
)
def test_facts_are_those_of_what_had_happened_before_the_as_of(as_of: str | None, expected: Facts | None) -> None:
    """Time in active: 2 → 4 and 6 → 7 October, three days; in waiting: 5 → 6, one day."""
    assert facts(LIFE, at(as_of) if as_of else None) == expected


def test_a_reopened_issue_is_not_done_and_time_in_an_earlier_done_counts_in_neither() -> None:
    """Active 2 → 3, done 3 → 5, active from 5: at the 6th two days of work, none of them in done."""
    again = line(issue(1, "10-01 → 1", "10-02 → 2", "10-03 → 4", "10-05 → 2"))
    assert facts(again, at("10-06")) == Facts("active", at("10-02"), None, 2 * DAY, 0)


def test_done_again_is_done_at_the_last_entry() -> None:
    """Done on the 3rd, re-opened on the 5th, done on the 7th."""
    again = line(issue(1, "10-01 → 1", "10-02 → 2", "10-03 → 4", "10-05 → 2", "10-07 → 4"))
    assert facts(again, at("10-08")) == Facts("done", at("10-02"), at("10-07"), 3 * DAY, 0)


def test_born_in_done_is_done_at_creation_and_never_started() -> None:
    """A record of something that was over when it was written down."""
    assert facts(line(issue(1, "10-01 → 4")), at("10-02")) == Facts("done", None, at("10-01"), 0, 0)


def test_a_stage_passed_through_within_an_instant_was_entered() -> None:
    """Open → Doing → Done by one rule of an automation: started and done at once, no time spent."""
    at_once = line(issue(1, "10-01 → 1", "10-02 → 2", "10-02 → 4"))
    assert facts(at_once, at("10-03")) == Facts("done", at("10-02"), at("10-02"), 0, 0)
