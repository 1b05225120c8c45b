"""Which JQL means something else every day, and so makes the past shrink."""

import pytest

from console.lookjira import moving


@pytest.mark.parametrize(
    ("jql", "part"),
    [
        ("project = PAY AND updated >= -30d", "-30d"),
        ('created > "-4w 2d"', "-4w"),
        ("created >= startOfMonth(-6)", "startOfMonth"),
        ("sprint in openSprints()", "openSprints"),
        ("Sprint not in CLOSEDSPRINTS ()", "CLOSEDSPRINTS"),
        ("due < now()", "now"),
    ],
)
def test_relative_dates_and_sprint_functions_move(jql: str, part: str) -> None:
    """In quotes or not, in whatever case."""
    assert moving(jql) == part


@pytest.mark.parametrize(
    "jql",
    [
        "project = PAY",
        "created >= 2026-01-01",
        'created >= "2026-01-01 12:00"',
        'fixVersion = "release-3d"',
        "key = PAY-12",
        "labels = now",
        "issuetype in standardIssueTypes()",
    ],
)
def test_fixed_dates_keys_and_names_do_not(jql: str) -> None:
    """What looks a little like a relative date is none."""
    assert moving(jql) is None
