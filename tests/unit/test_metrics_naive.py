"""The metrics agree with the naive reading of their definition, on generated teams of every kind."""

from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from metric_teams import SOURCES, prepared, scenes
from naive_metrics import Answer, Naive, Span, Team

from models.metrics.calculate import calculate
from models.records import METRIC_TYPES, Measurement, Rules, instant


def answer(measurement: Measurement) -> Answer:
    """A measurement in the naive implementation's own form."""
    window = measurement.window
    span = Span(window.kind, instant(window.start), instant(window.end), instant(window.effective_end))
    exclusions, details = dict(measurement.exclusions), dict(measurement.details)
    return Answer(
        span, measurement.value, measurement.state, measurement.n_used, exclusions, details, measurement.level
    )


@pytest.mark.parametrize("source", SOURCES)
@given(data=st.data())
@settings(max_examples=350, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_both_implementations_say_exactly_the_same_of_any_team(source: str, data: st.DataObject) -> None:
    """Value, state, counts, exclusions, details and level are equal, bit for bit, in every window of all nine."""
    scene: tuple[Team, Rules, datetime] = data.draw(scenes(source))
    fast, naive = prepared(*scene), Naive(*scene)
    for metric in METRIC_TYPES:
        assert [answer(found) for found in calculate(metric, fast)] == naive.answers(metric)
