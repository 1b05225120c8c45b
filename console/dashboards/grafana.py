"""Panels as the JSON of a Grafana dashboard, for PostgreSQL or SQLite."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from console.dashboards.panels import ALL_PANELS, TEAM_PANELS, Look, Panel
from models.metrics.catalogue import METRICS

Dialect = Literal["postgresql", "sqlite"]
Json = dict[str, Any]
SOURCE: Final = "flowbeat"
TYPES: Final[Mapping[Dialect, str]] = {
    "postgresql": "grafana-postgresql-datasource",
    "sqlite": "frser-sqlite-datasource",
}
COLUMNS: Final = 24
NO_VALUE: Final = "no data"
_SCHEMA_VERSION: Final = 39  # of Grafana 10.4; a later one brings it up to date when it reads the file
_BLANK: Final = "–"
_STATES: Final = {
    "success": ("value", "green"),
    "no_data": (NO_VALUE, "text"),
    "missing_mapping": ("not configured", "orange"),
    "calculation_error": ("error", "red"),
    "not_known": ("before the first issue", "super-light-blue"),
}
_CUSTOM: Final[Mapping[Look, Json]] = {
    "plain": {},
    "bars": {"drawStyle": "bars", "barAlignment": 1, "fillOpacity": 80, "axisSoftMin": 0},
    "stacked": {
        "drawStyle": "bars",
        "barAlignment": 1,
        "fillOpacity": 80,
        "stacking": {"mode": "normal", "group": "A"},
    },
    "points": {"drawStyle": "points", "pointSize": 6, "showPoints": "always", "axisSoftMin": 0},
    "lines": {"drawStyle": "line", "pointSize": 5, "showPoints": "always", "axisSoftMin": 0},
}


def dashboards(dialect: Dialect) -> dict[str, str]:
    """Return file name → JSON text of the two dashboards."""
    team = _dashboard(dialect, "flowbeat-team", "Flowbeat: a team", TEAM_PANELS, [_profiles(dialect)])
    teams = _dashboard(dialect, "flowbeat-teams", "Flowbeat: all teams", ALL_PANELS, [_metrics()])
    texts = {f"{board['uid']}.json": json.dumps(board, indent=2, ensure_ascii=False) for board in (team, teams)}
    return {name: f"{text}\n" for name, text in texts.items()}


def _dashboard(dialect: Dialect, uid: str, title: str, panels: Sequence[Panel], variables: list[Json]) -> Json:
    return {
        "uid": uid,
        "title": title,
        "tags": ["flowbeat"],
        "schemaVersion": _SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": "now-1y", "to": "now"},
        "refresh": "5m",
        "annotations": {"list": []},
        "links": [{"type": "dashboards", "tags": ["flowbeat"], "title": "Flowbeat", "keepTime": True}],
        "templating": {"list": variables},
        "panels": [
            {"id": number, "gridPos": place, **_panel(dialect, panel)}
            for number, (panel, place) in enumerate(zip(panels, _places(panels), strict=True), 1)
        ],
    }


def _places(panels: Iterable[Panel]) -> list[Json]:
    """Return where the panels go: from left to right, and below the tallest where a row is full."""
    places: list[Json] = []
    x = y = tallest = 0
    for panel in panels:
        width, height = panel.size
        if x + width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        places.append({"x": x, "y": y, "w": width, "h": height})
        x, tallest = x + width, max(tallest, height)
    return places


def _source(dialect: Dialect) -> Json:
    return {"type": TYPES[dialect], "uid": SOURCE}


def _panel(dialect: Dialect, panel: Panel) -> Json:
    custom = {**_CUSTOM[panel.look], **({} if panel.kind == "table" else {"spanNulls": False})}
    board = {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _source(dialect),
        "targets": [_target(dialect, panel)],
        "fieldConfig": {
            "defaults": {"noValue": NO_VALUE, "mappings": _mappings(panel), "custom": custom},
            "overrides": _overrides(panel),
        },
        "options": _options(panel),
    }
    split = {"id": "partitionByValues", "options": {"fields": [panel.by], "keepFields": False}}
    return {**board, "transformations": [split]} if panel.by else board


def _target(dialect: Dialect, panel: Panel) -> Json:
    shared = {"refId": "A", "datasource": _source(dialect)}
    if dialect == "postgresql":
        return {**shared, "rawSql": panel.sql, "format": "table", "rawQuery": True, "editorMode": "code"}
    times = [] if panel.kind == "table" else ["time"]
    return {**shared, "queryText": panel.sql, "rawQueryText": panel.sql, "queryType": "table", "timeColumns": times}


def _mappings(panel: Panel) -> list[Json]:
    if panel.kind != "state-timeline":
        return []
    words = {
        state: {"text": text, "color": color, "index": index}
        for index, (state, (text, color)) in enumerate(_STATES.items())
    }
    return [{"type": "value", "options": words}]


def _options(panel: Panel) -> Json:
    if panel.kind == "table":
        return {"showHeader": True, "cellHeight": "sm"}
    legend = {"showLegend": panel.look != "points", "displayMode": "list", "placement": "bottom", "calcs": []}
    if panel.kind == "state-timeline":
        return {"mergeValues": True, "showValue": "never", "rowHeight": 0.8, "legend": legend}
    return {"legend": legend, "tooltip": {"mode": "multi", "sort": "none"}}


def _overrides(panel: Panel) -> list[Json]:
    """Return how single columns differ: times, addresses, hidden ones, blanks; the running week and a true 0."""
    bars = panel.look == "bars"
    looks: list[tuple[str, str, Any]] = [
        *((column, "unit", "dateTimeAsIso") for column in panel.instants),
        *((column, "noValue", _BLANK) for column in panel.blanks),
        *((column, name, True) for column in panel.hidden for name in _HIDDEN),
        *((column, "links", [{"title": "Open", "url": url}]) for column, url in panel.links),
        *(("so far", key, value) for key, value in (("custom.fillOpacity", 25),) if bars),
        *(("zero", key, value) for key, value in _CUSTOM_ZERO if bars),
    ]
    columns = dict.fromkeys(column for column, _, _ in looks)
    return [
        {
            "matcher": {"id": "byName", "options": column},
            "properties": [{"id": key, "value": value} for name, key, value in looks if name == column],
        }
        for column in columns
    ]


_HIDDEN: Final = ("custom.hidden", "custom.hideFrom.viz")  # before Grafana 12.2, and since
_CUSTOM_ZERO: Final = (("custom.drawStyle", "points"), ("custom.pointSize", 6), ("custom.showPoints", "always"))


def _profiles(dialect: Dialect) -> Json:
    query = "SELECT profile FROM freshness ORDER BY profile"
    return {
        "name": "profile",
        "label": "Team",
        "type": "query",
        "datasource": _source(dialect),
        "query": query,
        "definition": query,
        "refresh": 1,
        "sort": 0,
        "multi": False,
        "includeAll": False,
    }


def _metrics() -> Json:
    first, *_ = names = list(METRICS)
    options = [{"text": name, "value": name, "selected": name == first} for name in names]
    return {
        "name": "metric",
        "label": "Metric",
        "type": "custom",
        "query": ",".join(names),
        "options": options,
        "current": {"text": first, "value": first},
        "multi": False,
        "includeAll": False,
    }
