"""The DORA metrics: every source of deployments, changes, failures, restorations, and what is left out."""

from datetime import date
from typing import Any

import pytest
from metric_rows import STATUSES, at, issue, measure, time, version
from metric_teams import snapshot_of
from reference.teams import Row, Team

from models.metrics.calculate import explain
from models.metrics.snapshot import Snapshot
from models.records import DeploymentRules, IncidentRules, Issue, Rules


# The period of an as-of of 1 November is October, 31 days, in UTC.
def rules(source: Any = None, **more: Any) -> Rules:
    """Return rules with October as the period and a source of deployments."""
    return Rules(time_period_days=31, deployments=source, **more)


VERSIONS = DeploymentRules("versions")
BY_ISSUES = DeploymentRules("issues", types=("Release",))
GROUPED = DeploymentRules("issues", types=("Release",), group_by="fixVersions")
BY_STATUS = DeploymentRules("status", statuses=("Closed",))
TABLE = DeploymentRules("table")
INCIDENTS = IncidentRules(("Incident",))
ONE = version("1", date(2026, 10, 10))
TWO = version("2", date(2026, 10, 20))


def deployed(profile: Rules, *issues: Issue, as_of: str = "11-01", **rows: Any) -> list[tuple[str, int, bool]]:
    """Return the deployments that have happened, as name, instant and failed."""
    deployments = ready(profile, *issues, as_of=as_of, **rows).deployments
    return [(deployment.name, deployment.at, deployment.failed) for deployment in deployments]


def ready(profile: Rules, *issues: Issue, as_of: str = "11-01", **rows: Any) -> Snapshot:
    """Return the snapshot of these issues."""
    return snapshot_of(Team(issues, STATUSES, **rows), profile, time(as_of))


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


# --- failures by links ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["incident", "item"])
@pytest.mark.parametrize(
    ("source", "born", "failed"),
    [
        (VERSIONS, "10-09 23:59", False),
        (VERSIONS, "10-10", True),  # on the day of the release
        (VERSIONS, "10-30", True),
        (VERSIONS, "11-01", False),  # at the as-of: does not exist
        (BY_ISSUES, "10-10 11:59", False),
        (BY_ISSUES, "10-10 12:00", True),
        (GROUPED, "10-10 12:00", True),
        (TABLE, "10-10 11:59", False),
        (TABLE, "10-10 12:00", True),
    ],
)
def test_an_incident_linked_to_a_change_fails_its_deployment(
    side: str, source: Any, born: str, *, failed: bool
) -> None:
    """From the instant of the deployment, or the beginning of a version's day. The link may be on either issue."""
    story = issue(1, "10-01 → 2", "10-09 → 4", fixVersions=["1"], links=["9"] if side == "item" else [])
    incident = issue(9, f"{born} → 1", type="Incident", project="HELP", links=["1"] if side == "incident" else [])
    release = issue(2, "10-01 → 1", "10-10 12:00 → 4", type="Release", fixVersions=["1"])
    rows = (Row("r", time("10-10 12:00"), failed=None, version_ids=("1",)),)
    profile = rules(source, incidents=INCIDENTS)
    deployments = deployed(profile, story, incident, release, versions=(ONE,), table=rows)
    assert [mark for _, _, mark in deployments] == [failed]


def test_the_day_of_a_release_is_that_of_the_profiles_zone() -> None:
    """In Zagreb 10 October begins at 22:00 UTC of the 9th."""
    profile = rules(VERSIONS, incidents=INCIDENTS, timezone="Europe/Zagreb")
    story = issue(1, "10-01 → 2", "10-09 → 4", fixVersions=["1"])
    for born, failed in (("10-09 21:59:59", False), ("10-09 22:00", True)):
        incident = issue(9, f"{born} → 1", type="Incident", links=["1"])
        assert [mark for _, _, mark in deployed(profile, story, incident, versions=(ONE,))] == [failed]


def test_a_linked_incident_fails_the_deployment_that_the_item_belongs_to() -> None:
    """P-1 was done on the 12th: the version of the 10th is not its deployment, that of the 20th is.

    P-2 was done on the 25th, after both: it belongs to the first but is not its change here.
    """
    profile = rules(VERSIONS, incidents=INCIDENTS)
    late = issue(2, "10-01 → 2", "10-25 → 4", fixVersions=["1", "2"])
    story = issue(1, "10-01 → 2", "10-12 → 4", fixVersions=["1", "2"])
    incident = issue(9, "10-26 → 1", type="Incident", links=["1", "2"])
    first, second = ready(profile, story, late, incident, versions=(ONE, TWO)).deployments
    assert (first.failed, second.failed) == (False, True)
    assert [(mark.incident_id, mark.by, mark.shared) for mark in second.failed_by] == [("9", "links", ("1",))]


