"""Notes about a profile's values: how old they are, what they leave out, what is odd."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from models.records import OF_DEPLOYMENTS, UNMAPPED, CacheMetadata, MetricResult, MetricType, Run
from models.store import caches, issues, runs
from models.wording import format_all
from report import staleness, version_notes
from report.findings import findings_at
from report.gone_notes import gone_notes
from report.marks import computed_note, copy_notes
from report.verified import Verified, load_verified, split_findings
from report.words import NOTHING, for_profile, format_duration, format_time, in_words
from worker.database import Stored, zone_of

_NAMED: Final = 5  # issues with a finding
_OF_CATEGORIES: Final[MetricType] = "flow_distribution"


def few(keys: Sequence[str]) -> str:
    """Return the first of some issues' keys, with dots if there are more; a key may have more than one word."""
    between = "; " if any(", " in key for key in keys) else ", "
    return between.join([*keys[:_NAMED], *("…" for _ in keys[_NAMED : _NAMED + 1])])


@dataclass(frozen=True, slots=True)
class About:
    """What the notes need: since when the copy has data, and its findings.

    ``as_of`` is what the person asked for, as a part of the commands that are recommended; ``update`` is the one that
    brings results to the rules of flowbeat.toml.
    """

    current: Stored
    profile: str
    zone: ZoneInfo
    as_of: str
    cache: CacheMetadata | None
    first: datetime | None
    findings: Mapping[str, Sequence[str]]
    strangers: Sequence[str]
    refreshed: Run | None
    versions: Sequence[str]
    gone: Sequence[str]
    update: str
    asked: datetime | None
    computed: Sequence[str]
    copy: Sequence[str]
    verified: Verified

    @property
    def first_day(self) -> str:
        """Return the local day on which the copy's first issue was created."""
        return str(self.first.astimezone(self.zone).date()) if self.first else ""

    def is_unknown(self, row: Mapping[str, Any]) -> bool:
        """Return whether a window ended before the first issue was created, so that the copy has no data about it."""
        return self.first is not None and bool(row["window_end"] <= self.first)


def load_about(
    current: Stored,
    session: Session,
    profile: str,
    rows: Sequence[MetricResult],
    *,
    text: str | None = None,
    asked: datetime | None = None,
) -> About:
    """Return the notes about these rows; ``text`` is the as-of as the person wrote it, ``asked`` its instant."""
    ends = (min(row.window_end, row.confirmed_as_of) for row in rows)
    update = staleness.how_to_update(current, session, profile, f" --as-of {text}" if text else "")
    findings, uncompared = findings_at(current, session, profile, asked, update)
    return About(
        current=current,
        profile=profile,
        zone=zone_of(current, profile),
        as_of=f" --as-of {text}" if text else "",
        cache=caches.find(session, profile),
        first=issues.first_created(session, profile),
        findings=findings,
        strangers=list_unknown_names(current, session, profile),
        refreshed=runs.last_ended(session, profile, "refresh"),
        versions=list_version_notes(current, session, profile, asked),
        gone=gone_notes(session, profile, min(row.window_start for row in rows), max(ends)),
        update=update,
        asked=asked,
        computed=computed_note(rows, update),
        copy=(*copy_notes(session, profile), *uncompared),
        verified=load_verified(current, session, profile),
    )


def list_version_notes(current: Stored, session: Session, profile: str, asked: datetime | None) -> tuple[str, ...]:
    """Return what the number of deployments leaves out, at the requested as-of or that of the data."""
    configured, cache = current.settings.profiles.get(profile), caches.find(session, profile)
    data_as_of = cache.data_as_of if cache else None
    as_of = asked or data_as_of
    if configured is None or as_of is None:
        return ()
    notes = version_notes.version_notes(session, profile, configured.rules, as_of)
    return tuple(note.sentences for note in notes)


def list_unknown_names(current: Stored, session: Session, profile: str) -> list[str]:
    """Return names that are only in the configuration or only in Jira, with what to write."""
    result = current.settings.profiles.get(profile)
    unplaced = staleness.unplaced(session, profile, result.rules) if result else []
    return [
        *staleness.unknown_statuses(current, session, profile, caches.find(session, profile)),
        *(f"Note: {message}; {advice}." for message, advice in unplaced),
    ]


