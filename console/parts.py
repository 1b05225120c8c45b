"""What stands behind one number, as rows and sheets: each part in the metric's unit, and how they add up to it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from console.render import NOTHING, Column, Row, Sheet, moment, number
from models import store
from models.metrics.calculate import Explanation
from models.metrics.parts import Contribution
from models.metrics.stats import DAY, HOUR, WEEK
from models.records import UNITS, Measurement, MetricResult, instant

UNIT_WORDS: Final[Mapping[str, str]] = {"per_day": "per day", "per_week": "per week"}
_DURATIONS: Final[Mapping[str, int]] = {"lead_time": DAY, "flow_time": DAY, "mttr": HOUR, "flow_efficiency": HOUR}
_BY_CATEGORY: Final = ("flow_velocity", "flow_load", "flow_distribution")
_OF_DEPLOYMENTS: Final = ("deployment_frequency", "cfr")
# What a part is counted in; the same word heads its column.
_PARTS_ARE: Final[Mapping[str, str]] = {
    "deployment_frequency": "count",
    "lead_time": "days",
    "cfr": "failed",
    "mttr": "hours",
    "flow_velocity": "count",
    "flow_time": "days",
    "flow_efficiency": "active h",
    "flow_load": "count",
    "flow_distribution": "feature",
}
_NAMES: Final = (
    "profile",
    "metric_type",
    "used",
    "reason",
    "subject_id",
    "key",
    "summary",
    "contribution",
    "out_of",
    "counted_in",
    "at",
    "instants",
    "category",
    "stage",
    "deployment",
    "data_quality",
)


@dataclass(frozen=True, slots=True)
class View:
    """One number taken apart: of which profile, window and as-of, what stands behind it, what results shows.

    ``source`` is where deployments come from; ``warning`` says why the stored result may differ, and what to run.
    """

    profile: str
    zone: ZoneInfo
    as_of: datetime
    source: str | None
    found: Explanation
    stored: MetricResult | None
    warning: str | None

    @property
    def measured(self) -> Measurement:
        """The number itself."""
        return self.found.measurement

    @property
    def metric(self) -> str:
        """Which metric it is of."""
        return self.measured.metric_type


def unit(metric: str) -> str:
    """A metric's unit in a person's words."""
    return UNIT_WORDS.get(UNITS[metric], UNITS[metric])


def rows_of(session: Session, view: View) -> list[dict[str, Any]]:
    """A row for each part used, then for each left out, in the order of their instants."""
    parts = [*view.found.used, *view.found.left_out]
    ids = {part.subject_id: _issue_id(view, part.subject_id) for part in parts}
    known = [issue_id for issue_id in ids.values() if issue_id is not None]
    summaries = {issue.issue_id: issue.summary for issue in store.load_issues(session, view.profile, known)}
    findings = store.findings_of(session, view.profile, known)
    return [_row(view, part, summaries, findings, ids[part.subject_id]) for part in parts]


def everything(rows: Sequence[Row]) -> Sheet:
    """All parts as one list, for CSV."""
    return Sheet(_NAMES, rows, ())


def sheets(view: View, rows: Sequence[Row], limit: int | None) -> dict[str, Sheet]:
    """The number, what was used, and what was left out; ``limit`` cuts the two lists."""
    used = [row for row in rows if row["used"]]
    left_out = [row for row in rows if not row["used"]]
    return {
        "result": _result(view),
        "used": _list(view, used, limit, "Behind it", ()),
        "left_out": _list(view, left_out, limit, "Left out", _quality(rows)),
    }


def adds_up(view: View) -> str:
    """How the parts give the value, with the figures a person can check."""
    used, measured, window = view.found.used, view.measured, view.measured.window
    if measured.value is None:
        return str(measured.message)
    width = window.effective_end - window.start
    total, base = sum(part.value for part in used), sum(part.base for part in used)
    ways: Mapping[str, Callable[[], str]] = {
        "deployment_frequency": lambda: f"{len(used):,} deployments ÷ {_exact(width / DAY)} days",
        "cfr": lambda: f"{total:,} failed ÷ {len(used):,} deployments",
        "flow_velocity": lambda: f"{len(used):,} items ÷ {_exact(width / WEEK)} weeks",
        "flow_efficiency": lambda: f"{_exact(total / HOUR)} h active ÷ {_exact(base / HOUR)} h active or waiting",
        "flow_load": lambda: f"{len(used):,} items in progress just before {_minute(view, window.effective_end)}",
        "flow_distribution": lambda: f"{total:,} features ÷ {len(used):,} delivered",
    }
    way = ways.get(view.metric, lambda: _median(view))
    return f"{way()} = {_exact(measured.value)} {unit(view.metric)}"


# --- rows -----------------------------------------------------------------------------------------------------------


def _row(
    view: View,
    part: Contribution,
    summaries: Mapping[str, str | None],
    findings: Mapping[str, list[str]],
    issue_id: str | None,
) -> dict[str, Any]:
    size = _DURATIONS.get(view.metric, 1)
    counts = part.reason is None or part.value < 0
    return {
        "profile": view.profile,
        "metric_type": view.metric,
        "used": part.reason is None,
        "reason": part.reason,
        "subject_id": part.subject_id,
        "key": part.key,
        "summary": summaries.get(issue_id or ""),
        "contribution": part.value / size if counts else None,
        "out_of": part.base / size if counts and view.metric == "flow_efficiency" else None,
        "counted_in": _PARTS_ARE[view.metric],
        "at": instant(part.at),
        "instants": {name: instant(at) for name, at in part.instants},
        "category": part.category or None,
        "stage": part.stage or None,
        "deployment": part.via or None,
        "data_quality": findings.get(issue_id or "", []),
    }


def _issue_id(view: View, subject_id: str) -> str | None:
    """The issue a part is about; a deployment that is a version, a group of issues or a table's row is none."""
    if view.metric not in _OF_DEPLOYMENTS:
        return subject_id
    if view.source not in ("issues", "status") or subject_id.startswith("version "):
        return None
    return subject_id.partition(".")[0]


