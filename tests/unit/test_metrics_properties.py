"""What must hold for any team: order does not matter, past results do not change, parts add up to the value."""

import random
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_teams import LISTED, SOURCES, Scene, scene, snapshot_of
from reference.formulas import MEDIANS, Part, value_of
from reference.teams import Team
from team_extras import FLAG

from models.metrics.calculate import Explanation, calculate, explain
from models.metrics.contributions import Contribution
from models.metrics.stats import DAY, HOUR
from models.records import METRIC_TYPES, Issue, Measurement, Transition

# `make soak` makes ten times as many teams.
EXAMPLES: Final = settings(max_examples=300 if settings.get_current_profile_name() == "soak" else 30, deadline=None)


def measured(scene: Scene) -> dict[str, tuple[Measurement, ...]]:
    """Return all metrics of a scene."""
    ready = snapshot_of(*scene)
    return {metric: calculate(metric, ready) for metric in METRIC_TYPES}


def explained(scene: Scene) -> list[Explanation]:
    """Return the explanations of all metrics of a scene."""
    ready = snapshot_of(*scene)
    return [explain(metric, ready, window) for metric in METRIC_TYPES for window in ready.windows]


@pytest.mark.parametrize("source", SOURCES)
@given(seed=st.integers(0, 2**64))
@EXAMPLES
def test_shuffling_issues_histories_and_items_changes_nothing(source: str, seed: int) -> None:
    """The same rows in any order give the same numbers, bit for bit."""
    team, rules, as_of = scene(source, seed)
    dice = random.Random(seed)
    issues, gone = (
        [replace(issue, transitions=_shuffled(issue.transitions, dice)) for issue in group]
        for group in (team.issues, team.gone)
    )
    parts = (issues, team.statuses, team.versions, team.table, gone)
    other = Team(*(_shuffled(part, dice) for part in parts))
    assert explained((other, rules, as_of)) == explained((team, rules, as_of))


def _shuffled(rows: Any, dice: random.Random) -> tuple[Any, ...]:
    return tuple(dice.sample(list(rows), len(rows)))


@pytest.mark.parametrize("source", SOURCES)
@given(seed=st.integers(0, 2**64))
@EXAMPLES
def test_a_past_as_of_says_what_was_said_on_that_day(source: str, seed: int) -> None:
    """Cutting off all that happened at or after the as-of, as if stored that day, changes no number.

    Gone issues are left out: the whole of their history decides whether they count.
    """
    team, rules, as_of = scene(source, seed, visited=LISTED)
    team = replace(team, issues=tuple(_resolved_early(issue) for issue in team.issues), gone=())
    then = tuple(_as_stored(issue, as_of) for issue in team.issues if _birth(issue) < as_of)
    # Later issues make their projects known, and versions are fields, which have no history.
    keeps_projects = source != "versions" or {i.project for i in then} == {i.project for i in team.issues}
    if keeps_projects:
        assert measured((replace(team, issues=then), rules, as_of)) == measured((team, rules, as_of))


def _resolved_early(issue: Issue) -> Issue:
    """Return the issue without a resolution date after its first change, because a number uses that date once the
    change is cut off.
    """
    first = min((t.at for t in _moves(issue)), default=issue.resolved)
    return replace(issue, resolved=None) if first and issue.resolved and issue.resolved > first else issue


def _birth(issue: Issue) -> datetime:
    return min([issue.created, *(t.at for t in _moves(issue))])


def _moves(issue: Issue, field: str = "status") -> list[Transition]:
    """Return the changes of a field in their order."""
    changes = [change for change in issue.transitions if change.field == field]
    return sorted(changes, key=lambda t: (t.at, t.history_number, t.position))


def _as_stored(issue: Issue, as_of: datetime) -> Issue:
    """Return the issue with the history and flag it had at an instant."""
    flags = _moves(issue, FLAG)
    if flags and flags[0].at >= as_of:
        was_set = not {flags[0].from_id, flags[0].from_name} <= {None, "", "[]"}
        issue = replace(issue, fields={**issue.fields, FLAG: [{"value": "Impediment"}] if was_set else None})
    moves, happened = _moves(issue), tuple(t for t in issue.transitions if t.at < as_of)
    past = [t for t in moves if t.at < as_of]
    if len(past) == len(moves):
        return replace(issue, transitions=happened)
    status_id = past[-1].to_id if past else moves[0].from_id
    return replace(issue, transitions=happened, status_id=status_id or "")


@pytest.mark.parametrize("source", SOURCES)
@given(seed=st.integers(0, 2**64))
@EXAMPLES
def test_the_explained_parts_add_up_to_the_number_for_every_metric(source: str, seed: int) -> None:
    """Used parts give the value, and parts left out give the exclusions."""
    ready = snapshot_of(*scene(source, seed))
    for metric in METRIC_TYPES:
        for measured in calculate(metric, ready):
            explained = explain(metric, ready, measured.window)
            assert explained.measurement == replace(measured, before=None)
            assert len(explained.used) == measured.n_used
            assert len(explained.left_out) == measured.n_excluded
            assert all(part.reason in measured.exclusions for part in explained.left_out)
            if measured.state != "missing_mapping":
                assert measured.value == _number(_recomputed(measured, explained.used))


def _number(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _recomputed(measured: Measurement, used: tuple[Contribution, ...]) -> Fraction | None:
    """Return the value of a metric, computed only from the parts that explain shows."""
    days = Fraction(measured.window.effective_end - measured.window.start, DAY)
    unit = {"days": DAY, "hours": HOUR}[measured.unit] if measured.metric_type in MEDIANS else 1
    parts = [Part("", "", Fraction(part.value, unit), Fraction(part.base)) for part in used]
    return value_of(measured.metric_type, parts, days)


@given(seed=st.integers(0, 2**64))
@EXAMPLES
def test_durations_are_the_difference_of_the_two_instants_shown(seed: int) -> None:
    """A person can check each duration: it is the last instant less the first."""
    ready = snapshot_of(*scene("versions", seed))
    for metric in ("lead_time", "mttr", "flow_time"):
        for window in ready.windows:
            for part in explain(metric, ready, window).used:
                (_, began), (_, ended) = part.instants
                assert part.value == ended - began
                assert part.at == ended
