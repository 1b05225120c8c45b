"""The parts of one number, as rows and sheets: each part in the metric's unit, and how they add up to it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from console.explain.order import Order
from console.explain.rows import NAMES, View, has_points
from console.explain.words import clipped, entries_of, format_finding, format_times, set_by_in_short
from console.shared.output import Column, Row, Sheet
from models.metrics.sums import Addends
from models.records import UNMAPPED, instant
from models.wording import format_count, format_exact
from report.notes import few
from report.words import NOTHING, for_profile, format_number, format_time, format_unit, in_words


def everything(rows: Sequence[Row], order: Order) -> Sheet:
    """Return all parts as one list, for CSV: those used, then those left out."""
    lists = [[row for row in rows if row["used"] is is_used] for is_used in (True, False)]
    return Sheet(NAMES, [row for part in lists for row in order.cut(part)], ())


def sheets(view: View, rows: Sequence[Row], order: Order, room: int, *, history: bool = False) -> dict[str, Sheet]:
    """Return the number, what was used, and what was left out; ``order`` sorts and cuts the two lists.

    A list leaves out the days in each status, and says so, where ``room`` (letters in a line) is too little.

    With ``history`` the lists name, a line each, what set their instants, in place of what each part adds.
    """
    parts = [row for row in rows if row["used"]]
    others = [row for row in rows if not row["used"]]
    notes = () if history else _too_wide(parts, room)
    used = _list(parts, order, _columns(view, parts, room), "Behind it", notes)
    left_out = _list(others, order, _columns(view, others, room), "Left out", _quality(view, rows))
    if history:
        used, left_out = _entries(view, used), _entries(view, left_out)
    return {"result": _result(view), "used": used, "left_out": left_out}


def adds_up(view: View) -> str:
    """Return how the parts give the value, with the figures a person can check."""
    used, measured, window = view.explanation.used, view.measured, view.measured.window
    if measured.value is None:
        return for_profile(str(measured.message), view.profile)
    addends = Addends(
        count=len(used),
        value=sum(part.value for part in used),
        base=sum(part.base for part in used),
        width=window.effective_end - window.start,
        end=_minute(view, window.effective_end),
        details=measured.details,
    )
    return f"{view.kind.adds_up.words(addends)} = {format_exact(measured.value)} {format_unit(measured.unit)}"


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
        "notes": list(view.notes),
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
    value = in_words(measured.state) if measured.value is None else f"{format_number(measured.value)} "
    value += "" if measured.value is None else format_unit(measured.unit) + level
    candidates = measured.n_used + measured.n_excluded
    # Without a rule for candidates they cannot be counted.
    coverage = (
        f"used {measured.n_used:,} of {format_count(candidates, 'candidate')}; "
        if measured.state != "missing_mapping"
        else ""
    )
    return (
        f"{value}; {coverage}as of {format_time(view.as_of, view.zone)}",
        adds_up(view),
        *_without_points(view),
        *(("Note: " + view.warning,) if view.warning else ()),
        *view.notes,
    )


def _without_points(view: View) -> tuple[str, ...]:
    """Return a sentence that names the items which add no points, where the profile maps some."""
    keys = [part.key for part in view.explanation.used if part.points is None] if has_points(view) else []
    if not keys:
        return ()
    delivered, have = format_count(len(view.explanation.used), "delivered item"), "has" if len(keys) == 1 else "have"
    return (f"{len(keys):,} of {delivered} {have} no points: {few(keys)}.",)


def _list(rows: Sequence[Row], order: Order, columns: tuple[Column, ...], what: str, notes: tuple[str, ...]) -> Sheet:
    first = order.cut(rows)
    more = f", the first {len(first):,} of them" if len(first) < len(rows) else ""
    title = f"{what}: {len(rows):,}{more}" if rows else ""
    return Sheet(NAMES, first, columns, title, notes, empty=f"{what}: none.")


def _entries(view: View, parts: Sheet) -> Sheet:
    """Return a line for each history entry, field or release behind the parts of a list."""
    rows = [entry for row in parts.rows for entry in entries_of(row)]
    columns = (
        key_column(view),
        Column("what", lambda row: row["what"]),
        Column("when", lambda row: format_time(row["at"], view.zone), keep=True),
        Column("history", lambda row: row["history_id"], right=True, keep=True),
        Column("set by", lambda row: row["set_by"]),
    )
    return replace(parts, rows=rows, columns=columns)


def _columns(view: View, rows: Sequence[Row], room: int) -> tuple[Column, ...]:
    """Return what these parts have to show; what none of them has, or what does not bear on the metric, is left out."""
    instants = list(dict.fromkeys(name for row in rows for name in row["instants"]))
    columns = [key_column(view)]
    columns += [_instant(view, name) for name in instants]
    columns.append(
        Column(view.kind.part_unit.heading, lambda row: format_number(row["contribution"]), right=True, keep=True)
    )
    if "base" in view.kind.beside:
        heading = view.kind.part_unit.base_heading
        columns.append(Column(heading, lambda row: format_number(row["out_of"]), right=True, keep=True))
    if has_points(view):
        columns.append(Column("points", lambda row: format_number(row["points"]), right=True, keep=True))
    names = [name for name in ("category", "stage") if name in view.kind.beside]
    columns += [_optional(name, _BELOW.get(name)) for name in names if any(row[name] for row in rows)]
    if any(row["reason"] for row in rows):
        columns.append(_optional("reason", _why))
    if any(row["rework_by"] for row in rows):
        columns.append(Column("says", _rework))
    if any(row["failed_by"] for row in rows):
        columns.append(Column("failed by", lambda row: _failed_by(view, row)))
    if _has_times(rows) and room >= _WIDE:
        columns.append(Column("days in status", lambda row: format_times(row["time_in_statuses"])))
    if any(row["summary"] for row in rows):
        columns.append(Column("summary", lambda row: row["summary"] or "", clip=True))
    return tuple(columns)


def _has_times(rows: Sequence[Row]) -> bool:
    return any(row["time_in_statuses"] for row in rows)


def _too_wide(rows: Sequence[Row], room: int) -> tuple[str, ...]:
    """Return a sentence that names the column which this terminal has no room for."""
    if not _has_times(rows) or room >= _WIDE:
        return ()
    return (f"A terminal of {_WIDE} columns or more also shows the days in each status.",)


def key_column(view: View) -> Column:
    """Return the column of the issues or deployments; an issue's key leads to Jira where the terminal can follow it."""
    heading = "name" if view.kind.about == "deployment" else "issue"
    return Column(heading, lambda row: row["key"], keep=True, link=lambda row: row.get("url") or "")


