"""The views for dashboards: results, items and freshness, with each instant as whole seconds since 1970 (UTC).

Dashboards read a time as a number only: the text of SQLite has no zone, and a reader of it would have to guess one.
"""

from collections.abc import Callable
from typing import Final

NAMES: Final = ("metric_now", "metric_weeks", "items", "freshness")

# What both views of results have of a row. Coverage: how many of 100 candidates were used; null without any.
_RESULT: Final[str] = """
    {epoch:window_start} AS time, {epoch:window_end} AS end_time, {epoch:confirmed_as_of} AS as_of_time,
    value, unit, level, state, replace(message, '[profiles.<name>.', '[profiles.' || profile || '.') AS message,
    n_used, n_excluded,
    CASE WHEN n_used + n_excluded > 0
        THEN CAST(100 * n_used AS double precision) / (n_used + n_excluded) END AS coverage,
    {number:details.p85} AS p85
"""
_METRIC_NOW: Final[str] = """
SELECT profile, metric_type, {result}, CAST(exclusions AS text) AS exclusions
FROM latest_results
"""
# A week that was over before the first stored issue began is not known, whatever its row says (its count is 0).
_METRIC_WEEKS: Final[str] = """
SELECT profile, metric_type, week, CAST(day AS text) AS day, {result}, complete,
    coalesce(window_end > (
        SELECT created FROM issues
        WHERE issues.profile = weekly_results.profile AND (gone_at IS NULL OR gone_counts) ORDER BY created LIMIT 1
    ), false) AS known,
    {count:details.by_category.feature} AS feature, {count:details.by_category.defect} AS defect,
    {count:details.by_category.risk} AS risk, {count:details.by_category.debt} AS debt,
    {count:details.by_category.unmapped} AS unmapped
FROM weekly_results
"""
# Ages are those at the instant of the data. What changed while the last fetch ran is younger than that: 0 days.
_ITEMS: Final[str] = """
SELECT profile, issue_id, key, summary, url, project, type, category, status, stage,
    {epoch:created} AS created_time, {epoch:started_at} AS started_time, {epoch:done_at} AS done_time,
    {epoch:status_at} AS status_time, {epoch:blocked_since} AS blocked_time, {epoch:data_as_of} AS data_time,
    delivered,
    CASE WHEN reason IS NOT NULL THEN reason
        WHEN done_at IS NOT NULL AND started_at IS NULL THEN 'never_started' END AS reason,
    CASE WHEN delivered AND started_at IS NOT NULL THEN {days:done_at started_at} END AS flow_days,
    CASE WHEN in_progress AND started_at < data_as_of THEN {days:data_as_of started_at}
        WHEN in_progress AND data_as_of IS NOT NULL THEN 0.0 END AS age_days,
    CASE WHEN in_progress AND status_at < data_as_of THEN {days:data_as_of status_at}
        WHEN in_progress AND data_as_of IS NOT NULL THEN 0.0 END AS status_days,
    CASE WHEN blocked_since < data_as_of THEN {days:data_as_of blocked_since}
        WHEN blocked_since IS NOT NULL AND data_as_of IS NOT NULL THEN 0.0 END AS blocked_days
FROM (
    SELECT facts.*, issues.key, issues.summary, issues.project, issues.created, cache_metadata.data_as_of,
        coalesce(listed.name, issues.status_id) AS status, facts.stage IN ('active', 'waiting') AS in_progress,
        rtrim({base_url}, '/') || '/browse/' || issues.key AS url,
        coalesce((
            SELECT max(at) FROM transitions
            WHERE transitions.profile = facts.profile AND transitions.issue_id = facts.issue_id
                AND transitions.field = 'status'
        ), issues.created) AS status_at
    FROM (
        SELECT profile, issue_id, type, category, started_at, done_at, delivered, reason, blocked_since,
            {last_stage} AS stage
        FROM work_items
    ) AS facts
    JOIN issues ON issues.profile = facts.profile AND issues.issue_id = facts.issue_id
    LEFT JOIN statuses AS listed
        ON listed.profile = issues.profile AND listed.status_id = issues.status_id AND listed.listed
    LEFT JOIN cache_metadata ON cache_metadata.profile = facts.profile
    WHERE issues.gone_at IS NULL OR issues.gone_counts
) AS dated
"""
_FRESHNESS: Final[str] = """
SELECT names.profile AS profile, {epoch:cache_metadata.data_as_of} AS data_time,
    CASE WHEN NOT cache_metadata.invalidated THEN {epoch:cache_metadata.expiration_timestamp} END AS expires_time,
    cache_metadata.issue_count AS issues, {epoch:results.calculated_at} AS calculated_time,
    refreshes.state AS refresh_state, {epoch:refreshes.ended_at} AS refresh_time, refreshes.error AS refresh_error,
    fetches.api_calls_made AS requests, fetches.issues_changed AS issues_changed, fetches.issues_gone AS issues_gone,
    fetches.duration_seconds AS fetch_seconds, findings.count AS findings
FROM (SELECT profile FROM cache_metadata UNION SELECT profile FROM runs) AS names
LEFT JOIN cache_metadata ON cache_metadata.profile = names.profile
LEFT JOIN (
    SELECT profile, max(calculated_at) AS calculated_at FROM metric_results GROUP BY profile
) AS results ON results.profile = names.profile
LEFT JOIN (
    SELECT profile, state, ended_at, error,
        row_number() OVER (PARTITION BY profile ORDER BY ended_at DESC, run_id) AS place
    FROM runs WHERE kind = 'refresh' AND ended_at IS NOT NULL
) AS refreshes ON refreshes.profile = names.profile AND refreshes.place = 1
LEFT JOIN (
    SELECT profile, api_calls_made, issues_changed, issues_gone, duration_seconds,
        row_number() OVER (PARTITION BY profile ORDER BY start_time DESC, request_id) AS place
    FROM fetch_operations WHERE end_time IS NOT NULL
) AS fetches ON fetches.profile = names.profile AND fetches.place = 1
LEFT JOIN (
    SELECT profile, CAST(sum(count) AS integer) AS count FROM data_quality GROUP BY profile
) AS findings ON findings.profile = names.profile
"""