def test_an_item_that_was_not_delivered_is_no_change_whose_incident_counts() -> None:
    """The item was closed as a duplicate, so nothing of it was deployed."""
    story = issue(1, "10-01 → 2", "10-09 → 4", fixVersions=["1"], resolution="Duplicate")
    incident = issue(9, "10-11 → 1", type="Incident", links=["1"])
    assert deployed(rules(VERSIONS, incidents=INCIDENTS), story, incident, versions=(ONE,))[0][2] is False


def test_incidents_of_another_project_fail_what_they_are_linked_to() -> None:
    """Three releases, each with a linked incident of the help desk's project, which has other versions: 100 %."""
    days = (5, 12, 19)
    stories = [issue(n, "10-01 → 2", f"10-{d - 1:02} → 4", fixVersions=[str(n)]) for n, d in enumerate(days, 1)]
    helps = [
        issue(10 + n, f"10-{d + 1:02} → 1", f"10-{d + 2:02} → 4", type="Incident", project="HELP", links=[str(n)])
        for n, d in enumerate(days, 1)
    ]
    releases = tuple(version(str(n), date(2026, 10, d)) for n, d in enumerate(days, 1))
    measured = measure("cfr", rules(VERSIONS, incidents=INCIDENTS), *stories, *helps, versions=releases)
    assert (measured.value, measured.details) == (100.0, {"failed": 3, "total": 3})


def test_a_deployment_remembers_each_incident_that_failed_it() -> None:
    """By its version, by a link, or by both. The oldest comes first; numeric ids compare as numbers."""
    profile = rules(VERSIONS, incidents=INCIDENTS)
    story = issue(1, "10-01 → 2", "10-09 → 4", fixVersions=["1"])
    incidents = (
        issue(10, "10-11 → 1", type="Incident", versions=["1"]),
        issue(9, "10-11 → 1", type="Incident", links=["1"]),
        issue(11, "10-10 12:00 → 1", type="Incident", links=["1"], versions=["1", "2"]),
        issue(12, "10-01 → 1", type="Incident", links=["1"]),
    )
    (only,) = ready(profile, story, *incidents, versions=(ONE,)).deployments
    assert [(mark.incident_id, mark.by) for mark in only.failed_by] == [
        ("11", "links"),
        ("11", "versions"),
        ("9", "links"),
        ("10", "versions"),
    ]


# --- incidents that were none -----------------------------------------------------------------------------------------


def test_what_was_closed_as_no_incident_is_in_no_number() -> None:
    """Two incidents of 4 and 5 hours; three closed in minutes, one of them with an invalid detection field: 4.5 h."""
    profile = rules(VERSIONS, incidents=INCIDENTS, fields=RESTORE)
    story = issue(1, "10-01 → 2", "10-09 → 4", fixVersions=["1"])
    issues = (
        issue(10, "10-11 09:00 → 1", "10-11 13:00 → 4", type="Incident", resolution="Done"),
        issue(11, "10-12 09:00 → 1", "10-12 14:00 → 4", type="Incident", resolution="Fixed"),
        issue(12, "10-13 09:00 → 1", "10-13 09:05 → 4", type="Incident", resolution="duplicate", links=["1"]),
        issue(13, "10-14 09:00 → 1", "10-14 09:06 → 4", type="Incident", resolution="Not A\u00a0Bug", versions=["1"]),
        issue(14, "10-15 → 1", "10-15 → 4", type="Incident", resolution="Cannot Reproduce", cf_d="soon"),
        issue(15, "10-16 → 1", type="Incident", resolution="Invalid"),  # not restored: not a candidate, and not open
    )
    measured = measure("mttr", profile, story, *issues, versions=(ONE,))
    assert (measured.value, measured.n_used, measured.exclusions) == (4.5, 2, {"not_an_incident": 3})
    assert measured.details["open"] == 0
    assert measure("cfr", profile, story, *issues, versions=(ONE,)).value == 0.0


def test_which_resolutions_mean_no_incident_is_the_profiles_own_word() -> None:
    """The German list replaces the default one. Names are compared as usual."""
    own = IncidentRules(("Incident",), excluded_resolutions=("Falscher Alarm",))
    issues = (
        issue(1, "10-11 → 1", "10-12 → 4", type="Incident", resolution="falscher\u00a0 ALARM"),
        issue(2, "10-11 → 1", "10-13 → 4", type="Incident", resolution="Duplicate"),
    )
    measured = measure("mttr", rules(incidents=own), *issues)
    assert (measured.value, measured.exclusions) == (48.0, {"not_an_incident": 1})


