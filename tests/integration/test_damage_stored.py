"""Damaged issues of every kind are stored, calculated, shown and explained without an error."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import console_world as world
import damaged
import pytest
from metric_rows import time
from metric_teams import FIELDS, SOURCES, snapshot_of
from reference.teams import Team
from stored_team import stored

from models.metrics.calculate import calculate
from models.records import METRIC_TYPES, IncidentRules, Issue, Rules


def storable(team: Team) -> Team:
    """Return the team without values that JSON cannot hold, and with a unique key for each issue."""
    return replace(team, issues=tuple(_storable(issue) for issue in team.issues))


def _storable(issue: Issue) -> Issue:
    fields: dict[str, Any] = {name: None if value == b"x" else value for name, value in issue.fields.items()}
    return replace(issue, key=f"P-{issue.issue_id}", fields=fields)


@pytest.mark.parametrize("source", SOURCES)
def test_damage_affects_only_the_damaged_issues(source: str, tmp_path: Path, migrated_file: Path) -> None:
    """The stored results are those of the same issues in memory, and every number can be explained."""
    team = storable(damaged.team())
    rules = Rules(
        time_period_days=31,
        history_weeks=3,
        fields=FIELDS,
        workflow={"waiting": ("nowhere",)},
        deployments=SOURCES[source],
        incidents=IncidentRules(("Incident",)),
    )
    with stored(tmp_path, migrated_file, team, rules, time("11-02 12:00")):
        pass
    ready = snapshot_of(team, rules, time("11-02 12:00"))
    rows = world.say(tmp_path, "results", "--format", "json").json
    assert [row["metric_type"] for row in rows] == list(METRIC_TYPES)
    for row in rows:
        expected = calculate(row["metric_type"], ready)[0]
        assert row["state"] == expected.state != "calculation_error"
        assert (row["value"], row["n_used"], row["exclusions"]) == (
            expected.value,
            expected.n_used,
            dict(expected.exclusions),
        )
        _explained(tmp_path, row, is_read=source == "versions")
    assert world.say(tmp_path, "results", "--window", "weeks").code == 0


def _explained(folder: Path, row: dict[str, Any], *, is_read: bool) -> None:
    """Assert that JSON explains the number with its damaged issues; and the formats for people, where ``is_read``."""
    metric = row["metric_type"]
    explained = world.say(folder, "explain", "payments", metric, "--format", "json").json
    assert explained["result"][0]["warning"] is None
    assert len(explained["used"]) == row["n_used"]
    assert len(explained["left_out"]) == sum(row["exclusions"].values())
    if metric == "flow_time":
        assert "P-1000" in [part["key"] for part in explained["used"]]
    if is_read:
        table = world.say(folder, "explain", "payments", metric)
        assert (table.code, table.err) == (0, "")
        assert max(map(len, table.out.splitlines())) <= 80
        assert world.say(folder, "explain", "payments", metric, "--format", "csv").code == 0
