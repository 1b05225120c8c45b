"""The DORA metrics: from what has happened by an as-of to contributions, and from a window's to its figures."""

from bisect import bisect_left
from dataclasses import replace
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from models.metrics import mappings, sums
from models.metrics.arrays import INVALID_INSTANT, NO_INSTANT, Ints
from models.metrics.contributions import (
    CODE_OF_REASON,
    DONE_AFTER_DEPLOYMENT,
    INVALID_VALUE,
    NEGATIVE_DURATION,
    NEVER_STARTED,
    NOT_AN_INCIDENT,
    Contribution,
    Contributions,
    contributions_of,
    sliced,
)
from models.metrics.deployments import Deployed
from models.metrics.incidents import restored_at
from models.metrics.metric import COUNT, EVERY_WINDOW, HOURS, Figures, Metric, PartUnit
from models.metrics.recoveries import Recovery
from models.metrics.snapshot import Snapshot
from models.metrics.stats import DAY, HOUR, WEEK, mean, median, percentile, total
from models.records import INVALID, Incident, Micros, Window


def deployment_contributions(snapshot: Snapshot) -> Contributions:
    """Return one contribution per deployment at its instant; each counts for one."""
    return contributions_of(_deployment(deployed, 1) for deployed in snapshot.deployments)


def deployment_frequency(used: Contributions, window: Window, _prepared: Snapshot) -> Figures:
    """Deployments per day.

    - Counts the deployments in the window over its true length; none is a true 0.
    """
    width = window.effective_end - window.start
    per_week = len(used) * WEEK / width
    return len(used) * DAY / width, {"count": len(used), "per_week": per_week}


def failure_contributions(snapshot: Snapshot) -> Contributions:
    """Return one contribution per deployment at its instant; its value is 1 where it failed."""
    return contributions_of(_deployment(deployed, int(deployed.failed)) for deployed in snapshot.deployments)


def cfr(used: Contributions, _window: Window, _prepared: Snapshot) -> Figures:
    """Return the percentage of deployments that failed.

    - No deployment: no value, never 0.
    """
    failed, number = total(used.value), len(used)
    return (100 * failed / number if number else None), {"failed": failed, "total": number}


def lead_time_contributions(snapshot: Snapshot) -> Contributions:
    """Return one contribution per changed work item, at its deployment; its value is microseconds since the commit.

    - Done after all its deployments, of which the earliest is meant: ``done_after_deployment``, before any other.
    - Committed: the mapped ``committed_at``, else the start of work; neither, or not yet: ``never_started``.
    - A field that is not a time: ``invalid_value``. Committed after the deployment: ``negative_duration``.
    """
    at = np.array([deployed.at for deployed in snapshot.deployments], np.int64)[snapshot.changes.places]
    order = np.argsort(at, kind="stable")
    rows, places, late = snapshot.changes.rows[order], snapshot.changes.places[order], snapshot.changes.late[order]
    at = at[order]
    items, committed = snapshot.dataset.items, _committed(snapshot)[rows]
    unknown, invalid = committed == NO_INSTANT, items.committed[rows] == INVALID_INSTANT
    value = at - np.where(unknown, at, committed)
    reasons = (DONE_AFTER_DEPLOYMENT, INVALID_VALUE, NEVER_STARTED, NEGATIVE_DURATION)

    def make_record(parts: Contributions, index: int) -> Contribution:
        place = parts.rows[index]
        return _change(snapshot, parts, index, int(rows[place]), snapshot.deployments[places[place]])

    return Contributions(
        at=at,
        value=value,
        base=np.ones_like(at),
        reason=np.select([late, invalid, unknown, value < 0], [CODE_OF_REASON[name] for name in reasons]).astype(
            np.int8
        ),
        category=items.categories[rows],
        stage=np.zeros(len(rows), np.int8),
        points=items.points[rows],
        rows=np.arange(len(rows)),
        make_record=make_record,
    )


def _committed(snapshot: Snapshot) -> Ints:
    """Return when each item was committed, NO_INSTANT where it was not before the as-of or nobody knows."""
    mapped, started = snapshot.dataset.items.committed, snapshot.facts.started
    past = np.where((mapped == INVALID_INSTANT) | (mapped >= snapshot.as_of), NO_INSTANT, mapped)
    return np.where(mapped == NO_INSTANT, started, past)


