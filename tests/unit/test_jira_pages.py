"""Pages: when a list has ended, and what is never taken for its end."""

from typing import Any

import pytest

from worker.errors import RetryableError
from worker.jira.pages import next_start, next_token, required, rows


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"isLast": True}, None),
        ({"isLast": True, "nextPageToken": "b"}, None),
        ({"isLast": False, "nextPageToken": "b"}, "b"),
        ({"nextPageToken": "b"}, "b"),
        ({"nextPageToken": None}, None),
        ({"nextPageToken": ""}, None),
        ({}, None),
        ({"isLast": False}, None),
    ],
)
def test_a_list_ends_where_the_page_says_last_or_has_no_token(body: dict[str, Any], expected: str | None) -> None:
    """Absent and null are the same; a short page is no end."""
    assert next_token(body, {"a"}, empty=False) == expected


def test_a_token_seen_before_is_a_fault() -> None:
    """Several projects shipped endless loops here."""
    with pytest.raises(RetryableError, match="repeated a page token"):
        next_token({"nextPageToken": "a"}, {"a"}, empty=False)


def test_an_empty_page_with_a_token_is_a_fault() -> None:
    """An empty last page is none."""
    with pytest.raises(RetryableError, match="empty page that is not the last"):
        next_token({"nextPageToken": "b"}, {"a"}, empty=True)
    assert next_token({"isLast": True}, {"a"}, empty=True) is None


@pytest.mark.parametrize(
    ("start", "got", "total", "expected"), [(0, 50, 120, 50), (50, 20, 120, 70), (70, 50, 120, None), (0, 0, 0, None)]
)
def test_an_offset_moves_by_what_came(start: int, got: int, total: int, expected: int | None) -> None:
    """Not by what was asked: the server caps pages."""
    assert next_start({"total": total}, start, got) == expected


def test_an_empty_page_before_the_total_is_a_fault() -> None:
    """Not the end of the list."""
    with pytest.raises(RetryableError, match="empty page at 50 of 120"):
        next_start({"total": 120}, 50, 0)


@pytest.mark.parametrize("body", [{}, {"issues": None}, {"issues": {}}, [], None, "text"])
def test_a_page_without_what_it_must_hold_is_a_fault(body: object) -> None:
    """It may be answered properly a moment later."""
    with pytest.raises(RetryableError, match="without 'issues'"):
        required(body, "issues", list)


@pytest.mark.parametrize("listed", [None, {}, "text", [{"id": 1}, {}], [None], ["text"]])
def test_a_list_that_is_none_or_has_a_broken_member_is_a_fault(listed: object) -> None:
    """Statuses, fields and ids have no members that may be missing."""
    with pytest.raises(RetryableError, match="of things"):
        rows(listed, lambda each: each["id"], "things")


def test_a_list_is_read_member_by_member() -> None:
    """In its order."""
    assert rows([{"id": 2}, {"id": 1}], lambda each: int(each["id"]), "things") == [2, 1]
