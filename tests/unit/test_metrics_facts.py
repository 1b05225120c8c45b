"""The facts of an issue by the rules: roles, categories, mapped fields, hashes."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from metric_rows import REVIEW_WAITS, STATUSES, at, issue, version
from one_issue import read_one

from models.metrics import issues
from models.metrics.deployments import deployments_of_versions
from models.metrics.issues import Batch
from models.metrics.rules import Context, rules_hash
from models.records import (
    INVALID,
    DeploymentRules,
    IncidentRules,
    ItemHead,
    Rules,
    ServiceLevelRules,
    Status,
)

INCIDENTS = IncidentRules(("Incident",), priorities=("High",))
RULES = Rules(
    timezone="Europe/Zagreb",
    workflow=REVIEW_WAITS,
    fields={"committed_at": "cf_1", "points": "cf_2", "change_failure": "cf_3", "deployed_at": "cf_4"},
    deployments=DeploymentRules("issues", types=("Release",)),
    incidents=INCIDENTS,
)
CONTEXT = Context.of(RULES, STATUSES)


def item(context: Context = CONTEXT, **more: Any) -> ItemHead:
    """Return the work item of an open story."""
    work_item = read_one(issue(1, "10-01 → 1", **more), context).item
    assert work_item is not None
    return work_item


@pytest.mark.parametrize(
    ("type_", "roles"),
    [
        ("Story", (True, False, False)),
        ("Epic", (False, False, False)),  # its work is counted in its parts
        ("SUB-TASK", (False, False, False)),
        ("release", (False, True, False)),
        ("Incident", (False, False, True)),
    ],
)
def test_an_issue_is_a_work_item_a_deployment_an_incident_or_nothing(type_: str, roles: tuple[bool, ...]) -> None:
    """By its type, ignoring case."""
    read = read_one(issue(1, "10-01 → 1", type=type_, priority="high"), CONTEXT)
    assert (read.item is not None, bool(read.deployments), read.incident is not None) == roles


@pytest.mark.parametrize(
    ("name", "level", "subtask", "is_item"),
    [
        ("Feature", 1, False, False),  # on Cloud the level decides, whatever the name
        ("Initiative", 2, False, False),
        ("Unteraufgabe", -1, True, False),
        ("Epic", 0, False, True),  # a type that somebody named so
        ("Unteraufgabe", None, True, False),  # Data Center has sub-tasks only
        ("Epos", None, False, True),  # … so that an epic in another language must be named
        ("EPIC", None, False, False),
        ("Sub-task", None, False, True),
        ("Sub-task", None, None, False),  # nothing says that it is not one
    ],
)
def test_ignored_by_default_is_what_holds_work_or_is_a_part_of_it(
    name: str,
    level: int | None,
    subtask: bool | None,  # noqa: FBT001 - a table's column
    is_item: bool,  # noqa: FBT001 - a table's column
) -> None:
    """By Jira's hierarchy, not by English names."""
    story = issue(1, "10-01 → 1", type=name, hierarchy_level=level, subtask=subtask)
    assert (read_one(story, CONTEXT).item is not None) is is_item


def test_a_list_of_ignored_types_replaces_the_hierarchy() -> None:
    """With Theme as the only ignored type an epic is work."""
    context = Context.of(replace(RULES, ignored_types=("THEME",)), STATUSES)
    for name, level, is_item in (("Epic", 1, True), ("theme", 0, False), ("Sub-task", -1, True)):
        story = issue(1, "10-01 → 1", type=name, hierarchy_level=level)
        assert (read_one(story, context).item is not None) is is_item


def test_of_two_types_of_one_name_each_issue_follows_its_own() -> None:
    """Two projects of one site may each have a Feature, one of them above the stories."""
    both = [issue(number, "10-01 → 1", type="Feature", hierarchy_level=level) for number, level in ((1, 0), (2, 1))]
    assert [item.issue_id for item in issues.read(Batch.of(both), CONTEXT).items] == ["1"]


def test_names_are_compared_after_composition_and_with_folded_blanks() -> None:
    """Copied names have decomposed letters, no-break spaces and double blanks."""
    rules = replace(RULES, categories={"debt": ("Aufräum  Arbeit",)}, excluded_resolutions=("Gelöst\u00a0nicht",))
    work_item = item(Context.of(rules, STATUSES), type="AUFRA\u0308UM ARBEIT", resolution=" gelo\u0308st nicht")
    assert (work_item.category, work_item.excluded) == ("debt", True)


def test_an_incident_of_another_priority_is_neither_incident_nor_work_item() -> None:
    """Its type alone excludes it from work."""
    read = read_one(issue(1, "10-01 → 1", type="Incident", priority="Low"), CONTEXT)
    assert (read.item, read.incident) == (None, None)