def _change(snapshot: Snapshot, parts: Contributions, index: int, row: int, deployed: Deployed) -> Contribution:
    items, committed = snapshot.dataset.items, int(_committed(snapshot)[row])
    begin = None if committed == NO_INSTANT else committed
    end = ("deployed", int(parts.at[index]))
    subject = (str(items.ids[row]), items.key(row))
    if parts.reason[index] == CODE_OF_REASON[DONE_AFTER_DEPLOYMENT]:
        instants = (end, ("first_done", int(snapshot.first_done[row])))
        contribution = Contribution(end[1], *subject, 0, reason=DONE_AFTER_DEPLOYMENT, instants=instants)
    else:
        reason = INVALID_VALUE if items.committed[row] == INVALID_INSTANT else NEVER_STARTED
        contribution = _span(subject, ("committed", begin), end, reason)
    return replace(contribution, via=deployed.name, via_id=deployed.deployment_id)


def lead_time(used: Contributions, _window: Window, _prepared: Snapshot) -> Figures:
    """Return the median time from commit to deployment, in days; no value if nothing is left to measure."""
    return durations(used, DAY)


def restore_contributions(snapshot: Snapshot) -> Contributions:
    """Return one contribution per restored incident, at its restoration; its value is microseconds since its detection.

    - Closed because it was not an incident: ``not_an_incident``, before any other reason.
    - Detected: the mapped ``detected_at``, else its birth. Restored: the mapped ``restored_at``, else when done.
    - An incident that is not restored, or whose ``restored_at`` is not a time, is not a candidate of any window.
    - ``detected_at`` is not a time: ``invalid_value``. Restored before detected: ``negative_duration``.
    """
    pairs = ((incident, restored_at(incident, snapshot.as_of)) for incident in snapshot.incidents)
    return contributions_of(_restored(incident.issue, restored) for incident, restored in pairs if restored is not None)


def _restored(incident: Incident, restored: Micros) -> Contribution:
    detected = incident.created if incident.detected_at is None else incident.detected_at
    known = None if detected == INVALID else detected
    span = _span((incident.issue_id, incident.key), ("detected", known), ("restored", restored), INVALID_VALUE)
    return replace(span, reason=NOT_AN_INCIDENT, value=0) if incident.excluded else span


def mttr(used: Contributions, window: Window, snapshot: Snapshot) -> Figures:
    """Return the median time from detection to restoration, in hours; no value if nothing is left to measure.

    - Open: detected before the window's effective end, and restored at or after it or not at all. Issues that
      were not incidents are not open.
    """
    value, details = durations(used, HOUR)
    return value, {**details, "open": _open_at(snapshot.open_spans, window)}


def durations(used: Contributions, unit: Micros) -> Figures:
    """Return the median and its companions in ``unit``; None throughout where nothing is left to measure."""
    if not len(used):
        return None, {"n": 0, "mean": None, "p75": None, "p85": None, "p95": None}
    spans = np.sort(used.value)
    values = {f"p{percent}": float(percentile(spans, percent) / unit) for percent in (75, 85, 95)}
    return float(median(spans) / unit), {"n": len(spans), "mean": float(mean(spans) / unit), **values}


def _deployment(deployed: Deployed, value: int) -> Contribution:
    return Contribution(
        deployed.at, deployed.deployment_id, deployed.name, value, instants=(("deployed", deployed.at),)
    )


def _span(
    subject: tuple[str, str], begin: tuple[str, Micros | None], end: tuple[str, Micros], reason_without_begin: str
) -> Contribution:
    """Return a duration that ends in a window, or the reason why it is none; ``subject`` is an issue's id and key."""
    name, began = begin
    at = end[1]
    if began is None:
        return Contribution(at, *subject, 0, reason=reason_without_begin, instants=(end,))
    reason = NEGATIVE_DURATION if began > at else None
    return Contribution(at, *subject, at - began, reason=reason, instants=((name, began), end))


def rework_contributions(snapshot: Snapshot) -> Contributions:
    """Return one contribution per deployment at its instant; its value is 1 where it was rework."""
    pairs = zip(snapshot.deployments, snapshot.reworks, strict=True)
    return contributions_of(_deployment(deployed, int(rework.is_rework)) for deployed, rework in pairs)


def rework_rate(used: Contributions, _window: Window, _prepared: Snapshot) -> Figures:
    """Return the percentage of deployments that were rework.

    - No deployment: no value, never 0.
    """
    rework, number = total(used.value), len(used)
    return (100 * rework / number if number else None), {"rework": rework, "total": number}


def recovery_contributions(snapshot: Snapshot) -> Contributions:
    """Return one contribution per recovered failed deployment, at its recovery; its value is microseconds since it
    happened.

    - Recovered before it happened: ``negative_duration``. One that is not recovered is in no window.
    """
    zone = ZoneInfo(snapshot.rules.timezone)
    return contributions_of(_recovered(r, r.at, zone) for r in snapshot.recoveries if r.at is not None)


