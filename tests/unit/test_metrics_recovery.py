"""Rework and recovery: marks, categories of carried items, incidents, the next deployment, and open failures."""

from datetime import date
from typing import Any

import pytest
from metric_rows import issue, measure, time, version
from reference.teams import Row

from models.records import DeploymentRules, IncidentRules, Issue, Rules

VERSIONS = DeploymentRules("versions")
BY_ISSUES = DeploymentRules("issues", types=("Release",))
GROUPED = DeploymentRules("issues", types=("Release",), group_by="fixVersions")
BY_STATUS = DeploymentRules("status", statuses=("Closed",))
TABLE = DeploymentRules("table")
INCIDENTS = IncidentRules(("Incident",))


def rules(source: Any, **more: Any) -> Rules:
    """Return rules with October as the period."""
    return Rules(time_period_days=31, deployments=source, incidents=INCIDENTS, **more)


# --- rework_rate ------------------------------------------------------------------------------------------------------


def release(mark: Any, *kinds: str) -> tuple[Issue, ...]:
    """Return a release with a mark, and delivered items of these types in the same version."""
    items = [
        issue(number, "10-01 → 1", "10-04 → 4", type=kind, fixVersions=["7"]) for number, kind in enumerate(kinds, 2)
    ]
    return (issue(1, "10-01 → 1", "10-05 → 4", type="Release", fixVersions=["7"], cf=mark), *items)


@pytest.mark.parametrize(
    ("mark", "kinds", "is_rework"),
    [
        (None, ("Bug", "Bug"), True),
        (None, ("Bug", "Story"), False),
        (None, (), False),
        ("", ("Bug",), True),
        ([], ("Bug",), True),
        (True, ("Story",), True),
        (False, ("Bug",), False),
        (0, ("Bug",), False),
        (2, ("Story",), True),
        ("YES", ("Story",), True),
        ("true", ("Story",), True),
        ("failed", ("Bug",), False),
        ({"value": "Yes"}, ("Story",), True),
        ({"value": "No"}, ("Bug",), False),
        ([{"value": "No"}, {"value": "Yes"}], ("Story",), True),
    ],
)
def test_a_mark_decides_else_what_was_carried(mark: Any, kinds: tuple[str, ...], *, is_rework: bool) -> None:
    """Without a mark all delivered items must be defects, and at least one must exist."""
    measured = measure("rework_rate", rules(BY_ISSUES, fields={"rework": "cf"}), *release(mark, *kinds))
    assert measured.value == 100.0 * is_rework
    assert measured.details == {"rework": int(is_rework), "total": 1}


def test_failure_values_are_no_mark_of_rework() -> None:
    """A word that marks a failure does not mark rework."""
    profile_rules = rules(BY_ISSUES, fields={"rework": "cf"}, failure_values=("broken",))
    assert measure("rework_rate", profile_rules, *release("broken", "Bug")).value == 0


@pytest.mark.parametrize(("path", "is_rework"), [("cf.value", True), ("cf.child.value", False), ("cf.no.where", False)])
def test_a_path_that_leads_nowhere_is_not_a_mark(path: str, *, is_rework: bool) -> None:
    """Without a mark at the path, a story means no rework."""
    profile_rules = rules(BY_ISSUES, fields={"rework": path})
    assert measure("rework_rate", profile_rules, *release({"value": "yes"}, "Story")).value == 100.0 * is_rework


@pytest.mark.parametrize(
    ("first", "second", "kind", "is_rework"),
    [(True, False, "Story", True), (None, False, "Bug", False), (None, None, "Bug", True)],
)
def test_one_member_of_a_group_that_says_yes_is_enough(
    *, first: bool | None, second: bool | None, kind: str, is_rework: bool
) -> None:
    """Without a yes, a no decides. Without either, the carried items do."""
    members = tuple(
        issue(number, "10-01 → 1", "10-05 → 4", type="Release", fixVersions=["7"], cf=mark)
        for number, mark in ((1, first), (2, second))
    )
    carried = issue(3, "10-01 → 1", "10-04 → 4", type=kind, fixVersions=["7"])
    measured = measure("rework_rate", rules(GROUPED, fields={"rework": "cf"}), *members, carried)
    assert (measured.value, measured.n_used) == (100.0 * is_rework, 1)


def test_an_item_counts_for_each_deployment_that_shares_a_version_with_it() -> None:
    """Lead time counts the bug in the first deployment only, but both deployments repaired it."""
    carried = issue(1, "10-01 → 1", "10-04 → 4", type="Bug", fixVersions=["1", "2"])
    versions = (version("1", date(2026, 10, 10)), version("2", date(2026, 10, 20)))
    assert measure("rework_rate", rules(VERSIONS), carried, versions=versions).value == 100


def test_what_was_not_delivered_says_nothing() -> None:
    """The story is a duplicate, so the bug alone decides."""
    items = (
        issue(1, "10-01 → 1", "10-04 → 4", type="Bug", fixVersions=["1"]),
        issue(2, "10-01 → 1", "10-04 → 4", type="Story", fixVersions=["1"], resolution="Duplicate"),
    )
    assert measure("rework_rate", rules(VERSIONS), *items, versions=(version("1", date(2026, 10, 10)),)).value == 100


