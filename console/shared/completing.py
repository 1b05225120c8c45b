"""What a shell completes: profiles, metrics, weeks and runs; nothing where the installation cannot be read."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

import click
from sqlalchemy.exc import SQLAlchemyError

from models.records import METRIC_TYPES
from models.store import runs as stored_runs
from worker import settings
from worker.errors import FlowbeatError

_WEEKS: Final = 53
_RUNS: Final = 20


def profiles(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Return the configured profiles that begin with ``begun``."""
    try:
        return _of(settings.load(None, os.environ).profiles, begun)
    except FlowbeatError:
        return []


def metrics(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Return the metrics."""
    return _of(METRIC_TYPES, begun)


def weeks(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Return the ISO weeks of the last year, newest first."""
    today = datetime.now(UTC).date()
    return _of((f"{day:%G-W%V}" for day in (today - timedelta(weeks=ago) for ago in range(_WEEKS))), begun)


def runs(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Return the beginnings of the newest runs' ids."""
    from console.shared import database  # noqa: PLC0415 - the other names need no database

    try:
        with database.open_for_reading() as (_, session):
            return _of((run.run_id[:8] for run in stored_runs.load_newest(session, _RUNS)), begun)
    except (FlowbeatError, SQLAlchemyError):
        return []


def _of(names: Iterable[str], begun: str) -> list[str]:
    return [name for name in names if name.startswith(begun)]
