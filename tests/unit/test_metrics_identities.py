"""The self-check of a calculation: what must be true of every number, and what is stored if it is not."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from metric_rows import STATUSES, issue, time
from metric_teams import snapshot_of
from reference.teams import Team

from models.metrics.calculate import calculate
from models.metrics.catalogue import METRICS
from models.metrics.contributions import Contributions
from models.metrics.identities import broken_identity
from models.metrics.snapshot import Snapshot
from models.records import Rules

ITEMS = (
    issue(1, "10-01 → 1", "10-05 → 2", "10-08 → 4"),
    issue(2, "10-01 → 2", "10-04 → 1", "10-06 → 3"),
    issue(3, "10-01 → 1", "10-20 → 4"),
)


def ready() -> Snapshot:
    """Return the snapshot of three items on 1 November."""
    return snapshot_of(Team(ITEMS, STATUSES), Rules(time_period_days=31), time("11-01"))


def broken(metric: str, change: Any, details: Mapping[str, Any] | None = None) -> str | None:
    """Return the identity that a metric violates in the period after a change of its parts."""
    snapshot = ready()
    window, kind = snapshot.windows[0], METRICS[metric]
    (parts,) = kind.contributions(snapshot, (window,))
    _, own = kind.figures(parts.used, window, snapshot)
    changed, is_load = change(parts), kind.at_end and kind.adds_up.how == "sum"
    exclusions = changed.exclusions()
    return broken_identity(changed, exclusions, {**own, **(details or {})}, window, snapshot, is_load=is_load)


def same(parts: Contributions) -> Contributions:
    """Return the parts unchanged."""
    return parts


def twice(parts: Contributions) -> Contributions:
    """Return the parts with the first one repeated at the end."""
    return parts.pick(np.array([*range(len(parts)), 0]))


@pytest.mark.parametrize("metric", ["flow_velocity", "flow_time", "flow_load", "flow_age", "net_flow"])
def test_the_identities_hold_of_sound_parts(metric: str) -> None:
    """They are violated if a candidate counts twice."""
    assert broken(metric, same) is None
    assert broken(metric, twice) == "a candidate counts twice"


def test_a_reason_that_nobody_counts_is_no_exclusion() -> None:
    """A candidate must be used, or left out for a known reason."""
    lost = broken("flow_time", lambda parts: replace(parts, reason=np.full(len(parts), 99, np.int8)))
    assert lost == "a candidate is neither used nor left out"


@pytest.mark.parametrize(("metric", "name"), [("flow_velocity", "by_category"), ("flow_load", "by_stage")])
def test_categories_and_stages_add_up(metric: str, name: str) -> None:
    """The details have one more than there are parts."""
    assert broken(metric, same, {name: {"one": 5}}) == f"{name} does not add up to the number of items"


def test_a_missing_item_in_progress_is_noticed() -> None:
    """Arrivals less departures are one, but no part is in progress."""
    lost = broken("flow_load", lambda parts: parts.pick(slice(0, 0)), {"by_category": {}, "by_stage": {}})
    assert lost == "work in progress is not what arrived less what left"


def test_a_violated_identity_is_a_calculation_error_and_no_number() -> None:
    """An item departed before it arrived, so its time in progress would be negative."""
    snapshot = ready()
    items = snapshot.dataset.items
    at = items.at.copy()
    at[[1, 2]] = at[[2, 1]]
    damaged = Snapshot(replace(snapshot.dataset, items=replace(items, at=at)), snapshot.rules, snapshot.as_of)
    measured = calculate("flow_load", damaged)[0]
    assert (measured.state, measured.value) == ("calculation_error", None)
    assert "the integral of work in progress is not the time of its items" in (measured.message or "")
    assert calculate("flow_load", snapshot)[0].value == 1