def test_an_incident_that_is_not_detected_yet_is_none_yet() -> None:
    """Its field is at the as-of or later: not a candidate, not open, and it marks nothing, though the issue exists."""
    profile = rules(VERSIONS, incidents=INCIDENTS, fields=RESTORE)
    for detected, exists in (("2026-11-01T00:00Z", False), ("2026-10-31T23:59Z", True)):
        incident = issue(9, "10-11 → 1", type="Incident", versions=["1"], cf_d=detected)
        (deployment,) = ready(profile, issue(1, "10-01 → 1"), incident, versions=(ONE,)).deployments
        assert deployment.failed is exists
        assert measure("mttr", profile, incident).details["open"] == int(exists)


def test_an_incident_of_another_priority_is_neither_an_incident_nor_a_work_item() -> None:
    """Its type alone excludes it from work."""
    profile = rules(VERSIONS, incidents=IncidentRules(("Incident",), priorities=("High",)))
    low = issue(9, "10-11 → 2", "10-12 → 4", type="Incident", versions=["1"], priority="Low")
    (deployment,) = ready(profile, low, versions=(ONE,)).deployments
    assert not deployment.failed
    assert measure("flow_velocity", profile, low).value == 0


# --- lead_time --------------------------------------------------------------------------------------------------------


def test_lead_time_runs_from_the_commit_or_the_start_of_work_to_the_deployment() -> None:
    """Committed on 6 October or started on the 8th, released on the 10th at 23:59:59: 5 and 3 days less a second."""
    profile = rules(VERSIONS, fields={"committed_at": "cf"})
    stories = (
        issue(1, "10-01 → 1", "10-08 → 2", "10-09 → 4", fixVersions=["1"], cf="2026-10-06"),
        issue(2, "10-01 → 1", "10-08 → 2", "10-09 → 4", fixVersions=["1"]),
    )
    measured = measure("lead_time", profile, *stories, versions=(ONE,))
    seconds = (5 * 86_400 - 1, 3 * 86_400 - 1)
    assert measured.value == sum(seconds) / 2 / 86_400
    assert measured.details["n"] == 2
    # Percentiles of two: 3 days + 0.75 × 2 days, and so on, each less the second.
    assert measured.details["p75"] == (seconds[1] + 0.75 * 172_800) / 86_400


@pytest.mark.parametrize(
    ("moves", "days"),
    [
        (("10-09 → 4",), 9),  # done before both: the first
        (("10-12 → 4",), 19),  # done between them: the first cannot have it
        (("10-09 → 4", "10-12 → 2", "10-25 → 4"), 9),  # re-opened since: its first entry into done counts
        (("10-10 23:59:59 → 4",), 9),  # done at the instant of the release
    ],
)
def test_a_work_item_belongs_to_the_earliest_deployment_after_it_was_first_done(
    moves: tuple[str, ...], days: int
) -> None:
    """Its versions are of the 10th and the 20th. Started on the 1st, it is deployed once, after 10 or 20 days less a
    second.
    """
    story = issue(1, "10-01 → 2", *moves, fixVersions=["2", "1"])
    measured = measure("lead_time", rules(VERSIONS), story, versions=(ONE, TWO))
    assert (measured.n_used, measured.value) == (1, ((days + 1) * 86_400 - 1) / 86_400)


def test_an_item_done_after_all_its_deployments_is_left_out_as_that() -> None:
    """Released on 3 October and done on the 9th. This reason goes before all others, and the part has both instants."""
    profile = rules(VERSIONS, fields={"committed_at": "cf"})
    release = version("1", date(2026, 10, 3))
    stories = (
        issue(1, "10-02 → 1", "10-03 10:00 → 2", "10-09 → 4", fixVersions=["1"]),
        issue(2, "10-02 → 1", "10-09 → 4", fixVersions=["1"], cf="soon"),
        issue(3, "10-02 → 1", "10-09 → 4", "10-10 → 2", "10-11 → 4", fixVersions=["1"]),
    )
    measured = measure("lead_time", profile, *stories, versions=(release,))
    assert (measured.state, measured.n_used, measured.exclusions) == ("no_data", 0, {"done_after_deployment": 3})
    seen = ready(profile, *stories, versions=(release,))
    parts = explain("lead_time", seen, seen.windows[0]).left_out
    at_release = ("deployed", at("10-03 23:59:59"))
    assert [(p.key, p.instants, p.via, p.via_id) for p in parts] == [
        (f"P-{number}", (at_release, ("first_done", at("10-09"))), "1", "1") for number in (1, 2, 3)
    ]


