"""Wrong answers that other tools are known to give, each with the right one."""

from dataclasses import replace
from datetime import UTC, date, datetime

from metric_rows import NAMES, REVIEW_WAITS, issue, measure, time, transition, version

from models.records import DeploymentRules, IncidentRules, Issue, Rules, Transition

OCTOBER = Rules(
    time_period_days=31,
    workflow=REVIEW_WAITS,
    deployments=DeploymentRules("versions"),
    incidents=IncidentRules(("Incident",)),
)


def test_newest_first_histories_are_read_in_the_order_of_time() -> None:
    """Cloud sends the newest entry first. Read as sent, the item would be Open now with a negative flow time."""
    item = issue(1, "10-01 → 1", "10-05 → 2", "10-07 → 3", "10-09 → 4")
    newest_first = replace(item, transitions=item.transitions[::-1])
    assert measure("flow_time", OCTOBER, newest_first).value == 4.0
    assert measure("flow_efficiency", OCTOBER, newest_first).value == 50.0


def test_a_change_finished_on_the_day_of_its_release_has_a_positive_lead_time() -> None:
    """A release date is a day. With its first instant, work begun that morning would have a negative time."""
    item = issue(1, "10-10 08:00 → 2", "10-10 17:00 → 4", fixVersions=["1"])
    measured = measure("lead_time", OCTOBER, item, versions=(version("1", date(2026, 10, 10)),))
    assert measured.value == (16 * 3600 - 1) / 86_400  # 08:00:00 to 23:59:59
    assert measured.exclusions == {}


def test_a_reopened_issue_is_not_delivered() -> None:
    """Done on the 7th and re-opened on the 9th: a tool that counts entries into done counts it."""
    reopened = issue(1, "10-01 → 1", "10-05 → 2", "10-07 → 4", "10-09 → 2")
    assert measure("flow_velocity", OCTOBER, reopened).value == 0.0
    assert measure("flow_load", OCTOBER, reopened).value == 1.0


def test_an_issue_done_twice_is_delivered_once_and_the_last_time() -> None:
    """Done in September, re-opened, done again on 7 October: one item of October, none of September."""
    twice = issue(1, "09-01 → 2", "09-10 → 4", "10-05 → 2", "10-07 → 4")
    assert measure("flow_velocity", OCTOBER, twice).details["count"] == 1
    assert measure("flow_velocity", replace(OCTOBER, time_period_days=30), twice, as_of="10-01 12:00").value == 7 / 30
    last_week_of_september = measure("flow_velocity", OCTOBER, twice, window=-8)
    assert last_week_of_september.details["count"] == 0


def test_resolved_to_closed_months_later_does_not_move_done() -> None:
    """Done in July, closed by a clean-up in October: work of July."""
    item = issue(1, "07-01 → 2", "07-05 → 4", "10-15 → 5")
    assert measure("flow_velocity", OCTOBER, item).details["count"] == 0
    july = measure("flow_time", OCTOBER, item, as_of="08-01")
    assert july.value == 4.0
    assert measure("flow_time", replace(OCTOBER, time_period_days=123), item).value == 4.0


def test_an_issue_born_in_progress_starts_when_it_is_created() -> None:
    """No change enters an active stage, so a tool that looks for one finds no start."""
    assert measure("flow_time", OCTOBER, issue(1, "10-05 → 2", "10-07 → 4")).value == 2.0


def test_the_time_before_the_first_change_counts() -> None:
    """Waiting from the 5th to the 8th, then active for a day: 25 %, not 100 %."""
    item = issue(1, "10-05 → 3", "10-08 → 2", "10-09 → 4")
    assert measure("flow_efficiency", OCTOBER, item).value == 25.0


def test_an_offset_moves_an_event_to_another_week() -> None:
    """Done on Sunday 18 October at 23:30 UTC: Monday in Zagreb, a later week."""
    item = issue(1, "10-01 → 2", "10-18 23:30 → 4")
    for zone, counts in (("UTC", [1, 0]), ("Europe/Zagreb", [0, 1])):
        rules = replace(OCTOBER, timezone=zone, history_weeks=3)
        weeks = [measure("flow_velocity", rules, item, as_of="10-28", window=week) for week in (1, 2)]
        assert [measured.details["count"] for measured in weeks] == counts


