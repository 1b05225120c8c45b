"""The console about deployments and incidents: versions without a date, the incident of a failure, reasons."""

from datetime import date
from pathlib import Path
from typing import Any

import console_world as world
import pytest
from metric_rows import STATUSES, issue, time, version
from reference.teams import Row, Team
from sqlalchemy import text
from stored_team import calculated, stored

from console.check import local
from models.records import DeploymentRules, IncidentRules, Issue, Rules, Version

VERSIONS = DeploymentRules("versions")
INCIDENTS = IncidentRules(("Incident",))
AS_OF = time("11-01 12:00")


class Folder:
    """A folder with a stored and calculated team, and the output of commands there."""

    def __init__(self, path: Path, schema: Path, rules: Rules, *issues: Issue, **rows: Any) -> None:
        with stored(path, schema, Team(issues, STATUSES, **rows), rules, AS_OF):
            pass
        self.path = path

    def say(self, *words: str) -> str:
        """Return the output of a command that must succeed."""
        said = world.say(self.path, *words, columns=200)
        assert (said.code, said.err) == (0, "")
        return said.out

    def explain(self, metric: str) -> dict[str, Any]:
        """Return the explanation of a metric's period as data."""
        explained = world.say(self.path, "explain", "payments", metric, "--format", "json")
        assert explained.code == 0
        return dict(explained.json)

    def value(self, metric: str) -> Any:
        """Return the stored value of a metric's period."""
        (row,) = world.say(self.path, "results", "--metric", metric, "--format", "json").json
        return row["value"]


UNDATED = [version(number, None, name=name) for number, name in (("10", "2.3"), ("8", "2.1"), ("9", "2.2"))]
FUTURE = version("11", date(2026, 11, 1), name="3.0")
ARCHIVED = version("12", date(2026, 10, 10), name="1.0", archived=True)
OTHERS = [version("13", None, project="ELSE"), version("14", None, released=False)]


def _releases(path: Path, schema: Path, *versions: Version) -> Folder:
    story = issue(1, "10-01 → 2", "10-09 → 4", fixVersions=["8"], type="Epic")
    return Folder(path, schema, Rules(deployments=VERSIONS), story, versions=versions)


def test_released_versions_that_are_not_counted_are_named_with_the_frequency(
    tmp_path: Path, migrated_file: Path
) -> None:
    """Three versions have no date, and one is dated today, which is not over; projects are those of any issue."""
    folder = _releases(tmp_path, migrated_file, *UNDATED, FUTURE, *OTHERS)
    assert folder.value("deployment_frequency") == 0
    undated = "deployment_frequency: 3 released versions have no release date (2.1, 2.2, 2.3) and are not counted. "
    future = "deployment_frequency: 1 released version has a release date in the future (3.0) and is not counted yet. "
    for words in (
        ("results",),
        ("results", "--metric", "deployment_frequency"),
        ("explain", "payments", "deployment_frequency"),
        ("explain", "payments", "lead_time"),
    ):
        said = folder.say(*words)
        assert undated + "Set the date in Jira." in said
        assert future in said
    assert "released version" not in folder.say("results", "--metric", "flow_time")
    assert "released version" not in folder.say("explain", "payments", "flow_time")


def test_the_check_and_the_table_of_findings_have_the_versions_that_are_not_counted(
    tmp_path: Path, migrated_file: Path
) -> None:
    """They are stored as findings about the profile, as of the present and not of a past as-of."""
    story, rules = issue(1, "10-01 → 2"), Rules(deployments=VERSIONS)
    rows = text("SELECT issue_id, reason, count FROM data_quality ORDER BY reason")
    with stored(tmp_path, migrated_file, Team((story,), STATUSES, (*UNDATED, FUTURE)), rules, AS_OF) as current:
        lines = [(line.state, line.message, line.advice) for line in local.data(current, "payments")]
        message = "3 released versions have no release date (2.1, 2.2, 2.3) and are not counted"
        assert ("warning", message, "Set the date in Jira") in lines
        calculated(current, as_of=time("10-02"))
        with current.reads() as session:
            stored_rows = [tuple(row) for row in session.execute(rows)]
        assert stored_rows == [("", "released_in_future", 1), ("", "released_without_date", 3)]


def test_an_archived_version_counts_and_what_counts_is_no_note(tmp_path: Path, migrated_file: Path) -> None:
    """It is dated within the period's thirty days."""
    folder = _releases(tmp_path, migrated_file, ARCHIVED)
    assert folder.value("deployment_frequency") == 1 / 30
    assert "released version" not in folder.say("results")


def test_a_version_dated_later_than_a_past_as_of_is_named_for_that_day(tmp_path: Path, migrated_file: Path) -> None:
    """On the 10th the version of the 20th was in the future."""
    folder = _releases(tmp_path, migrated_file, version("1", date(2026, 10, 20), name="1.0"))
    assert "in the future" not in folder.say("explain", "payments", "deployment_frequency")
    past = folder.say("explain", "payments", "deployment_frequency", "--as-of", "2026-10-10")
    assert "1 released version has a release date in the future (1.0)" in past


