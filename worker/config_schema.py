"""Every key of ``flowbeat.toml``: its kind, which values are right, and the sentence that refuses the others.

``schema`` is the file's shape; ``worker/settings/`` walks along it. A check takes a value of the key's kind, returns
what is kept, and raises ValueError with the end of a sentence that begins with the key's name.
"""

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from models.names import fold_name
from models.records import (
    DEFAULT_CATEGORIES,
    DEFAULT_LEVELS,
    DEPLOYMENT_SOURCES,
    FIELD_ROLES,
    GONE_ISSUES,
    LOG_LEVELS,
    STAGES,
)
from worker import cron

Kind = Literal["text", "whole", "number", "flag", "texts", "numbers", "fields"]
Check = Callable[[Any], Any]

KIND_WORDS: Mapping[Kind, str] = {
    "text": "text in quotes",
    "whole": "a whole number",
    "number": "a number",
    "flag": "true or false",
    "texts": 'a list of texts, as in ["A", "B"]',
    "numbers": "a list of numbers, as in [1, 7, 30]",
    "fields": 'text in quotes, or a list of texts, as in ["A", "B"]',
}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the file: its kind, which values of that kind are right, and whether it must be there."""

    kind: Kind
    check: Check = lambda value: value
    required: bool = False


Schema = Mapping[str, "Key | Schema"]


def schema() -> Schema:
    """Return the whole file: a Key, or a section; ``*`` matches the names a user gives to connections and profiles."""
    days = Key("whole", _within(1, 3650))
    return {
        "timezone": Key("text", _zone),
        "database_url": Key("text", database_url),
        "database_password_file": Key("text", _path),
        "redis_url": Key("text", _redis_url),
        "redis_password_file": Key("text", _path),
        "log_dir": Key("text", _path),
        "log_level": Key("text", _one_of(LOG_LEVELS)),
        "state_dir": Key("text", _path),
        "max_age_hours": Key("number", _real(0.01, 8760)),
        "retention": dict.fromkeys(("runs_days", "fetch_operations_days", "performance_days", "logs_days"), days),
        "stalled_runs": {
            "after_seconds": Key("whole", _within(5, 3600)),
            "check_every_seconds": Key("whole", _within(1, 3600)),
        },
        "changelog_audit": {
            "every_days": Key("whole", _within(1, 365)),
            "issues_per_run": Key("whole", _within(0, 1_000_000)),
        },
        "notify": {
            "command": Key("texts", _command),
            "webhook_env": Key("text", _variable),
            "webhook_file": Key("text", _path),
            "overdue_minutes": Key("whole", _within(1, 10_080)),
            "timeout_seconds": Key("number", _real(1, 30)),
        },
        "connections": {"*": _connection_keys()},
        "defaults": profile_schema(),
        "profiles": {"*": profile_schema()},
    }


def profile_schema() -> dict[str, "Key | Schema"]:
    """Return the keys of a profile, which are those of the defaults of all profiles too."""
    return _profile_keys() | _profile_sections()


def _connection_keys() -> dict[str, Key]:
    return {
        "base_url": Key("text", _base_url, required=True),
        "email": Key("text", _filled),
        "token_env": Key("text", _variable),
        "token_file": Key("text", _path),
        "requests": Key("whole", _within(1, 1_000_000)),
        "per_seconds": Key("number", _real(0.001, 86_400)),
        "concurrency": Key("whole", _within(1, 64)),
        "overlap_minutes": Key("whole", _within(0, 10_080)),
        "flavour": Key("text", _one_of(("cloud", "datacenter"))),
        # Below the 180 s that end a task, so that a slow answer is a time-out first.
        "timeout_seconds": Key("number", _real(1, 120)),
    }


def _profile_keys() -> dict[str, "Key | Schema"]:
    words = Key("texts", _words)
    return {
        "connection": Key("text", _filled, required=True),
        "jql": Key("text", _jql, required=True),
        "time_period_days": Key("whole", _within(1, 3650)),
        "history_weeks": Key("whole", _within(0, 520)),
        "schedule": Key("text", _cron),
        "timezone": Key("text", _zone),
        "store_summaries": Key("flag"),
        "report": Key("text", _path),
        "ignored_types": words,
        "excluded_statuses": words,
        "excluded_resolutions": words,
        "failure_values": words,
        "gone_issues": Key("text", _one_of(GONE_ISSUES)),
    }


def _profile_sections() -> dict[str, "Key | Schema"]:
    key = Key("texts", _some_words)
    return {
        "fields": {
            **dict.fromkeys(FIELD_ROLES, Key("text", _filled)),
            "points": Key("fields", _paths),
            "flagged": Key("text", _field_without_path),
        },
        "workflow": dict.fromkeys(STAGES, Key("texts", _words)),
        "categories": dict.fromkeys(DEFAULT_CATEGORIES, Key("texts", _words)),
        "levels": {metric: Key("numbers", _bounds(default)) for metric, default in DEFAULT_LEVELS.items()},
        "deployments": {
            "source": Key("text", _one_of(DEPLOYMENT_SOURCES), required=True),
            "types": key,
            "group_by": Key("text", _one_of(("fixVersions",))),
            "statuses": key,
        },
        "incidents": {
            "types": Key("texts", _some_words, required=True),
            "priorities": key,
            "excluded_resolutions": Key("texts", _words),
        },
        "blocked": {"statuses": Key("texts", _words, required=True)},
        "service_level": {
            "days": Key("number", _over_zero(), required=True),
            "percent": Key("number", _over_zero(100)),
        },
    }


def unknown(name: str, section: Iterable[str]) -> str:
    """Return the sentence for a key that is not in ``section``; a secret's own name gets its own advice."""
    if re.search(r"token|passw|secret|api_?key|credential|bearer|(^|_)pat$", name.replace("-", "_").casefold()):
        return (
            "must not stand in this file, which holds no secrets; "
            "name the variable that holds the token with token_env, or the file with token_file"
        )
    known = tuple(section)
    return f"is not a known key{did_you_mean(name, known) or '; known here: ' + ', '.join(known)}"


