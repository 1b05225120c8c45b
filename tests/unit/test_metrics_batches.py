"""Thousands of issues in one batch give the metrics the same as each issue in a batch of its own."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import damaged
import numpy as np
import pytest
from metric_rows import STATUSES, issue
from metric_teams import FIELDS, SOURCES, scene

from models.metrics import issues as batches
from models.metrics.columns import Chunk, Items, merged
from models.metrics.issues import Batch, BatchFacts
from models.metrics.rules import Context
from models.records import DeploymentRules, IncidentRules, Issue, Rules, Transition


def one_by_one(issues: Sequence[Issue], context: Context) -> BatchFacts:
    """Return the facts of the issues, each read in a batch of its own."""
    read = [batches.read(Batch.of([issue]), context) for issue in issues]
    whole = merged([Chunk.of(facts.columns, facts.others) for facts in read])
    return BatchFacts(
        [item for facts in read for item in facts.items],
        whole.items,
        whole.others,
        [incident for facts in read for incident in facts.incidents],
        [deployment for facts in read for deployment in facts.deployments],
        {issue_id: findings for facts in read for issue_id, findings in facts.findings.items()},
    )


def assert_same(actual: BatchFacts, expected: BatchFacts) -> None:
    """Compare to the last value. Records with ids may have any order."""
    assert repr(actual.items) == repr(expected.items)  # as text, because NaN does not equal itself
    for part, name in product(("columns", "others"), Items.__dataclass_fields__):
        left, right = (getattr(getattr(facts, part), name) for facts in (actual, expected))
        assert left.dtype.kind == right.dtype.kind
        assert np.array_equal(left, right, equal_nan=left.dtype.kind == "f"), name
    assert actual.incidents == expected.incidents
    assert sorted(actual.deployments, key=repr) == sorted(expected.deployments, key=repr)
    assert actual.findings == expected.findings


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("seed", range(25))
def test_a_batch_is_read_as_its_issues_one_by_one(source: str, seed: int) -> None:
    """Generated teams have every kind of history, and findings."""
    team, rules, _ = scene(source, seed)
    context = Context.of(rules, team.statuses)
    assert_same(batches.read(Batch.of(team.issues), context), one_by_one(team.issues, context))


@pytest.mark.parametrize("source", SOURCES)
def test_a_batch_of_damaged_issues_is_read_as_its_issues_one_by_one(source: str) -> None:
    """Also if every value has the wrong type and no history fits."""
    team = damaged.team()
    rules = Rules(deployments=SOURCES[source], incidents=IncidentRules(("Incident",)), fields=FIELDS)
    context = Context.of(rules, team.statuses[:2])  # so that some are unknown
    read = batches.read(Batch.of(team.issues), context)
    assert_same(read, one_by_one(team.issues, context))
    reasons = {reason for findings in read.findings.values() for reason in findings}
    assert {"broken_chain", "unmapped_status", "invalid_value"} <= reasons


def test_no_issue_and_an_issue_without_a_history_are_read() -> None:
    """The smallest batches."""
    context = Context.of(Rules(deployments=DeploymentRules("status", statuses=("Done",))), STATUSES)
    assert_same(batches.read(Batch.of([]), context), one_by_one([], context))
    alone = [issue(1, "10-01 → 4")]
    assert_same(batches.read(Batch.of(alone), context), one_by_one(alone, context))


def test_history_ids_beyond_64_bits_keep_their_order() -> None:
    """Of two changes at one instant the one with the larger id is later, however large the id is."""
    story = issue(1, "10-01 → 1", "10-02 → 2", "10-02 → 4")
    huge = [str(10**30), str(9 * 10**29)]  # as text the smaller one comes last
    history = tuple(
        Transition(change.at, int(name), 0, "status", name, *change[5:])
        for change, name in zip(story.transitions, sorted(huge, key=int), strict=True)
    )
    context = Context.of(Rules(), STATUSES)
    moved = [replace(story, transitions=history)]
    assert_same(batches.read(Batch.of(moved), context), one_by_one(moved, context))
    assert batches.read(Batch.of(moved), context).findings == {}
