"""The waits that Jira's headers ask for: every known form. None makes requests faster."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from worker.jira.waits import LONGEST_WAIT, asked, slowing

NOW = datetime(2026, 3, 26, 15, 50, 30, tzinfo=UTC)
DATE = "Thu, 26 Mar 2026 15:50:30 GMT"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("5", 5.0),
        (" 5 ", 5.0),
        ("1.5", 1.5),
        ("0", 0.0),
        ("1847", 1847.0),
        ("999999999", LONGEST_WAIT),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("1e9", None),
        ("soon", None),
        ("", None),
        ("٥", None),
        ("Thu, 26 Mar 2026 15:51:00 GMT", 30.0),
        ("Thursday, 26-Mar-26 15:51:00 GMT", 30.0),
        ("Thu, 26 Mar 2026 15:00:00 GMT", 0.0),
        ("Thu, 26 Mar 2096 15:51:00 GMT", LONGEST_WAIT),
        ("Thu, 99 Mar 2026 15:51:00 GMT", None),
        ("Thu, 26 Mar 99999999999999999999 15:51:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_a_day(value: str, expected: float | None) -> None:
    """A value of a proxy must not stop a run forever."""
    assert asked({"Retry-After": value}, NOW) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-26T16:00Z", 570.0),
        ("2026-03-26T16:00:00Z", 570.0),
        ("2026-03-26T16:00:00.000+0000", 570.0),
        ("2026-03-26T17:00+01:00", 570.0),
        ("2026-03-26T16:00", 570.0),
        ("2026-03-26T15:00Z", None),
        ("later", None),
        ("1774540800", None),
    ],
)
def test_the_reset_stands_in_for_a_missing_retry_after(value: str, expected: float | None) -> None:
    """An instant with or without seconds. Some gateways send nothing else with a 429."""
    assert asked({"X-RateLimit-Reset": value}, NOW) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"X-Failure-Category": "FAILURE CLIENT RATE LIMITED", "X-RateLimit-Limit": "360000"}, None),
        ({"Retry-After": "1", "X-RateLimit-Reset": "2026-03-26T16:00Z"}, 1.0),
        ({"Retry-After": "0", "X-RateLimit-Reset": "2026-03-26T16:00Z"}, 570.0),
        ({"Retry-After": "0", "X-RateLimit-Reset": "2026-03-26T15:00Z"}, 0.0),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "2026-03-26T16:00Z"}, 570.0),
        ({"Beta-Retry-After": "60"}, None),
    ],
)
def test_retry_after_comes_first_and_silence_is_none(headers: Mapping[str, str], expected: float | None) -> None:
    """None: the client backs off."""
    assert asked(headers, NOW) == expected


def test_an_instant_is_measured_against_the_clock_that_set_it() -> None:
    """The local clock may differ by an hour. Without a Date header it is used."""
    ours = datetime(2026, 3, 26, 14, 50, 30, tzinfo=UTC)
    headers = {"X-RateLimit-Reset": "2026-03-26T16:00Z"}
    assert asked({**headers, "Date": DATE}, ours) == 570.0
    assert asked(headers, ours) == 4170.0


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 0.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "60"}, 0.0),
        ({"X-RateLimit-Remaining": "49", "X-RateLimit-Interval-Seconds": "60", "retry-after": "0"}, 0.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Interval-Seconds": "60", "retry-after": "6"}, 6.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Interval-Seconds": "60", "X-RateLimit-FillRate": "10"}, 60.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Interval-Seconds": "60", "retry-after": "0"}, 60.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Interval-Seconds": "0"}, 1.0),
        ({"X-RateLimit-Remaining": "0"}, 1.0),
        ({"X-RateLimit-Remaining": "none"}, 0.0),
        ({"X-RateLimit-NearLimit": "true"}, 1.0),
        ({"X-RateLimit-NearLimit": "false"}, 0.0),
        ({"RateLimit": '"global-app-quota";r=11000;t=600'}, 0.0),
        ({"RateLimit": '"global-app-quota";r=0;t=600'}, 600.0),
        ({"RateLimit": '"one";r=5;t=900, "two";t=30;r=0,"three"; r=0; t=40'}, 40.0),
        ({"RateLimit": '"global-app-quota";r=0'}, 1.0),
        ({"RateLimit": '"global-app-quota";r=0;t=99999999999'}, 1.0),
        ({"RateLimit": '"global-app-quota";r=0;t=999999999'}, LONGEST_WAIT),
        ({"RateLimit": "nonsense;;=,"}, 0.0),
        ({"Beta-RateLimit": '"global-app-quota";r=0;t=600'}, 0.0),
        ({"X-RateLimit-NearLimit": "true", "RateLimit": '"q";r=0;t=600'}, 600.0),
    ],
)
def test_an_answer_that_was_given_only_ever_slows_down(headers: Mapping[str, str], expected: float) -> None:
    """Data Center's tokens and Cloud's warnings. Headers that are in beta or cannot be read are ignored."""
    assert slowing(CaseInsensitiveDict(headers)) == expected


NAMES = (
    "Retry-After",
    "Date",
    "RateLimit",
    "X-RateLimit-Reset",
    "X-RateLimit-Remaining",
    "X-RateLimit-Interval-Seconds",
)
WORDS = st.text() | st.sampled_from(["0", "Thu, 26 Mar 1 00:00:00 +2359", "9999-12-31T23:59-23:59", '"q";r=0;t=0'])


@given(st.dictionaries(st.sampled_from(NAMES), WORDS))
def test_no_header_whatever_it_holds_stops_the_reading(headers: dict[str, str]) -> None:
    """A proxy may send any text: the wait is always between nothing and a day."""
    assert 0 <= (asked(headers, NOW) or 0.0) <= LONGEST_WAIT
    assert 0 <= slowing(headers) <= LONGEST_WAIT