class _Word:
    """A word of the SQL that the databases spell differently; a view asks for it as ``{epoch:window_start}``."""

    def __init__(self, spell: Callable[[str], str]) -> None:
        self._spell = spell

    def __format__(self, operands: str) -> str:
        """Return the SQL of these operands."""
        return self._spell(operands)


def select_of(view: str, dialect: str) -> str:
    """Return the SELECT of one of these views as ``sqlite`` or ``postgresql`` takes it."""
    selects = dict(zip(NAMES, (_METRIC_NOW, _METRIC_WEEKS, _ITEMS, _FRESHNESS), strict=True))
    words = _SQLITE if dialect == "sqlite" else _POSTGRESQL
    return selects[view].format(result=_RESULT.format(**words), **words)


def _sqlite_epoch(column: str) -> str:
    """Cut the text to its whole seconds, because SQLite's own date functions round to milliseconds."""
    return f"CAST(strftime('%s', substr({column}, 1, 19)) AS integer)"


def _postgresql_epoch(column: str) -> str:
    """Use floor, because a cast of PostgreSQL rounds half a second up."""
    return f"CAST(floor(EXTRACT(EPOCH FROM {column})) AS bigint)"


def _sqlite_micros(column: str) -> str:
    return f"({_sqlite_epoch(column)} * 1000000 + CAST(substr({column}, 21, 6) AS integer))"


def _postgresql_micros(column: str) -> str:
    return f"CAST(EXTRACT(EPOCH FROM {column}) * 1000000 AS bigint)"


def _days(micros: Callable[[str], str]) -> _Word:
    """Return what gives the days from the second instant to the first, divided once as the metrics divide."""

    def spell(operands: str) -> str:
        end, start = operands.split()
        return f"CAST({micros(end)} - {micros(start)} AS double precision) / 86400000000.0"

    return _Word(spell)


def _inside(path: str) -> str:
    """Return what SQLite finds at a path whose first name is a JSON column."""
    column, _, names = path.partition(".")
    return f"json_extract({column}, '$.{names}')"


def _inside_text(path: str) -> str:
    column, _, names = path.partition(".")
    return f"({column} #>> '{{{names.replace('.', ',')}}}')"


BASE_URL: Final = {
    "sqlite": "json_extract(cache_metadata.cursor, '$.base_url')",
    "postgresql": "(cache_metadata.cursor ->> 'base_url')",
}
_SQLITE: Final = {
    "epoch": _Word(_sqlite_epoch),
    "days": _days(_sqlite_micros),
    "number": _Word(lambda path: f"CAST({_inside(path)} AS double precision)"),
    "count": _Word(lambda path: f"CAST({_inside(path)} AS integer)"),
    "base_url": BASE_URL["sqlite"],
    "last_stage": "json_extract(timeline, '$[#-1][1]')",
}
_POSTGRESQL: Final = {
    "epoch": _Word(_postgresql_epoch),
    "days": _days(_postgresql_micros),
    "number": _Word(lambda path: f"CAST({_inside_text(path)} AS double precision)"),
    "count": _Word(lambda path: f"CAST({_inside_text(path)} AS integer)"),
    "base_url": BASE_URL["postgresql"],
    "last_stage": "(timeline -> -1 ->> 1)",
}
