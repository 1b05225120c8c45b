"""The results that a worker stores of generated teams, with gone issues, are those of the reference."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from metric_teams import SOURCES, Scene, scene
from reference import against
from reference.metrics import Reference
from reference.teams import Answer
from stored_team import stored

from models.records import METRIC_TYPES, MetricResult
from models.store import quality
from models.store import results as stored_results

SEEDS = range(100, 104)
LATE = datetime(2200, 1, 1, tzinfo=UTC)
REASONS = (
    "broken_chain",
    "moved_backwards",
    "open_sub_task",
    "resolution_disagrees",
    "stopped_before_started",
    "unmapped_status",
)


@pytest.mark.parametrize("source", SOURCES)
def test_the_stored_results_and_findings_are_those_of_the_reference(
    source: str, tmp_path: Path, migrated_file: Path
) -> None:
    """The stored rows of all metrics are equal bit for bit, and so are the findings of each issue."""
    for seed in SEEDS:
        _compare(scene(source, seed), tmp_path / str(seed), migrated_file)


def _compare(made: Scene, folder: Path, schema: Path) -> None:
    folder.mkdir()
    expected = Reference(*made)
    with stored(folder, schema, *made) as current, current.sessions() as session:
        results = [row for kind in ("period", "week") for row in stored_results.load(session, kind=kind)]
        findings = quality.keys_with_findings(session, "payments")
    answers = {
        (metric, answer.span.kind, answer.span.start): _plain(_with_before(expected, metric, answer))
        for metric in METRIC_TYPES
        for answer in expected.answers(metric)
    }
    assert {(row.metric_type, row.window_kind, row.window_start): _plain(row) for row in results} == answers
    assert {reason: set(findings.get(reason, ())) for reason in REASONS} == _findings(made)


def _findings(made: Scene) -> dict[str, set[str]]:
    """Return reason → keys of the issues; findings of a history include those after the as-of."""
    team, rules, as_of = made
    keys = {issue.issue_id: issue.key for issue in (*team.issues, *team.gone)}
    odd = Reference(team, rules, LATE).profile.odd_histories()
    findings = {reason: {keys[number] for number in odd if reason in odd[number]} for reason in REASONS}
    present = Reference(team, rules, as_of).profile
    of_now = {"resolution_disagrees": present.disagreeing(), "open_sub_task": present.unfinished()}
    return findings | {reason: {keys[number] for number in numbers} for reason, numbers in of_now.items()}


def _with_before(expected: Reference, metric: str, answer: Answer) -> Answer:
    """Return the answer about a period with that about as many days before it in its details."""
    if answer.span.kind == "week":
        return answer
    before = expected.answer(metric, against.previous(expected, answer.span))
    start = before.span.start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    details = {**answer.details, "before": {"start": start, "value": before.value, "state": before.state}}
    return replace(answer, details=details)


def _plain(row: Answer | MetricResult) -> tuple[object, ...]:
    return row.value, row.state, row.n_used, dict(row.exclusions), dict(row.details), row.level
