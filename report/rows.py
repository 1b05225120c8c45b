"""Results as plain rows, for Python and notebooks: the same rows as those of `flowbeat results --format json`.

``results`` is public and stable: its parameters keep their names and meanings, and each row keeps its keys and their
types. A later version may add parameters and keys. docs/python.md has examples.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from models.records import METRIC_TYPES, MetricResult, WindowKind
from models.store import issues
from models.store import results as stored_results
from models.store.verified import proof
from report.asked import UnknownNameError, known, parse_asked
from report.marks import with_mark
from report.plain import to_plain
from report.reading import open_for_reading
from report.selection import choose_rows, week_of
from worker.database import Stored, zone_of
from worker.errors import FatalError

WINDOWS: Final[Mapping[str, WindowKind]] = {"period": "period", "weeks": "week"}
_COMMON: Final = (*(field.name for field in fields(MetricResult)), "stored", "verified_up_to")
NAMES: Final[Mapping[WindowKind, tuple[str, ...]]] = {
    "period": (*_COMMON, "before_value", "before_state"),
    "week": (*_COMMON, "week", "day"),
}


def results(
    *profiles: str,
    window: Literal["period", "weeks"] = "period",
    metric: str | Sequence[str] | None = None,
    as_of: str | date | datetime | None = None,
    config: str | Path | None = None,
) -> list[dict[str, Any]]:
    """Return the stored results of these profiles, or of all; only reads, and starts no server.

    The values are those of JSON: text, numbers, true and false, None, lists and dicts; instants are ISO 8601 text in
    UTC. ``value`` None means unknown, not zero: ``state`` and ``message`` say why.

    window: ``"period"`` for the configured period, or ``"weeks"`` for every ISO week.
    metric: one name, or several; None for all.
    as_of: a past day (its end in the profile's zone) or an instant with its offset; also ``"yesterday"``, ``"7d"``.
    config: the path of a ``flowbeat.toml``; None: ``FLOWBEAT_CONFIG``, else the file in the current folder.

    Raises ValueError for an unknown profile, metric, window or as-of; ``worker.errors.ConfigError`` for a wrong
    configuration; ``worker.errors.FatalError`` if nothing is stored.
    """
    kind = WINDOWS[known("window", window, WINDOWS)]
    metrics = (metric,) if isinstance(metric, str) else tuple(metric or ())
    text = as_of.isoformat() if isinstance(as_of, date) else as_of
    with open_for_reading(None if config is None else Path(config)) as (current, session):
        request = Request(current, session, profiles, metrics, kind, text)
        return [
            to_plain(NAMES[kind], row)
            for name, chosen in request.choose().items()
            for row in to_rows(
                chosen, issues.first_created(session, name), zone_of(current, name), proof(session, name).up_to
            )
        ]


@dataclass(frozen=True, slots=True)
class Request:
    """The requested rows: of these profiles and metrics, or of all if none is named."""

    current: Stored
    session: Session
    profiles: tuple[str, ...]
    metrics: tuple[str, ...]
    kind: WindowKind
    as_of: str | None

    def choose(self) -> dict[str, list[MetricResult]]:
        """Return the rows of each profile that has some, in the order of the request.

        Raises UnknownNameError for a name or an as-of that does not exist, FatalError if no row is stored.
        """
        for metric in self.metrics:
            known("metric", metric, METRIC_TYPES)
        for profile in self.profiles:
            self._require_profile(profile)
        only = self.metrics[0] if len(self.metrics) == 1 else None
        stored = stored_results.load(self.session, metric=only, kind=self.kind)
        by_name = _by_profile(stored) if self.as_of is None else _with_unstored(self.current, stored)
        chosen = {}
        for name in dict.fromkeys(self.profiles) or by_name:
            rows = choose_rows(
                *(self.current, self.session, name, by_name.get(name, [])),
                text=self.as_of,
                as_of=self.asked(name),
                kind=self.kind,
                metric=only,
            )
            chosen[name] = [row for row in rows if not self.metrics or row.metric_type in self.metrics]
        if not any(chosen.values()):
            raise FatalError(_nothing(self.session, self.profiles, self.kind))
        return {name: rows for name, rows in chosen.items() if rows}

    def asked(self, profile: str) -> datetime | None:
        """Return the requested as-of as an instant in a profile's zone."""
        if self.as_of is None:
            return None
        try:
            return parse_asked(self.as_of, zone_of(self.current, profile), self.current.now())
        except ValueError as error:
            raise UnknownNameError(str(error)) from error

    def _require_profile(self, profile: str) -> None:
        configured = self.current.settings.profiles
        if profile not in configured and not stored_results.load(self.session, profile=profile):
            stored = (row.profile for row in stored_results.load(self.session))
            known("profile", profile, (*configured, *stored))


def to_rows(
    results: Iterable[MetricResult], first: datetime | None, zone: ZoneInfo, verified_up_to: datetime | None
) -> list[dict[str, Any]]:
    """Return one profile's results with all fields of ``NAMES``.

    ``first`` is when its first issue was created; every issue was compared with Jira at ``verified_up_to`` or later.
    """
    proved = {"verified_up_to": verified_up_to}
    return [
        {**with_mark(row), **proved, **_week(week_of(row, zone))}
        if row.window_kind == "week"
        else {**with_mark(row), **proved, **_before(row, first)}
        for row in results
    ]


def _week(name: str) -> dict[str, Any]:
    """Return the ISO name of a week and its first day, which is the same Monday in every time zone."""
    return {"week": name, "day": date.fromisoformat(name)}


def _before(row: MetricResult, first: datetime | None) -> dict[str, Any]:
    """Return the value of the period before in fields of its own, not as a detail.

    A state of None means that the copy does not have data about all of its days.
    """
    details = {name: value for name, value in row.details.items() if name != "before"}
    before = row.details.get("before")
    if before is None or first is None or datetime.fromisoformat(before["start"]) < first:
        before = {"value": None, "state": None}
    return {"details": details, "before_value": before["value"], "before_state": before["state"]}


def _by_profile(rows: Iterable[MetricResult]) -> dict[str, list[MetricResult]]:
    grouped: dict[str, list[MetricResult]] = {}
    for row in rows:
        grouped.setdefault(row.profile, []).append(row)
    return grouped


def _with_unstored(current: Stored, rows: Iterable[MetricResult]) -> dict[str, list[MetricResult]]:
    """Return the rows by profile, and an empty list for each configured profile without a stored row."""
    by_name = {**{name: [] for name in current.settings.profiles}, **_by_profile(rows)}
    return dict(sorted(by_name.items()))


def _nothing(session: Session, profiles: tuple[str, ...], kind: str) -> str:
    whose = f" of {', '.join(map(repr, profiles))}" if profiles else ""
    has_periods = any(stored_results.load(session, profile=profile) for profile in profiles or (None,))
    if kind == "week" and has_periods:
        return f"no week{whose} is stored: history_weeks is 0 in flowbeat.toml, or the first week has just begun"
    command = " ".join(("flowbeat refresh", *profiles))
    return f"no result{whose} is stored yet; {command} makes the first"
