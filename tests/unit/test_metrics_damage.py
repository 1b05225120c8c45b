"""A dataset with every kind of damage yields values, exclusions and findings, never an exception."""

from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import product
from typing import Any, Final

import pytest
from metric_rows import STATUSES, issue, time, version
from metric_teams import FIELDS, SOURCES, prepared
from naive_metrics import Row, Team

from models.metrics import facts
from models.metrics.calculate import calculate, explain
from models.records import METRIC_TYPES, IncidentRules, Issue, Rules, Status, Transition, instant

ENDS: Final = ["0001-01-01", "9999-12-31", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-12:00"]
BROKEN: Final = [None, "", "null", 0, -1, 10**400, 1e308, float("nan"), True, [], {}, [[]], [None], {"value": {}}, b"x"]
TYPES: Final = ["Story", "Release", "Incident", "", "Epic"]
ALL_FIELDS: Final = (*FIELDS.values(), "cf_committed", "priority", "fixVersions", "versions", "links")


def broken_issues() -> list[Issue]:
    """One issue per type and value, which stands in every field at once."""
    values = enumerate(product(TYPES, [*BROKEN, *ENDS]), start=1)
    return [
        issue(number, "10-01 → 1", "10-05 → 2", "10-07 → 4", type=kind, **dict.fromkeys(ALL_FIELDS, value))
        for number, (kind, value) in values
    ]


def broken_histories() -> list[Issue]:
    """Histories at the ends of time, out of nowhere, to nowhere, at one instant, without any status."""
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    moves = [
        Transition(at, number, 0, "status", str(number), *step)
        for number, (at, step) in enumerate(
            product([first, time("10-05"), last], [(None,) * 4, ("2", "x", "4", "y"), ("77", None, None, "")])
        )
    ]
    plain = issue(900, "10-01 → 1")
    lives = [(), tuple(moves), tuple(moves[::-1]), tuple(moves[:3]), (moves[0], moves[0])]
    return [
        replace(plain, issue_id=str(901 + number), created=created, status_id=status_id, transitions=life)
        for number, (created, life, status_id) in enumerate(product([first, time("10-01"), last], lives, ["1", ""]))
    ]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_damage_of_every_kind_costs_itself_only(source: str, zone: str) -> None:
    """One sound item among the damage is still measured, and all that is shown can be written as a date."""
    sound = issue(1000, "10-01 → 2", "10-20 → 4")
    statuses = (*STATUSES, Status("", "", ""), Status("x", "Odd", "in-flight"))
    versions = (version("1", date.min), version("2", date.max), version("3", None))
    rows = (Row("r", time("10-20"), failed=False, issue_ids=("1000", "none"), version_ids=("none",)),)
    team = Team((*broken_issues(), *broken_histories(), sound), statuses, versions, rows)
    rules = Rules(
        timezone=zone,
        time_period_days=31,
        fields=FIELDS,
        workflow={"waiting": ("nowhere",)},
        deployments=SOURCES[source],
        incidents=IncidentRules(("Incident",)),
    )
    ready = prepared(team, rules, time("11-02"))
    for metric in METRIC_TYPES:
        for found in calculate(metric, ready):
            shown = explain(metric, ready, found.window)
            assert len(shown.used) + len(shown.left_out) == found.n_used + found.n_excluded
            assert all(instant(at).tzinfo for part in shown.used for _, at in part.instants)
    assert "P-1000" in [part.key for part in explain("flow_time", ready, ready.windows[0]).used]


@pytest.mark.parametrize("value", BROKEN)
def test_a_damaged_field_is_nothing_or_a_finding_that_names_it(value: Any) -> None:
    """No value at all is no finding; anything else that is no moment is one."""
    context = facts.Context.of(Rules(fields={"committed_at": "cf"}), STATUSES)
    found = facts.read(issue(1, "10-01 → 1", cf=value), context)
    expected = [] if value in (None, "") else [("invalid_value", "committed_at")]
    assert [(finding.reason, finding.detail) for finding in found.findings] == expected
