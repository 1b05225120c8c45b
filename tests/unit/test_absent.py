"""The rules by which issues that Jira no longer lists count as gone, or as hidden by a lost permission."""

import pytest

from tasks.fetch.absent import Presence, find_loss

ALL_HIDDEN = "all 12 stored issues are no longer visible"
NONE_LEFT = "the JQL no longer finds 12 of 12 stored issues, so that none would be left"


@pytest.mark.parametrize(
    ("projects", "loss"),
    [
        ({}, None),
        ({"PAY": (12, 0, 0)}, None),
        ({"PAY": (12, 1, 0)}, None),
        ({"PAY": (12, 11, 0)}, None),
        ({"PAY": (12, 12, 0)}, ALL_HIDDEN),
        ({"PAY": (1, 1, 0)}, "the only stored issue is no longer visible"),
        ({"PAY": (40, 20, 0)}, None),
        ({"PAY": (40, 21, 0)}, "21 of 40 stored issues are no longer visible"),
        ({"PAY": (42, 21, 0)}, None),
        ({"OPS": (30, 0, 0), "PAY": (1, 1, 0)}, "the only stored issue of project PAY is no longer visible"),
        (
            {"OPS": (30, 0, 0), "PAY": (9, 8, 1)},
            "of 9 stored issues of project PAY none would be left: 8 not visible any more, 1 outside of the JQL",
        ),
        ({"OPS": (30, 0, 0), "PAY": (9, 7, 1)}, None),
        ({"OPS": (30, 0, 0), "PAY": (9, 0, 9)}, None),
        (
            {**{f"P{number}": (2, 2, 0) for number in range(5)}, "OPS": (90, 0, 0)},
            "all 10 stored issues of projects P0, P1, P2 and 2 more are no longer visible",
        ),
        ({"PAY": (12, 0, 12)}, NONE_LEFT),
        (
            {"PAY": (9, 1, 8)},
            "the JQL no longer finds 8 of 9 stored issues, and 1 is no longer visible, so that none would be left",
        ),
    ],
)
def test_a_whole_project_or_the_whole_copy_is_not_given_up_for_gone(
    projects: dict[str, tuple[int, int, int]], loss: str | None
) -> None:
    """Not even a small project. A single issue counts as gone, and so do issues that are visible outside the JQL."""
    assert find_loss({key: Presence(*counts) for key, counts in projects.items()}, is_same_jql=True) == loss


def test_a_changed_jql_may_leave_all_that_was_stored() -> None:
    """Jira still shows these issues, so no permission was lost. Hidden issues are refused."""
    assert find_loss({"PAY": Presence(12, 0, 12)}, is_same_jql=False) is None
    assert find_loss({"PAY": Presence(12, 1, 11)}, is_same_jql=False) is None
    assert find_loss({"PAY": Presence(12, 12, 0)}, is_same_jql=False) == ALL_HIDDEN
