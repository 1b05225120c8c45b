"""JQL as text: a user's query is combined with Flowbeat's clauses, and equal queries have one normal form."""

import doctest
from datetime import UTC, datetime

import pytest

from worker.jira import jql
from worker.jira.jql import combined, instant, normalised, without_order


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("project = PAY", "project = PAY"),
        ("project = PAY ORDER BY key", "project = PAY"),
        ("project = PAY order\n  by key DESC, rank", "project = PAY"),
        ('summary ~ "order by me" ORDER BY key', 'summary ~ "order by me"'),
        ("summary ~ 'ORDER BY x'", "summary ~ 'ORDER BY x'"),
        (r'summary ~ "a \" ORDER BY b"', r'summary ~ "a \" ORDER BY b"'),
        ("(a = 1 OR b in (2, 3)) ORDER BY c", "(a = 1 OR b in (2, 3))"),
        ("order = 5", "order = 5"),
        ('"order" = by', '"order" = by'),
        ("status = reorder by", "status = reorder by"),
        ("ORDER BY created", ""),
        ("  ", ""),
    ],
)
def test_an_order_by_is_cut_off_wherever_it_really_is_one(text: str, expected: str) -> None:
    """Not inside quotes or parentheses, and not as part of a word."""
    assert without_order(text) == expected


@pytest.mark.parametrize(
    ("text", "clause", "expected"),
    [
        ("a = 1 OR b = 2", "updated >= 5", "(a = 1 OR b = 2) AND updated >= 5 ORDER BY key ASC"),
        ("a = 1 ORDER BY rank", "", "a = 1 ORDER BY key ASC"),
        ("ORDER BY rank", "updated >= 5", "updated >= 5 ORDER BY key ASC"),
        ("ORDER BY rank", "", "ORDER BY key ASC"),
        (
            'project = "AND" AND x = currentUser()',
            "c",
            '(project = "AND" AND x = currentUser()) AND c ORDER BY key ASC',
        ),
    ],
)
def test_a_query_and_a_clause_are_combined(text: str, clause: str, expected: str) -> None:
    """An OR at the top level is put in parentheses."""
    assert combined(text, clause) == expected


@pytest.mark.parametrize(
    ("first", "second", "spellings"),
    [
        ("a = 1", "  a\n=   1 ", 1),
        ('a = "x  y"', 'a = "x y"', 2),
        ("a = 'x  y'", "a  =  'x  y'", 1),
        ("a = 1", "A = 1", 2),
        (r'a = "\"  x"  AND b', r'a = "\"  x" AND b', 1),
    ],
)
def test_spaces_outside_quotes_make_no_difference(first: str, second: str, spellings: int) -> None:
    """Two spellings of one query are the same cache."""
    assert len({normalised(first), normalised(second)}) == spellings


@pytest.mark.parametrize("text", ['a = "unclosed ORDER BY b', "((a = 1", "a = 1))", "'", '"', "\\", "a ORDER"])
def test_a_query_that_jira_will_refuse_is_passed_on(text: str) -> None:
    """Jira's own error message is better."""
    assert combined(text, "c").endswith("ORDER BY key ASC")


def test_the_example_in_the_documentation_holds() -> None:
    """It shows the whole rule."""
    assert doctest.testmod(jql).failed == 0


def test_an_instant_is_epoch_milliseconds_where_the_site_takes_them() -> None:
    """Cut, not rounded, so that it is never too late."""
    assert instant(datetime(2026, 3, 2, 9, 30, 0, 1_999, UTC)) == "1772443800001"


@pytest.mark.parametrize(
    ("utc", "zone", "literal"),
    [
        ("2026-03-02T09:30:59", "Europe/Zagreb", "2026-03-02 10:30"),
        ("2026-03-02T09:30:59", "Pacific/Pago_Pago", "2026-03-01 22:30"),
        ("2026-03-02T09:30:59", "Pacific/Kiritimati", "2026-03-02 23:30"),
        # New York's clocks go back at 06:00 UTC: 01:00 to 01:59 occurs twice, so the literal is earlier.
        ("2026-11-01T04:59:00", "America/New_York", "2026-11-01 00:59"),
        ("2026-11-01T05:00:00", "America/New_York", "2026-11-01 00:59"),
        ("2026-11-01T06:59:00", "America/New_York", "2026-11-01 00:59"),
        ("2026-11-01T07:00:00", "America/New_York", "2026-11-01 02:00"),
        # Lord Howe's go back half an hour at 15:00 UTC: 01:30 to 01:59 occurs twice.
        ("2026-04-04T15:10:00", "Australia/Lord_Howe", "2026-04-05 01:29"),
        # If they go forward, nothing occurs twice.
        ("2026-03-08T07:00:00", "America/New_York", "2026-03-08 03:00"),
        ("2026-03-02T09:30:59", "", "2026-03-01 09:30"),
        ("2026-03-02T09:30:59", "GMT-03:00", "2026-03-01 09:30"),
        ("2026-03-02T09:30:59", "../etc", "2026-03-01 09:30"),
    ],
)
def test_a_literal_is_never_later_than_the_instant_it_stands_for(utc: str, zone: str, literal: str) -> None:
    """Rounded down to the minute, before an hour that occurs twice, and a day earlier if the zone is unknown."""
    assert instant(datetime.fromisoformat(f"{utc}+00:00"), zone) == f'"{literal}"'
