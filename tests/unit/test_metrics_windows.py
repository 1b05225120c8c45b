"""Windows: local midnights on any day, the period, the ISO weeks, and the running week."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from models.metrics.stats import DAY, HOUR
from models.metrics.windows import (
    EARLIEST,
    LATEST,
    end_of_day,
    instant_of,
    last_second,
    local_day,
    parse_as_of,
    start_of_day,
    week_name,
    windows,
)
from models.records import Rules, instant, iso, micros

ZAGREB = ZoneInfo("Europe/Zagreb")


def shown(at: int) -> str:
    """Return an instant without its seconds, in UTC."""
    return iso(instant(at))[:16]


@pytest.mark.parametrize(
    ("zone", "day", "midnight"),
    [
        ("UTC", date(2026, 10, 5), "2026-10-05T00:00"),
        ("Europe/Zagreb", date(2026, 10, 5), "2026-10-04T22:00"),  # summer time, +02:00
        ("Europe/Zagreb", date(2026, 10, 26), "2026-10-25T23:00"),  # the day after the change, +01:00
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00"),  # 00:00 -03 jumps to 01:00 -02: the jump
        ("America/Havana", date(2025, 11, 2), "2025-11-02T04:00"),  # 01:00 falls back to 00:00: the first midnight
        ("America/St_Johns", date(2010, 11, 7), "2010-11-07T02:30"),  # 00:01 falls back to 23:01: the first midnight
        ("America/Toronto", date(1919, 3, 31), "1919-03-31T04:30"),  # 23:30 jumps to 00:30, over midnight: the jump
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00"),  # a skipped day begins
        ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00"),  # … when the next one does
        ("Asia/Kathmandu", date(2026, 1, 5), "2026-01-04T18:15"),  # +05:45
    ],
)
def test_a_day_begins_at_its_first_local_midnight_or_at_the_jump_over_it(zone: str, day: date, midnight: str) -> None:
    """If midnight occurs twice, at the first. If it does not occur, when the clock jumps."""
    assert shown(start_of_day(day, ZoneInfo(zone))) == midnight


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 10, 26), 24)],
)
def test_a_day_on_which_the_clock_changes_is_longer_or_shorter(day: date, hours: int) -> None:
    """Central Europe loses an hour in March and gets it back in October."""
    assert end_of_day(day, ZAGREB) - start_of_day(day, ZAGREB) == hours * HOUR


def test_an_hour_set_back_over_midnight_belongs_to_the_day_that_had_begun() -> None:
    """In Newfoundland in 2010 the clock showed Saturday again after Sunday's midnight: it stays Sunday."""
    zone = ZoneInfo("America/St_Johns")
    again = micros(datetime(2010, 11, 7, 2, 45, tzinfo=UTC))  # 23:15 on the clock, 15 minutes into Sunday
    assert instant(again).astimezone(zone).date() == date(2010, 11, 6)
    assert local_day(again, zone) == date(2010, 11, 7)


def test_the_last_second_lies_one_second_before_the_next_midnight() -> None:
    """So a change of the same day is never later than its release."""
    assert iso(instant(last_second(date(2026, 10, 5), ZAGREB))) == "2026-10-05T21:59:59.000000Z"


def test_days_at_the_edges_of_time_stay_within_what_can_be_shown() -> None:
    """Years 1 and 9999 would overflow in some zones, so they are limited."""
    assert start_of_day(date.min, ZoneInfo("Asia/Tokyo")) == EARLIEST
    assert end_of_day(date.max, ZoneInfo("America/New_York")) == LATEST
    assert last_second(date(9999, 12, 30), ZoneInfo("UTC")) < LATEST


def test_the_period_is_whole_days_before_the_day_of_the_as_of() -> None:
    """Three days before 5 October, for any hour of the as-of."""
    period = windows(micros(datetime(2026, 10, 5, 13, 30, tzinfo=UTC)), Rules(time_period_days=3))[0]
    assert (period.kind, shown(period.start), shown(period.end)) == ("period", "2026-10-02T00:00", "2026-10-05T00:00")
    assert period.complete