def test_an_entry_into_a_status_is_rework_of_a_defect() -> None:
    """One bug and one story."""
    items = (
        issue(1, "10-01 → 1", "10-04 → 5", type="Bug"),
        issue(2, "10-01 → 1", "10-05 → 5", type="Story"),
    )
    assert measure("rework_rate", rules(BY_STATUS), *items).value == 50


@pytest.mark.parametrize(("mark", "is_rework"), [(True, True), (False, False), (None, True)])
def test_a_row_of_the_table_has_its_own_column(*, mark: bool | None, is_rework: bool) -> None:
    """If the column is empty, the named bug decides."""
    row = Row("build 7", time("10-20"), failed=None, issue_ids=("1",), rework=mark)
    bug = issue(1, "10-01 → 1", "10-04 → 4", type="Bug")
    assert measure("rework_rate", rules(TABLE), bug, table=(row,)).value == 100.0 * is_rework


# --- recovery_time ----------------------------------------------------------------------------------------------------

ONE, TWO = version("1", date(2026, 10, 10)), version("2", date(2026, 10, 20))


def incident(number: int, born: str, *moves: str, **more: Any) -> Issue:
    """Return an incident."""
    return issue(number, born, *moves, type="Incident", **more)


def test_recovered_when_all_incidents_are_restored() -> None:
    """Deployed at the end of the 10th; the last incident is restored at noon on the 12th: 36 hours and a second."""
    incidents = (
        incident(8, "10-11 → 1", "10-11 06:00 → 4", versions=["1"]),
        incident(9, "10-11 → 1", "10-12 12:00 → 4", versions=["1"]),
    )
    measured = measure("recovery_time", rules(VERSIONS), issue(1, "10-01 → 1"), *incidents, versions=(ONE, TWO))
    assert measured.value == (36 * 3600 + 1) / 3600
    assert (measured.n_used, measured.details["open"]) == (1, 0)


def test_one_incident_that_is_not_restored_keeps_it_open() -> None:
    """An invalid field means not restored."""
    for still in (incident(9, "10-11 → 1", versions=["1"]), incident(9, "10-11 → 1", versions=["1"], cf="soon")):
        incidents = (incident(8, "10-11 → 1", "10-11 06:00 → 4", versions=["1"]), still)
        profile_rules = rules(VERSIONS, fields={"restored_at": "cf"})
        measured = measure("recovery_time", profile_rules, issue(1, "10-01 → 1"), *incidents, versions=(ONE, TWO))
        assert (measured.state, measured.n_used, measured.details["open"]) == ("no_data", 0, 1)


def test_an_incident_counts_for_the_last_deployment_before_its_birth() -> None:
    """It names both versions and was created on the 15th, so it counts for the first. The second did not fail."""
    profile_rules = incident(9, "10-15 → 1", "10-16 → 4", versions=["1", "2"])
    measured = measure("recovery_time", rules(VERSIONS), issue(1, "10-01 → 1"), profile_rules, versions=(ONE, TWO))
    assert measured.value == (5 * 86_400 + 1) / 3600
    assert (measured.n_used, measured.details["open"]) == (1, 0)
    assert measure("cfr", rules(VERSIONS), issue(1, "10-01 → 1"), profile_rules, versions=(ONE, TWO)).value == 100


def test_an_incident_before_all_deployments_counts_for_the_first() -> None:
    """Born on the 5th, restored on the 12th."""
    profile_rules = incident(9, "10-05 → 1", "10-12 → 4", versions=["1", "2"])
    measured = measure("recovery_time", rules(VERSIONS), issue(1, "10-01 → 1"), profile_rules, versions=(ONE, TWO))
    assert (measured.value, measured.n_used) == ((86_400 + 1) / 3600, 1)


@pytest.mark.parametrize(
    ("restored", "value", "exclusions"),
    [("10-10 06:00", 0.0, {}), ("10-09 23:00", None, {"negative_duration": 1})],
)
def test_a_release_without_a_time_recovers_on_its_own_day_at_once(
    restored: str, value: float | None, exclusions: dict[str, int]
) -> None:
    """A restoration on the day before gives a negative duration."""
    profile_rules = incident(9, "10-09 → 1", f"{restored} → 4", versions=["1"])
    measured = measure("recovery_time", rules(VERSIONS), issue(1, "10-01 → 1"), profile_rules, versions=(ONE,))
    assert (measured.value, measured.exclusions, measured.details["open"]) == (value, exclusions, 0)


def test_its_own_mark_alone_is_recovered_by_the_next_deployment_that_did_not_fail() -> None:
    """At a later instant: deployments at the same instant and failed ones do not count."""
    table = (
        Row("1", time("10-10 12:00"), failed=True),
        Row("2", time("10-10 12:00"), failed=False),
        Row("3", time("10-10 15:00"), failed=True),
        Row("4", time("10-10 18:00"), failed=None),
    )
    measured = measure("recovery_time", rules(TABLE), table=table)
    assert (measured.value, measured.n_used, measured.details["open"]) == (4.5, 2, 0)
    measured = measure("recovery_time", rules(TABLE), table=table[:3])
    assert (measured.state, measured.details["open"]) == ("no_data", 2)


def test_nothing_could_mark_a_failure() -> None:
    """The mapping is missing, as for cfr."""
    profile_rules = Rules(deployments=VERSIONS)
    assert measure("recovery_time", profile_rules, issue(1, "10-01 → 1"), versions=(ONE,)).state == "missing_mapping"
