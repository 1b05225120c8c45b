"""Cases that other tools got wrong according to public reports, with the values that docs/metrics.md gives."""

from dataclasses import replace
from datetime import date

import pytest
from metric_rows import STATUSES, at, issue, measure, time, transition, version
from metric_teams import snapshot_of
from one_issue import read_one
from reference.teams import Team

from models.metrics.resolutions import Disagreement, disagreements
from models.metrics.rules import Context
from models.records import DeploymentRules, IncidentRules, Issue, Rules, Transition

SECOND = 1 / 86_400  # in days


def _ghosts(*moves: str) -> tuple[Transition, ...]:
    """Return changes like "10-03 Ideas → Korrektur" between statuses that Jira no longer lists, except Done."""
    history = []
    for number, move in enumerate(moves):
        when, before, _, after = move.split(" ")
        change = transition(time(when), 100 + number, None, "4" if after == "Done" else None)
        from_id, to_id = f"9{before}", "4" if after == "Done" else f"9{after}"
        history.append(change._replace(from_id=from_id, from_name=before, to_id=to_id, to_name=after))
    return tuple(history)


# --- closed in bulk ---------------------------------------------------------------------------------------------------


def test_what_was_closed_in_bulk_within_a_second_counts_as_that_long() -> None:
    """Three items of 0.6 s and one of ten days: the median is 0.6 s, neither 0 nor a day."""
    bulk = [issue(n, "10-02 → 1", "10-12 09:00:00.100 → 2", "10-12 09:00:00.700 → 4") for n in (1, 2, 3)]
    usual = issue(4, "10-02 → 1", "10-05 → 2", "10-15 → 4")
    never_started = issue(5, "10-02 → 1", "10-12 09:00:00.700 → 4")
    measured = measure("flow_time", Rules(), *bulk, usual, never_started)
    assert measured.value == pytest.approx(0.6 * SECOND, rel=1e-12)
    assert (measured.n_used, measured.exclusions) == (4, {"never_started": 1})
    assert measured.details["mean"] == pytest.approx((3 * 0.6 * SECOND + 10) / 4, rel=1e-12)
    assert measure("flow_velocity", Rules(), *bulk, usual, never_started).details["count"] == 5


def test_the_entries_of_a_bulk_change_count_in_their_own_order() -> None:
    """Jira lists the newest first. At one instant, the smaller history id is earlier."""
    listed = replace(issue(1, "10-02 → 1"), status_id="4")
    together = (transition(time("10-12"), 12, "2", "4"), transition(time("10-12"), 9, "1", "2"))
    measured = measure("flow_time", Rules(), replace(listed, transitions=together))
    assert (measured.value, measured.n_used) == (0.0, 1)


# --- moved from another project ---------------------------------------------------------------------------------------


def _moved() -> Issue:
    moves = ("10-03 Ideas → Korrektur", "10-06 Korrektur → Fertig", "10-20 Fertig → Done")
    return replace(issue(1, "10-01 → 4", resolved="10-20"), transitions=_ghosts(*moves))


def test_the_statuses_of_the_project_that_an_issue_left_are_active_and_reported() -> None:
    """Their stages are unknown: time in them counts as active, and each status is reported."""
    assert measure("flow_time", Rules(), _moved()).value == 19.0
    findings = read_one(_moved(), Context.of(Rules(), STATUSES)).findings
    assert sorted(findings) == [("unmapped_status", name) for name in ("Fertig", "Ideas", "Korrektur")]


def test_named_under_workflow_they_mean_what_they_meant() -> None:
    """Three days of work, done long before the move. The resolution date is that of the move and is reported."""
    rules = Rules(workflow={"todo": ("Ideas",), "active": ("Korrektur",), "done": ("fertig",)})
    assert measure("flow_time", rules, _moved()).value == 3.0
    assert read_one(_moved(), Context.of(rules, STATUSES)).findings == []
    dataset = snapshot_of(Team((_moved(),), STATUSES), rules, time("11-01")).dataset
    assert disagreements(dataset.items, dataset.others, at("11-01")) == [Disagreement("1", at("10-20"), at("10-06"))]


# --- re-opened after its release --------------------------------------------------------------------------------------

