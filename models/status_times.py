"""The view ``status_times``: each stay of an issue in a status, by metrics.md, read from ``transitions`` in one pass.

The changes of an issue are ordered by instant, history id (by length, then text: ids are numbers) and position. Each
change begins a stay. The first one also ends the stay that began with the issue's birth. A status that the site lists
has its stage by its id, any other one by its id and its name in the history, both empty where it has none.
"""

from typing import Final

_SELECT: Final = """
WITH changes AS (
    SELECT profile, issue_id, at, from_id, from_name, to_id, to_name,
        row_number() OVER life AS place, lead(at) OVER life AS next_at
    FROM transitions
    WHERE field = 'status'
    WINDOW life AS (
        PARTITION BY profile, issue_id ORDER BY at, length(history_id), history_id{bytewise}, position
    )
), stays AS (
    SELECT changes.profile, changes.issue_id, issues.key,
        CASE WHEN ends.is_birth THEN 1 ELSE changes.place + 1 END AS visit,
        CASE WHEN ends.is_birth THEN changes.from_id ELSE changes.to_id END AS status_id,
        CASE WHEN ends.is_birth THEN changes.from_name ELSE changes.to_name END AS name,
        CASE WHEN ends.is_birth AND issues.created < changes.at THEN issues.created ELSE changes.at END AS entered_at,
        CASE WHEN ends.is_birth THEN changes.at ELSE changes.next_at END AS left_at
    FROM changes
    JOIN issues ON issues.profile = changes.profile AND issues.issue_id = changes.issue_id
    JOIN (SELECT false AS is_birth UNION ALL SELECT true) AS ends ON changes.place = 1 OR NOT ends.is_birth
    WHERE issues.gone_at IS NULL
    UNION ALL
    SELECT profile, issue_id, key, 1, status_id, NULL, created, NULL
    FROM issues
    WHERE gone_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM transitions
        WHERE transitions.profile = issues.profile AND transitions.issue_id = issues.issue_id
            AND transitions.field = 'status'
    )
)
SELECT stays.profile, stays.issue_id, stays.key, stays.visit, stays.status_id,
    coalesce(nullif(stays.name, ''), listed.name) AS status_name,
    coalesce(listed.stage, unlisted.stage) AS stage,
    stays.entered_at, stays.left_at, {seconds} AS seconds
FROM stays
LEFT JOIN statuses AS listed ON listed.profile = stays.profile AND listed.status_id = stays.status_id AND listed.listed
LEFT JOIN statuses AS unlisted ON unlisted.profile = stays.profile
    AND unlisted.status_id = coalesce(stays.status_id, '') AND unlisted.name = coalesce(stays.name, '')
    AND NOT unlisted.listed
"""
# Whole microseconds, divided once. SQLite's own dates are floating-point days, or rounded to milliseconds: its texts
# are cut into whole seconds and what is behind them.
_MICROSECONDS: Final = (
    "(CAST(strftime('%s', substr({0}, 1, 19)) AS INTEGER) * 1000000 + CAST(substr({0}, 21, 6) AS INTEGER))"
)
_SECONDS: Final = {
    "sqlite": f"({_MICROSECONDS.format('stays.left_at')} - {_MICROSECONDS.format('stays.entered_at')}) / 1000000.0",
    "postgresql": "CAST(EXTRACT(EPOCH FROM stays.left_at - stays.entered_at) AS double precision)",
}
_BYTEWISE: Final = {"sqlite": "", "postgresql": ' COLLATE "C"'}
SELECT: Final = {
    dialect: _SELECT.format(seconds=seconds, bytewise=_BYTEWISE[dialect]) for dialect, seconds in _SECONDS.items()
}
