"""`flowbeat refresh --dry-run`: what a refresh would cost, before it is requested."""

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from typing import Final

from console.shared.output import Column, Format, Row, Sheet, show
from models.records import RunOptions
from models.wording import format_count
from report.words import format_duration
from tasks.fetch.estimate import Estimate, estimate
from worker.runtime import Runtime

# As if it had been tried this often: the next back-off is too long to sleep, so the first fault is reported.
_IMPATIENT: Final = 3
_LONGEST_ANSWER: Final = 10.0
_NAMES: Final = tuple(field.name for field in fields(Estimate))


def show_estimates(current: Runtime, profiles: Sequence[str], options: RunOptions, form: Format) -> None:
    """Print the estimate of each profile. Nothing is enqueued or stored."""
    try:
        current.redis.ping()  # no request is sent without the limiter
        estimates = [_estimate(current, profile, options) for profile in profiles]
    finally:
        current.close()
    spent = format_count(sum(entry.spent for entry in estimates), "request")
    notes = [f"This estimate took {spent} to Jira. Nothing was enqueued."]
    if any(entry.projects is None for entry in estimates):
        notes.append(
            "Each project whose versions are deployments costs one more; before a first copy their number is unknown."
        )
    show(form, Sheet(_NAMES, [asdict(entry) for entry in estimates], _COLUMNS, "A refresh now", tuple(notes)))


def _estimate(current: Runtime, profile: str, options: RunOptions) -> Estimate:
    connection = current.settings.connections[current.settings.profiles[profile].connection]
    patient = replace(connection, timeout_seconds=min(connection.timeout_seconds, _LONGEST_ANSWER))
    return estimate(current, profile, options, current.client(patient, _IMPATIENT))


def _number(name: str, row: Row) -> str:
    return f"about {row[name]:,}"


_COLUMNS: Final = (
    Column("Profile", lambda row: str(row["profile"]), keep=True),
    Column("Kind", lambda row: str(row["kind"])),
    Column("Issues", lambda row: _number("issues", row), right=True),
    Column("To read", lambda row: _number("read", row), right=True),
    Column("Requests", lambda row: _number("requests", row), right=True),
    Column("Time", lambda row: f"about {format_duration(row['seconds'])}", right=True),
)