def _recovered(recovery: Recovery, at: Micros, zone: ZoneInfo) -> Contribution:
    deployed, length = recovery.deployed, recovery.length(zone)
    instants = (("deployed", deployed.at), ("recovered", at))
    reason = NEGATIVE_DURATION if length < 0 else None
    return Contribution(at, deployed.deployment_id, deployed.name, length, reason=reason, instants=instants)


def recovery_time(used: Contributions, window: Window, snapshot: Snapshot) -> Figures:
    """Return the median time from a failed deployment to its recovery, in hours; None where none was recovered.

    - Open: failed before the window's effective end, and recovered at or after it or not at all.
    """
    value, details = durations(used, HOUR)
    return value, {**details, "open": _open_at(snapshot.unrecovered_spans, window)}


def _open_at(spans: tuple[list[Micros], list[float]], window: Window) -> int:
    """Return how many spans began before a window's effective end and did not end before it."""
    begins, ends = spans
    return bisect_left(begins, window.effective_end) - bisect_left(ends, window.effective_end)


METRICS: Final = (
    Metric(
        name="deployment_frequency",
        title="Deployment frequency",
        definition="Deployments in the window, divided by its days.",
        unit="per_day",
        contributions=sliced(deployment_contributions),
        figures=deployment_frequency,
        part_unit=COUNT,
        adds_up=sums.rate("deployment", DAY, "day"),
        beside=frozenset(),
        no_data="No deployment happened here; check [deployments] in flowbeat.toml, or look at a longer window.",
        missing_mapping=mappings.deployments,
        levels="at_least",
        about="deployment",
        at_end=False,
        windows=EVERY_WINDOW,
    ),
    Metric(
        name="lead_time",
        title="Lead time for changes",
        definition="The median time from the start of work on an item to its deployment.",
        unit="days",
        contributions=sliced(lead_time_contributions),
        figures=lead_time,
        part_unit=PartUnit("days", DAY),
        adds_up=sums.median(),
        beside=frozenset({"stays"}),
        no_data="No work item went out with a deployment here; check [deployments] in flowbeat.toml and the items' "
        "fix versions, or look at a longer window.",
        missing_mapping=mappings.deployments,
        levels="below",
        about="issue",
        at_end=False,
        windows=EVERY_WINDOW,
    ),
    Metric(
        name="cfr",
        title="Change failure rate",
        definition="The share of deployments that an incident or a field marks as failed.",
        unit="percent",
        contributions=sliced(failure_contributions),
        figures=cfr,
        part_unit=PartUnit("failed"),
        adds_up=sums.share("failed", "deployment"),
        beside=frozenset({"failures"}),
        no_data="No deployment happened here; check [deployments] in flowbeat.toml, or look at a longer window.",
        missing_mapping=mappings.failures,
        levels="at_most",
        about="deployment",
        at_end=False,
        windows=EVERY_WINDOW,
    ),
    Metric(
        name="mttr",
        title="Time to restore",
        definition="The median time from the detection of an incident to its end.",
        unit="hours",
        contributions=sliced(restore_contributions),
        figures=mttr,
        part_unit=HOURS,
        adds_up=sums.median(),
        beside=frozenset(),
        no_data="No incident was restored here; check [incidents] in flowbeat.toml, or look at a longer window.",
        missing_mapping=mappings.incidents,
        levels="below",
        about="issue",
        at_end=False,
        windows=EVERY_WINDOW,
    ),
    Metric(
        name="rework_rate",
        title="Rework rate",
        definition="The share of deployments that were made to repair something users saw.",
        unit="percent",
        contributions=sliced(rework_contributions),
        figures=rework_rate,
        part_unit=PartUnit("rework"),
        adds_up=sums.share("rework", "deployment"),
        beside=frozenset({"rework"}),
        no_data="No deployment happened here; check [deployments] in flowbeat.toml, or look at a longer window.",
        missing_mapping=mappings.deployments,
        levels=None,
        about="deployment",
        at_end=False,
        windows=EVERY_WINDOW,
    ),
    Metric(
        name="recovery_time",
        title="Recovery time",
        definition="The median time from a failed deployment to its recovery.",
        unit="hours",
        contributions=sliced(recovery_contributions),
        figures=recovery_time,
        part_unit=HOURS,
        adds_up=sums.median(),
        beside=frozenset({"recovery"}),
        no_data="No failed deployment was recovered here; look at a longer window, or see by cfr whether any failed.",
        missing_mapping=mappings.failures,
        levels=None,
        about="deployment",
        at_end=False,
        windows=EVERY_WINDOW,
    ),
)
