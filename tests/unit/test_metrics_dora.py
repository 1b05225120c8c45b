"""The DORA metrics from every source of deployments: how often, and which deployments failed."""

from datetime import date

import pytest
from deployed_teams import BY_ISSUES, BY_STATUS, GROUPED, INCIDENTS, ONE, TABLE, TWO, VERSIONS, deployed, ready, rules
from metric_rows import at, issue, measure, time, version
from reference.teams import Row

from models.records import Rules

# The period of an as-of of 1 November is October, 31 days, in UTC.
# --- deployment_frequency ---------------------------------------------------------------------------------------------


def test_deployment_frequency_divides_by_the_days_of_the_window() -> None:
    """Two in 31 days: 2 ÷ 31 a day, 14 ÷ 31 a week."""
    measured = measure("deployment_frequency", rules(VERSIONS), issue(1, "10-01 → 1"), versions=(ONE, TWO))
    assert measured.value == 2 / 31
    assert measured.details == {"count": 2, "per_week": 14 / 31}
    assert (measured.n_used, measured.exclusions, measured.unit) == (2, {}, "per_day")


def test_a_day_of_twenty_five_hours_makes_the_rate_smaller() -> None:
    """One release on 25 October in Zagreb, the day the clock goes back: 1 ÷ (25 ÷ 24) a day."""
    profile = Rules(timezone="Europe/Zagreb", time_period_days=1, deployments=VERSIONS)
    change = version("1", date(2026, 10, 25))
    measured = measure("deployment_frequency", profile, issue(1, "10-01 → 1"), versions=(change,), as_of="10-26 12:00")
    assert measured.value == 24 / 25


def test_a_running_week_is_reckoned_up_to_the_as_of() -> None:
    """From Monday 26 October to Wednesday midnight: one release in two days."""
    change = version("1", date(2026, 10, 26))
    measured = measure(
        "deployment_frequency", rules(VERSIONS), issue(1, "10-01 → 1"), versions=(change,), as_of="10-28", window=-1
    )
    assert measured.value == 1 / 2
    assert measured.details["effective_end"] == "2026-10-28T00:00:00.000000Z"
    assert not measured.window.complete


# --- where deployments come from --------------------------------------------------------------------------------------


def test_a_deploying_issue_deploys_at_its_field_else_when_it_is_done() -> None:
    """Its resolution does not matter. Without a date it must be done; with a date it need not be."""
    profile = rules(BY_ISSUES, fields={"deployed_at": "cf"})
    issues = (
        issue(1, "10-01 → 1", "10-05 → 4", type="Release", resolution="Won't Do"),
        issue(2, "10-01 → 1", type="Release"),
        issue(3, "10-01 → 1", type="Release", cf="2026-10-07T10:00Z"),
        issue(4, "10-01 → 1", "10-05 → 4", type="Release", cf="2026-10-03"),
    )
    assert deployed(profile, *issues) == [
        ("P-4", at("10-03 23:59:59"), False),
        ("P-1", at("10-05"), False),
        ("P-3", at("10-07 10:00"), False),
    ]


@pytest.mark.parametrize("field", ["2026-11-01T00:00Z", "2026-11-05", "soon", "9999-12-31"])
def test_a_field_in_the_future_or_without_sense_is_no_deployment_even_of_a_done_issue(field: str) -> None:
    """It does not fall back to the day on which the issue was done."""
    profile = rules(BY_ISSUES, fields={"deployed_at": "cf"})
    assert deployed(profile, issue(1, "10-01 → 1", "10-05 → 4", type="Release", cf=field)) == []


def test_a_deploying_issue_created_at_the_as_of_does_not_exist() -> None:
    """Even if its field is in the past."""
    profile = rules(BY_ISSUES, fields={"deployed_at": "cf"})
    assert deployed(profile, issue(1, "11-01 → 1", type="Release", cf="2026-10-03")) == []


def test_deploying_issues_of_one_version_are_one_deployment_at_the_earliest() -> None:
    """P-1 and P-2 share version 7, and P-2 has 8 too. P-3 has no version and is a deployment of its own."""
    issues = (
        issue(1, "10-01 → 1", "10-05 → 4", type="Release", fixVersions=["7"]),
        issue(2, "10-01 → 1", "10-03 → 4", type="Release", fixVersions=["7", "8"], cf=True),
        issue(3, "10-01 → 1", "10-04 → 4", type="Release"),
    )
    assert deployed(rules(GROUPED, fields={"change_failure": "cf"}), *issues) == [
        ("P-1, P-2", at("10-03"), True),
        ("P-2", at("10-03"), True),
        ("P-3", at("10-04"), False),
    ]


