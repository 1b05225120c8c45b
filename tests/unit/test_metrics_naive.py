"""The metrics agree with the reference, a second implementation of their definition, on generated teams."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_teams import SOURCES, scene, snapshot_of
from reference import against
from reference.metrics import Reference
from reference.teams import Answer, Span

from models.metrics import issues
from models.metrics.calculate import calculate
from models.metrics.issues import Batch
from models.metrics.releases import version_findings
from models.metrics.resolutions import disagreeing
from models.metrics.rules import Context
from models.metrics.sub_tasks import SubTask, unfinished
from models.records import METRIC_TYPES, Measurement, instant, micros

# `make soak` compares ten times as many teams.
EXAMPLES: Final = 500 if settings.get_current_profile_name() == "soak" else 50

# An instant after all that happens in any team.
LATE: Final = datetime(2200, 1, 1, tzinfo=UTC)
HISTORY_REASONS: Final = {"broken_chain", "moved_backwards", "stopped_before_started", "unmapped_status"}


def answer(measurement: Measurement) -> Answer:
    """Return a measurement in the reference's own form."""
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
    """Value, state, counts, exclusions, details and level are equal, bit for bit, in every window of every metric."""
    team, rules, as_of = scene(source, seed)
    fast, plain = snapshot_of(team, rules, as_of), Reference(team, rules, as_of)
    for metric in METRIC_TYPES:
        for measured, expected in zip(calculate(metric, fast), plain.answers(metric), strict=True):
            assert answer(measured) == expected, f"{metric}: models/metrics on the left, tests/reference on the right"
            if measured.window.kind == "period":
                span = against.previous(plain, expected.span)
                before = None if span.until == span.start else plain.answer(metric, span)
                assert (measured.before and answer(measured.before)) == before


@pytest.mark.parametrize("source", SOURCES)
@given(seed=st.integers(0, 2**64))
@settings(max_examples=EXAMPLES)
def test_both_implementations_find_the_same_issues_and_versions_odd(source: str, seed: int) -> None:
    """Odd histories and resolution dates, done issues with open sub-tasks, releases without a past date."""
    team, rules, as_of = scene(source, seed)
    context, plain = Context.of(rules, team.statuses), Reference(team, rules, as_of)
    facts = issues.read(Batch.of(team.issues), context)
    assert _of_histories(facts.findings) == Reference(replace(team, gone=()), rules, LATE).profile.odd_histories()
    dataset = snapshot_of(team, rules, as_of).dataset
    odd = disagreeing(dataset.items, dataset.others, micros(as_of))
    assert set(odd) == set(plain.profile.disagreeing())
    below = [
        SubTask(issue.key, issue.parent, issue.status_id) for issue in team.issues if issue.subtask and issue.parent
    ]
    too_early = unfinished((dataset.items, dataset.others), below, context.stages, micros(as_of))
    assert too_early == plain.profile.unfinished()
    projects = {issue.project for issue in team.issues}
    versions = version_findings(team.versions, projects, micros(as_of), rules.timezone)
    counts = {
        "released_without_date": plain.measures.releases.undated(),
        "released_in_future": plain.measures.releases.future(),
    }
    assert {reason: len(odd_versions) for reason, odd_versions in versions.items()} == {
        reason: count for reason, count in counts.items() if count
    }


def _of_histories(findings: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    odd = {issue_id: set(reasons) & HISTORY_REASONS for issue_id, reasons in findings.items()}
    return {issue_id: reasons for issue_id, reasons in odd.items() if reasons}


def test_the_generated_teams_have_every_finding() -> None:
    """Each finding occurs several times in a hundred teams. Otherwise agreement would prove nothing."""
    counts = Counter[str]()
    for seed in range(100):
        profile = Reference(*scene("none", seed)).profile
        counts.update(reason for reasons in profile.odd_histories().values() for reason in reasons)
        counts.update({"resolution_disagrees": len(profile.disagreeing()), "open_sub_task": len(profile.unfinished())})
    assert {*counts} == {*HISTORY_REASONS, "resolution_disagrees", "open_sub_task"}
    assert all(count >= 5 for count in counts.values()), counts


@pytest.mark.parametrize("source", [source for source in SOURCES if source != "none"])
def test_the_generated_teams_have_something_to_say(source: str) -> None:
    """In a hundred teams every metric has several values that are not 0. Otherwise agreement would prove nothing."""
    counts = Counter[str]()
    for seed in range(100):
        ready = snapshot_of(*scene(source, seed))
        counts.update(metric for metric in METRIC_TYPES for measured in calculate(metric, ready) if measured.value)
        if all(counts[metric] >= 5 for metric in METRIC_TYPES):
            return
    pytest.fail(f"too few values: {counts}")
