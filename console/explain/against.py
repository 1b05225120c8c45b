"""What a number is compared with: another week, the window before, or the same window at an earlier instant."""

from typing import Any
from zoneinfo import ZoneInfo

import click
from sqlalchemy.orm import Session

from console.explain.loading import load_window, window_of
from console.explain.rows import View
from console.shared import database
from models.metrics.against import seen_at
from models.metrics.windows import previous_window
from models.records import micros
from worker import view as views
from worker.database import Stored
from worker.snapshots import load_snapshot

PREVIOUS = "previous"


def load_other(
    current: Stored,
    session: Session,
    view: View,
    *,
    against: str | None,
    against_as_of: str | None,
    as_of: str | None,
) -> View:
    """Return the second number; raise click's usage error where there is none to compare with."""
    profile, metric, snapshot = view.profile, view.metric, view.question.snapshot
    if against_as_of is not None:
        return _at_instant(current, session, view, against_as_of)
    looked = views.load_view(current, session, profile, view.as_of)
    if (against or "").casefold() == PREVIOUS:
        window = previous_window(view.measured.window, snapshot.rules)
        if window.effective_end <= window.start:  # Samoa had no 30 December 2011
            raise click.UsageError("the time zone skipped the days before this period; name a week")
    else:
        window = window_of(snapshot, against)
    names: Any = {"profile": profile, "metric": metric, "as_of": as_of}
    return load_window(current, session, looked, snapshot, window, **names, must_be_stored=False)


def _at_instant(current: Stored, session: Session, view: View, text: str) -> View:
    """Return the same window as an earlier or a later instant shows it."""
    moment = database.as_of_option(text, ZoneInfo(view.zone.key), current.now())
    looked = views.load_view(current, session, view.profile, moment)
    window = seen_at(view.measured.window, micros(looked.as_of))
    if window is None:
        raise click.UsageError(f"--against-as-of {text} is not after the window's start; name a later day or instant")
    snapshot = load_snapshot(session, view.profile, looked)
    names: Any = {"profile": view.profile, "metric": view.metric, "as_of": text}
    return load_window(current, session, looked, snapshot, window, **names, must_be_stored=False)
