"""The dates of JQL: literals to the minute in the account's zone, epoch milliseconds, periods, `startOfDay()`."""

import re
from calendar import monthrange
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sandbox.jql import Call, JqlError, Value
from sandbox.shapes import millis, moment
from sandbox.site import Asker

_EPOCH: Final = re.compile(r"-?\d+")
_RELATIVE: Final = re.compile(r"([+-]?)((?:\d+[yMwdhm]\s*)+)")
_PART: Final = re.compile(r"(\d+)([yMwdhm])")
_DATE: Final = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?: (\d{1,2}):(\d{2}))?")
_SECONDS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60}
_UNITS: Final = {"Day": "d", "Week": "w", "Month": "M", "Year": "y"}
_INCREMENT: Final = re.compile(r"([+-]?)(\d+)([yMwdhm]?)")
_EDGE: Final = re.compile(r"(startof|endof)(day|week|month|year)", re.IGNORECASE)


def instant(field: str, value: Value, asker: Asker) -> int:
    """Return the epoch milliseconds of a date value; raise JqlError in Jira's words if it is not one."""
    if isinstance(value, Call):
        return _of_call(value, asker)
    if asker.takes_epoch and _EPOCH.fullmatch(value.text) and not value.is_quoted:
        return int(value.text)
    if match := _RELATIVE.fullmatch(value.text):
        return _shifted(asker, match[2], -1 if match[1] == "-" else 1)
    if (match := _DATE.fullmatch(value.text)) and (read := _local(match, asker.zone)) is not None:
        return read
    raise JqlError(
        f"Date value '{value.text}' for field '{field}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', "
        "'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
    )


def unknown_function(call: Call) -> JqlError:
    """Return Jira's message for an unknown function."""
    return JqlError(f"Unable to find JQL function '{call.name}({', '.join(call.args)})'.")


def _local(value: re.Match[str], zone: ZoneInfo) -> int | None:
    year, month, day, hour, minute = (int(part or 0) for part in value.groups())
    try:
        return millis(datetime(year, month, day, hour, minute, tzinfo=zone))
    except ValueError:
        return None


def _of_call(call: Call, asker: Asker) -> int:
    if call.name.lower() == "now" and not call.args:
        return asker.now
    if not (match := _EDGE.fullmatch(call.name)):
        raise unknown_function(call)
    unit = match[2].capitalize()
    edge = _start(moment(asker.now, asker.zone), unit)
    if call.args:
        edge = _plus(edge, *_increment(call, _UNITS[unit]))
    if match[1].lower() == "startof":
        return millis(edge)
    return millis(_plus(edge, 1, _UNITS[unit])) - 1


def _shifted(asker: Asker, periods: str, sign: int) -> int:
    local = moment(asker.now, asker.zone)
    for many, unit in _PART.findall(periods):
        local = _plus(local, sign * int(many), unit)
    return millis(local)


def _increment(call: Call, usual: str) -> tuple[int, str]:
    """Return number and unit by which `startOfWeek(-1)` or `endOfDay("-4w")` is moved."""
    if not (match := _INCREMENT.fullmatch(call.args[0])):
        raise JqlError(f"The date increment '{call.args[0]}' of function '{call.name}' is invalid.")
    return int(match[2]) * (-1 if match[1] == "-" else 1), match[3] or usual


def _start(local: datetime, unit: str) -> datetime:
    day = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if unit == "Week":
        return day - timedelta(days=day.weekday())
    if unit == "Month":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if unit == "Year" else day


def _plus(local: datetime, many: int, unit: str) -> datetime:
    """Add months, years and whole days on the wall clock, or elapsed hours and minutes."""
    if unit in {"h", "m"}:
        return moment(millis(local) + many * _SECONDS[unit] * 1000, local.tzinfo or ZoneInfo("UTC"))
    if unit in {"d", "w"}:
        return local + timedelta(seconds=many * _SECONDS[unit])
    months = local.year * 12 + local.month - 1 + many * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    return local.replace(year=year, month=month + 1, day=min(local.day, monthrange(year, month + 1)[1]))
