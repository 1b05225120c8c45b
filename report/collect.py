"""Reads a profile's results, facts and notes, as the words and numbers of its page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from models.metrics import calculate as metrics
from models.metrics.ageing import in_progress
from models.metrics.calculate import Explanation
from models.metrics.catalogue import METRICS
from models.metrics.rules import rules_hash
from models.metrics.snapshot import Snapshot
from models.metrics.windows import local_day, start_of_day, week_name
from models.records import MetricResult, Window, WindowKind, instant, micros
from models.store import results as stored_results
from models.store.titles import Title, load_titles
from report.notes import About, format_notes, load_about
from report.selection import choose_rows
from worker import view as views
from worker.database import Stored, zone_of
from worker.errors import FatalError
from worker.snapshots import load_snapshot

LEAST_WEEKS: Final = 13  # the shortest time axis: one week of data shows no axis of hours


@dataclass(frozen=True, slots=True)
class Source:
    """The input of all parts of a page, read once."""

    profile: str
    zone: ZoneInfo
    jira: str
    about: About
    view: views.View
    snapshot: Snapshot
    period: Window
    year: Window
    weeks: Sequence[Window]
    results: Mapping[str, MetricResult]
    weekly: Mapping[tuple[str, str], MetricResult]
    before: Mapping[str, Explanation]
    explained: Mapping[str, Explanation]
    over_year: Mapping[str, Explanation]
    titles: Mapping[str, Title]
    with_titles: bool
    notes: Sequence[str]

    def url(self, key: str) -> str:
        """Return the address of an issue."""
        return f"{self.jira}/browse/{key}"

    def title(self, issue_id: str) -> str:
        """Return an issue's title; empty if it is not stored or must not be shown."""
        card = self.titles.get(issue_id)
        return (card.summary or "") if card and self.with_titles else ""


def read(
    current: Stored,
    session: Session,
    profile: str,
    *,
    text: str | None = None,
    asked: datetime | None = None,
    with_titles: bool = True,
) -> Source:
    """Read the input of a profile's page; raise FatalError if nothing has been calculated yet."""
    view = views.load_view(current, session, profile, asked)
    snapshot = load_snapshot(session, profile, view)
    period = next((window for window in snapshot.windows if window.kind == "period"), None)
    rows = _rows(current, session, profile, "period", text=text, asked=asked)
    if period is None or not rows:
        raise FatalError(f"no result of {profile!r} is stored yet; run: flowbeat refresh {profile}")
    about = load_about(current, session, profile, rows, text=text, asked=asked)
    zone = zone_of(current, profile)
    weeks = _weeks(snapshot, zone)
    year = Window("period", weeks[0].start, snapshot.as_of, snapshot.as_of)
    explained = {name: metrics.explain(name, snapshot, period) for name in METRICS}
    over_year = {name: metrics.explain(name, snapshot, year) for name in _OVER_YEAR}
    connection = current.settings.connections[current.profile(profile).connection]
    weekly = _rows(current, session, profile, "week", text=text, asked=asked)
    return Source(
        profile=profile,
        zone=zone,
        jira=connection.base_url.rstrip("/"),
        about=about,
        view=view,
        snapshot=snapshot,
        period=period,
        year=year,
        weeks=weeks,
        results={row.metric_type: row for row in rows},
        weekly={(row.metric_type, week_name(_window(row), zone)): row for row in weekly},
        before=_before(snapshot, period, zone),
        explained=explained,
        over_year=over_year,
        titles=load_titles(session, profile, _issue_ids(snapshot, explained, over_year)),
        with_titles=with_titles,
        notes=[note for note in format_notes(about, rows, rows) if not note.startswith("As of ")],
    )


_OVER_YEAR: Final = ("flow_time", "deployment_frequency", "cfr", "mttr")


def is_of_present_rules(source: Source) -> bool:
    """Return whether the stored results were calculated by the present rules."""
    return all(row.rules_hash == rules_hash(source.view.rules) for row in source.results.values())


def _rows(
    current: Stored, session: Session, profile: str, kind: WindowKind, *, text: str | None, asked: datetime | None
) -> list[MetricResult]:
    rows = stored_results.load(session, profile=profile, kind=kind)
    return choose_rows(current, session, profile, rows, text=text, as_of=asked, kind=kind, metric=None)


def _window(row: MetricResult) -> Window:
    start, end = micros(row.window_start), micros(row.window_end)
    return Window(row.window_kind, start, end, end)


def _weeks(snapshot: Snapshot, zone: ZoneInfo) -> list[Window]:
    """Return the weeks of the calculation, and earlier ones if these are fewer than the shortest axis has."""
    weeks = [window for window in snapshot.windows if window.kind == "week"]
    first = weeks[0].start if weeks else snapshot.as_of
    while len(weeks) < LEAST_WEEKS:
        day = local_day(first - 1, zone)
        start = start_of_day(day.fromordinal(day.toordinal() - day.weekday()), zone)
        weeks.insert(0, Window("week", start, first, first))
        first = start
    return weeks


def _before(snapshot: Snapshot, period: Window, zone: ZoneInfo) -> dict[str, Explanation]:
    """Return each metric over as many days before the period."""
    last, first = local_day(period.end - 1, zone), local_day(period.start, zone)
    days = (last - first).days + 1
    start = start_of_day(first.fromordinal(first.toordinal() - days), zone)
    window = Window("period", start, period.start, period.start)
    return {name: metrics.explain(name, snapshot, window) for name in METRICS}


def _issue_ids(snapshot: Snapshot, *explained: Mapping[str, Explanation]) -> list[str]:
    """Return the ids that a page may name: items in progress, and the parts of the explanations."""
    now = {issue_id for issue_id, *_ in in_progress(snapshot)}
    parts = (part for item in explained for entry in item.values() for part in (*entry.used, *entry.left_out))
    return sorted(now | {part.subject_id for part in parts})


def local_time(source: Source, at: int) -> datetime:
    """Return an instant by the clock of the profile's zone."""
    return instant(at).astimezone(source.zone)
