"""Forecasts in the store, on both databases: read as written, and replaced by the same question."""

from dataclasses import asdict, replace
from typing import Any, Final

from sqlalchemy import select
from store_rows import PROFILE, after

from models.database import Sessions
from models.records import Forecast
from models.store import forecasts
from models.store.shared import columns
from models.tables.forecasts import ForecastRow

FORECAST: Final = Forecast(
    profile=PROFILE,
    as_of=after(0.25),
    question="items",
    asked="12",
    seed=2**63 - 1,
    trials=10_000,
    history_weeks=52,
    rules_hash="a" * 32,
    state="success",
    message=None,
    throughput=[5, 0, 7, 3, 4],
    answers=[{"percent": 50, "weeks": 3, "date": "2026-03-23"}, {"percent": 95, "weeks": None, "date": None}],
    backtest={"85": {"held": 17, "checked": 20}},
    calculated_at=after(1),
)


def _rows(sessions: Sessions) -> list[dict[str, Any]]:
    with sessions() as session:
        return [dict(row) for row in session.execute(select(*columns(ForecastRow))).mappings()]


def test_a_forecast_is_read_as_it_was_written(sessions: Sessions) -> None:
    """Every field is equal, even the largest seed."""
    with sessions.begin() as session:
        forecasts.save(session, FORECAST)
    assert _rows(sessions) == [asdict(FORECAST)]


def test_the_same_question_replaces_its_row_and_another_adds_one(sessions: Sessions) -> None:
    """Another seed or as-of is another question."""
    again = replace(FORECAST, state="no_data", message="too little", answers=[], calculated_at=after(2))
    others = [replace(FORECAST, seed=2), replace(FORECAST, as_of=after(3)), replace(FORECAST, asked="13")]
    for forecast in (FORECAST, again, *others):
        with sessions.begin() as session:
            forecasts.save(session, forecast)
    rows = _rows(sessions)
    assert len(rows) == 4
    assert asdict(again) in rows
    assert asdict(FORECAST) not in rows
