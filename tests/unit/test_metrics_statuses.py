"""The stage of a status: by its category, by the profile, or by what is known of a retired status."""

import pytest
from metric_rows import STATUSES

from models.metrics.statuses import StatusStages
from models.records import Stage, Status


@pytest.mark.parametrize(
    ("category", "stage"),
    [("new", "todo"), ("undefined", "todo"), ("indeterminate", "active"), ("done", "done"), ("in-flight", "active")],
)
def test_a_listed_status_has_the_stage_of_its_category(category: str, stage: Stage) -> None:
    """For Jira's four keys. An unknown key counts as active."""
    assert StatusStages.of([Status("7", "Any", category)], {}).stage("7", "Any") == (stage, True)


@pytest.mark.parametrize(
    ("workflow", "stage"),
    [
        ({"waiting": ("REVIEW",)}, "waiting"),  # by name, ignoring case
        ({"waiting": ("3",)}, "waiting"),  # by id
        ({"waiting": ("3",), "done": ("Review",)}, "waiting"),  # the id decides between two of one name
        ({"waiting": ("Old review",)}, "active"),  # the name of a history does not name a listed status
        ({"todo": ("Doing",)}, "active"),  # the name of another one
    ],
)
def test_the_profile_moves_a_status_by_id_or_name(workflow: dict[str, tuple[str, ...]], stage: Stage) -> None:
    """The present name counts, because people read it in Jira."""
    assert StatusStages.of(STATUSES, workflow).stage("3", "Old review") == (stage, True)


@pytest.mark.parametrize(
    ("status_id", "name", "workflow", "expected"),
    [
        ("99", "Blocked", {"waiting": ("blocked",)}, ("waiting", True)),  # the profile names its old name
        ("99", "Blocked", {"waiting": ("99",)}, ("waiting", True)),  # … or for its id
        ("99", "doNE", {}, ("done", True)),  # the listed status of that name
        ("99", "doing", {"waiting": ("2",)}, ("waiting", True)),  # … with that one's stage by the profile
        ("99", "Blocked", {}, ("active", False)),
        (None, "Review", {}, ("active", True)),
        (None, None, {}, ("active", False)),
    ],
)
def test_a_retired_status_is_placed_by_what_is_known_of_it(
    status_id: str | None, name: str | None, workflow: dict[str, tuple[str, ...]], expected: tuple[Stage, bool]
) -> None:
    """By the profile, by a status of the same name, else as active and reported."""
    assert StatusStages.of(STATUSES, workflow).stage(status_id, name) == expected


def test_of_two_namesakes_the_lowest_id_speaks_for_a_retired_one() -> None:
    """Team-managed projects repeat names. The order of the list must not matter."""
    namesakes = [Status("10", "Ready", "done"), Status("9", "Ready", "new")]
    for order in (namesakes, namesakes[::-1]):
        assert StatusStages.of(order, {}).stage("77", "ready") == ("todo", True)
