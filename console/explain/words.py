"""Words for what set an instant or marked a deployment as failed: short for a cell, in full for a line."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from console.shared.output import Row
from report.words import NOTHING, format_number, format_time, in_words

_ROOM: Final = 20  # letters under an instant


def entries_of(row: Row) -> list[Row]:
    """Return a line for what set each of a part's instants, then a line for each mark of a failure.

    The part's name is beside the first.
    """
    setters = [
        *row["set_by"].items(),
        *(("blocked", by | {"at": span["at"]}) for span in row["blocked"] for by in span["set_by"]),
        *(("rework", mark) for mark in row["rework_by"]),
        *(("failed", mark) for mark in row["failed_by"]),
    ]
    return [
        {
            "key": "" if index else row["key"],
            "what": in_words(what),
            "at": row["instants"].get(what, setter.get("at")),
            "history_id": setter.get("history_id", NOTHING),
            "set_by": _in_full(row, setter),
        }
        for index, (what, setter) in enumerate(setters)
    ]


def _in_full(row: Row, setter: Mapping[str, Any]) -> str:
    """Return in full what set an instant, and in which issue if it is another one."""
    whose = "" if setter["key"] == row["key"] else f"{setter['key']}: "
    if setter["source"] == "history":
        before, after = setter.get("from"), setter.get("to", setter.get("value"))
        return f"{whose}{setter['field']} {before or 'nothing'} → {after or 'nothing'}"
    if setter["source"] == "field" and "value" in setter:
        return f"{whose}field {setter['field']}: {_text(setter['value'])}"
    return whose + (_incident(setter) if setter["source"] == "incident" else set_by_in_short(setter))


def format_finding(finding: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Return a finding about an issue with what it was found in, or with its two instants: ``unmapped status (X)``."""
    details = list(finding["details"])
    if "resolved" in finding:
        resolved, done = (finding[name] and format_time(finding[name], zone) for name in ("resolved", "done_at"))
        details += [
            f"resolved {resolved}" if resolved else "no resolution date",
            f"done {done}" if done else "not done",
        ]
    name = in_words(str(finding["reason"]))
    return f"{name} ({', '.join(details)})" if details else name


def _text(value: object) -> str:
    """Return a field's value as text: of an option its value or name."""
    if isinstance(value, Mapping):
        value = value.get("value", value.get("name", value))
    return str(value)


def _incident(setter: Mapping[str, Any]) -> str:
    """Return how an incident marks a deployment: by versions that it affects, or by issues that it is linked to."""
    how = "linked to" if setter["field"] == "links" else "affects"
    return f"incident created, {how} {setter['value']}"


def set_by_in_short(setter: Mapping[str, Any] | None) -> str:
    """Return in a few words what set an instant."""
    if setter is None:
        return ""
    if setter["source"] == "history":
        return _change(setter.get("from"), setter.get("to", setter.get("value")))
    if setter["source"] == "created":
        return f"created {setter['to']}" if "to" in setter else "created"
    if setter["source"] == "field":
        return f"field {setter['field']}"
    words = {
        "version": "release date",
        "table": "row of the table",
        "deployment": f"deployment {setter['key']}",
        "item": f"category {setter.get('value')}",
    }
    return words[setter["source"]]


def _change(before: str | None, after: str | None) -> str:
    """Return both sides of a change if there is room, else the new one."""
    whole = f"{before or 'nothing'} → {after or 'nothing'}"
    return whole if len(whole) <= _ROOM else clipped(f"→ {after or 'nothing'}")


def format_times(times: Sequence[Mapping[str, Any]]) -> str:
    """Return the days in statuses in few words, as in ``In Progress 2.1, In Review 0.5``."""
    return ", ".join(f"{clipped(time['status'] or 'unknown')} {format_number(time['days'])}" for time in times)


def clipped(text: str) -> str:
    """Return a text cut to the room below an instant."""
    return text if len(text) <= _ROOM else f"{text[: _ROOM - 1]}…"