def test_without_priorities_every_issue_of_the_type_is_an_incident() -> None:
    """Also one without a priority."""
    context = Context.of(replace(RULES, incidents=IncidentRules(("Incident",))), STATUSES)
    assert read_one(issue(1, "10-01 → 1", type="Incident"), context).incident is not None


def test_a_type_named_under_deployments_is_no_work_item_whatever_the_source() -> None:
    """With released versions as the source, a Release issue is neither work nor a deployment."""
    context = Context.of(replace(RULES, deployments=DeploymentRules("versions", types=("Release",))), STATUSES)
    read = read_one(issue(1, "10-01 → 1", type="Release"), context)
    assert (read.item, read.deployments) == (None, ())


def test_an_ignored_type_is_left_out_of_everything_even_of_the_findings() -> None:
    """An odd history of an epic matters to no metric."""
    read = read_one(issue(1, "10-01 → 98", type="Epic"), CONTEXT)
    assert (read.item, read.incident, read.findings) == (None, None, [])


@pytest.mark.parametrize("ignored", [None, ("Epic", "Theme")])
def test_a_type_that_is_an_incident_or_deploys_is_never_ignored(ignored: tuple[str, ...] | None) -> None:
    """Neither by default nor by the profile's list."""
    rules = replace(RULES, ignored_types=ignored, incidents=IncidentRules(("EPIC",)))
    read = read_one(issue(1, "10-01 → 98", type="Epic"), Context.of(rules, STATUSES))
    assert read.incident is not None
    assert [reason for reason, _ in read.findings][:1] == ["unmapped_status"]
    rules = replace(RULES, ignored_types=ignored, deployments=DeploymentRules("issues", types=("epic",)))
    assert read_one(issue(1, "10-01 → 1", type="Epic"), Context.of(rules, STATUSES)).deployments


@pytest.mark.parametrize(
    ("type_", "category"),
    [("story", "feature"), ("Bug", "defect"), ("RISK", "risk"), ("Chore", "debt"), ("Spike", "unmapped")],
)
def test_a_category_comes_from_the_type_and_an_unlisted_type_is_unmapped(type_: str, category: str) -> None:
    """It is never counted as a feature."""
    assert item(type=type_).category == category


def test_a_category_list_of_the_profile_replaces_the_default_one() -> None:
    """With Spike as the only feature a Story is unmapped."""
    context = Context.of(replace(RULES, categories={"feature": ("Spike",)}), STATUSES)
    assert (item(context, type="spike").category, item(context).category) == ("feature", "unmapped")


@pytest.mark.parametrize(
    ("resolution", "excluded"), [("won't do", True), ("Duplicate", True), ("Done", False), (None, False)]
)
def test_a_resolution_that_delivers_nothing_is_excluded(resolution: str | None, excluded: bool) -> None:  # noqa: FBT001 - a table's column
    """Ignoring case."""
    assert item(resolution=resolution).excluded is excluded


# --- mapped fields ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-10-05T12:00:00.500+0000", at("10-05 12:00:00.500")),  # Jira's own form
        ("2026-10-05T12:00:00+02:00", at("10-05 10:00")),
        ("2026-10-05T12:00Z", at("10-05 12:00")),
        ("2026-10-05", at("10-04 22:00")),  # a start: the day's first instant in Zagreb
        (None, None),
        ("", None),
        ("2026-10-05T12:00:00", INVALID),  # no offset: which instant?
        ("05.10.2026", INVALID),
        ("2026-02-30", INVALID),
        (1_759_000_000_000, INVALID),
        (True, INVALID),
        (["2026-10-05"], INVALID),
        ({"value": "2026-10-05"}, INVALID),
    ],
)
def test_a_mapped_instant_is_a_moment_or_nothing_or_invalid(value: object, expected: object) -> None:
    """A value that is not an instant does not fall back to the default."""
    assert item(cf_1=value).committed_at == expected


def test_a_day_without_a_time_is_its_last_second_for_an_end() -> None:
    """Deployed on 5 October means 23:59:59 in Zagreb."""
    (deployment,) = read_one(issue(1, "10-01 → 1", type="Release", cf_4="2026-10-05"), CONTEXT).deployments
    assert deployment.at == at("10-05 21:59:59")


@pytest.mark.parametrize(
    ("mapping", "value", "expected"),
    [
        ("cf.value", {"value": "2026-10-05T12:00Z"}, at("10-05 12:00")),
        ("cf.a.b", {"a": {"b": "2026-10-05T12:00Z"}}, at("10-05 12:00")),
        ("cf.value", None, None),
        ("cf.value", {"id": "1"}, None),
        ("cf.value", "2026-10-05T12:00Z", INVALID),  # the path leads into a text
        ("cf.value", [{"value": "2026-10-05T12:00Z"}], INVALID),  # a list is not an instant
    ],
)
def test_a_dotted_path_leads_into_a_field(mapping: str, value: object, expected: object) -> None:
    """An absent step means no value. A step that cannot be taken means an invalid value."""
    context = Context.of(replace(RULES, fields={"committed_at": mapping}), STATUSES)
    assert item(context, cf=value).committed_at == expected


