"""The four DORA metrics: from what has happened by an as-of to contributions, and from a window's to its figures."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from models.metrics.facts import INVALID_VALUE
from models.metrics.prepared import Contribution, Deployed, Known, Prepared, happened, ordered, restored_at
from models.metrics.stats import DAY, HOUR, WEEK, mean, median, percentile
from models.records import INVALID, Incident, Micros, Window, WorkItem

NEVER_STARTED = "never_started"
NEGATIVE_DURATION = "negative_duration"
Figures = tuple[float | None, dict[str, Any]]


def deployment_parts(prepared: Prepared) -> list[Contribution]:
    """One contribution per deployment at its instant; each counts for one."""
    return [_deployment(deployed, 1) for deployed in prepared.deployments]


def deployment_frequency(used: Sequence[Contribution], window: Window, _prepared: Prepared) -> Figures:
    """Deployments per day.

    - Counts the deployments in the window over its true length; none is a true 0.
    """
    width = window.effective_end - window.start
    per_week = len(used) * WEEK / width
    return len(used) * DAY / width, {"count": len(used), "per_week": per_week}


def failure_parts(prepared: Prepared) -> list[Contribution]:
    """One contribution per deployment at its instant; its value is 1 where it failed."""
    return [_deployment(deployed, int(deployed.failed)) for deployed in prepared.deployments]


def cfr(used: Sequence[Contribution], _window: Window, _prepared: Prepared) -> Figures:
    """The percentage of deployments that failed.

    - No deployment: no value, never 0.
    """
    failed, total = sum(part.value for part in used), len(used)
    return (100 * failed / total if total else None), {"failed": failed, "total": total}


def lead_time_parts(prepared: Prepared) -> list[Contribution]:
    """One contribution per changed work item, at its earliest deployment; its value is microseconds since the commit.

    - Committed: the mapped ``committed_at``, else the start of work; neither, or not yet: ``never_started``.
    - A field that is no moment: ``invalid_value``. Committed after the deployment: ``negative_duration``.
    """
    return ordered(_change(deployed, item, prepared.as_of) for deployed, item in prepared.changes)


def _change(deployed: Deployed, item: Known[WorkItem], as_of: Micros) -> Contribution:
    committed = happened(item.issue.committed_at, item.facts.started_at, as_of)
    reason = INVALID_VALUE if item.issue.committed_at == INVALID else NEVER_STARTED
    return _span(item.issue, ("committed", committed), ("deployed", deployed.at), reason, deployed.name)


def lead_time(used: Sequence[Contribution], _window: Window, _prepared: Prepared) -> Figures:
    """The median time from commit to deployment, in days; nothing left to measure is no value."""
    return durations(used, DAY)


def restore_parts(prepared: Prepared) -> list[Contribution]:
    """One contribution per restored incident, at its restoration; its value is microseconds since its detection.

    - Detected: the mapped ``detected_at``, else ``created``. Restored: the mapped ``restored_at``, else when done.
    - An incident that is not restored, or whose ``restored_at`` is no moment, is no candidate of any window.
    - ``detected_at`` is no moment: ``invalid_value``. Restored before detected: ``negative_duration``.
    """
    pairs = ((incident, restored_at(incident, prepared.as_of)) for incident in prepared.incidents)
    return ordered(_restored(incident.issue, restored) for incident, restored in pairs if restored is not None)


def _restored(incident: Incident, restored: Micros) -> Contribution:
    detected = incident.created if incident.detected_at is None else incident.detected_at
    known = None if detected == INVALID else detected
    return _span(incident, ("detected", known), ("restored", restored), INVALID_VALUE)


def mttr(used: Sequence[Contribution], window: Window, prepared: Prepared) -> Figures:
    """The median time from detection to restoration, in hours; nothing left to measure is no value.

    - Open: detected before the window's effective end, and restored at or after it or not at all.
    """
    value, details = durations(used, HOUR)
    begins, ends = prepared.open_spans
    still_open = bisect_left(begins, window.effective_end) - bisect_left(ends, window.effective_end)
    return value, {**details, "open": still_open}


def durations(used: Sequence[Contribution], unit: Micros) -> Figures:
    """The median and its companions in ``unit``; None throughout where nothing is left to measure."""
    if not used:
        return None, {"n": 0, "mean": None, "p75": None, "p85": None, "p95": None}
    spans = sorted(part.value for part in used)
    shown = {f"p{percent}": float(percentile(spans, percent) / unit) for percent in (75, 85, 95)}
    return float(median(spans) / unit), {"n": len(spans), "mean": float(mean(spans) / unit), **shown}


def _deployment(deployed: Deployed, value: int) -> Contribution:
    return Contribution(
        deployed.at, deployed.deployment_id, deployed.name, value, instants=(("deployed", deployed.at),)
    )


def _span(
    issue: WorkItem | Incident,
    begin: tuple[str, Micros | None],
    end: tuple[str, Micros],
    reason_without_begin: str,
    via: str = "",
) -> Contribution:
    """A duration that ends in a window, or the reason why it is none."""
    name, began = begin
    at = end[1]
    if began is None:
        return Contribution(at, issue.issue_id, issue.key, 0, reason=reason_without_begin, instants=(end,), via=via)
    reason = NEGATIVE_DURATION if began > at else None
    return Contribution(
        at, issue.issue_id, issue.key, at - began, reason=reason, instants=((name, began), end), via=via
    )