def did_you_mean(word: str, known: Iterable[str], prefix: str = "") -> str:
    """Return ``; did you mean X?`` with the nearest known name, ignoring case; empty where none is near.

    ``prefix`` comes before all of them: it is shown but not compared, because it makes names similar.
    """
    by_fold = {fold_name(name): name for name in known}
    close = difflib.get_close_matches(fold_name(word), by_fold, n=1)
    return f"; did you mean {prefix}{by_fold[close[0]]}?" if close else ""


def repeated(words: Iterable[str]) -> str | None:
    """Return the first word that was there before, as names are compared."""
    seen: set[str] = set()
    for word in words:
        if fold_name(word) in seen:
            return word
        seen.add(fold_name(word))
    return None


# --- numbers --------------------------------------------------------------------------------------------------------


def _within(low: float, high: float) -> Check:
    def check(value: float) -> float:
        if not low <= value <= high:  # written so that nan is refused
            raise ValueError(f"must lie between {low:,} and {high:,}, not {value:,}")
        return value

    return check


def _real(low: float, high: float) -> Check:
    within = _within(low, high)
    return lambda value: float(within(value))


def _over_zero(high: float | None = None) -> Check:
    """Return the check of a finite number over zero, and not over ``high`` where there is one."""
    words = "must be a finite number over 0" if high is None else f"must be a number over 0, up to {high:,}"

    def check(value: float) -> float:
        try:
            number = float(value)
        except OverflowError:  # a whole number that no float holds
            number = math.inf
        if not 0 < number < math.inf or (high is not None and number > high):
            raise ValueError(f"{words}, not {value:,}")
        return number

    return check


def _bounds(default: tuple[float, float, float]) -> Check:
    """Three bounds in the metric's own direction, which is that of its default."""
    falling = default[0] > default[-1]
    example = ", ".join(f"{bound:.3g}" for bound in default)

    def check(value: list[float]) -> tuple[float, ...]:
        in_order = value == sorted(set(value), reverse=falling)
        if len(value) != len(default) or not in_order or not all(0 <= bound < float("inf") for bound in value):
            order = "largest" if falling else "smallest"
            raise ValueError(f"must be the bounds of elite, high and medium, {order} first, as in [{example}]")
        return tuple(float(bound) for bound in value)

    return check


# --- words ----------------------------------------------------------------------------------------------------------


def _one_of(allowed: tuple[str, ...]) -> Check:
    def check(value: str) -> str:
        match = next((word for word in allowed if fold_name(word) == fold_name(value)), None)
        if match is None:
            raise ValueError(f"must be one of {', '.join(allowed)}{did_you_mean(value, allowed)}")
        return match

    return check