def test_a_deploying_issue_that_has_not_happened_takes_no_part_in_its_group() -> None:
    """P-2 failed but is not done, so the group is P-1 alone."""
    issues = (
        issue(1, "10-01 → 1", "10-05 → 4", type="Release", fixVersions=["7"]),
        issue(2, "10-01 → 1", type="Release", fixVersions=["7"], cf=True),
    )
    assert deployed(rules(GROUPED, fields={"change_failure": "cf"}), *issues) == [("P-1", at("10-05"), False)]


def test_a_version_happens_at_the_last_second_of_its_day_and_not_before() -> None:
    """At an as-of of 23:59:59 it has not happened yet, a microsecond later it has."""
    story = issue(1, "10-01 → 1")
    assert deployed(rules(VERSIONS), story, versions=(ONE,), as_of="10-10 23:59:59") == []
    after = deployed(rules(VERSIONS), story, versions=(ONE,), as_of="10-10 23:59:59.000001")
    assert after == [("1", at("10-10 23:59:59"), False)]


def test_each_entry_into_a_status_is_a_deployment_done_or_not() -> None:
    """Closed, re-opened, closed again: twice."""
    story = issue(1, "10-01 → 1", "10-03 → 5", "10-04 → 2", "10-06 → 5")
    assert [deployment[1] for deployment in deployed(rules(BY_STATUS), story)] == [at("10-03"), at("10-06")]


def test_rows_of_other_sources_do_not_count() -> None:
    """Imported rows stay in the table when the profile changes its source."""
    assert deployed(rules(VERSIONS), issue(1, "10-01 → 1"), table=(Row("a", time("10-05"), failed=False),)) == []


# --- cfr --------------------------------------------------------------------------------------------------------------


def test_cfr_is_the_percentage_of_failed_deployments() -> None:
    """One of four: 25 %."""
    rows = tuple(Row(f"r{day}", time(f"10-0{day}"), failed=day == 1) for day in range(1, 5))
    measured = measure("cfr", rules(TABLE), table=rows)
    assert (measured.value, measured.details, measured.n_used) == (25.0, {"failed": 1, "total": 4}, 4)


def test_an_incident_that_names_a_version_fails_its_deployment_whenever_it_was_created() -> None:
    """Before the release or after it; one created at the as-of does not exist."""
    profile = rules(VERSIONS, incidents=INCIDENTS)
    for created, failed in (("10-01", True), ("10-15", True), ("11-01", False)):
        incident = issue(9, f"{created} → 1", type="Incident", versions=["1"])
        (deployment,) = deployed(profile, issue(1, "10-01 → 1"), incident, versions=(ONE,))
        assert deployment[2] is failed


def test_incidents_mark_nothing_without_their_section() -> None:
    """Without the section, the same issue is a work item."""
    incident = issue(9, "10-01 → 1", type="Incident", versions=["1"])
    assert deployed(rules(VERSIONS), incident, versions=(ONE,))[0][2] is False


def test_a_group_fails_by_an_incident_in_its_own_version_only() -> None:
    """P-1 is in versions 7 and 8, and 8 is affected: the group of 7 did not fail, nor that of 6."""
    issues = (
        issue(1, "10-01 → 1", "10-05 → 4", type="Release", fixVersions=["7", "8"]),
        issue(2, "10-01 → 1", "10-04 → 4", type="Release", fixVersions=["6"]),
        issue(9, "10-01 → 1", type="Incident", versions=["8"]),
    )
    deployments = ready(rules(GROUPED, incidents=INCIDENTS), *issues).deployments
    assert [(d.deployment_id, d.name, d.failed) for d in deployments] == [
        ("version 6", "P-2", False),
        ("version 7", "P-1", False),
        ("version 8", "P-1", True),
    ]


