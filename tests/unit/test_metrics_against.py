"""Two windows compared: each part of a difference, on generated teams and in cases that a person can check."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from random import Random
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from metric_rows import STATUSES, issue, time, version
from metric_teams import SOURCES, scene, snapshot_of
from reference import against as plain
from reference.metrics import Reference
from reference.teams import Span, Team

from models.metrics.against import KINDS, Comparison, compare, exact_value, seen_at
from models.metrics.calculate import Explanation, explain
from models.metrics.catalogue import METRICS
from models.metrics.contributions import Contribution
from models.metrics.snapshot import Snapshot
from models.metrics.windows import previous_window
from models.records import METRIC_TYPES, DeploymentRules, Rules, Window, instant, micros

EXAMPLES: Final = 500 if settings.get_current_profile_name() == "soak" else 20


def span_of(window: Window) -> Span:
    """Return a window in the reference's own form."""
    return Span(window.kind, instant(window.start), instant(window.end), instant(window.effective_end))


def windows_of(snapshot: Snapshot) -> list[Window]:
    """Return the windows of a calculation, and the period before, unless the zone skipped it."""
    before = [previous_window(window, snapshot.rules) for window in snapshot.windows if window.kind == "period"]
    return [*snapshot.windows, *(window for window in before if window.effective_end > window.start)]


@pytest.mark.parametrize("source", SOURCES)
@given(seed=st.integers(0, 2**64))
@settings(max_examples=EXAMPLES)
def test_the_parts_add_up_to_the_difference_exactly(source: str, seed: int) -> None:
    """For each metric that adds up, as fractions, between any two windows and between two instants."""
    team, rules, as_of = scene(source, seed)
    rng = Random(seed)
    now, earlier = snapshot_of(team, rules, as_of), snapshot_of(team, rules, as_of - timedelta(days=rng.randrange(20)))
    for metric in METRIC_TYPES:
        first, second = rng.choice(windows_of(now)), rng.choice(windows_of(now))
        sides = [explain(metric, now, first), explain(metric, now, second)]
        before = seen_at(first, earlier.as_of)
        sides += [explain(metric, earlier, before)] if before else []
        for other in sides[1:]:
            check_sum(compare(sides[0], other))


def check_sum(comparison: Comparison) -> None:
    """Check that the parts are those of both sides, each once, and add up."""
    measured = comparison.first.measurement
    adds_up = METRICS[measured.metric_type].adds_up.how != "median"
    parts = [pair.part for pair in comparison.pairs]
    values = [exact_value(side) for side in (comparison.first, comparison.second)]
    assert [value is None for value in values] == [
        side.measurement.value is None for side in (comparison.first, comparison.second)
    ]
    for value, side in zip(values, (comparison.first, comparison.second), strict=True):
        assert value is None or float(value) == side.measurement.value
    known = [value for value in values if value is not None]
    assert comparison.difference == (known[0] - known[1] if len(known) == len(values) else None)
    if adds_up and comparison.difference is not None:
        assert sum((part for part in parts if part is not None), Fraction(0)) == comparison.difference
        assert None not in parts
    else:
        assert set(parts) <= {None}
    for side, others in ((comparison.first, ("left",)), (comparison.second, ("came",))):
        mine = [pair for pair in comparison.pairs if pair.kind not in others]
        assert len(mine) == len(side.used) + len(side.left_out)


@pytest.mark.parametrize("source", SOURCES)
@given(seed=st.integers(0, 2**64))
@example(seed=75_196_705_881)  # a version and a deploying issue have the same number
@settings(max_examples=EXAMPLES)
def test_the_reference_finds_the_same_parts(source: str, seed: int) -> None:
    """The same issues, with the same part of the difference each."""
    team, rules, as_of = scene(source, seed)
    snapshot, reference = snapshot_of(team, rules, as_of), Reference(team, rules, as_of)
    rng = Random(seed)
    for metric in METRIC_TYPES:
        first, second = rng.choice(windows_of(snapshot)), rng.choice(windows_of(snapshot))
        comparison = compare(explain(metric, snapshot, first), explain(metric, snapshot, second))
        other = plain.Against(
            plain.Side(metric, reference, span_of(first)), plain.Side(metric, reference, span_of(second))
        )
        assert comparison.difference == other.difference
        mine = [(pair.subject.subject_id, pair.part) for pair in comparison.pairs]
        theirs = [(key[0], row.added) for key, row in other.differences().items()]
        assert _named(metric, source, mine) == _named(metric, source, theirs), metric


def _named(metric: str, source: str, parts: Sequence[tuple[str, Fraction | None]]) -> list[tuple[str, Fraction]]:
    """Return each part beside its issue or deployment.

    The reference names a deployment of source ``status`` by its item only, so its parts of an item are added up.
    """
    named = [(subject, part or Fraction(0)) for subject, part in parts]
    if METRICS[metric].about == "issue" or source != "status":
        return sorted(named)
    totals: dict[str, Fraction] = {}
    for subject, part in named:
        item = subject.partition(".")[0]
        totals[item] = totals.get(item, Fraction(0)) + part
    return sorted(totals.items())


