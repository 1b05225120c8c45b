"""What `flowbeat init` proposes, and the reasons with figures worked out by hand."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_rows import STATUSES, issue, time, version

from console.init.proposals import propose, stage_proposals, workflow_of
from console.init.records import Proposal, Survey
from console.init.written import entries_of, fill
from models.records import DEFAULT_EXCLUDED_RESOLUTIONS, Field, Issue, Status
from worker.settings import load

NOW = time("11-01")
LONG = "75 % of the time between start and done, median stay 3.0 days"
POINTS = Field("cf_1", "Story Points", "number", "")
ESTIMATE = Field("cf_2", "Story point estimate", "number", "")


def _survey(*issues: Issue, **more: Any) -> Survey:
    """Return a survey of a site with the statuses of the tests."""
    return replace(Survey(statuses=STATUSES, issues=issues), **more)


def _done(number: int, **more: Any) -> Issue:
    """Return an issue that was in Doing for a day, and in Review for three."""
    return issue(number, "10-01 → 1", "10-02 → 2", "10-03 → 3", "10-06 → 4", **more)


def _proposals(survey: Survey) -> dict[str, Proposal]:
    """Return the proposals by section and key."""
    proposed = propose(survey, stage_proposals(survey), NOW)
    return {f"{proposal.section}.{proposal.key}".lstrip("."): proposal for proposal in proposed}


def test_a_status_has_its_share_of_the_time_and_its_median_stay_as_a_reason() -> None:
    """Review has three of four days in each issue."""
    waiting = _proposals(_survey(*(_done(number) for number in range(1, 6))))["workflow.waiting"]
    assert waiting.value == ("Review",)
    assert waiting.reasons == (f"Review: {LONG}: waiting, because a review mostly waits for the reviewer",)


def test_four_done_issues_are_too_few_for_figures() -> None:
    """A share of so little would look sure."""
    proposed = _proposals(_survey(*(_done(number) for number in range(1, 5)), issue(5, "10-01 → 1", "10-02 → 3")))
    assert proposed["workflow.waiting"].reasons[0].startswith("Review: 1 issue now: waiting")
    assert "service_level.days" not in proposed


def test_a_long_stay_in_an_active_status_is_a_question_and_no_value() -> None:
    """Only the team can say whether QA is work."""
    statuses = (*STATUSES[:2], Status("3", "QA", "indeterminate"), *STATUSES[3:])
    waiting = _proposals(_survey(*(_done(number) for number in range(1, 6)), statuses=statuses))["workflow.waiting"]
    assert waiting.value is None
    assert waiting.reasons == (f"QA: {LONG}: does work wait there? Then add it to waiting",)


def test_a_large_site_is_proposed_only_the_statuses_that_the_issues_were_in() -> None:
    """Also those that only histories name; a small site gets all of its statuses."""
    others = tuple(Status(str(number), f"Waiting {number}", "indeterminate") for number in range(100, 130))
    survey = _survey(_done(1), statuses=(*STATUSES, *others))
    assert workflow_of(stage_proposals(survey)) == {"waiting": ("Review",)}
    small = replace(survey, statuses=(*STATUSES, *others[:2]))
    assert workflow_of(stage_proposals(small)) == {"waiting": ("Review", "Waiting 100", "Waiting 101")}


def test_statuses_of_one_name_and_two_stages_are_named_by_id() -> None:
    """A name in two lists is refused, and a name in one list would move both."""
    statuses = (Status("7", "Review", "new"), Status("8", "Review", "indeterminate"), Status("9", "QA ok", "new"))
    assert workflow_of(stage_proposals(_survey(statuses=statuses))) == {"waiting": ("8",)}


def test_points_are_the_fields_that_are_filled_the_most_filled_first() -> None:
    """An empty field is not proposed."""
    issues = (_done(1, cf_2=3.0), _done(2, cf_2=5.0, cf_1=5.0), _done(3))
    survey = _survey(*issues, fields={"points": (POINTS, ESTIMATE)})
    points = _proposals(survey)["fields.points"]
    assert points.value == ("Story point estimate", "Story Points")
    assert points.reasons == (
        "Story point estimate: filled in 2 of 3 issues",
        "Story Points: filled in 1 of 3 issues",
    )
    assert "fields.points" not in _proposals(replace(survey, issues=issues[2:]))


def test_a_flag_that_nobody_ever_set_is_not_proposed() -> None:
    """Its history says whether the team uses it."""
    field = Field("cf_3", "Flagged", "array", "option")
    used = replace(_done(1), transitions=(_done(1).transitions[0]._replace(field="cf_3"), *_done(1).transitions))
    assert _proposals(_survey(used, fields={"flagged": (field,)}))["fields.flagged"].value == "Flagged"
    assert "fields.flagged" not in _proposals(_survey(_done(1), fields={"flagged": (field,)}))


def test_dates_that_only_some_sources_use_stay_switched_off() -> None:
    """Lead time begins at the commit for every source, and `deployed_at` counts for issues only."""
    fields = {
        "committed_at": (Field("c", "Committed at", "datetime", ""),),
        "deployed_at": (Field("d", "D", "date", ""),),
    }
    proposed = _proposals(_survey(_done(1, c="2026-10-01", d="2026-10-02"), fields=fields))
    assert (proposed["fields.committed_at"].is_on, proposed["fields.deployed_at"].is_on) == (True, False)


def test_types_get_the_category_of_their_name_beside_the_defaults() -> None:
    """A list replaces the default, so the default is in it. A name that fits nothing is a remark."""
    types = ("Production Bug", "Security Bug", "Tech Task", "Spike", "Epic", "Incident")
    proposed = _proposals(_survey(*(_done(number, type=name) for number, name in enumerate(types, 1))))
    assert proposed["categories.defect"].value == ("Bug", "Defect", "Production Bug")
    assert proposed["categories.risk"].value == ("Security", "Risk", "Security Bug")
    assert proposed["categories.debt"].value == ("Technical Debt", "Chore", "Refactoring", "Tech Task")
    assert proposed["categories.feature"].value is None
    assert proposed["categories.feature"].reasons == (
        "without a category, because no name fits: Spike (1 of 6 issues)",
    )


def test_a_type_that_fits_no_category_is_named_beside_those_that_do() -> None:
    """One line holds both, because the file has one line for the key."""
    proposed = _proposals(_survey(_done(1, type="Spike"), _done(2, type="User Story"), _done(3, type="USER STORY")))
    feature = proposed["categories.feature"]
    assert feature.value == ("Story", "Task", "New Feature", "Improvement", "Feature", "User Story")
    assert feature.reasons[-1] == "without a category, because no name fits: Spike (1 of 3 issues)"


def test_a_field_whose_name_another_one_has_is_named_by_its_id() -> None:
    """A fetch refuses a name that two fields have."""
    survey = _survey(_done(1, cf_1=3.0), fields={"points": (POINTS,)}, repeated_fields=frozenset({"story points"}))
    points = _proposals(survey)["fields.points"]
    assert (points.value, points.reasons) == ("cf_1", ("Story Points: filled in 1 of 1 issue",))


def test_nothing_is_said_of_a_list_that_is_closed_to_the_login() -> None:
    """An unknown list is not an empty one."""
    proposed = _proposals(_survey(_done(1), closed={"issue types": "403", "versions of P": "403"}))
    assert "incidents.types" not in proposed
    assert proposed["deployments.source"].reasons[0].startswith("not all versions could be read; ")


NAMES = st.text(alphabet="aA 中é\"'\\\n#]=", max_size=6) | st.sampled_from(
    (
        "Review",
        "REVIEW",
        "Blocked",
        "Rejected",
        "Won't Do",
        "WON'T DO",
        "Bug",
        "User Story",
        "Incident",
        "Released",
        " ",
    )
)
CATEGORIES = st.sampled_from(("new", "indeterminate", "done", "undefined"))


@given(
    statuses=st.lists(st.tuples(NAMES, CATEGORIES), max_size=8),
    types=st.lists(NAMES, max_size=6),
    resolutions=st.lists(NAMES, max_size=4),
)
def test_the_settings_accept_the_proposals_for_whatever_names_a_site_has(
    tmp_path_factory: pytest.TempPathFactory,
    statuses: list[tuple[str, str]],
    types: list[str],
    resolutions: list[str],
) -> None:
    """Names that differ in case only, blank ones, and one name of two statuses with different stages."""
    issues = tuple(_done(number, type=name, fixVersions=["9"]) for number, name in enumerate(types, 1))
    listed = tuple(Status(str(number), name, category) for number, (name, category) in enumerate(statuses, 1))
    survey = _survey(*issues, statuses=listed, types=tuple(types), resolutions=tuple(resolutions))
    proposed = propose(survey, stage_proposals(survey), NOW)
    file = tmp_path_factory.mktemp("names") / "flowbeat.toml"
    file.write_text(fill(entries_of(proposed), "team"), encoding="utf-8")
    assert load(file, {}).profiles.keys() == {"team"}


def test_what_reads_like_a_cancellation_is_excluded() -> None:
    """Resolutions of the site beside the defaults, and done statuses."""
    statuses = (*STATUSES, Status("6", "Rejected", "done"))
    proposed = _proposals(_survey(statuses=statuses, resolutions=("Done", "Won't Do", "Obsolete")))
    assert proposed["excluded_resolutions"].value == (*DEFAULT_EXCLUDED_RESOLUTIONS, "Obsolete")
    assert proposed["excluded_statuses"].value == ("Rejected",)


@pytest.mark.parametrize(
    ("days", "fixed", "source"),
    [
        ((1, 2, 3), ["9"], "versions"),
        ((1, 2), ["9"], None),  # too few releases in a year
        ((1, 2, 3), [], None),  # nothing would be carried by them
    ],
)
def test_versions_are_the_source_if_they_are_released_and_used(
    days: tuple[int, ...], fixed: list[str], source: str | None
) -> None:
    """Without a source there is a remark with the same figures."""
    versions = tuple(version(str(day), date(2026, 10, day)) for day in days)
    old = (version("7", date(2024, 1, 1)), version("8", None), version("9", date(2026, 12, 1)))
    deployments = _proposals(_survey(_done(1, fixVersions=fixed), versions=(*versions, *old)))["deployments.source"]
    assert deployments.value == source
    assert f"{len(days)} versions released in the last 365 days" in deployments.reasons[0]


def test_without_releases_deploying_issues_or_a_status_are_the_source() -> None:
    """The second line names the types or the statuses."""
    proposed = _proposals(_survey(_done(1, type="Deployment")))
    assert (proposed["deployments.source"].value, proposed["deployments.types"].value) == ("issues", ("Deployment",))
    statuses = (*STATUSES[:3], Status("4", "Released", "done"))
    proposed = _proposals(_survey(_done(1), statuses=statuses))
    assert (proposed["deployments.source"].value, proposed["deployments.statuses"].value) == ("status", ("Released",))


def test_incidents_are_the_types_that_occur_else_a_suggestion() -> None:
    """A Jira without such a type gets a remark."""
    survey = _survey(_done(1, type="Incident"), types=("Story", "Incident", "Outage"))
    assert _proposals(survey)["incidents.types"].value == ("Incident",)
    unused = _proposals(replace(survey, issues=(_done(1),)))["incidents.types"]
    assert (unused.value, unused.is_on) == (("Incident", "Outage"), False)
    assert _proposals(replace(survey, types=("Story",), issues=()))["incidents.types"].value is None


def test_a_service_level_is_suggested_from_the_finished_issues() -> None:
    """Each took four days; a promise is the team's to make, so the line stays switched off."""
    level = _proposals(_survey(*(_done(number) for number in range(1, 6))))["service_level.days"]
    assert (level.value, level.is_on) == (4.0, False)
    assert level.reasons == ("85 % of 5 finished issues of the sample took at most 4.0 days",)


def test_a_blocked_status_is_also_one_that_blocks() -> None:
    """flow_blocked counts the time there."""
    statuses = (*STATUSES, Status("6", "Blocked / On Hold", "indeterminate"))
    proposed = _proposals(_survey(statuses=statuses))
    assert proposed["blocked.statuses"].value == ("Blocked / On Hold",)
    assert proposed["workflow.waiting"].value == ("Review", "Blocked / On Hold")
