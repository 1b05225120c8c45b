"""The metrics agree with the reference, another reading of their definition, on generated teams of every kind."""

from collections import Counter
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_teams import SOURCES, scene, snapshot_of
from reference.metrics import Reference
from reference.teams import Answer, Span

from models.metrics.calculate import calculate
from models.records import METRIC_TYPES, Measurement, instant

# `make soak` looks at five times as many teams.
EXAMPLES: Final = 500 if settings.get_current_profile_name() == "soak" else 100


def answer(measurement: Measurement) -> Answer:
    """A measurement in the reference's own form."""
    window = measurement.window
    span = Span(window.kind, instant(window.start), instant(window.end), instant(window.effective_end))
    exclusions, details = dict(measurement.exclusions), dict(measurement.details)
    return Answer(
        span, measurement.value, measurement.state, measurement.n_used, exclusions, details, measurement.level
    )


@pytest.mark.parametrize("source", SOURCES)
@given(seed=st.integers(0, 2**64))
@settings(max_examples=EXAMPLES)
def test_both_implementations_say_exactly_the_same_of_any_team(source: str, seed: int) -> None:
    """Value, state, counts, exclusions, details and level are equal, bit for bit, in every window of all nine."""
    team, rules, as_of = scene(source, seed)
    fast, plain = snapshot_of(team, rules, as_of), Reference(team, rules, as_of)
    for metric in METRIC_TYPES:
        assert [answer(measured) for measured in calculate(metric, fast)] == plain.answers(metric)


@pytest.mark.parametrize("source", [source for source in SOURCES if source != "none"])
def test_the_generated_teams_have_something_to_say(source: str) -> None:
    """Agreement on nothing proves nothing: in a hundred teams every metric has several values that are not 0."""
    counts = Counter[str]()
    for seed in range(100):
        ready = snapshot_of(*scene(source, seed))
        counts.update(metric for metric in METRIC_TYPES for measured in calculate(metric, ready) if measured.value)
    assert all(counts[metric] >= 5 for metric in METRIC_TYPES), counts