@pytest.mark.parametrize(
    ("created", "failed"),
    [
        ("10-02", [False, False]),  # before the first deployment
        ("10-03", [True, False]),  # at it
        ("10-05 23:59", [True, False]),
        ("10-06", [False, True]),  # at the next one: that one failed
        ("10-30", [False, True]),
        ("11-01", [False, False]),  # at the as-of: does not exist
    ],
)
@pytest.mark.parametrize("side", ["incident", "item"])
def test_a_linked_incident_fails_the_deployment_it_follows(created: str, failed: list[bool], side: str) -> None:
    """From the deployment until the item's next one. The link may be on either issue."""
    links = {"incident": ([], ["1"]), "item": (["9"], [])}[side]
    story = issue(1, "10-01 → 1", "10-03 → 5", "10-04 → 2", "10-06 → 5", links=links[0])
    incident = issue(9, f"{created} → 1", type="Incident", links=links[1])
    deployments = deployed(rules(BY_STATUS, incidents=INCIDENTS), story, incident)
    assert [mark for _, _, mark in deployments] == failed


def test_of_two_deployments_at_one_instant_a_linked_incident_fails_the_second() -> None:
    """An automation closed, opened and closed the item at once, so no time passes between the two."""
    story = issue(1, "10-01 → 1", "10-03 → 5", "10-03 → 2", "10-03 → 5")
    incident = issue(9, "10-03 → 1", type="Incident", links=["1"])
    deployments = deployed(rules(BY_STATUS, incidents=INCIDENTS), story, incident)
    assert [mark for _, _, mark in deployments] == [False, True]


def test_a_failure_field_of_a_work_item_fails_its_deployments_by_status() -> None:
    """The mapped change_failure is read from the item."""
    profile = rules(BY_STATUS, fields={"change_failure": "cf"})
    stories = (issue(1, "10-01 → 1", "10-03 → 5", cf="yes"), issue(2, "10-01 → 1", "10-04 → 5", cf="no"))
    assert [mark for _, _, mark in deployed(profile, *stories)] == [True, False]


def test_the_column_of_a_row_decides_where_it_is_set_else_incidents_do() -> None:
    """The incident names version 7 and links to P-1. It marks rows whose failure is unknown, not those that say no."""
    rows = (
        Row("a", time("10-03"), failed=True),
        Row("b", time("10-04"), failed=False, version_ids=("7",)),
        Row("c", time("10-05"), failed=None, version_ids=("7",)),
        Row("d", time("10-06"), failed=None, version_ids=("8",)),
        Row("e", time("10-07"), failed=True, version_ids=("7",)),
        Row("f", time("10-08"), failed=None, issue_ids=("1",)),
        Row("g", time("10-08"), failed=False, issue_ids=("2",)),
    )
    stories = (issue(1, "10-01 → 1", "10-02 → 4"), issue(2, "10-01 → 1", "10-02 → 4"))
    incident = issue(9, "10-09 → 1", type="Incident", versions=["7"], links=["1", "2"])
    deployments = ready(rules(TABLE, incidents=INCIDENTS), *stories, incident, table=rows).deployments
    assert [(d.deployment_id, d.failed) for d in deployments] == [
        ("a", True), ("b", False), ("c", True), ("d", False), ("e", True), ("f", True), ("g", False)
    ]  # fmt: skip
    by = {d.deployment_id: [(mark.by, mark.shared) for mark in d.failed_by] for d in deployments}
    assert by == {
        "a": [], "b": [], "c": [("versions", ("7",))], "d": [], "e": [("versions", ("7",))],
        "f": [("links", ("1",))], "g": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("marks", "state"), [([None], "missing_mapping"), ([None, False], "success"), ([], "missing_mapping")]
)
def test_a_table_whose_marks_are_all_unknown_has_no_failure_rate(marks: list[bool | None], state: str) -> None:
    """Without incidents nothing could mark a failure: 0 % would be a guess. A row at the as-of does not exist yet."""
    rows = [Row(f"r{number}", time("10-05"), failed=mark) for number, mark in enumerate(marks)]
    measured = measure("cfr", rules(TABLE), table=(*rows, Row("late", time("11-01"), failed=True)))
    assert measured.state == state
    assert ("set failed" in (measured.message or "")) == (state == "missing_mapping")
    assert measure("cfr", rules(TABLE, incidents=INCIDENTS), table=tuple(rows)).state != "missing_mapping"
