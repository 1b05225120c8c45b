"""Issues whose resolution date disagrees with their history are found, as the reference finds them."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_rows import STATUSES, at, issue, time
from metric_teams import SOURCES, scene, snapshot_of
from reference.metrics import Reference
from reference.teams import Team

from models.metrics.resolutions import disagreeing
from models.records import Issue, Rules, micros


def odd_of(*issues: Issue, rules: Rules = Rules(), as_of: str = "11-01") -> list[str]:  # noqa: B008 - frozen
    """Return the ids of the issues whose resolution date disagrees."""
    dataset = snapshot_of(Team(issues, STATUSES), rules, time(as_of)).dataset
    return disagreeing(dataset.items, dataset.others, at(as_of))


@pytest.mark.parametrize(
    ("resolved", "moves", "is_odd"),
    [
        ("10-05", ("10-02 → 2", "10-05 → 4"), False),
        ("10-06", ("10-02 → 2", "10-05 → 4"), False),  # a day exactly
        ("10-06 00:00:00.000001", ("10-02 → 2", "10-05 → 4"), True),
        ("10-03", ("10-02 → 2", "10-05 → 4"), True),
        ("10-05", ("10-02 → 2",), True),  # resolved and not done
        (None, ("10-02 → 2",), False),
        ("11-01", ("10-02 → 2",), False),  # not before the as-of
        (None, ("10-02 → 2", "10-05 → 4"), False),  # most done issues have none either
    ],
)
def test_resolved_and_done_may_lie_a_day_apart(resolved: str | None, moves: tuple[str, ...], is_odd: bool) -> None:  # noqa: FBT001 - a column of the table
    """One date without the other is odd too, if most of the team's issues have both."""
    assert odd_of(issue(1, "10-01 → 1", *moves, resolved=resolved)) == (["1"] if is_odd else [])


def test_done_without_a_resolution_date_is_odd_only_where_most_have_one() -> None:
    """Half of them is not most. Some workflows never set the date."""
    dated = [issue(n, "10-01 → 1", "10-05 → 4", resolved="10-05") for n in (1, 2)]
    bare = [issue(n, "10-01 → 1", "10-05 → 4") for n in (3, 4)]
    assert odd_of(*dated, *bare) == []
    assert odd_of(*dated, bare[0]) == ["3"]


def test_an_incident_is_asked_and_an_ignored_type_is_not() -> None:
    """Incidents are checked like work items. An ignored type is in no finding."""
    open_one = issue(1, "10-01 → 2", resolved="10-05", type="Incident")
    assert odd_of(open_one, replace(open_one, issue_id="2", type="Epic")) == ["1"]


@pytest.mark.parametrize("source", SOURCES)
@given(seed=st.integers(0, 2**64))
@settings(max_examples=30)
def test_the_reference_finds_the_same(source: str, seed: int) -> None:
    """On generated teams of every kind, at an instant of their past."""
    team, rules, as_of = scene(source, seed)
    dataset = snapshot_of(team, rules, as_of).dataset
    expected = Reference(team, rules, as_of).profile.disagreeing()
    assert sorted(disagreeing(dataset.items, dataset.others, micros(as_of))) == sorted(expected)
