"""Forecasts as they were asked for; what they answer is computed elsewhere."""

from sqlalchemy.orm import Session

from models.records import Forecast
from models.store.shared import row_of, upsert
from models.tables.forecasts import ForecastRow


def save(session: Session, forecast: Forecast) -> None:
    """Store a forecast in place of the one of the same question, instant, seed, history and rules."""
    upsert(session, ForecastRow, [row_of(forecast)])
