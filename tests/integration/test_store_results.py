"""Results by spans: a row is the value of all as-of instants from its first to its confirmed one."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, text
from store_rows import PROFILE, after, result

from models.database import Sessions
from models.metrics.windows import local_day, week_name, windows
from models.records import MetricResult, Rules, instant, micros
from models.store import results as stored_results
from report.selection import newest, week_of

ZONES = (
    "UTC",
    "Europe/Zagreb",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Etc/GMT+12",
    "Pacific/Apia",
    "Pacific/Kiritimati",
)


def _save(sessions: Sessions, *results: MetricResult) -> int:
    with sessions.begin() as session:
        return stored_results.save(session, results)


def _spans(sessions: Sessions, kind: str = "week") -> list[tuple[float | None, float, float]]:
    """Return (value, as_of, confirmed_as_of) in days after T0, oldest first."""
    with sessions() as session:
        rows = stored_results.load(session, kind=kind)
    day = timedelta(days=1)
    days = [(row.value, (row.as_of - after(0)) / day, (row.confirmed_as_of - after(0)) / day) for row in rows]
    return sorted(days, key=lambda row: row[1])


def test_a_result_is_loaded_as_it_was_stored(sessions: Sessions) -> None:
    """Values are equal to the last bit, and JSON has its keys."""
    wanted = result(1, 0.1 + 0.2, details={"mean": 1 / 3, "by_category": {"feature": 5}, "oldest": None})
    assert _save(sessions, wanted) == 1
    with sessions() as session:
        assert stored_results.load(session, kind="week") == [wanted]


def test_the_same_value_later_only_moves_the_confirmation(sessions: Sessions) -> None:
    """The table grows with changes, not with days."""
    assert [_save(sessions, result(day)) for day in (1, 2, 5)] == [1, 0, 0]
    assert _spans(sessions) == [(5.0, 1, 5)]


def test_a_confirmation_never_moves_backwards(sessions: Sessions) -> None:
    """An as-of inside the span has that value already."""
    _save(sessions, result(1))
    _save(sessions, result(9))
    assert _save(sessions, result(4)) == 0
    assert _spans(sessions) == [(5.0, 1, 9)]


@pytest.mark.parametrize(
    "changed",
    [
        {"value": 6.0},
        {"value": None, "state": "no_data", "message": "nothing"},
        {"n_used": 6},
        {"n_excluded": 2},
        {"exclusions": {"never_started": 1}},
        {"details": {"count": 5, "by_category": {"defect": 5}}},
        {"level": "high"},
    ],
)
def test_any_difference_begins_a_new_row(sessions: Sessions, changed: dict[str, Any]) -> None:
    """Value, state, counts and details of a stored row are exactly those calculated."""
    _save(sessions, result(1))
    assert _save(sessions, result(2, **changed)) == 1
    assert [(first, last) for _, first, last in _spans(sessions)] == [(1, 1), (2, 2)]


def test_a_value_that_returns_begins_a_new_row(sessions: Sessions) -> None:
    """It is compared only with the row before it, so that the values of all instants are kept."""
    for day, value in ((1, 5.0), (2, 6.0), (3, 5.0), (4, 5.0)):
        _save(sessions, result(day, value))
    assert _spans(sessions) == [(5.0, 1, 1), (6.0, 2, 2), (5.0, 3, 4)]


def test_an_earlier_as_of_is_stored_before_the_later_ones(sessions: Sessions) -> None:
    """It is not compared with rows that begin later, and does not change them."""
    _save(sessions, result(5))
    assert _save(sessions, result(2)) == 1
    assert _spans(sessions) == [(5.0, 2, 2), (5.0, 5, 5)]


def test_a_result_is_compared_with_the_row_of_the_greatest_earlier_as_of(sessions: Sessions) -> None:
    """It is not compared with the newest row, nor with the one confirmed last."""
    for day, value in ((1, 5.0), (3, 6.0), (8, 7.0)):
        _save(sessions, result(day, value))
    assert _save(sessions, result(4, 6.0)) == 0
    assert _save(sessions, result(2, 6.0)) == 1
    assert _spans(sessions) == [(5.0, 1, 1), (6.0, 2, 2), (6.0, 3, 4), (7.0, 8, 8)]


def test_the_same_as_of_with_another_value_is_replaced(sessions: Sessions) -> None:
    """The newest value replaces the old one, whose confirmation is no longer valid."""
    _save(sessions, result(1))
    _save(sessions, result(4))
    assert _save(sessions, result(1, 6.0)) == 1
    assert _spans(sessions) == [(6.0, 1, 1)]


def test_a_running_window_keeps_only_its_latest_row(sessions: Sessions) -> None:
    """Its value changes daily, and old values of a running week are not needed."""
    for day, value in ((1, 1.0), (2, 2.0), (3, 2.0), (4, 4.0)):
        _save(sessions, result(day, value, complete=False))
    assert _spans(sessions) == [(4.0, 4, 4)]


def test_a_window_that_is_over_replaces_its_running_row(sessions: Sessions) -> None:
    """Its row is kept from then on, even if a later as-of has another value."""
    _save(sessions, result(1, complete=False))
    _save(sessions, result(2))
    assert _spans(sessions) == [(5.0, 2, 2)]
    _save(sessions, result(3, 6.0))
    assert _spans(sessions) == [(5.0, 2, 2), (6.0, 3, 3)]


def test_an_earlier_as_of_does_not_replace_a_running_row(sessions: Sessions) -> None:
    """Only a later as-of replaces a running row."""
    _save(sessions, result(4, 4.0, complete=False))
    _save(sessions, result(2, 2.0, complete=False))
    assert _spans(sessions) == [(2.0, 2, 2), (4.0, 4, 4)]


@pytest.mark.parametrize(
    "other",
    [
        {"profile": "ops"},
        {"metric_type": "flow_time", "unit": "days"},
        {"window_kind": "period"},
        {"rules_hash": "b" * 32},
        {"window_end": after(1)},
        {"window_start": after(-10)},
    ],
)
def test_rows_of_another_key_are_not_compared(sessions: Sessions, other: dict[str, Any]) -> None:
    """The key is profile, metric, kind, window and rules, so results of several configurations are kept."""
    _save(sessions, result(1, **other))
    assert _save(sessions, result(2)) == 1
    assert len(_spans(sessions)) + len(_spans(sessions, "period")) == 2


def test_each_window_of_a_metric_has_its_own_spans(sessions: Sessions) -> None:
    """A batch has a confirmed window, one with a new value, a new window and a running one."""
    week = timedelta(days=7)

    def windows(day: float, *values: float) -> list[MetricResult]:
        plain = result(day)
        starts = [plain.window_start + week * number for number in range(len(values))]
        return [
            replace(plain, value=value, window_start=start, window_end=start + week, complete=number != 2)
            for number, (start, value) in enumerate(zip(starts, values, strict=True))
        ]

    assert _save(sessions, *windows(1, 1.0, 2.0, 3.0)) == 3
    assert _save(sessions, *windows(2, 1.0, 2.5, 3.5, 4.0)) == 3
    assert sorted(_spans(sessions)) == [(1.0, 1, 2), (2.0, 1, 1), (2.5, 2, 2), (3.5, 2, 2), (4.0, 2, 2)]


def test_results_are_loaded_by_profile_metric_and_kind_newest_first(sessions: Sessions) -> None:
    """`flowbeat results` reads them in this order."""
    _save(sessions, result(1))
    _save(sessions, result(2, 6.0))
    _save(sessions, result(3, metric_type="flow_time", unit="days"))
    _save(sessions, result(4, profile="ops"))
    with sessions() as session:
        rows = stored_results.load(session, profile=PROFILE, metric="flow_velocity", kind="week")
    assert [row.value for row in rows] == [6.0, 5.0]


def test_the_views_show_the_row_confirmed_last_then_calculated_last(sessions: Sessions, engine: Engine) -> None:
    """They have one row per profile and metric, or per week of it, whatever the rules."""
    for kind in ("period", "week"):
        _save(sessions, result(1, 1.0, window_kind=kind))
        _save(sessions, result(5, 1.0, window_kind=kind))
        _save(sessions, result(3, 3.0, window_kind=kind, rules_hash="b" * 32))
        _save(sessions, result(5, 5.0, window_kind=kind, rules_hash="c" * 32, calculated_at=after(6)))
    with engine.connect() as connection:
        for view in ("latest_results", "weekly_results"):
            rows = connection.execute(text(f"SELECT value FROM {view}")).all()  # noqa: S608 - constants
            assert [tuple(row) for row in rows] == [(5.0,)]


def test_the_latest_period_is_one_row_although_its_window_moves_every_day(sessions: Sessions, engine: Engine) -> None:
    """The period of each day is another window; the view has the last one."""
    for day in (1, 2):
        moved = timedelta(days=day)
        plain = result(day, float(day), window_kind="period")
        _save(sessions, replace(plain, window_start=plain.window_start + moved, window_end=plain.window_end + moved))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT value FROM latest_results")).all() == [(2.0,)]


def test_confirming_a_year_of_weeks_costs_milliseconds(sessions: Sessions) -> None:
    """53 windows need one read and one batch of writes; a select per window took 70 ms."""
    plain = result(1)
    weeks = [
        replace(
            plain,
            window_start=plain.window_start - timedelta(days=7 * n),
            window_end=plain.window_end - timedelta(days=7 * n),
        )
        for n in range(53)
    ]
    _save(sessions, *weeks)
    spent = []
    for day in range(2, 12):
        later = [replace(week, as_of=after(day), confirmed_as_of=after(day)) for week in weeks]
        started = time.process_time()
        assert _save(sessions, *later) == 0
        spent.append(time.process_time() - started)
    assert min(spent) < 0.05


def test_an_empty_batch_stores_nothing(sessions: Sessions) -> None:
    """A metric may have no windows."""
    assert _save(sessions) == 0


def test_restored_rules_are_shown_again(sessions: Sessions, engine: Engine) -> None:
    """After rules A, B and again A at the same as-of, the views show the row of A with its last run."""
    for day, named, run_id in ((1, "a" * 32, "one"), (2, "b" * 32, "two"), (3, "a" * 32, "three")):
        calculated = result(1, rules_hash=named, run_id=run_id, value=float(day % 2), calculated_at=after(day))
        _save(sessions, calculated)
        with engine.connect() as connection:
            viewed = connection.execute(text("SELECT rules_hash, run_id FROM weekly_results")).all()
        assert viewed == [(named, run_id)]


@pytest.mark.parametrize("hours", [-14, -1, 1, 11])
def test_a_week_is_one_row_whatever_its_zone(sessions: Sessions, engine: Engine, hours: int) -> None:
    """After a change of the profile's time zone the view and the command show the later value of the week."""
    monday = datetime(2026, 3, 2, tzinfo=UTC)
    utc = result(10, window_start=monday, window_end=monday + timedelta(days=7))
    shift = timedelta(hours=hours)
    moved = replace(utc, window_start=monday + shift, window_end=monday + shift + timedelta(days=7))
    other = replace(moved, rules_hash="b" * 32, calculated_at=utc.calculated_at + timedelta(hours=1))
    next_week = replace(utc, window_start=monday + timedelta(days=7), window_end=monday + timedelta(days=14))
    _save(sessions, utc, next_week)
    _save(sessions, other)
    with engine.connect() as connection:
        viewed = connection.execute(text("SELECT rules_hash FROM weekly_results ORDER BY window_start")).scalars().all()
    assert viewed == ["b" * 32, utc.rules_hash]
    with sessions() as session:
        rows = newest(stored_results.load(session, kind="week"))
    assert [row.rules_hash for row in rows] == viewed
    zone = ZoneInfo("Europe/Zagreb")
    assert [week_of(row, zone) for row in rows] == ["2026-W10", "2026-W11"]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("as_of", [datetime(2012, 1, 20, tzinfo=UTC), datetime(2027, 1, 13, 9, tzinfo=UTC)])