def test_the_offset_of_a_field_moves_a_deployment_to_an_earlier_week() -> None:
    """Monday 19 October 00:30 at +02:00 is Sunday in UTC. Without the offset it would count a week late."""
    rules = replace(
        OCTOBER,
        history_weeks=3,
        deployments=DeploymentRules("issues", types=("Release",)),
        fields={"deployed_at": "cf"},
    )
    release = issue(1, "10-01 → 1", type="Release", cf="2026-10-19T00:30:00.000+0200")
    weeks = [measure("deployment_frequency", rules, release, as_of="10-28", window=week) for week in (1, 2)]
    assert [measured.details["count"] for measured in weeks] == [1, 0]


def test_two_offsets_in_one_history_are_two_instants_in_their_true_order() -> None:
    """Begun at 09:00+02:00, waiting from 08:30+00:00: sorted as text, the second would be first."""
    begun, waits = datetime.fromisoformat("2026-10-05T09:00+02:00"), datetime.fromisoformat("2026-10-05T08:30+00:00")
    history = (
        transition(waits.astimezone(UTC), 2, "2", "3"),
        transition(begun.astimezone(UTC), 1, "1", "2"),
        transition(time("10-05 10:00"), 3, "3", "4"),
    )
    item = replace(issue(1, "10-01 → 1"), status_id="4", transitions=history)
    assert measure("flow_time", OCTOBER, item).value == 3 / 24  # 07:00 to 10:00 UTC
    assert measure("flow_efficiency", OCTOBER, item).value == 50.0  # half of them before the wait


def test_a_null_status_in_a_history_is_work_not_a_crash_nor_done() -> None:
    """A change to null on the 7th and to Done on the 9th: four days, all active."""
    history = (
        transition(time("10-05"), 1, "1", "2"),
        Transition(time("10-07"), 2, 0, "status", "2", "2", NAMES["2"], None, None),
        Transition(time("10-09"), 3, 0, "status", "3", None, None, "4", NAMES["4"]),
    )
    item = Issue("1", "P-1", "P", "Story", "4", time("10-01"), time("10-09"), None, None, None, {}, history)
    assert measure("flow_time", OCTOBER, item).value == 4.0
    assert measure("flow_efficiency", OCTOBER, item).value == 100.0


def test_an_unmapped_type_is_shown_as_such_and_makes_no_feature() -> None:
    """Of one Story and one Spike half are features, not all."""
    items = (issue(1, "10-01 → 2", "10-07 → 4"), issue(2, "10-01 → 2", "10-07 → 4", type="Spike"))
    measured = measure("flow_distribution", OCTOBER, *items)
    assert (measured.value, measured.details["by_category"]["unmapped"]) == (50.0, 1)


def test_a_release_planned_for_the_future_is_no_deployment() -> None:
    """Marked as released with a date after the as-of, and one of the as-of's own day."""
    planned = (version("1", date(2026, 11, 20)), version("2", date(2026, 11, 1)), version("3", date(2026, 10, 20)))
    item = issue(1, "10-01 → 2", "10-07 → 4", fixVersions=["1"])
    measured = measure("deployment_frequency", OCTOBER, item, versions=planned, as_of="11-01 12:00")
    assert measured.details["count"] == 1
    assert measure("lead_time", OCTOBER, item, versions=planned, as_of="11-01 12:00").state == "no_data"


def test_zero_deployments_are_zero_a_day_but_no_failure_rate_and_no_lead_time() -> None:
    """0 % failures and 0 days would be a perfect result."""
    item = issue(1, "10-01 → 2", "10-07 → 4")
    assert measure("deployment_frequency", OCTOBER, item).value == 0.0
    for metric in ("cfr", "lead_time", "mttr"):
        measured = measure(metric, OCTOBER, item)
        assert (measured.state, measured.value, measured.level) == ("no_data", None, None)
