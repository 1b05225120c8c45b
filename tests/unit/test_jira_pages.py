"""Pages: when a list has ended, and what does not end it."""

from typing import Any

import pytest

from worker.errors import UnansweredError
from worker.jira.pages import (
    MAX_EMPTY_PAGES,
    Offset,
    PageError,
    next_offset,
    next_position,
    next_token,
    required,
    rows,
    token_name,
)

SEEN = [token_name("a")]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"isLast": True}, None),
        ({"isLast": True, "nextPageToken": None}, None),
        ({"isLast": False, "nextPageToken": "b"}, "b"),
        ({"nextPageToken": "b"}, "b"),
        ({"nextPageToken": None}, None),
        ({"nextPageToken": ""}, None),
        ({}, None),
        ({"isLast": False}, None),
    ],
)
def test_a_list_ends_where_a_page_has_no_token(body: dict[str, Any], expected: str | None) -> None:
    """An absent token and null are the same. A short page does not end the list."""
    assert next_token(body, SEEN) == expected


def test_a_page_that_says_it_is_the_last_and_has_a_token_is_not_the_last() -> None:
    """The page contradicts itself, so the token is followed. A repeated token then ends the list."""
    assert next_token({"isLast": True, "nextPageToken": "b"}, SEEN) == "b"
    assert next_token({"isLast": True, "nextPageToken": "a"}, SEEN) is None


def test_a_token_seen_before_is_a_fault() -> None:
    """Several projects had endless loops here."""
    with pytest.raises(PageError, match="repeated a page token"):
        next_token({"nextPageToken": "a"}, SEEN)


def test_a_circle_of_several_tokens_is_seen() -> None:
    """Whatever its length: the position holds every token of the list."""
    position = None
    for token in ("a", "b", "c"):
        position = next_position({"nextPageToken": token}, position, 1)
    with pytest.raises(PageError, match="repeated a page token"):
        next_position({"nextPageToken": "b"}, position, 1)


def test_an_empty_page_with_a_token_is_followed_and_many_of_them_are_an_end() -> None:
    """Issues behind a security level leave empty pages. A hundred empty pages in a row are a fault."""
    position: Any = None
    for number in range(MAX_EMPTY_PAGES - 1):
        position = next_position({"nextPageToken": f"t{number}"}, position, 0)
    assert position["token"] == f"t{MAX_EMPTY_PAGES - 2}"
    with pytest.raises(UnansweredError, match="100 empty pages in a row"):
        next_position({"nextPageToken": "one more"}, position, 0)
    position = next_position({"nextPageToken": "full"}, position, 1)
    assert position["empty"] == 0
    assert next_position({}, position, 0) is None


@pytest.mark.parametrize(
    ("start", "got", "total", "expected"), [(0, 50, 120, 50), (50, 20, 120, 70), (70, 50, 120, None), (0, 0, 0, None)]
)
def test_an_offset_moves_by_what_came(start: int, got: int, total: int, expected: int | None) -> None:
    """Not by what was requested, because the server limits pages."""
    assert next_offset({"total": total}, start, got, 50) == Offset(expected)


def test_a_hole_is_looked_at_twice_and_then_passed() -> None:
    """The total counts hidden issues. The places that were passed are counted, and the list continues behind them."""
    assert next_offset({"total": 120}, 50, 0, 50) == Offset(50, looked=True)
    assert next_offset({"total": 120}, 50, 0, 50, looked=True) == Offset(100, unshown=50)
    assert next_offset({"total": 120}, 100, 0, 50, looked=True) == Offset(None, unshown=20)
    assert next_offset({"total": 120}, 50, 10, 50, looked=True) == Offset(60)


@pytest.mark.parametrize(
    ("start", "got", "before", "total", "expected"),
    [(50, 49, 100, 99, 49), (50, 50, 120, 118, 48), (50, 0, 60, 50, 40), (0, 50, 120, 100, 50), (50, 49, 90, 99, None)],
)
def test_a_list_goes_back_where_issues_of_earlier_pages_have_gone(
    start: int, got: int, before: int, total: int, expected: int | None
) -> None:
    """Those behind them move forward, past the beginning of this page, and would be in none."""
    assert next_offset({"total": total}, start, got, 50, before=before) == Offset(expected)


def test_a_total_that_is_too_small_is_not_the_end() -> None:
    """A page that goes beyond it shows that it is wrong; the end is a page without an issue."""
    assert next_offset({"total": 10}, 0, 50, 50) == Offset(50)
    assert next_offset({"total": 10}, 50, 0, 50) == Offset(None)


@pytest.mark.parametrize("body", [{}, {"issues": None}, {"issues": {}}, [], None, "text"])
def test_a_page_without_what_it_must_hold_is_a_fault(body: object) -> None:
    """A second request may get a whole page."""
    with pytest.raises(PageError, match="without 'issues'"):
        required(body, "issues", list)


@pytest.mark.parametrize("listed", [None, {}, "text", [{"id": 1}, {}], [None], ["text"]])
def test_a_list_that_is_none_or_has_a_broken_member_is_a_fault(listed: object) -> None:
    """Lists of statuses, fields and ids must be complete."""
    with pytest.raises(PageError, match="of things"):
        rows(listed, lambda member: member["id"], "things")


def test_a_list_is_read_member_by_member() -> None:
    """In the order of the list."""
    assert rows([{"id": 2}, {"id": 1}], lambda member: int(member["id"]), "things") == [2, 1]
