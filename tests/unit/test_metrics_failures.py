"""Which incidents mark a deployment as failed by a link, and which were none."""

from datetime import date
from typing import Any

import pytest
from deployed_teams import BY_ISSUES, GROUPED, INCIDENTS, ONE, RESTORE, TABLE, TWO, VERSIONS, deployed, ready, rules
from metric_rows import issue, measure, time, version
from reference.teams import Row

from models.records import IncidentRules

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