def test_the_group_of_a_version_has_that_versions_changes_alone() -> None:
    """P-1 releases 7 on the 3rd; P-2 releases 7 and 8 on the 30th. P-3 is in 8: from the 5th to the 30th, 25 days."""
    issues = (
        issue(1, "10-01 → 1", "10-02 12:00 → 2", "10-03 12:00 → 4", type="Release", fixVersions=["7"]),
        issue(2, "10-01 → 1", "10-20 12:00 → 2", "10-30 12:00 → 4", type="Release", fixVersions=["7", "8"]),
        issue(3, "10-01 → 1", "10-05 12:00 → 2", "10-10 12:00 → 4", fixVersions=["8"]),
    )
    measured = measure("lead_time", rules(GROUPED), *issues)
    assert (measured.value, measured.n_used, measured.exclusions) == (25.0, 1, {})


@pytest.mark.parametrize(("source", "via"), [(VERSIONS, "9"), (GROUPED, "version 9"), (BY_ISSUES, "30"), (TABLE, "9")])
def test_of_deployments_at_one_instant_the_one_with_the_lowest_id_carries_the_item(source: Any, via: str) -> None:
    """Ids that are numbers compare as numbers: 9 before 10, issue 30 before 100."""
    story = issue(1, "10-01 → 2", "10-09 → 4", fixVersions=["10", "9"])
    issues = (
        issue(100, "10-01 → 1", "10-10 → 4", type="Release", fixVersions=["9"]),
        issue(30, "10-01 → 1", "10-10 → 4", type="Release", fixVersions=["10"]),
    )
    releases = (version("10", date(2026, 10, 10)), version("9", date(2026, 10, 10)))
    rows = tuple(Row(i, time("10-10"), failed=None, issue_ids=("1",)) for i in ("b", "10", "9", "a"))
    seen = ready(rules(source), story, *issues, versions=releases, table=rows)
    (part,) = explain("lead_time", seen, seen.windows[0]).used
    assert part.via_id == via


@pytest.mark.parametrize(
    ("story", "exclusions"),
    [
        (issue(1, "10-01 → 1", "10-09 → 4", fixVersions=["1"]), {"never_started": 1}),
        (issue(1, "10-01 → 2", "10-09 → 4", fixVersions=["1"], cf="2026-11-01T00:00Z"), {"never_started": 1}),
        (issue(1, "10-01 → 2", "10-09 → 4", fixVersions=["1"], cf="soon"), {"invalid_value": 1}),
        (issue(1, "10-01 → 2", "10-09 → 4", fixVersions=["1"], cf="2026-10-11"), {"negative_duration": 1}),
        (issue(1, "10-12 → 2", "10-13 → 4", fixVersions=["1"]), {"done_after_deployment": 1}),  # joined it later
        (issue(1, "10-01 → 2", fixVersions=["1"]), {}),  # not done: not a change
        (issue(1, "10-01 → 2", "10-09 → 4", fixVersions=["1"], resolution="Duplicate"), {}),  # done, not delivered
        (issue(1, "10-01 → 2", "10-09 → 4", fixVersions=["3"]), {}),  # shares no version with it
    ],
)
def test_a_change_without_a_duration_is_left_out_under_its_reason(story: Issue, exclusions: dict[str, int]) -> None:
    """An item that no deployment carries is not even a candidate."""
    measured = measure("lead_time", rules(VERSIONS, fields={"committed_at": "cf"}), story, versions=(ONE,))
    assert (measured.state, measured.value, measured.n_used, measured.exclusions) == ("no_data", None, 0, exclusions)


def test_a_change_deployed_at_the_instant_of_its_commit_took_no_time_and_counts() -> None:
    """Zero is a valid duration. A negative one is not."""
    story = issue(1, "10-05 → 2", "10-05 → 4")
    row = Row("a", time("10-05"), failed=False, issue_ids=("1",))
    measured = measure("lead_time", rules(TABLE), story, table=(row,))
    assert (measured.value, measured.level, measured.exclusions) == (0.0, "elite", {})


def test_versions_of_one_name_in_two_projects_are_two_versions() -> None:
    """Both are called 1.0. The item has the one of its own project, released on the 20th."""
    story = issue(1, "10-01 → 2", "10-09 → 4", fixVersions=["2"])
    twins = (
        version("1", date(2026, 10, 10), project="Q", name="1.0"),
        version("2", date(2026, 10, 20), name="1.0"),
    )
    measured = measure("lead_time", rules(VERSIONS), story, issue(2, "10-01 → 1", project="Q"), versions=twins)
    assert measured.value == (20 * 86_400 - 1) / 86_400


