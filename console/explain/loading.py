"""A number taken apart: the profile's view, the window, the parts, and what the stored result says beside them."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import click
from sqlalchemy.orm import Session

from console.explain.rows import View
from console.explain.trace import Question
from console.shared import database
from models.metrics import calculate as metrics
from models.metrics.catalogue import METRICS
from models.metrics.rules import rules_hash
from models.metrics.snapshot import Snapshot
from models.metrics.windows import week_name
from models.records import Measurement, MetricResult, Window, instant, micros
from models.store import caches, columns, quality, results
from models.store import issues as stored_issues
from models.wording import format_count
from report import staleness, version_notes
from report.gone_notes import gone_notes
from report.links import jira_of
from report.notes import few
from report.selection import at, newest
from report.words import format_number
from worker import view as views
from worker.database import Stored, zone_of
from worker.snapshots import load_snapshot


def load(current: Stored, session: Session, profile: str, metric: str, *, week: str | None, as_of: str | None) -> View:
    """Return a number taken apart, of a week or of the period; raise click's usage error for an unknown week."""
    zone = zone_of(current, profile)
    looked = views.load_view(current, session, profile, database.as_of_option(as_of, zone, current.now()))
    snapshot = load_snapshot(session, profile, looked)
    window = window_of(snapshot, week)
    return load_window(current, session, looked, snapshot, window, profile=profile, metric=metric, as_of=as_of)


def load_window(
    current: Stored,
    session: Session,
    looked: views.View,
    snapshot: Snapshot,
    window: Window,
    *,
    profile: str,
    metric: str,
    as_of: str | None,
    must_be_stored: bool = True,
) -> View:
    """Return a number taken apart over any window; one that no calculation has need not be stored."""
    zone = zone_of(current, profile)
    explanation = metrics.explain(metric, snapshot, window)
    # Work in progress is that of the window's end; all other facts are those of the as-of.
    until = window.effective_end if METRICS[metric].at_end else snapshot.as_of
    question = Question(profile, metric, looked.context, until, snapshot)
    measured = explanation.measurement
    stored = _stored(session, profile, measured, rules_hash(looked.rules), looked.as_of)
    update = staleness.how_to_update(current, session, profile, f" --as-of {as_of}" if as_of else "")
    warning = _mapped_otherwise(current, session, profile, looked, update)
    if warning is None:
        stale = columns.count_stale(session, profile, looked.context.facts_rules_hash)
        warning = _warning(measured, stored, stale, update) if stale or stored or must_be_stored else None
    notes = (*_versions(session, profile, metric, looked), *_notes(session, profile, window, zone))
    jira = jira_of(current, profile)
    return View(question, zone, looked.as_of, explanation, stored, warning, notes, jira)


def window_of(snapshot: Snapshot, week: str | None) -> Window:
    """Return a week of a calculation by its ISO name, or the period."""
    if week is None:
        return next(window for window in snapshot.windows if window.kind == "period")
    zone = ZoneInfo(snapshot.rules.timezone)
    weeks = {week_name(window, zone): window for window in snapshot.windows if window.kind == "week"}
    if week.upper() in weeks:
        return weeks[week.upper()]
    known = f"{min(weeks)} to {max(weeks)}" if weeks else "none, because history_weeks is 0"
    raise click.UsageError(f"This calculation has no week {week!r}; it has {known}")


def _stored(session: Session, profile: str, measured: Measurement, named: str, as_of: datetime) -> MetricResult | None:
    """Return the row that results shows for the same window, rules and instant."""
    window = measured.window
    rows = results.load(session, profile=profile, metric=measured.metric_type, kind=window.kind)
    mine = [
        row
        for row in rows
        if row.rules_hash == named and (micros(row.window_start), micros(row.window_end)) == (window.start, window.end)
    ]
    chosen = newest(at(mine, as_of))
    return chosen[0] if chosen else None


def _versions(session: Session, profile: str, metric: str, looked: views.View) -> tuple[str, ...]:
    """Return a note for each kind of released version that does not count as a deployment."""
    if not METRICS[metric].of_deployments:
        return ()
    notes = version_notes.version_notes(session, profile, looked.rules, looked.as_of)
    return tuple(note.sentences for note in notes)


def _notes(session: Session, profile: str, window: Window, zone: ZoneInfo) -> Iterator[str]:
    """Yield what no number contains because the copy does not have it."""
    first = stored_issues.first_created(session, profile)
    if first is not None and window.start < micros(first):
        day = first.astimezone(zone).date()
        yield f"The first stored issue was created on {day}. The copy has no data about earlier days."
    unread = quality.keys_with_findings(session, profile).get("unreadable_issue", [])
    if unread:
        yield f"Not readable when last fetched, and as it was before, if at all: {few(unread)}."
    yield from gone_notes(session, profile, instant(window.start), instant(window.effective_end))


def _mapped_otherwise(current: Stored, session: Session, profile: str, looked: views.View, update: str) -> str | None:
    """Return where flowbeat.toml names other issues or fields than this number was computed of: what to run."""
    cache = caches.find(session, profile)
    moved = staleness.source_changed(current, profile, cache, update)
    return moved or staleness.rules_changed(current, profile, cache, [rules_hash(looked.rules)], update)


def _warning(measured: Measurement, stored: MetricResult | None, stale: int, update: str) -> str | None:
    """Why this is perhaps not what results shows, and what to do; None where the two agree."""
    if stale:
        issues = format_count(stale, "issue")
        return f"the facts of {issues} are older than the data or the rules; to update them, {update}"
    if stored is None:
        return f"no result is stored for this instant under the present rules; to store one, {update}"
    if (stored.value, stored.state, stored.n_used) != (measured.value, measured.state, measured.n_used):
        said = format_number(stored.value) if stored.value is not None else stored.state
        return f"the stored result says {said}, because the data was different then; to update it, {update}"
    return None
