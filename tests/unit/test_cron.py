"""The instants of schedules, above all on the nights on which clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.cron import check, last_due, next_due

ZAGREB = ZoneInfo("Europe/Zagreb")
LINES = (
    "0 2 * * *",
    "30 2 * * *",
    "0 3 * * *",
    "*/15 * * * *",
    "0 * * * *",
    "15 1-4 * * *",
    "0 2 * * mon",
    "0 0 1 * *",
)
AROUND_CHANGES = st.sampled_from(
    [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)]
)


def days(line: str, first: datetime, last: datetime) -> list[str]:
    """Return the local instants of a schedule after the first instant and up to the last one."""
    instants = []
    while (first := next_due(line, ZAGREB, first)) <= last:
        instants.append(first.astimezone(ZAGREB).isoformat(timespec="minutes"))
    return instants


def test_a_night_without_the_hour_runs_once_when_the_clocks_have_changed() -> None:
    """On 29 March 2026 half past two does not exist: the clocks go from two to three."""
    instants = days("30 2 * * *", datetime(2026, 3, 27, 12, tzinfo=UTC), datetime(2026, 3, 30, 12, tzinfo=UTC))
    assert instants == ["2026-03-28T02:30+01:00", "2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]


def test_a_night_with_the_hour_twice_runs_once() -> None:
    """On 25 October 2026 half past two comes twice, and the first one counts."""
    instants = days("30 2 * * *", datetime(2026, 10, 23, 12, tzinfo=UTC), datetime(2026, 10, 26, 12, tzinfo=UTC))
    assert instants == ["2026-10-24T02:30+02:00", "2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]


def test_an_hourly_schedule_runs_each_hour_that_there_is() -> None:
    """The longest day has 25 of them."""
    midnight = datetime(2026, 10, 25, tzinfo=ZAGREB)
    assert len(days("0 * * * *", midnight, midnight.replace(hour=23))) == 24  # after midnight


def test_a_day_of_the_month_and_a_weekday_are_either_one_as_in_cron() -> None:
    """The first of the month, and every Monday."""
    instants = days("0 2 1 * mon", datetime(2026, 5, 30, tzinfo=UTC), datetime(2026, 6, 9, tzinfo=UTC))
    assert [text[:10] for text in instants] == ["2026-06-01", "2026-06-08"]
    instants = days("0 2 1 * mon", datetime(2026, 6, 30, tzinfo=UTC), datetime(2026, 7, 7, tzinfo=UTC))
    assert [text[:10] for text in instants] == ["2026-07-01", "2026-07-06"]


@given(line=st.sampled_from(LINES), start=AROUND_CHANGES, minutes=st.integers(-3000, 3000))
def test_the_last_instant_and_the_next_one_enclose_every_moment(line: str, start: datetime, minutes: int) -> None:
    """Nothing is due between them, and the next of the last is the next."""
    now = start + timedelta(minutes=minutes)
    last, following = last_due(line, ZAGREB, now), next_due(line, ZAGREB, now)
    assert last <= now < following
    assert next_due(line, ZAGREB, last) == following
    assert last_due(line, ZAGREB, following) == following


@pytest.mark.parametrize(
    ("line", "why"),
    [("61 * * * *", "Bad minute"), ("0 0 31 2 *", "Bad day-of-month"), ("a b c d e", "Bad minute")],
)
def test_a_line_that_never_comes_is_refused(line: str, why: str) -> None:
    """With the field that is wrong."""
    with pytest.raises(ValueError, match=why):
        check(line)
