"""The lead time of changes, and the time to restore service."""

from datetime import date
from typing import Any

import pytest
from deployed_teams import BY_ISSUES, BY_STATUS, GROUPED, INCIDENTS, ONE, RESTORE, TABLE, TWO, VERSIONS, ready, rules
from metric_rows import at, issue, measure, time, version
from reference.teams import Row

from models.metrics.calculate import explain
from models.records import Issue

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