@pytest.mark.parametrize(
    ("value", "failed"),
    [
        (True, True),
        (False, False),
        (1, True),
        (0.0, False),
        ("FAILED", True),
        ("fine", False),
        ({"id": "7", "value": "Yes"}, True),
        ([{"value": "no"}, {"value": "failure"}], True),
        (["true"], True),
        ([1], False),
        ([], False),
        ({}, False),
        (None, False),
    ],
)
def test_a_change_failure_is_true_a_number_or_one_of_the_words(value: object, failed: bool) -> None:  # noqa: FBT001 - a table's column
    """As a text, as an option, or in a list."""
    (deployment,) = read_one(issue(1, "10-01 → 1", type="Release", cf_3=value), CONTEXT).deployments
    assert deployment.failed is failed


def test_a_list_of_options_is_read_through_a_path() -> None:
    """The path is applied to each member."""
    context = Context.of(replace(RULES, fields={"change_failure": "cf_3.value"}), STATUSES)
    boxes = [{"value": "No"}, {"value": "Failed"}]
    assert read_one(issue(1, "10-01 → 1", type="Release", cf_3=boxes), context).deployments[0].failed


@pytest.mark.parametrize(
    ("value", "points"),
    [
        (3, 3.0),
        (0.5, 0.5),
        (None, None),
        ("", None),
        ([], None),
        ("3", INVALID),
        (True, INVALID),
        ({}, INVALID),
        (float("nan"), INVALID),
        (10**400, INVALID),
    ],
)
def test_points_are_a_number_or_nothing_or_invalid(value: object, points: object) -> None:
    """A text is not read as a number."""
    assert item(cf_2=value).points == points


@pytest.mark.parametrize(
    ("first", "second", "points"),
    [
        (5, 3, 5.0),
        (None, 3, 3.0),
        ("", 3, 3.0),
        ([], 3, 3.0),
        (0, 3, 0.0),  # zero is an estimate too
        ("8", 3, INVALID),  # the first value decides, even if it is not a number
        (None, None, None),
        (None, "8", INVALID),
    ],
)
def test_the_first_of_several_fields_that_is_not_empty_has_the_points(
    first: object, second: object, points: object
) -> None:
    """Company-managed and team-managed projects keep them in fields of their own."""
    context = Context.of(replace(RULES, fields={"points": ("cf_2", "cf_9")}), STATUSES)
    work_item = read_one(issue(1, "10-01 → 1", cf_2=first, cf_9=second), context).item
    assert work_item is not None
    assert work_item.points == points


def test_each_invalid_value_is_a_finding_that_names_its_role() -> None:
    """So a person can find the field."""
    story = issue(1, "10-01 → 1", cf_1="soon", cf_2="many")
    assert read_one(story, CONTEXT).findings == [("invalid_value", "committed_at"), ("invalid_value", "points")]
    release = issue(2, "10-01 → 1", type="Release", cf_4="soon")
    assert read_one(release, CONTEXT).findings == [("invalid_value", "deployed_at")]
    context = Context.of(replace(RULES, fields={"detected_at": "cf_5", "restored_at": "cf_6"}), STATUSES)
    incident = issue(3, "10-01 → 1", type="Incident", priority="High", cf_5="soon", cf_6="later")
    expected = [("invalid_value", "detected_at"), ("invalid_value", "restored_at")]
    assert read_one(incident, context).findings == expected


def test_ids_of_versions_and_links_of_any_damaged_shape_are_read_or_left() -> None:
    """Sorted, each once. A field that is not a list names nothing."""
    assert item(fixVersions=["20", "10", "20"]).version_ids == ("10", "20")
    assert item(fixVersions="10").version_ids == ()
    assert item(fixVersions=[None, {"id": "1"}]).version_ids == ()


# --- deployments ------------------------------------------------------------------------------------------------------


def test_each_entry_into_a_deployed_status_from_outside_is_a_deployment() -> None:
    """Creation in Done is not an entry, and Done → Closed stays inside. Leaving and entering again is one."""
    context = Context.of(replace(RULES, deployments=DeploymentRules("status", statuses=("done", "5"))), STATUSES)
    read = read_one(issue(1, "10-01 → 4", "10-02 → 5", "10-03 → 2", "10-04 → 5", "10-05 → 4"), context)
    assert [deployment.at for deployment in read.deployments] == [at("10-04")]
    assert read.deployments[0].issue_ids == ("1",)
    assert read.item is not None