def test_a_period_across_a_clock_change_has_its_true_length() -> None:
    """Two days of which one has 25 hours: 49 hours."""
    period = windows(parse_as_of("2026-10-25", ZAGREB), Rules(timezone="Europe/Zagreb", time_period_days=2))[0]
    assert period.end - period.start == 2 * DAY + HOUR


def test_weeks_go_from_monday_to_monday_and_the_last_one_runs() -> None:
    """On Wednesday at noon: two whole weeks, and one that is calculated up to now and ends on Monday."""
    as_of = micros(datetime(2026, 10, 21, 12, tzinfo=UTC))
    weeks = windows(as_of, Rules(history_weeks=3))[1:]
    assert [shown(week.start) for week in weeks] == ["2026-10-05T00:00", "2026-10-12T00:00", "2026-10-19T00:00"]
    assert [week.complete for week in weeks] == [True, True, False]
    assert (shown(weeks[-1].end), weeks[-1].effective_end) == ("2026-10-26T00:00", as_of)


def test_the_instant_before_monday_still_belongs_to_the_running_week() -> None:
    """A week is over only at its end."""
    last = windows(micros(datetime(2026, 10, 26, tzinfo=UTC)) - 1, Rules(history_weeks=1))[-1]
    assert not last.complete
    assert last.end - last.effective_end == 1


def test_a_running_week_of_zero_length_is_left_out() -> None:
    """At Monday's midnight the new week is empty: of three weeks two are returned."""
    of_weeks = windows(micros(datetime(2026, 10, 26, tzinfo=UTC)), Rules(history_weeks=3))
    assert [shown(week.start) for week in of_weeks[1:]] == ["2026-10-12T00:00", "2026-10-19T00:00"]


def test_a_period_of_a_day_that_the_zone_skipped_is_left_out() -> None:
    """Samoa had no 30 December 2011, so the period has no length to divide by."""
    all_windows = windows(micros(datetime(2011, 12, 30, 10, tzinfo=UTC)), Rules("Pacific/Apia", 1, 2))
    assert {window.kind for window in all_windows} == {"week"}


def test_an_offset_moves_an_event_to_another_week() -> None:
    """Sunday 23:30 in UTC is Monday in Zagreb: the same instant lies in week 42 here and in week 43 there."""
    at = micros(datetime(2026, 10, 18, 23, 30, tzinfo=UTC))
    as_of = micros(datetime(2026, 11, 2, tzinfo=UTC))
    names = []
    for zone in ("UTC", "Europe/Zagreb"):
        weeks = windows(as_of, Rules(timezone=zone, history_weeks=4))[1:]
        names += [week_name(week, ZoneInfo(zone)) for week in weeks if week.start <= at < week.end]
    assert names == ["2026-W42", "2026-W43"]


def test_a_week_is_named_by_its_iso_year() -> None:
    """The Monday of 29 December 2025 begins the first week of 2026."""
    week = windows(micros(datetime(2025, 12, 31, tzinfo=UTC)), Rules(history_weeks=1))[-1]
    assert week_name(week, ZoneInfo("UTC")) == "2026-W01"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-10-05", "2026-10-05T22:00"),  # a day means its end, in the zone
        ("2026-10-05T12:00:00Z", "2026-10-05T12:00"),
        ("2026-10-05T12:00+0200", "2026-10-05T10:00"),
        ("2026-10-05 12:00:00.5-03:30", "2026-10-05T15:30"),
    ],
)
def test_an_as_of_is_a_day_or_a_time_with_its_offset(text: str, expected: str) -> None:
    """A bare date means the end of that day in the profile's zone."""
    assert shown(parse_as_of(text, ZAGREB)) == expected


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-13-01", "2026-10-05T12:00", "20261005", "0001-01-01", "9999-12-31"]
)
def test_an_as_of_that_is_no_instant_is_refused_by_name(text: str) -> None:
    """A time without an offset, other text, and years out of range."""
    with pytest.raises(ValueError, match=text):
        parse_as_of(text, ZAGREB)


def test_a_time_without_an_offset_is_not_an_instant() -> None:
    """It could be any of several instants."""
    with pytest.raises(ValueError, match="without an offset"):
        instant_of("2026-10-05T12:00:00")