def test_a_failure_names_its_incident_and_what_links_them(tmp_path: Path, migrated_file: Path) -> None:
    """P-9 affects the version; P-8, of another project, is linked to the story; P-7 is not an incident."""
    rules = Rules(deployments=VERSIONS, incidents=INCIDENTS)
    folder = Folder(
        tmp_path,
        migrated_file,
        rules,
        issue(1, "10-01 → 2", "10-09 → 4", fixVersions=["1"]),
        issue(7, "10-11 → 1", "10-12 → 4", type="Incident", versions=["1"], resolution="Duplicate"),
        issue(8, "10-11 → 1", "10-12 → 4", type="Incident", links=["1"], project="HELP"),
        issue(9, "10-05 → 1", "10-12 → 4", type="Incident", versions=["1"]),
        versions=(version("1", date(2026, 10, 10), name="1.0"),),
    )
    (part,) = folder.explain("cfr")["used"]
    assert [(by["key"], by["source"], by["field"], by["value"]) for by in part["failed_by"]] == [
        ("P-9", "incident", "versions", "1.0"),
        ("P-8", "incident", "links", "P-1"),
    ]
    said = folder.say("explain", "payments", "cfr", "--history")
    assert "P-9: incident created, affects 1.0" in said
    assert "P-8: incident created, linked to P-1" in said
    (left_out,) = folder.explain("mttr")["left_out"]
    assert (left_out["key"], left_out["reason"]) == ("P-7", "not_an_incident")
    assert left_out["set_by"]["resolution"]["value"] == "Duplicate"
    assert "not an incident" in folder.say("explain", "payments", "mttr")
    assert "field resolution: Duplicate" in folder.say("explain", "payments", "mttr", "--history")


def test_an_item_done_after_its_deployment_is_shown_with_both_instants(tmp_path: Path, migrated_file: Path) -> None:
    """It was released on the 5th, first done on the 9th, re-opened, and done again."""
    story = issue(1, "10-01 → 1", "10-04 → 2", "10-09 → 4", "10-10 → 2", "10-12 → 4", fixVersions=["1"])
    release = version("1", date(2026, 10, 5), name="1.0")
    folder = Folder(tmp_path, migrated_file, Rules(deployments=VERSIONS), story, versions=(release,))
    (part,) = folder.explain("lead_time")["left_out"]
    assert (part["reason"], part["deployment"], part["deployment_id"]) == ("done_after_deployment", "1.0", "1")
    assert part["set_by"]["deployed"]["value"] == "2026-10-05"
    assert (part["set_by"]["first_done"]["history_id"], part["instants"]["first_done"]) == (
        "101",
        "2026-10-09T00:00:00.000000Z",
    )
    said = folder.say("explain", "payments", "lead_time")
    assert "first done" in said
    assert "done after deployment" in said


@pytest.mark.parametrize(("failed", "own"), [(True, ["table"]), (None, []), (False, [])])
def test_a_row_that_failed_by_its_own_column_says_so(
    tmp_path: Path, migrated_file: Path, *, failed: bool | None, own: list[str]
) -> None:
    """An incident is named unless the column says that the deployment did not fail."""
    rules = Rules(deployments=DeploymentRules("table"), incidents=INCIDENTS)
    row = Row("build 1", time("10-10"), failed=failed, issue_ids=("1",))
    story = issue(1, "10-01 → 2", "10-09 → 4")
    incident = issue(9, "10-11 → 1", type="Incident", links=["1"])
    folder = Folder(tmp_path, migrated_file, rules, story, incident, table=(row,))
    (part,) = folder.explain("cfr")["used"]
    assert [by["source"] for by in part["failed_by"]] == [*own, *([] if failed is False else ["incident"])]
    assert part["contribution"] == (failed is not False)


def test_each_issue_of_a_group_that_says_it_failed_is_named(tmp_path: Path, migrated_file: Path) -> None:
    """P-2 says yes and P-1 nothing; the group was deployed when P-1 was done."""
    rules = Rules(
        deployments=DeploymentRules("issues", types=("Release",), group_by="fixVersions"),
        fields={"change_failure": "cf"},
    )
    folder = Folder(
        tmp_path,
        migrated_file,
        rules,
        issue(1, "10-04 → 1", "10-05 → 4", type="Release", fixVersions=["7"]),
        issue(2, "10-04 → 1", "10-06 → 4", type="Release", fixVersions=["7"], cf="yes"),
    )
    (part,) = folder.explain("cfr")["used"]
    assert [(by["key"], by["field"], by["value"]) for by in part["failed_by"]] == [("P-2", "change_failure", "yes")]
    assert part["set_by"]["deployed"]["key"] == "P-1"
    assert "P-2: field change_failure: yes" in folder.say("explain", "payments", "cfr", "--history")
