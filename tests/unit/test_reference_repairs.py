"""The reference's rework and recoveries, compared with figures worked out by hand."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from metric_rows import issue, time, version
from reference.teams import Row
from reference_rows import RULES, ask

from models.records import DeploymentRules, Issue, Rules

DONE = ("10-02 → 2", "10-03 → 4")
GROUPED = replace(RULES, deployments=DeploymentRules("issues", types=("Release",), group_by="fixVersions"))
VERSIONS = replace(RULES, deployments=DeploymentRules("versions"))
STATUS = replace(RULES, deployments=DeploymentRules("status", statuses=("Closed",)))
TABLE = replace(RULES, deployments=DeploymentRules("table"))


def release(number: int, at: str, **fields: Any) -> Issue:
    """Return a deploying issue, deployed when it was done."""
    return issue(number, f"{at} → 1", f"{at} → 4", type="Release", **fields)


def incident(number: int, born: str, restored: str | None = None, **fields: Any) -> Issue:
    """Return an incident, restored when it was done."""
    moves = [] if restored is None else [f"{restored} → 4"]
    return issue(number, f"{born} → 2", *moves, type="Incident", **fields)


# --- rework ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "is_rework"),
    [
        (True, True),
        (False, False),
        (1, True),
        (-0.5, True),
        (0, False),
        ("YES", True),
        (" true ", True),
        ("no", False),
        ("failed", False),  # failure_values plays no part
        ({"value": "Yes"}, True),
        ({"value": "No"}, False),
        ({}, False),
        ([{"value": "other"}, "yes"], True),
        (["other"], False),
        (None, None),
        ("", None),
        ([], None),
    ],
)
def test_a_deploying_issue_has_a_mark_or_none(value: Any, *, is_rework: bool | None) -> None:
    """Without a mark its changes decide: here a defect, so that no mark differs from false."""
    items = [release(1, "10-05", fixVersions=["7"], cf_rework=value), bug(2, fixVersions=["7"])]
    assert ask("rework_rate", RULES, *items).value == (100 if is_rework is not False else 0)
    items[1] = replace(items[1], type="Story")
    assert ask("rework_rate", RULES, *items).value == (100 if is_rework else 0)


def bug(number: int, **fields: Any) -> Issue:
    """Return a delivered defect."""
    return issue(number, "10-01 → 1", *DONE, type="Bug", **fields)


@pytest.mark.parametrize("value", ["yes", None, {"other": "yes"}, {"mark": None}, ["yes"]])
def test_a_path_that_leads_nowhere_is_no_mark(value: Any) -> None:
    """The defect decides."""
    rules = replace(RULES, fields={"rework": "cf_rework.mark"})
    items = [release(1, "10-05", fixVersions=["7"], cf_rework=value), bug(2, fixVersions=["7"])]
    assert ask("rework_rate", rules, *items).value == 100


@pytest.mark.parametrize(
    ("marks", "value"), [(("no", "yes"), 100), (("no", None), 0), ((None, None), 100), (("yes", None), 100)]
)
def test_a_group_is_marked_true_then_false_then_not_at_all(marks: tuple[Any, ...], value: float) -> None:
    """Two deploying issues of one version that carries a defect."""
    releases = [release(n, "10-05", fixVersions=["7"], cf_rework=mark) for n, mark in enumerate(marks, start=1)]
    assert ask("rework_rate", GROUPED, *releases, bug(9, fixVersions=["7"])).value == value


@pytest.mark.parametrize(
    ("items", "value"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param([bug(2, fixVersions=["7"])], 100, id="a defect"),
        pytest.param([bug(2, fixVersions=["7"]), bug(3, fixVersions=["7", "8"])], 100, id="only defects"),
        pytest.param([bug(2, fixVersions=["7"]), replace(bug(3, fixVersions=["7"]), type="Story")], 0, id="not all"),
        pytest.param([bug(2, fixVersions=["7"], resolution="Duplicate")], 0, id="a defect that was not delivered"),
        pytest.param(
            [bug(2, fixVersions=["7"]), issue(3, "10-01 → 1", fixVersions=["7"])], 100, id="and an open story"
        ),
    ],
)
def test_a_version_of_nothing_but_defects_is_rework(items: list[Issue], value: float) -> None:
    """For one released version."""
    other = issue(9, "10-01 → 1")
    assert ask("rework_rate", VERSIONS, other, *items, versions=(version("7", date(2026, 10, 5)),)).value == value


def test_an_item_makes_each_of_its_deployments_rework() -> None:
    """Also deployments that it does not belong to."""
    versions = (version("7", date(2026, 10, 5)), version("8", date(2026, 10, 9)))
    answer = ask("rework_rate", VERSIONS, bug(1, fixVersions=["7", "8"]), versions=versions)
    assert answer.details == {"rework": 2, "total": 2}


def test_an_item_that_enters_the_status_is_rework_if_it_is_a_defect() -> None:
    """Even if it is not delivered."""
    items = [
        issue(1, "10-01 → 1", "10-03 → 5", type="Bug", resolution="Duplicate"),
        issue(2, "10-01 → 1", "10-03 → 5"),
        issue(3, "10-01 → 1", "10-03 → 5", type="Chore"),
        issue(4, "10-01 → 1", "10-03 → 5", type="Bug"),
    ]
    answer = ask("rework_rate", STATUS, *items)
    assert (answer.value, answer.details) == (50, {"rework": 2, "total": 4})


@pytest.mark.parametrize(("rework", "value"), [(True, 100), (False, 0), (None, 100)])
def test_the_tables_column_marks_rework(*, rework: bool | None, value: float) -> None:
    """If the column is empty, the named defect decides."""
    row = Row("1", time("10-05"), failed=None, issue_ids=("2",), rework=rework)
    assert ask("rework_rate", TABLE, bug(2), table=(row,)).value == value


def test_rework_needs_deployments() -> None:
    """Without the section the mapping is missing. Without a deployment the state is no_data."""
    assert ask("rework_rate", Rules()).state == "missing_mapping"
    assert ask("rework_rate", RULES).state == "no_data"


# --- recovery --------------------------------------------------------------------------------------------------------


def recovered(rules: Rules, *issues: Issue, **more: Any) -> tuple[float | None, int, int]:
    """Return hours, how many deployments were recovered in October, and how many were open at its end."""
    answer = ask("recovery_time", rules, *issues, **more)
    return answer.value, answer.n_used, answer.details["open"]


def test_a_deployment_is_recovered_when_the_last_of_its_incidents_is() -> None:
    """Deployed at 10-05 00:00, restored after 6 and after 30 hours."""
    made = release(1, "10-05", fixVersions=["7"])
    early = incident(2, "10-05 01:00", "10-05 06:00", versions=["7"])
    assert recovered(RULES, made, early, incident(3, "10-05 02:00", "10-06 06:00", versions=["7"])) == (30, 1, 0)
    assert recovered(RULES, made, early, incident(3, "10-05 02:00", versions=["7"])) == (None, 0, 1)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        pytest.param("2026-10-05T03:00:00.000+0000", (3, 1, 0), id="the mapped field"),
        pytest.param("soon", (None, 0, 1), id="with an unreadable one it stays open"),
        pytest.param("2026-12-05T03:00:00.000+0000", (None, 0, 1), id="one that has not happened, too"),
        pytest.param(None, (6, 1, 0), id="without one when it was done"),
    ],
)
def test_restored_is_the_mapped_field_else_done(field: Any, expected: tuple[float | None, int, int]) -> None:
    """Deployed at 10-05 00:00, done at 06:00."""
    accused = incident(2, "10-05 01:00", "10-05 06:00", versions=["7"], cf_restored=field)
    assert recovered(RULES, release(1, "10-05", fixVersions=["7"]), accused) == expected


def test_an_incident_counts_for_the_last_deployment_before_it() -> None:
    """Of three deployments the second is recovered after 10 hours. The others have neither an incident nor a mark."""
    releases = [release(n, at, fixVersions=["7"]) for n, at in ((1, "10-05"), (2, "10-06"), (3, "10-08"))]
    accused = incident(9, "10-06", "10-06 10:00", versions=["7"])
    answer = ask("cfr", RULES, *releases, accused)
    assert answer.details == {"failed": 3, "total": 3}
    assert recovered(RULES, *releases, accused) == (10, 1, 0)


def test_an_incident_before_all_deployments_counts_for_the_first() -> None:
    """Created on 4 October and restored at the start of the 6th: 24 hours after the first deployment."""
    releases = [release(1, "10-05", fixVersions=["7"]), release(2, "10-06", fixVersions=["7"])]
    assert recovered(RULES, *releases, incident(9, "10-04", "10-06", versions=["7"])) == (24, 1, 0)


def test_recovered_before_it_was_deployed_is_a_negative_duration() -> None:
    """The recovered instant decides the window, here October."""
    items = [release(1, "10-05", fixVersions=["7"]), incident(9, "10-03", "10-04", versions=["7"])]
    answer = ask("recovery_time", RULES, *items)
    assert (answer.state, answer.exclusions, answer.details["open"]) == ("no_data", {"negative_duration": 1}, 0)


def test_a_deployment_with_its_own_mark_only_is_recovered_by_the_next_that_did_not_fail() -> None:
    """One at the same instant is not later, and the next one failed: both wait for 7 October."""
    releases = [
        release(1, "10-05", cf_failed="yes"),
        release(2, "10-05"),
        release(3, "10-06", cf_failed="yes"),
        release(4, "10-07"),
        release(5, "10-08", cf_failed="yes"),
    ]
    assert recovered(RULES, *releases) == (36, 2, 1)


def test_incidents_decide_where_there_is_a_mark_too() -> None:
    """The next good deployment is a day later, but the incident is restored after two hours."""
    releases = [release(1, "10-05", cf_failed="yes", fixVersions=["7"]), release(2, "10-06")]
    assert recovered(RULES, *releases, incident(9, "10-05 01:00", "10-05 02:00", versions=["7"])) == (2, 1, 0)


@pytest.mark.parametrize(
    ("restored", "expected"),
    [
        pytest.param("10-05 10:00", (0, 1, 0), id="on its day"),
        pytest.param("10-05 23:59:59.5", (0, 1, 0), id="in its day's last second"),
        pytest.param("10-06 23:59:59", (24, 1, 0), id="a day later"),
        pytest.param("10-04 10:00", (None, 0, 0), id="on the day before"),
    ],
)
def test_a_version_is_recovered_at_once_on_its_day(restored: str, expected: tuple[float | None, int, int]) -> None:
    """It happened at 10-05 23:59:59."""
    items = [issue(1, "10-01 → 1"), incident(9, "10-03", restored, versions=["7"])]
    assert recovered(VERSIONS, *items, versions=(version("7", date(2026, 10, 5)),)) == expected


def test_a_row_that_says_it_did_not_fail_takes_no_incident() -> None:
    """The incident was created after both rows, but counts for the first one, which it marks."""
    rows = [Row(str(n), time(at), failed, ("7",)) for n, at, failed in ((1, "10-05", None), (2, "10-06", False))]
    accused = incident(9, "10-07", "10-08", versions=["7"])
    assert recovered(TABLE, accused, table=tuple(rows)) == (72, 1, 0)


def test_an_item_that_enters_the_status_is_recovered_with_its_linked_incident() -> None:
    """Closed at 10-03 00:00, restored at 10-03 05:00; the incident links to it."""
    item = issue(1, "10-01 → 1", "10-02 → 2", "10-03 → 5")
    assert recovered(STATUS, item, incident(9, "10-03 01:00", "10-03 05:00", links=["1"])) == (5, 1, 0)


def test_open_are_those_not_recovered_before_the_windows_end() -> None:
    """One is recovered at the end, one after it, and one was deployed at the end."""
    items = [
        release(1, "10-30", fixVersions=["1"]),
        release(2, "10-30", fixVersions=["2"]),
        release(3, "11-01", fixVersions=["3"]),
        incident(7, "10-30", "11-01", versions=["1"]),
        incident(8, "10-30", "11-02", versions=["2"]),
        incident(9, "10-30", versions=["3"]),
    ]
    assert recovered(RULES, *items, as_of="11-01 12:00") == (None, 0, 2)


def test_recovery_needs_what_the_change_failure_rate_needs() -> None:
    """Deployments, and a way to mark failures."""
    assert ask("recovery_time", Rules()).state == "missing_mapping"
    assert ask("recovery_time", replace(VERSIONS, incidents=None)).state == "missing_mapping"
    assert ask("recovery_time", RULES).state == "no_data"