def test_a_week_has_its_name_and_first_local_day_in_every_zone(
    sessions: Sessions, engine: Engine, zone: str, as_of: datetime
) -> None:
    """They are those of the calculation, at a new year, in a year of 53 weeks, and on the day that Samoa left out."""
    spans = [
        window for window in windows(micros(as_of), Rules(timezone=zone, history_weeks=12)) if window.kind == "week"
    ]
    rows = [result(1, window_start=instant(span.start), window_end=instant(span.end)) for span in spans]
    _save(sessions, *rows)
    with engine.connect() as connection:
        query = text("SELECT week, CAST(day AS text) FROM weekly_results ORDER BY window_start")
        stored = [tuple(row) for row in connection.execute(query)]
    place = ZoneInfo(zone)
    assert stored == [(week_name(span, place), str(local_day(span.start, place))) for span in spans]


def test_a_later_result_of_other_rules_alone_is_a_rival(sessions: Sessions) -> None:
    """A result of an earlier as-of is not shown anyway, so no row is written without a change."""
    _save(sessions, result(1, rules_hash="b" * 32))
    _save(sessions, result(2, rules_hash="a" * 32))
    _save(sessions, result(2, rules_hash="a" * 32, calculated_at=after(7)))
    with sessions() as session:
        times = {row.rules_hash[0]: row.calculated_at for row in stored_results.load(session, kind="week")}
    assert times == {"a": after(2), "b": after(1)}