RELEASE = version("5", date(2026, 10, 10), name="5.0")
DONE = ("10-05 09:00 → 2", "10-09 09:00 → 4")
RELEASED = (
    issue(1, "10-02 → 1", *DONE, "10-20 09:00 → 2", fixVersions=["5"]),
    issue(2, "10-02 → 1", *DONE, "10-20 09:00 → 2", "10-25 09:00 → 4", fixVersions=["5"]),
    issue(3, "10-02 → 1", *DONE, fixVersions=["5"]),
)


def test_what_was_reopened_after_its_release_was_still_released_then() -> None:
    """An item that is done again was released before it was re-opened. Otherwise it is not a change yet."""
    rules = Rules(deployments=DeploymentRules("versions"))
    measured = measure("lead_time", rules, *RELEASED, versions=(RELEASE,))
    from_start_to_end_of_day = 5 + (15 * 3600 - 1) * SECOND
    assert measured.value == pytest.approx(from_start_to_end_of_day, rel=1e-12)
    assert (measured.n_used, measured.exclusions) == (2, {})
    assert measure("deployment_frequency", rules, *RELEASED, versions=(RELEASE,)).details["count"] == 1


def test_a_reopened_item_is_in_progress_and_its_first_finish_counts_no_more() -> None:
    """Twenty days for the item that was done again, four for the item that stayed done."""
    measured = measure("flow_time", Rules(), *RELEASED)
    assert (measured.value, measured.n_used, measured.exclusions) == (12.0, 2, {})
    assert measure("flow_velocity", Rules(), *RELEASED).details["count"] == 2
    assert measure("flow_load", Rules(), *RELEASED).value == 1


# --- of another type since --------------------------------------------------------------------------------------------


def _retyped(number: int, before: str, after: str) -> Issue:
    item = issue(number, "10-02 → 1", "10-10 → 2", "10-12 → 4", type=after, subtask=after == "Sub-task")
    change = Transition(time("10-20"), 900 + number, 0, "issuetype", str(900 + number), None, before, None, after)
    return replace(item, transitions=(change, *item.transitions))


def test_an_issue_is_of_the_type_that_it_has_now() -> None:
    """A bug that was a story is a defect. A sub-task is in no number. A former incident is not an incident."""
    rules = Rules(incidents=IncidentRules(("Incident",)))
    retyped = (_retyped(1, "Story", "Bug"), _retyped(2, "Story", "Sub-task"), _retyped(3, "Incident", "Story"))
    shares = measure("flow_distribution", rules, *retyped)
    assert (shares.value, shares.n_used) == (50.0, 2)
    assert {name: count for name, count in shares.details["by_category"].items() if count} == {
        "defect": 1,
        "feature": 1,
    }
    assert measure("flow_time", rules, *retyped).value == 2.0
    mttr = measure("mttr", rules, *retyped)
    assert (mttr.state, mttr.value, mttr.n_used + mttr.n_excluded) == ("no_data", None, 0)


# --- incidents of no length, and of less ------------------------------------------------------------------------------


def test_an_incident_of_no_length_counts_and_one_of_negative_length_is_left_out() -> None:
    """0 h and 12 h: the median is 6 h. The incident restored before its detection has a reason."""
    rules = Rules(fields={"detected_at": "cf_d", "restored_at": "cf_r"}, incidents=IncidentRules(("Incident",)))
    spans = (
        ("2026-10-10T08:00:00.000+0000", "2026-10-10T08:00:00.000+0000"),
        ("2026-10-11T09:00:00.000+0000", "2026-10-11T08:00:00.000+0000"),
        ("2026-10-12T08:00:00.000+0000", "2026-10-12T20:00:00.000+0000"),
    )
    incidents = [
        issue(number, "10-13 09:00 → 1", "10-13 10:00 → 4", type="Incident", cf_d=detected, cf_r=restored)
        for number, (detected, restored) in enumerate(spans, start=1)
    ]
    measured = measure("mttr", rules, *incidents)
    assert (measured.value, measured.n_used, measured.exclusions) == (6.0, 2, {"negative_duration": 1})
    assert measured.details["open"] == 0