@pytest.mark.parametrize("source", SOURCES)
@given(seed=st.integers(0, 2**64))
@settings(max_examples=EXAMPLES)
def test_the_window_before_is_the_one_of_the_reference(source: str, seed: int) -> None:
    """The week before, or as many days before the period, also where clocks change."""
    team, rules, as_of = scene(source, seed)
    reference = Reference(team, rules, as_of)
    for window in snapshot_of(team, rules, as_of).windows:
        assert span_of(previous_window(window, rules)) == plain.previous(reference, span_of(window))


RULES: Final = Rules(history_weeks=4, deployments=DeploymentRules("versions"))


def explained(team: Team, metric: str, as_of: str, start: str, end: str) -> Explanation:
    """Return a metric of a window of made-up days, seen from an instant."""
    moment = micros(time(as_of))
    stop = micros(time(end))
    window = Window("week", micros(time(start)), stop, min(stop, moment))
    return explain(metric, snapshot_of(team, RULES, time(as_of)), window)


def test_who_came_who_left_and_who_changed() -> None:
    """One item becomes done, one is re-opened, one gets another resolution; a fourth stays the same."""
    came = issue(1, "10-06 → 2", "10-08 → 4")
    left = issue(2, "10-05 → 2", "10-06 → 4", "10-08 → 2")
    stayed = issue(4, "10-05 → 2", "10-06 → 4")
    team = Team((came, left, stayed), STATUSES)
    comparison = compare(
        explained(team, "flow_velocity", "10-10", "10-05", "10-12"),
        explained(team, "flow_velocity", "10-07", "10-05", "10-12"),
    )
    assert {kind: [pair.subject.key for pair in comparison.of_kind(kind)] for kind in KINDS} == {
        "came": ["P-1"],
        "left": ["P-2"],
        "changed": [],
        "same": ["P-4"],
    }
    # Two items in five days so far, and two in two days: each item's part has the length of the longer window.
    parts = {pair.subject.key: pair.part for pair in comparison.pairs}
    assert parts == {"P-1": Fraction(7, 5), "P-2": Fraction(-7, 2), "P-4": Fraction(7, 5) - Fraction(7, 2)}
    assert comparison.difference == Fraction(14, 5) - 7


def test_an_item_with_another_value_has_changed() -> None:
    """The age of an item in progress grows. A median has no parts that add up."""
    team = Team((issue(1, "10-06 → 2"),), STATUSES)
    comparison = compare(
        explained(team, "flow_time", "10-10", "10-05", "10-12"), explained(team, "flow_time", "10-09", "10-05", "10-12")
    )
    assert (comparison.difference, comparison.pairs) == (None, ())
    before = explained(team, "flow_load", "10-09", "10-05", "10-12")
    (part,) = before.used
    changed = compare(before, Explanation(before.measurement, (replace(part, value=3),), ()))
    assert [(pair.kind, pair.part) for pair in changed.pairs] == [("changed", Fraction(-2))]


def test_a_part_that_is_left_out_on_one_side_adds_nothing_there() -> None:
    """Only its reason has changed."""
    team = Team((issue(1, "10-06 → 2", "10-08 → 4"), issue(2, "10-05 → 2", "10-06 → 4")), STATUSES)
    second = explained(team, "flow_velocity", "10-12", "10-05", "10-12")
    away, kept = second.used[0], second.used[1:]
    first = Explanation(second.measurement, kept, (replace(away, reason="not_delivered"),))
    (changed,) = compare(first, second).of_kind("changed")
    assert (changed.subject.reason, changed.part) == ("not_delivered", Fraction(-1))


def test_a_missing_value_makes_no_difference() -> None:
    """There is neither a difference nor a part, only the lists."""
    released = version("7", date(2026, 10, 6))
    team = Team((issue(1, "10-06 → 2", "10-08 → 4"),), STATUSES, (released,))
    empty = explained(team, "flow_distribution", "10-20", "10-12", "10-19")
    full = explained(team, "flow_distribution", "10-20", "10-05", "10-12")
    comparison = compare(empty, full)
    assert comparison.difference is None
    assert [(pair.kind, pair.part) for pair in comparison.pairs] == [("left", None)]


def test_a_window_that_had_not_begun_cannot_be_seen() -> None:
    """At the start of a window nothing of it has passed."""
    window = Window("week", 100, 200, 200)
    assert seen_at(window, 100) is None
    assert seen_at(window, 101) == Window("week", 100, 200, 101)
    assert seen_at(window, 300) == window


def test_a_pair_is_of_something() -> None:
    """The record of a pair is that of the first side, or of the second if the first has none."""
    part = Contribution(0, "1", "P-1")
    other = replace(part, value=2)
    team = Team((issue(1, "10-06 → 2"),), STATUSES)
    side = explained(team, "flow_load", "10-10", "10-05", "10-12")
    (pair,) = compare(Explanation(side.measurement, (part,), ()), Explanation(side.measurement, (other,), ())).pairs
    assert pair.subject is part
