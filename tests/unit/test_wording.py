"""A number with its noun reads right for none, one and many."""

import pytest

from models.wording import format_all, format_count


@pytest.mark.parametrize(
    ("number", "counted", "all_of_them"),
    [
        (0, "0 statuses", "all 0 statuses"),
        (1, "1 status", "the only status"),
        (2, "2 statuses", "all 2 statuses"),
        (1_200, "1,200 statuses", "all 1,200 statuses"),
    ],
)
def test_a_noun_agrees_with_its_number(number: int, counted: str, all_of_them: str) -> None:
    """One has no plural. An irregular plural is given."""
    assert format_count(number, "status", "statuses") == counted
    assert format_all(number, "status", "statuses") == all_of_them
    assert format_count(number, "issue") == f"{number:,} issue{'' if number == 1 else 's'}"
