"""The panels of the two dashboards as data: what each shows, how large it is, and the SQL it asks.

The SQL is the same text for SQLite and PostgreSQL and reads only the views with instants in seconds. No panel divides
or averages: every number is one that Flowbeat has stored. A week that is not known or has no value is never drawn as 0.
"""

from dataclasses import dataclass
from typing import Final, Literal

from models.metrics.catalogue import METRICS, in_groups
from models.metrics.metric import Metric
from models.records import Group
from report.words import format_unit

Kind = Literal["table", "timeseries", "state-timeline"]
Look = Literal["plain", "bars", "stacked", "points", "lines"]


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel: its kind, its title, its size in columns (of 24) and rows, and the SQL whose columns it shows.

    - ``about``: what a reader finds behind the panel's sign of information.
    - ``instants``: columns that are milliseconds since 1970, as tables show times. A series has seconds in ``time``.
    - ``blanks``: columns in which null means that there is nothing, and not that a value is missing.
    - ``links``: column → address. ``hidden``: columns that only links use.
    - ``by``: the column that splits a series into one line for each of its values.
    """

    kind: Kind
    title: str
    size: tuple[int, int]
    sql: str
    about: str
    look: Look = "plain"
    instants: tuple[str, ...] = ()
    blanks: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    hidden: tuple[str, ...] = ()
    by: str = ""


_TEAM: Final = "profile = ${profile:sqlstring}"
_ORDER: Final = " ".join(f"WHEN '{name}' THEN {place}" for place, name in enumerate(METRICS, 1))
_BY_METRIC: Final = f"CASE metric_type {_ORDER} END"
_OLDEST_FIRST: Final = "DESC, length(issue_id), issue_id"
_JIRA: Final = (("issue", "${__data.fields.url}"),)
_TO_TEAM: Final = (("team", "/d/flowbeat-team?var-profile=${__value.text}"),)
_FRESHNESS: Final = """
SELECT {team}data_time * 1000 AS data, refresh_time * 1000 AS refreshed, refresh_state AS state,
    refresh_error AS error, calculated_time * 1000 AS calculated, issues, requests, issues_changed AS changed,
    issues_gone AS gone, fetch_seconds AS seconds, findings
FROM freshness {where}ORDER BY profile
"""
_NOW: Final = """
SELECT metric_type AS metric, value, unit, level, p85, n_used AS used, n_excluded AS "left out",
    coverage AS "coverage %", state, time * 1000 AS "from", end_time * 1000 AS "until"
FROM metric_now WHERE {only} ORDER BY {order}
"""
_MISSING: Final = """
SELECT {team}metric_type AS metric, state, message FROM metric_now WHERE {where}state <> 'success' ORDER BY {order}
"""
_LEFT_OUT: Final = """
SELECT metric_type AS metric, n_excluded AS "left out", exclusions AS why
FROM metric_now WHERE {only} AND n_excluded > 0 ORDER BY {order}
"""
_WEEKS: Final = """
SELECT time, CASE WHEN complete THEN value END AS value, CASE WHEN NOT complete THEN value END AS "so far",
    CASE WHEN value = 0 THEN value END AS zero
FROM metric_weeks WHERE {only} AND metric_type = '{metric}' AND known ORDER BY time
"""
_STATES: Final = """
SELECT time, {columns}
FROM metric_weeks WHERE {only} GROUP BY time ORDER BY time
"""
_STATE: Final = (
    "max(CASE WHEN metric_type = '{metric}' THEN CASE WHEN known THEN state ELSE 'not_known' END END) AS {metric}"
)
_CATEGORIES: Final = """
SELECT time, feature, defect, risk, debt, unmapped
FROM metric_weeks WHERE {only} AND metric_type = 'flow_velocity' AND known AND complete ORDER BY time
"""
_COVERAGE: Final = """
SELECT time, n_used AS used, n_excluded AS "left out"
FROM metric_weeks WHERE {only} AND metric_type = 'flow_time' AND known AND complete ORDER BY time
"""
_PROGRESS: Final = """
SELECT {team}key AS issue, summary, type, category, status, stage, age_days AS days, status_days AS "days in status",
    blocked_days AS "days blocked", started_time * 1000 AS started, url