def format_notes(about: About, rows: Sequence[MetricResult], metric_results: Sequence[MetricResult]) -> tuple[str, ...]:
    """Return the sentences below the table; ``metric_results`` are the rows whose messages are shown."""
    hashes = [row.rules_hash for row in rows]
    drift = staleness.rules_changed(about.current, about.profile, about.cache, hashes, about.update)
    moved = staleness.source_changed(about.current, about.profile, about.cache, about.update)
    return (
        *(f"Note: {sentence}" for sentence in (moved, drift) if sentence),
        *about.computed,
        *about.copy,
        *about.strangers,
        *about.gone,
        *_messages(about, metric_results),
        *(about.versions if any(row.metric_type in OF_DEPLOYMENTS for row in rows) else ()),
        *_unmapped(about, rows),
        *_unknown(about, rows),
        *_findings(about),
        *_unshown(about),
        *_warned(about),
        *_failed(about),
        *about.verified.notes,
        _freshness(about, rows),
    )


def _messages(about: About, rows: Sequence[MetricResult]) -> tuple[str, ...]:
    """Return each message once, with the metrics it is about."""
    values: dict[str, list[str]] = {}
    for row in rows:
        message = for_profile(row.message or "", about.profile)
        if message and row.metric_type not in values.setdefault(message, []):
            values[message].append(row.metric_type)
    return tuple(f"{', '.join(metrics)}: {message}" for message, metrics in values.items())


def _unmapped(about: About, rows: Sequence[MetricResult]) -> tuple[str, ...]:
    """Return a note about delivered items in no category; without it, 0 % features would look like an answer."""
    shares = [row for row in rows if row.metric_type == _OF_CATEGORIES]
    count = sum(row.details.get("by_category", {}).get(UNMAPPED, 0) for row in shares)
    if not count:
        return ()
    total = sum(row.n_used for row in shares)
    items = format_all(total, "delivered item") if count == total else f"{count:,} of {total:,} delivered items"
    which = f"{items} {'is of a type' if count == 1 else 'are of types'}"
    where = f"[profiles.{about.profile}.categories] in flowbeat.toml"
    return (f"{_OF_CATEGORIES}: {which} that no category names; name {'it' if count == 1 else 'them'} in {where}.",)


def _unknown(about: About, rows: Sequence[MetricResult]) -> tuple[str, ...]:
    if about.first is None or rows[0].window_start >= about.first:
        return ()
    no_earlier_data = (
        f"The first stored issue was created on {about.first_day}. The copy has no data about earlier days"
    )
    if rows[0].window_kind != "week":
        return (f"{no_earlier_data}.",)
    return (f"{no_earlier_data} ({NOTHING}); a 0 in such a week is not a count.",)


def _findings(about: About) -> tuple[str, ...]:
    """Return notes about the issues with findings, by reason."""
    differences, others = split_findings(about.findings)
    repaired = f"The last comparison with Jira found differences and repaired them: {_named(differences)}."
    which = "flowbeat explain says which of them are behind a number, and what was found."
    odd = f"Data quality, by issues: {_named(others)}. {which}"
    return (*([repaired] if differences else []), *([odd] if others else []))


def _named(findings: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"{in_words(reason)} in {len(keys):,} ({few(keys)})" for reason, keys in findings.items())


def _unshown(about: About) -> tuple[str, ...]:
    """Return a note about issues that Jira counts but does not show, by a late index or a security level."""
    count = about.cache.cursor.unshown if about.cache else 0
    if not count:
        return ()
    which = "1 issue" if count == 1 else f"{count:,} issues"
    return (f"Note: Jira counted {which} of the JQL that it did not show to this account; none is in a number.",)


def _warned(about: About) -> tuple[str, ...]:
    """Return a note about a list of issues that Jira itself, or its count, calls incomplete."""
    if about.cache is None or not about.cache.cursor.is_warned:
        return ()
    advice = "Read it: flowbeat logs --level WARNING, and simplify jql"
    return (f"Note: Jira sent a warning with its list of issues, so some may be missing. {advice}.",)


def _failed(about: About) -> tuple[str, ...]:
    """Return why the data is older than it could be."""
    run = about.refreshed
    if run is None or run.state != "failed" or run.ended_at is None:
        return ()
    reason = (run.error or "").rstrip(".")
    return (f"Note: the refresh that ended {format_time(run.ended_at, about.zone)} failed: {reason}.",)


def _freshness(about: About, rows: Sequence[MetricResult]) -> str:
    as_of = about.asked or max(row.confirmed_as_of for row in rows)
    if about.cache is None or about.cache.data_as_of is None:
        return f"As of {format_time(as_of, about.zone)}."
    age = format_duration(max(0.0, (about.current.now() - about.cache.data_as_of).total_seconds()))
    return f"As of {format_time(as_of, about.zone)}; fetched {age} ago, {about.verified.words}."