def _filled(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty; give it a value or leave the key out")
    return value


def _words(value: list[str]) -> tuple[str, ...]:
    words = tuple(word.strip() for word in value)
    if not all(words):
        raise ValueError("must not hold an empty text")
    twice = repeated(words)
    if twice:
        raise ValueError(f"names {twice!r} twice (upper and lower case are one)")
    return words


def _some_words(value: list[str]) -> tuple[str, ...]:
    if not value:
        raise ValueError("must not be an empty list")
    return _words(value)


def _command(value: list[str]) -> tuple[str, ...]:
    """Return a program and its arguments, which no shell reads."""
    if not value or not value[0].strip():
        raise ValueError('must name a program first, as in ["/usr/local/bin/notify", "--quiet"]')
    return tuple(value)


def _paths(value: str | list[str]) -> str | tuple[str, ...]:
    """Return a field, or several to be asked in turn; a list of one is that field."""
    if isinstance(value, str):
        return _filled(value)
    paths = _some_words(value)
    return paths[0] if len(paths) == 1 else paths


def _field_without_path(value: str) -> str:
    """Return a field whose history is read, too: a change of it says nothing about the values below it."""
    field, dot, _ = _filled(value).strip().partition(".")
    if dot and re.fullmatch(r"customfield_\d+", field, re.IGNORECASE):
        raise ValueError(f"must name a field and no path below it; write {field}")
    return value


def _jql(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty; give the JQL that selects the issues, as in project = PAY")
    return value


def _path(value: str) -> Path:
    try:
        return Path(_filled(value)).expanduser()
    except RuntimeError as error:
        raise ValueError("begins with ~, but the home folder is unknown; write the whole path") from error


def _variable(value: str) -> str:
    # The likely slip is the token itself in place of the variable's name, so the value is not repeated.
    mixed = all(re.search(kind, value) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    if mixed or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", value):
        raise ValueError("must be the name of an environment variable, as in ACME_JIRA_TOKEN, not a token")
    return value


# --- time -----------------------------------------------------------------------------------------------------------


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:  # OSError: "Europe" is a folder of the zone files
        guess = did_you_mean(value, sorted(available_timezones()))
        raise ValueError(
            f"is not a time zone of the IANA list{guess or '; write for example Europe/Zagreb'}"
        ) from error
    return value


def _cron(value: str) -> str:
    example = "write minute, hour, day, month and weekday, as in 0 2 * * * for every night at two"
    line = " ".join(value.split())
    if line.count(" ") != 4:  # noqa: PLR2004 - between the five fields just named
        raise ValueError(f"is not a schedule of five fields; {example}")
    try:
        cron.check(line)
    except ValueError as error:
        raise ValueError(f"is not a schedule ({error}); {example}") from error
    return line


# --- addresses: none is repeated in a message, for any may hold a password ------------------------------------------


def _base_url(value: str) -> str:
    parts = _split(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or " " in value:
        raise ValueError("must be Jira's address with http or https, as in https://acme.atlassian.net")
    if "@" in parts.netloc:
        raise ValueError("must hold no user or password; name them with email and token_env or token_file")
    if "?" in value or "#" in value:
        raise ValueError("must hold no query and no fragment; give the address up to Jira's context path")
    if "/rest/" in f"{parts.path}/":
        raise ValueError("must end before /rest; give the address up to Jira's context path")
    return value.rstrip("/")


def database_url(value: str) -> str:
    """Return the address of a database in the form that is stored; raise ValueError, without it, if it has none."""
    value = re.sub(r"^postgres://", "postgresql://", value)  # what many hosts of databases hand out
    parts = _split(value)
    if parts.scheme not in {"sqlite", "postgresql", "postgresql+psycopg"}:
        raise ValueError("must begin with sqlite:/// or postgresql://")
    if parts.scheme == "sqlite" and (parts.netloc or parts.path in {"", "/", "/:memory:"}):
        raise ValueError("must name a file, which all workers share, as in sqlite:///flowbeat.db")
    if parts.scheme == "sqlite" and parts.path.startswith("/~"):
        raise ValueError("must hold the whole path of the file, for ~ means nothing in a URL")
    return value


def _redis_url(value: str) -> str:
    parts = _split(value)
    if parts.scheme not in {"redis", "rediss", "redis+socket", "unix"}:
        raise ValueError("must begin with redis://, rediss://, redis+socket:// or unix://")
    if not (parts.hostname or parts.path.strip("/")) or " " in value:
        raise ValueError("must name a host or a socket, as in redis://localhost:6379/0")
    return value


def _split(url: str) -> SplitResult:
    if url != url.strip() or not url.isprintable():
        raise ValueError("must hold no line end, and no space around it")
    try:
        parts = urlsplit(url)
        _ = parts.port  # a bad port is found only when it is read
    except ValueError as error:
        raise ValueError("is not a URL whose host and port can be read") from error
    return parts
