"""A dataset with every kind of damage yields values, exclusions and findings, never an exception."""

from typing import Any

import pytest
from damaged import BROKEN, team
from metric_rows import STATUSES, issue, time
from metric_teams import FIELDS, SOURCES, snapshot_of
from one_issue import read_one

from models.metrics.calculate import calculate, explain
from models.metrics.rules import Context
from models.records import METRIC_TYPES, IncidentRules, Rules, instant


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_damage_of_every_kind_costs_itself_only(source: str, zone: str) -> None:
    """The only sound item among the damage is measured, and every instant shown is a valid date."""
    rules = Rules(
        timezone=zone,
        time_period_days=31,
        fields=FIELDS,
        workflow={"waiting": ("nowhere",)},
        deployments=SOURCES[source],
        incidents=IncidentRules(("Incident",)),
    )
    ready = snapshot_of(team(), rules, time("11-02"))
    for metric in METRIC_TYPES:
        for measured in calculate(metric, ready):
            explained = explain(metric, ready, measured.window)
            assert len(explained.used) + len(explained.left_out) == measured.n_used + measured.n_excluded
            assert all(instant(at).tzinfo for part in explained.used for _, at in part.instants)
    assert "P-1000" in [part.key for part in explain("flow_time", ready, ready.windows[0]).used]


@pytest.mark.parametrize("value", BROKEN)
def test_a_damaged_field_is_nothing_or_a_finding_that_names_it(value: Any) -> None:
    """An absent value is not a finding. Any other value that is not an instant is one."""
    context = Context.of(Rules(fields={"committed_at": "cf"}), STATUSES)
    read = read_one(issue(1, "10-01 → 1", cf=value), context)
    expected = [] if value in (None, "") else [("invalid_value", "committed_at")]
    assert read.findings == expected
