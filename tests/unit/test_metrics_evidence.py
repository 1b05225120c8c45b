"""What set an instant: the right entry of several, the field, the creation, the resolution."""

from dataclasses import replace
from typing import Any

import pytest
from metric_rows import REVIEW_WAITS, STATUSES, at, issue, time
from metric_teams import snapshot_of
from reference.teams import Team

from models.metrics import evidence
from models.metrics.calculate import explain
from models.metrics.evidence import Evidence, Trail
from models.metrics.rules import Context
from models.records import DeploymentRules, IncidentRules, Issue, Rules, Transition

AS_OF = "11-01"
INCIDENTS = IncidentRules(("Incident",))


def set_by(metric: str, item: Issue, **rules: Any) -> dict[str, Evidence]:
    """Return what set the instants of an issue's only part in a metric."""
    profile = Rules(workflow=REVIEW_WAITS, **rules)
    ready = snapshot_of(Team((item,), STATUSES), profile, time(AS_OF))
    explained = explain(metric, ready, ready.windows[0])
    (part,) = (*explained.used, *explained.left_out)
    return evidence.set_by(part, Trail.of([item], Context.of(profile, STATUSES), at(AS_OF)))


def moves(change: Evidence) -> tuple[str, str | None, Any, str]:
    """Return a change of status as a short tuple."""
    return change.source, change.before, change.after, change.history_id


def test_the_first_start_and_the_last_finish_of_a_reopened_issue() -> None:
    """Started on the 2nd; done on the 4th, re-opened, done again on the 20th, and closed later without effect."""
    item = issue(1, "10-01 → 1", "10-02 → 2", "10-04 → 4", "10-06 → 3", "10-20 → 4", "10-25 → 5")
    origins = set_by("flow_time", item)
    assert moves(origins["started"]) == ("history", "Open", "Doing", "100")
    assert moves(origins["done"]) == ("history", "Review", "Done", "103")
    assert origins["done"].at == at("10-20")


def test_an_issue_born_in_progress_was_started_by_its_creation() -> None:
    """No entry of its history set the start, so the status at creation is named."""
    origins = set_by("flow_time", issue(1, "10-05 09:00 → 2", "10-07 → 4"))
    assert origins["started"] == Evidence("created", at("10-05 09:00"), "P-1", "status", after="Doing")


def test_an_imported_issue_was_born_with_its_first_change() -> None:
    """A history entry in September is older than the creation: work started with it, or with the birth in progress."""
    origins = set_by("flow_time", issue(1, "10-05 → 1", "09-01 → 2", "10-07 → 4"))
    assert (origins["started"].at, origins["started"].history_id) == (at("09-01"), "100")
    origins = set_by("flow_time", issue(1, "10-05 → 2", "09-01 → 3", "10-07 → 4"))
    assert (origins["started"].at, origins["started"].history_id) == (at("09-01"), "100")
    incident = issue(1, "10-05 → 2", "09-01 → 3", "10-07 → 4", type="Incident")
    origins = set_by("mttr", incident, incidents=INCIDENTS)
    assert (origins["detected"].at, origins["detected"].history_id) == (at("09-01"), "100")


def test_what_happens_at_the_as_of_is_no_evidence() -> None:
    """Re-opened exactly at the as-of: the earlier entry still set done."""
    origins = set_by("flow_time", issue(1, "10-01 → 2", "10-20 → 4", "11-01 → 2"))
    assert moves(origins["done"]) == ("history", "Doing", "Done", "100")


def test_a_load_names_the_status_the_item_is_in() -> None:
    """Started in Doing, now in Review."""
    origins = set_by("flow_load", issue(1, "10-01 → 1", "10-02 → 2", "10-04 → 3"))
    assert moves(origins["started"]) == ("history", "Open", "Doing", "100")
    assert moves(origins["stage"]) == ("history", "Doing", "Review", "101")


def test_not_delivered_names_the_entry_that_set_the_resolution() -> None:
    """The entry that set Duplicate, the present resolution. Without any entry, the field."""
    item = issue(1, "10-01 → 2", "10-20 → 4", resolution="Duplicate")
    entries = [
        Transition(time(f"10-{20 + number}"), number, 0, "resolution", str(number), None, before, None, after)
        for number, (before, after) in enumerate([(None, "Done"), ("Done", "Duplicate")])
    ]
    with_entries = replace(item, transitions=(*entries, *item.transitions))
    assert moves(set_by("flow_velocity", with_entries)["resolution"]) == ("history", "Done", "Duplicate", "1")
    assert set_by("flow_velocity", item)["resolution"] == Evidence(
        "field", None, "P-1", "resolution", after="Duplicate"
    )