def test_by_status_the_item_itself_is_the_change_done_or_not() -> None:
    """Closed after two days and re-opened since. Another was closed as a duplicate after four."""
    stories = (
        issue(1, "10-01 → 2", "10-03 → 5", "10-04 → 2"),
        issue(2, "10-01 → 2", "10-05 → 5", resolution="Duplicate"),
    )
    measured = measure("lead_time", rules(BY_STATUS), *stories)
    assert (measured.value, measured.n_used) == (3.0, 2)


def test_a_row_of_the_table_carries_the_items_it_names_and_those_of_its_versions() -> None:
    """P-1 is named: 2 days. P-2 shares version 7: 4 days. P-3 is named but not done. P-4 is neither."""
    rows = (
        Row("a", time("10-10"), failed=False, issue_ids=("1", "3")),
        Row("b", time("10-12"), failed=False, version_ids=("7",), issue_ids=("1", "77")),
    )
    stories = (
        issue(1, "10-01 → 1", "10-08 → 2", "10-09 → 4"),
        issue(2, "10-01 → 1", "10-08 → 2", "10-09 → 4", fixVersions=["7"]),
        issue(3, "10-01 → 1", "10-08 → 2"),
        issue(4, "10-01 → 1", "10-08 → 2", "10-09 → 4"),
    )
    measured = measure("lead_time", rules(TABLE), *stories, table=rows)
    assert (measured.value, measured.n_used) == (3.0, 2)


def test_an_explained_change_names_its_deployment_and_both_instants() -> None:
    """A person can check it in Jira."""
    story = issue(1, "10-01 → 2", "10-09 → 4", fixVersions=["1"])
    seen = ready(rules(VERSIONS), story, versions=(ONE,))
    (part,) = explain("lead_time", seen, seen.windows[0]).used
    assert (part.key, part.via, part.via_id) == ("P-1", "1", "1")
    assert part.instants == (("committed", at("10-01")), ("deployed", at("10-10 23:59:59")))


# --- mttr -------------------------------------------------------------------------------------------------------------

RESTORE = {"detected_at": "cf_d", "restored_at": "cf_r"}


def test_mttr_is_the_median_of_hours_from_detection_to_restoration() -> None:
    """One took 2 h. One was detected an hour before its creation and restored 5 h later by its field: median 3.5 h."""
    issues = (
        issue(1, "10-02 10:00 → 1", "10-02 12:00 → 4", type="Incident"),
        issue(2, "10-03 10:00 → 1", type="Incident", cf_d="2026-10-03T09:00Z", cf_r="2026-10-03T14:00Z"),
    )
    measured = measure("mttr", rules(incidents=INCIDENTS, fields=RESTORE), *issues)
    assert (measured.value, measured.unit, measured.details["n"], measured.details["mean"]) == (3.5, "hours", 2, 3.5)


@pytest.mark.parametrize(
    ("fields", "exclusions", "still_open"),
    [
        ({"cf_d": "soon"}, {"invalid_value": 1}, 0),
        ({"cf_d": "2026-10-06"}, {"negative_duration": 1}, 0),
        ({"cf_d": "2026-12-01"}, {}, 0),  # not detected yet: no incident yet, and it does not fall back
        ({"cf_r": "soon"}, {}, 0),  # not an instant: not a candidate, and not counted as open
        ({"cf_r": "2026-12-01T00:00Z"}, {}, 1),  # not restored yet, though the issue is done
    ],
)
def test_an_incident_without_a_duration_is_left_out_or_no_candidate(
    fields: dict[str, str], exclusions: dict[str, int], still_open: int
) -> None:
    """Created on the 2nd and done on the 5th, but the fields have other values."""
    incident = issue(1, "10-02 → 1", "10-05 → 4", type="Incident", **fields)
    measured = measure("mttr", rules(incidents=INCIDENTS, fields=RESTORE), incident)
    assert (measured.value, measured.exclusions, measured.details["open"]) == (None, exclusions, still_open)


@pytest.mark.parametrize(("as_of", "still_open"), [("10-12", 0), ("10-19", 1), ("10-26", 0)])
def test_open_incidents_are_those_detected_but_not_restored_at_the_end_of_the_window(
    as_of: str, still_open: int
) -> None:
    """Detected on the 14th and restored on the 20th: open at the end of the week of the 12th only."""
    incident = issue(1, "10-14 → 1", "10-20 → 4", type="Incident")
    measured = measure("mttr", rules(incidents=INCIDENTS), incident, as_of=as_of, window=-1)
    assert measured.details["open"] == still_open
