"""What an issue was when it left Jira, by the same rules as for present issues."""

from dataclasses import replace

from metric_rows import REVIEW_WAITS, STATUSES, at, issue, time

from models.metrics import issues
from models.metrics.departures import departures
from models.metrics.issues import Batch
from models.metrics.rules import Context
from models.records import Departure, DeploymentRules, IncidentRules, Issue, Rules

RULES = Rules(
    workflow=REVIEW_WAITS,
    excluded_statuses=("Closed",),
    deployments=DeploymentRules("issues", types=("Release",)),
    incidents=IncidentRules(("Incident",)),
)


def left(*gone: Issue, rules: Rules = RULES) -> dict[str, Departure]:
    """Return the departures of these issues."""
    return departures(issues.read(Batch.of(gone), Context.of(rules, STATUSES)))


def test_an_issue_that_was_done_has_an_instant_and_the_others_have_none() -> None:
    """The last entry into done counts. A re-opened issue was not done."""
    done, opened = issue(1, "10-01 → 1", "10-02 → 4", "10-03 → 2", "10-04 → 4"), issue(2, "10-01 → 4", "10-03 → 2")
    assert left(done, opened) == {"1": Departure(at("10-04"), delivered=True)}


def test_what_delivered_nothing_is_done_and_not_delivered() -> None:
    """By its resolution or by its last status."""
    refused = issue(1, "10-01 → 1", "10-02 → 4", resolution="WON'T DO")
    closed = issue(2, "10-01 → 1", "10-02 → 5")
    assert left(refused, closed) == {"1": Departure(at("10-02")), "2": Departure(at("10-02"))}


def test_an_issue_without_a_history_was_done_when_it_was_resolved() -> None:
    """As for a present issue."""
    imported = replace(issue(1, "10-01 → 4"), resolved=time("10-20"))
    assert left(imported) == {"1": Departure(at("10-20"), delivered=True)}


def test_deploying_issues_and_incidents_are_done_and_deliver_nothing_themselves() -> None:
    """Issues of an ignored type are in no number and no finding."""
    release, incident = issue(1, "10-01 → 1", "10-02 → 4", type="Release"), issue(2, "10-01 → 4", type="Incident")
    epic, unfinished = issue(3, "10-01 → 4", type="Epic"), issue(4, "10-01 → 1", type="Incident")
    expected = {"1": Departure(at("10-02")), "2": Departure(at("10-01"))}
    assert left(release, incident, epic, unfinished) == expected


def test_what_is_only_asked_for_findings_was_done_too() -> None:
    """An incident of another priority, and a deploying type where versions deploy."""
    rules = replace(
        RULES,
        deployments=DeploymentRules("versions", types=("Release",)),
        incidents=IncidentRules(("Incident",), priorities=("High",)),
    )
    release = issue(1, "10-01 → 1", "10-02 → 4", type="Release")
    incident = issue(2, "10-01 → 1", "10-06 → 4", type="Incident", priority="Low")
    assert left(release, incident, rules=rules) == {"1": Departure(at("10-02")), "2": Departure(at("10-06"))}