def test_not_delivered_names_the_entry_into_an_excluded_status() -> None:
    """The resolution does not matter."""
    item = issue(1, "10-01 → 2", "10-20 → 4", "10-21 → 5", resolution="Duplicate")
    origins = set_by("flow_velocity", item, excluded_statuses=("Closed",))
    assert moves(origins["status"]) == ("history", "Done", "Closed", "101")
    assert "resolution" not in origins


def test_done_without_a_history_was_set_by_the_resolution_date() -> None:
    """The status before is unknown."""
    item = issue(1, "10-01 → 4", resolved="10-20")
    expected = Evidence("field", at("10-20"), "P-1", "resolved", after="2026-10-20T00:00:00.000000Z")
    assert set_by("flow_velocity", item)["done"] == expected
    stays = evidence.stays(Trail.of([item], Context.of(Rules(), STATUSES), at("10-21")), "1")
    assert [(stay.status, stay.stage, stay.at) for stay in stays] == [
        (None, "todo", at("10-01")),
        ("Done", "done", at("10-20")),
    ]


@pytest.mark.parametrize(
    ("value", "restored"),
    [
        (None, ("history", "Doing", "Done", "100")),
        ("2026-10-08T12:00:00.000+0000", ("field", None, "2026-10-08T12:00:00.000+0000", "")),
    ],
)
def test_a_restoration_stands_on_its_field_or_else_on_the_history(value: str | None, restored: tuple[Any, ...]) -> None:
    """Only an issue without a value is restored when it is done."""
    item = issue(1, "10-05 → 2", "10-07 → 4", type="Incident", cf_1=value)
    origins = set_by("mttr", item, incidents=INCIDENTS, fields={"restored_at": "cf_1"})
    assert moves(origins["restored"]) == restored
    assert origins["detected"].source == "created"


def test_a_value_that_is_no_moment_is_shown_as_it_stands() -> None:
    """Under the name of the mapping."""
    item = issue(1, "10-05 → 2", "10-07 → 4", type="Incident", cf_1={"value": "soon"})
    origins = set_by("mttr", item, incidents=INCIDENTS, fields={"detected_at": "cf_1.value"})
    assert origins["detected"] == Evidence(
        "field", None, "P-1", "detected_at", after={"value": "soon"}, mapped_to="cf_1.value"
    )


def test_a_deploying_issue_happened_by_its_field_or_when_it_was_done() -> None:
    """A date at or after the as-of has not happened, and nothing replaces it."""
    rules = Rules(deployments=DeploymentRules("issues", types=("Release",)), fields={"deployed_at": "cf"})
    context = Context.of(rules, STATUSES)
    release = issue(1, "10-05 → 2", "10-07 → 4", type="Release")
    for value, expected in ((None, at("10-07")), ("2026-10-09T00:00:00Z", at("10-09")), ("2026-11-01T00:00:00Z", None)):
        deployed = evidence.deployed(Trail.of([replace(release, fields={"cf": value})], context, at(AS_OF)), "1")
        assert (deployed and deployed[0]) == expected
    assert evidence.deployed(Trail.of([release], context, at("10-05")), "1") is None
    assert evidence.deployed(Trail.of([release], context, at(AS_OF)), "2") is None


def test_stays_add_up_to_the_time_in_each_stage() -> None:
    """Two days of work, one of waiting, and three of work, which include the re-opening."""
    item = issue(1, "10-01 → 1", "10-02 → 2", "10-04 → 3", "10-05 → 2", "10-08 → 4")
    context = Context.of(Rules(workflow=REVIEW_WAITS), STATUSES)
    days = [
        (stay.status, stay.stage, (stay.until - stay.at) / 86_400e6)
        for stay in evidence.stays(Trail.of([item], context, at("10-09")), "1")
    ]
    assert days == [
        ("Open", "todo", 1),
        ("Doing", "active", 2),
        ("Review", "waiting", 1),
        ("Doing", "active", 3),
        ("Done", "done", 1),
    ]


def test_a_stay_that_lasts_beyond_the_as_of_ends_there() -> None:
    """On the 3rd the issue is in Doing since the 2nd. Before its creation it has no stay."""
    item = issue(1, "10-01 → 1", "10-02 → 2", "10-04 → 4")
    context = Context.of(Rules(), STATUSES)
    stays = evidence.stays(Trail.of([item], context, at("10-03")), "1")
    assert [(stay.status, stay.at, stay.until) for stay in stays] == [
        ("Open", at("10-01"), at("10-02")),
        ("Doing", at("10-02"), at("10-03")),
    ]
    assert evidence.stays(Trail.of([item], context, at("10-01")), "1") == []