FROM items WHERE {where}age_days IS NOT NULL ORDER BY age_days {oldest} LIMIT 200
"""
_BLOCKED: Final = """
SELECT {team}key AS issue, summary, status, blocked_days AS "days blocked", blocked_time * 1000 AS since, url
FROM items WHERE {where}blocked_days IS NOT NULL ORDER BY blocked_days {oldest} LIMIT 200
"""
_FINISHED: Final = """
SELECT done_time AS time, flow_days AS days FROM items
WHERE {only} AND flow_days IS NOT NULL AND done_time * 1000 BETWEEN ${{__from}} AND ${{__to}}
ORDER BY done_time, length(issue_id), issue_id
"""
_VALUES: Final = """
SELECT profile AS team, {columns}
FROM metric_now GROUP BY profile ORDER BY profile
"""
_TREND: Final = """
SELECT time, profile, value AS "Value"
FROM metric_weeks WHERE metric_type = ${{metric:sqlstring}} AND known AND complete ORDER BY time, profile
"""
_TIMES: Final = ("data", "refreshed", "calculated")
_NO_ERROR: Final = ("error", "requests", "changed", "gone", "seconds", "findings")


def _query(template: str, **values: str) -> str:
    """Return the SQL on one line, with what the templates share and these values."""
    words = {"only": _TEAM, "order": _BY_METRIC, "oldest": _OLDEST_FIRST, **values}
    return " ".join(template.format(**words).split())


def _weekly(metric: Metric) -> Panel:
    return Panel(
        "timeseries",
        f"{metric.title}, {format_unit(metric.unit)}",
        (8, 7),
        _query(_WEEKS, metric=metric.name),
        f"{metric.definition} A pale bar is the running week, a dot a true 0. A gap is a week without a value.",
        look="bars",
    )


def _side_by_side(group: Group, metrics: tuple[Metric, ...]) -> Panel:
    columns = ", ".join(f"max(CASE WHEN metric_type = '{item.name}' THEN value END) AS {item.name}" for item in metrics)
    units = ", ".join(f"{item.name} in {format_unit(item.unit)}" for item in metrics)
    return Panel(
        "table",
        f"{group[0].upper()}{group[1:]}: the newest period",
        (24, 7),
        _query(_VALUES, columns=columns),
        f"The newest period of each team: {units}.",
        links=_TO_TEAM,
    )


def _freshness(title: str, team: str, where: str, links: tuple[tuple[str, str], ...] = ()) -> Panel:
    return Panel(
        "table",
        title,
        (24, 4 if where else 7),
        _query(_FRESHNESS, team=team, where=where),
        "The instant of the data, the last refresh that ended, and what its fetch cost. Findings are odd data.",
        instants=_TIMES,
        blanks=_NO_ERROR,
        links=links,
    )


def _missing(team: str, where: str, links: tuple[tuple[str, str], ...] = ()) -> Panel:
    order = _BY_METRIC if where else f"profile, {_BY_METRIC}"
    return Panel(
        "table",
        "Why a value is missing",
        (24, 7),
        _query(_MISSING, team=team, where=where, order=order),
        "The metrics without a value in the newest period, and what to do. Empty: each calculated metric has a value.",
        links=links,
    )


def _progress(team: str, where: str, links: tuple[tuple[str, str], ...] = ()) -> Panel:
    return Panel(
        "table",
        "In progress, oldest first",
        (24, 12),
        _query(_PROGRESS, team=team, where=where),
        "Up to 200 items; ages at the instant of the data. A dash under days blocked: not blocked, or not configured.",
        instants=("started",),
        blanks=("summary", "days blocked"),
        links=(*links, *_JIRA),
        hidden=("url",),
    )


def _blocked(width: int, team: str, where: str, links: tuple[tuple[str, str], ...] = ()) -> Panel:
    return Panel(
        "table",
        "Blocked, longest first",
        (width, 9),
        _query(_BLOCKED, team=team, where=where),
        "Items in progress in a blocked status or with their flag set. Empty: none is, or neither is configured.",
        instants=("since",),
        blanks=("summary",),
        links=(*links, *_JIRA),
        hidden=("url",),
    )


_OF_TEAM: Final = f"{_TEAM} AND "
TEAM_PANELS: Final[tuple[Panel, ...]] = (
    _freshness("How fresh", "", f"WHERE {_TEAM} "),
    Panel(
        "table",
        "The newest period",
        (24, 16),
        _query(_NOW),
        "Each metric as flowbeat results shows it. Where the value is missing, the state says why.",
        instants=("from", "until"),
        blanks=("level", "p85"),
    ),
    _missing("", _OF_TEAM),
    *(_weekly(metric) for metric in METRICS.values()),
    Panel(
        "state-timeline",
        "What is known of each week",
        (24, 14),
        _query(_STATES, columns=", ".join(_STATE.format(metric=name) for name in METRICS)),
        "Why a week has no bar above: no data, not configured, an error, or a week before the first stored issue.",
    ),
    Panel(
        "timeseries",
        "Delivered per week by category",
        (12, 9),
        _query(_CATEGORIES),
        "Items delivered in each whole week. Unmapped: no category lists their type.",
        look="stacked",
    ),
    Panel(
        "timeseries",
        "Coverage of flow time by week",
        (12, 9),
        _query(_COVERAGE),
        "How many done items flow time was computed from, and how many were left out, in each whole week.",
        look="stacked",
    ),
    _progress("", _OF_TEAM),
    _blocked(12, "", _OF_TEAM),
    Panel(
        "table",
        "Left out of the newest period",
        (12, 9),
        _query(_LEFT_OUT),
        "How many candidates were left out of each metric, by reason. flowbeat explain lists them.",
    ),
    Panel(
        "timeseries",
        "Flow time of each finished item, days",
        (24, 9),
        _query(_FINISHED),
        "A dot for each item that flow time uses, when it was done.",
        look="points",
    ),
)
ALL_PANELS: Final[tuple[Panel, ...]] = (
    _freshness("How fresh each team is", "profile AS team, ", "", _TO_TEAM),
    *(_side_by_side(group, metrics) for group, metrics in in_groups().items()),
    _missing("profile AS team, ", "", _TO_TEAM),
    Panel(
        "timeseries",
        "${metric} by week",
        (24, 10),
        _query(_TREND),
        "Whole weeks of the chosen metric. A gap is a week without a value.",
        look="lines",
        by="profile",
    ),
    _progress("profile AS team, ", "", _TO_TEAM),
    _blocked(24, "profile AS team, ", "", _TO_TEAM),
)