def _instant(view: View, name: str) -> Column:
    """Return a moment, and below it what set it: a change of status, a field, a release; a change's deployment
    by name.
    """

    def below(row: Row) -> str:
        by_name = name == "deployed" and row["deployment"] and row["deployment"] != row["key"]
        return clipped(row["deployment"]) if by_name else set_by_in_short(row["set_by"].get(name))

    heading = in_words(name)
    return Column(heading, lambda row: format_time(row["instants"].get(name), view.zone), keep=True, below=below)


def _optional(name: str, below: Callable[[Row], str] | None) -> Column:
    return Column(name, lambda row: in_words(row[name] or NOTHING), below=below or (lambda _row: ""))


def _status(row: Row) -> str:
    return clipped(str(row["set_by"].get("stage", {}).get("to", "")))


def _why(row: Row) -> str:
    """Return the resolution that delivers nothing, or the value that is not a time."""
    for name in ("status", "resolution", "committed", "detected"):
        setter = row["set_by"].get(name)
        if setter is not None and name not in row["instants"]:
            return clipped(str(setter.get("to", setter.get("value"))))
    return ""


def _rework(row: Row) -> str:
    """Return what says whether a deployment was rework: its own mark, or the items that it carried by category."""
    marks = [setter for setter in row["rework_by"] if setter["source"] != "item"]
    if marks:
        return "; ".join(f"{setter['field']}: {clipped(str(setter.get('value')))}" for setter in marks)
    kinds = Counter(str(setter["value"]) for setter in row["rework_by"])
    return ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())


def _failed_by(view: View, row: Row) -> str:
    """Return what marked a deployment as failed; an incident that is linked and names the version is listed once."""
    return "; ".join(dict.fromkeys(_named(view, setter) for setter in row["failed_by"]))


def _named(view: View, setter: Mapping[str, Any]) -> str:
    """Return what marked a deployment as failed: an incident with the instant it was created at, or a field's value."""
    if setter["source"] == "incident":
        return f"{setter['key']} {format_time(setter['at'], view.zone)}"
    if setter["source"] == "table":
        return "its own column"
    return f"{setter['field']}: {clipped(str(setter.get('value')))}"


def _type(row: Row) -> str:
    """Return the type that no category names."""
    return clipped(row["type"] or "") if row["category"] == UNMAPPED else ""


# In a narrower terminal the days in each status would be broken letter by letter; JSON and CSV always have them.
_WIDE: Final = 100
_MOST_ODD: Final = 10  # issues whose findings are written out
_BELOW: Final[Mapping[str, Callable[[Row], str]]] = {"stage": _status, "category": _type}


def _quality(view: View, rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the findings about these issues, each with what it was found in: ``PAY-3 unmapped status (Ghost)``."""
    odd = {row["key"]: row["data_quality"] for row in rows if row["data_quality"]}
    first_keys = list(odd)[:_MOST_ODD]
    issues = [f"{key} {', '.join(format_finding(finding, view.zone) for finding in odd[key])}" for key in first_keys]
    more = len(odd) - len(issues)
    rest = f" {format_count(more, 'more issue')} {'has' if more == 1 else 'have'} findings; see --format json."
    return (f"Data quality: {'; '.join(issues)}.{rest if more else ''}",) if issues else ()


# --- words ----------------------------------------------------------------------------------------------------------


def _minute(view: View, at: int) -> str:
    return format_time(instant(at), view.zone)