# --- sheets ---------------------------------------------------------------------------------------------------------


def _result(view: View) -> Sheet:
    measured, window = view.measured, view.measured.window
    row = {
        "profile": view.profile,
        "metric_type": view.metric,
        "window_kind": window.kind,
        "window_start": instant(window.start),
        "window_end": instant(window.end),
        "as_of": view.as_of,
        "value": measured.value,
        "unit": measured.unit,
        "level": measured.level,
        "state": measured.state,
        "message": measured.message,
        "n_used": measured.n_used,
        "n_excluded": measured.n_excluded,
        "exclusions": measured.exclusions,
        "details": measured.details,
        "adds_up": adds_up(view),
        "stored_value": view.stored.value if view.stored else None,
        "warning": view.warning,
    }
    return Sheet(tuple(row), [row], (), _title(view), _lines(view))


def _title(view: View) -> str:
    window = view.measured.window
    first = instant(window.start).astimezone(view.zone).date()
    last = (instant(window.effective_end) - timedelta(microseconds=1)).astimezone(view.zone).date()
    running = "" if window.complete else ", running"
    return f"{view.profile}: {view.metric}, {first} to {last}{running} ({view.zone.key})"


def _lines(view: View) -> tuple[str, ...]:
    measured = view.measured
    level = f", {measured.level}" if measured.level else ""
    value = measured.state.replace("_", " ") if measured.value is None else f"{number(measured.value)} "
    value += "" if measured.value is None else unit(view.metric) + level
    candidates = measured.n_used + measured.n_excluded
    return (
        f"{value}; used {measured.n_used:,} of {candidates:,} candidates; as of {moment(view.as_of, view.zone)}",
        adds_up(view),
        *(("Note: " + view.warning,) if view.warning else ()),
    )


def _list(view: View, rows: Sequence[Row], limit: int | None, what: str, notes: tuple[str, ...]) -> Sheet:
    shown = rows if limit is None else rows[:limit]
    more = f", the first {len(shown):,} of them" if len(shown) < len(rows) else ""
    title = f"{what}: {len(rows):,}{more}" if rows else ""
    return Sheet(_NAMES, shown, _columns(view, rows), title, notes, empty=f"{what}: none.")


def _columns(view: View, rows: Sequence[Row]) -> tuple[Column, ...]:
    """What these parts have to show; what none of them has, or what does not bear on the metric, is left out."""
    instants = list(dict.fromkeys(name for row in rows for name in row["instants"]))
    names = ("category", "stage", "deployment", "reason") if view.metric in _BY_CATEGORY else ("deployment", "reason")
    optional = [name for name in names if any(row[name] for row in rows)]
    columns = [Column("name" if view.metric in _OF_DEPLOYMENTS else "issue", lambda row: row["key"], keep=True)]
    columns += [_instant(view, name) for name in instants]
    columns.append(Column(_PARTS_ARE[view.metric], lambda row: number(row["contribution"]), right=True, keep=True))
    if view.metric == "flow_efficiency":
        columns.append(Column("of h", lambda row: number(row["out_of"]), right=True, keep=True))
    columns += [_optional(name) for name in optional]
    if any(row["summary"] for row in rows):
        columns.append(Column("summary", lambda row: row["summary"] or "", clip=True))
    return tuple(columns)


def _instant(view: View, name: str) -> Column:
    return Column(name, lambda row: moment(row["instants"].get(name), view.zone), keep=True)


def _optional(name: str) -> Column:
    return Column(name, lambda row: (row[name] or NOTHING).replace("_", " "))


def _quality(rows: Sequence[Row]) -> tuple[str, ...]:
    found = [f"{row['key']} {', '.join(row['data_quality'])}" for row in rows if row["data_quality"]]
    return (f"Data quality: {'; '.join(found).replace('_', ' ')}.",) if found else ()


# --- words ----------------------------------------------------------------------------------------------------------


def _median(view: View) -> str:
    """Which of the durations, counted from the shortest, the median is or lies between."""
    count = len(view.found.used)
    if count % 2:
        return f"the median of {count:,}: the {_nth(count // 2 + 1)} from the shortest"
    return f"the median of {count:,}: halfway between the {_nth(count // 2)} and the {_nth(count // 2 + 1)}"


def _nth(place: int) -> str:
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place:,}{ending}"


def _exact(value: float) -> str:
    """Four decimals at most, for figures that are held against each other."""
    return f"{value:,.4f}".rstrip("0").rstrip(".")


def _minute(view: View, at: int) -> str:
    return moment(instant(at), view.zone)