def test_a_renamed_status_is_known_by_its_id_and_todays_name() -> None:
    """Doing was called Live when the history was written. A retired status has only its old name."""
    for statuses, expected in ((("2",), 1), (("Doing",), 1), (("98",), 1), (("Live",), 0)):
        context = Context.of(replace(RULES, deployments=DeploymentRules("status", statuses=statuses)), STATUSES)
        move = issue(1, "10-01 → 1", "10-02 → 2" if statuses != ("98",) else "10-02 → 98")
        assert len(read_one(move, context).deployments) == expected


VERSIONS = (
    version("1", date(2026, 10, 5), name="1.0"),
    version("2", date(2026, 10, 6), name="1.1", archived=True),
    version("3", date(2026, 10, 7), name="2.0", released=False),
    version("4", None, name="3.0"),
    version("5", date(2026, 10, 5), project="ELSE", name="1.0"),
)


def test_released_and_dated_versions_of_the_projects_are_deployments_at_their_last_second() -> None:
    """Archived versions count. Unreleased ones, undated ones and those of other projects do not."""
    context = Context.of(replace(RULES, deployments=DeploymentRules("versions")), STATUSES)
    deployments = deployments_of_versions(VERSIONS, {"P"}, context)
    assert [(d.name, d.at) for d in deployments] == [("1.0", at("10-05 21:59:59")), ("1.1", at("10-06 21:59:59"))]


def test_versions_deploy_nothing_where_they_are_not_the_source() -> None:
    """If issues deploy, versions are only labels."""
    assert deployments_of_versions(VERSIONS, {"P"}, CONTEXT) == ()


# --- hashes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "of_results", "of_facts"),
    [
        ({"history_weeks": 3}, False, False),
        ({"time_period_days": 3}, True, False),
        ({"levels": {"cfr": (1.0, 2.0, 3.0)}}, True, False),
        ({"deployments": DeploymentRules("issues", ("Release",), "fixVersions")}, True, False),
        ({"deployments": DeploymentRules("issues", ("RELEASE",))}, False, False),
        ({"timezone": "UTC"}, True, True),
        ({"workflow": {"waiting": ("Doing",)}}, True, True),
        ({"categories": {"feature": ("Bug",)}}, True, True),
        ({"fields": {"points": "cf_9"}}, True, True),
        ({"fields": {**RULES.fields, "points": ("cf_2", "cf_9")}}, True, True),
        ({"ignored_types": ()}, True, True),
        ({"ignored_types": ("Epic",)}, True, True),
        ({"excluded_statuses": ("Rejected",)}, True, True),
        ({"gone_issues": "keep_done"}, True, True),
        ({"blocked_statuses": ("Review",)}, True, True),
        ({"service_level": ServiceLevelRules(8.0)}, True, False),
        ({"service_level": ServiceLevelRules(8.0, 50.0)}, True, False),
        ({"fields": {**RULES.fields, "flagged": "cf_9"}}, True, True),
        ({"fields": {**RULES.fields, "rework": "cf_9"}}, True, True),
        ({"incidents": replace(INCIDENTS, excluded_resolutions=())}, True, True),
        ({"excluded_resolutions": ()}, True, True),
        ({"failure_values": ("bad",)}, True, True),
        ({"incidents": None}, True, True),
        ({"deployments": DeploymentRules("status", statuses=("Done",))}, True, True),
    ],
)
def test_a_changed_rule_changes_the_hash_of_what_it_can_change(
    change: dict[str, Any],
    of_results: bool,  # noqa: FBT001 - a table's column
    of_facts: bool,  # noqa: FBT001 - a table's column
) -> None:
    """A level or a period does not change the facts. The number of weeks changes nothing."""
    other = replace(RULES, **change)
    assert (rules_hash(other) != rules_hash(RULES)) is of_results
    assert (Context.of(other, STATUSES).facts_rules_hash != CONTEXT.facts_rules_hash) is of_facts


def test_equal_rules_have_one_hash_in_every_process_and_in_any_order_of_their_lists() -> None:
    """Results are stored with this hash. Only other default rules may change it."""
    for names in ("abcdefgh", "hgfedcba", "ABCDefgh"):
        assert rules_hash(Rules(ignored_types=tuple(names))) == "fcca3cf7d4a146c08c0993bfabf056e2"


def test_facts_change_with_a_status_category_and_not_with_the_order_of_statuses() -> None:
    """A status that becomes done in Jira changes issues without a new `updated`."""
    moved = (*STATUSES[:2], Status("3", "Review", "done"), *STATUSES[3:])
    assert Context.of(RULES, moved).facts_rules_hash != CONTEXT.facts_rules_hash
    assert Context.of(RULES, STATUSES[::-1]).facts_rules_hash == CONTEXT.facts_rules_hash
