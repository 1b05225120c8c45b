"""States, messages and levels: what a measurement has with a value, and what without one."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from metric_rows import STATUSES, issue, measure, time, version
from metric_teams import snapshot_of
from reference.teams import Row, Team

from models.metrics.calculate import calculate, explain, level, missing_mapping
from models.records import METRIC_TYPES, DeploymentRules, IncidentRules, Rules

BY_ISSUES = DeploymentRules("issues", types=("Release",))
VERSIONS = DeploymentRules("versions")
BY_STATUS = DeploymentRules("status", statuses=("Closed",))
TABLE = DeploymentRules("table")
INCIDENTS = IncidentRules(("Incident",))


@pytest.mark.parametrize(
    ("metric", "reached", "missed", "name"),
    [
        ("deployment_frequency", 1.0, 0.99, "elite"),
        ("deployment_frequency", 1 / 7, 0.142, "high"),
        ("deployment_frequency", 1 / 30, 0.033, "medium"),
        ("lead_time", 0.99, 1.0, "elite"),
        ("lead_time", 6.99, 7.0, "high"),
        ("lead_time", 29.99, 30.0, "medium"),
        ("cfr", 5.0, 5.01, "elite"),
        ("cfr", 10.0, 10.01, "high"),
        ("cfr", 15.0, 15.01, "medium"),
        ("mttr", 0.99, 1.0, "elite"),
        ("mttr", 23.9, 24.0, "high"),
        ("mttr", 167.9, 168.0, "medium"),
    ],
)
def test_a_level_holds_up_to_its_bound_and_no_further(metric: str, reached: float, missed: float, name: str) -> None:
    """A frequency at its bound has the level, cfr too; a time must be below its bound."""
    assert level(metric, reached, Rules()) == name
    below = {"elite": "high", "high": "medium", "medium": "low"}[name]
    assert level(metric, missed, Rules()) == below


def test_a_profile_may_move_the_bounds() -> None:
    """For example, a profile may call ten days elite."""
    assert level("lead_time", 9.0, Rules(levels={"lead_time": (10.0, 20.0, 30.0)})) == "elite"


def test_no_value_and_no_dora_metric_have_no_level() -> None:
    """The level is null without a value, and for Flow metrics."""
    assert level("cfr", None, Rules()) is None
    assert level("flow_time", 1.0, Rules()) is None


def test_one_release_in_seven_days_is_high() -> None:
    """The bound 1 ÷ 7 is met exactly by one deployment in a week of 168 hours."""
    measured = measure(
        "deployment_frequency",
        Rules(time_period_days=7, deployments=VERSIONS),
        issue(1, "10-01 → 1"),
        versions=(version("1", date(2026, 10, 28)),),
    )
    assert measured.level == "high"


@pytest.mark.parametrize(
    ("metric", "change", "says"),
    [
        ("deployment_frequency", {}, "[profiles.<name>.deployments]"),
        ("lead_time", {}, "[profiles.<name>.deployments]"),
        ("cfr", {"incidents": INCIDENTS}, "[profiles.<name>.deployments]"),
        ("mttr", {"deployments": VERSIONS}, "[profiles.<name>.incidents]"),
        ("cfr", {"deployments": VERSIONS}, "[profiles.<name>.incidents]"),
        ("cfr", {"deployments": VERSIONS, "fields": {"change_failure": "cf"}}, "[profiles.<name>.incidents]"),
        ("cfr", {"deployments": BY_ISSUES}, "change_failure"),
        ("cfr", {"deployments": BY_STATUS}, "change_failure"),
        ("flow_efficiency", {}, "[profiles.<name>.workflow]"),
        ("flow_efficiency", {"workflow": {"waiting": ("Nowhere",)}}, "[profiles.<name>.workflow]"),
    ],
)
def test_what_nothing_can_tell_is_a_missing_mapping_that_says_what_to_put_where(
    metric: str, change: dict[str, Any], says: str
) -> None:
    """In every window: no value, no level, no used part, and a message."""
    ready = snapshot_of(Team((issue(1, "10-01 → 1"),), STATUSES), Rules(**change), time("11-01"))
    for measured in calculate(metric, ready):
        assert (measured.state, measured.value, measured.level, measured.n_used) == ("missing_mapping", None, None, 0)
        assert says in (measured.message or "")
        assert "flowbeat.toml" in (measured.message or "")
    assert explain(metric, ready, ready.windows[0]).used == ()


@pytest.mark.parametrize(
    ("metric", "change"),
    [
        ("cfr", {"deployments": VERSIONS, "incidents": INCIDENTS}),
        ("cfr", {"deployments": BY_ISSUES, "fields": {"change_failure": "cf"}}),
        ("cfr", {"deployments": BY_STATUS, "incidents": INCIDENTS}),
        ("mttr", {"incidents": INCIDENTS}),
        ("lead_time", {"deployments": TABLE}),
        ("flow_time", {}),
        ("flow_efficiency", {"workflow": {"waiting": ("Review",)}}),
    ],
)
def test_what_something_can_tell_misses_no_mapping(metric: str, change: dict[str, Any]) -> None:
    """One of the possible mappings is enough."""
    assert missing_mapping(metric, snapshot_of(Team((), STATUSES), Rules(**change), time("11-01"))) is None


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("deployment_frequency", 0.0),
        ("flow_velocity", 0.0),
        ("flow_load", 0.0),
        ("lead_time", None),
        ("cfr", None),
        ("mttr", None),
        ("flow_time", None),
        ("flow_efficiency", None),
        ("flow_distribution", None),
    ],
)
def test_an_empty_window_is_a_true_zero_or_no_data_never_the_other(metric: str, value: float | None) -> None:
    """A count of nothing is 0. A share or a median of nothing has no value, and its message says what to check."""
    measured = measure(metric, Rules(deployments=VERSIONS, incidents=INCIDENTS, workflow={"waiting": ("Review",)}))
    assert (measured.value, measured.state) == (value, "no_data" if value is None else "success")
    assert (measured.message is not None) is (value is None)
    assert "left out" not in (measured.message or "")
    assert (measured.n_used, measured.exclusions) == (0, {})


@pytest.mark.parametrize("metric", ["lead_time", "mttr", "flow_time"])
def test_the_figures_beside_no_median_are_none_of_nothing(metric: str) -> None:
    """The keys stay, so that a program need not check for them."""
    details = measure(metric, Rules(deployments=VERSIONS, incidents=INCIDENTS)).details
    nothing = {"n": 0, "mean": None, "p75": None, "p85": None, "p95": None}
    assert details == (nothing | {"open": 0} if metric == "mttr" else nothing)


def test_no_data_because_all_were_left_out_says_so_with_the_reasons() -> None:
    """One item was never started, one is a duplicate."""
    measured = measure(
        "flow_time",
        Rules(),
        issue(1, "10-01 → 1", "10-20 → 4"),
        issue(2, "10-01 → 1", "10-20 → 4", resolution="Duplicate"),
    )
    expected = "All 2 candidates were left out (never_started 1, not_delivered 1); flowbeat explain lists them."
    assert measured.message == expected


def test_only_a_running_window_says_how_far_it_is_reckoned() -> None:
    """A complete window is calculated up to its end, so it does not name it."""
    ready = snapshot_of(Team((), STATUSES), Rules(history_weeks=2), time("10-28 12:00"))
    ends = [measured.details.get("effective_end") for measured in calculate("flow_velocity", ready)]
    assert ends == [None, None, "2026-10-28T12:00:00.000000Z"]


def test_a_period_before_that_the_zone_skipped_has_no_measurement() -> None:
    """Samoa had no 30 December 2011, so the period of the 31st has no day before it."""
    rules = Rules(timezone="Pacific/Apia", time_period_days=1, history_weeks=1, deployments=TABLE)
    ready = snapshot_of(Team((), STATUSES), rules, datetime(2012, 1, 1, 12, tzinfo=ZoneInfo("Pacific/Apia")))
    assert [calculate(metric, ready)[0].before for metric in METRIC_TYPES] == [None] * len(METRIC_TYPES)


def test_every_metric_is_measured_in_every_window_with_its_parts_prepared_once() -> None:
    """All metrics, a period and three weeks. All metrics have the same window objects."""
    ready = snapshot_of(Team((issue(1, "10-01 → 1"),), STATUSES), Rules(history_weeks=3), time("10-28"))
    for metric in METRIC_TYPES:
        assert [measured.window for measured in calculate(metric, ready)] == list(ready.windows)
    assert ready.facts is ready.facts


def test_an_explanation_shows_who_was_left_out_and_why() -> None:
    """One item counts and one does not."""
    items = (issue(1, "10-01 → 2", "10-20 → 4"), issue(2, "10-01 → 1", "10-21 → 4"))
    ready = snapshot_of(Team(items, STATUSES), Rules(), time("11-01"))
    explained = explain("flow_time", ready, ready.windows[0])
    assert [(part.key, part.reason) for part in explained.used] == [("P-1", None)]
    assert [(part.key, part.reason) for part in explained.left_out] == [("P-2", "never_started")]


def test_the_rows_of_a_table_are_explained_by_their_name() -> None:
    """A deployment of a pipeline has no issue key."""
    row = Row("build 7", time("10-20"), failed=True)
    ready = snapshot_of(Team((), STATUSES, table=(row,)), Rules(deployments=TABLE), time("11-01"))
    (part,) = explain("cfr", ready, ready.windows[0]).used
    assert (part.key, part.value, part.base) == ("build 7", 1, 1)


def test_a_value_in_the_past_ignores_what_came_later() -> None:
    """Done on the 20th, re-opened on the 25th: on the 22nd it was done, at the end of the month it is not."""
    item = issue(1, "10-01 → 1", "10-10 → 2", "10-20 → 4", "10-25 → 2")
    rules = replace(Rules(), time_period_days=31)
    assert measure("flow_time", rules, item, as_of="10-22").value == 10.0
    assert measure("flow_time", rules, item, as_of="11-01").value is None
