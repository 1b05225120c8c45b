"""One metric over all windows of an as-of: contributions sliced by window, then measured and explained alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from models.metrics import dora, flow
from models.metrics.contributions import Contribution, Contributions, within
from models.metrics.dora import Figures
from models.metrics.snapshot import Snapshot
from models.records import Measurement, Rules, Window, instant, iso


@dataclass(frozen=True, slots=True)
class Explanation:
    """A measurement with the contributions it was computed from, and the candidates left out with their reasons."""

    measurement: Measurement
    used: tuple[Contribution, ...]
    left_out: tuple[Contribution, ...]


_PARTS: Final[Mapping[str, Callable[[Snapshot], Contributions]]] = {
    "deployment_frequency": dora.deployment_contributions,
    "lead_time": dora.lead_time_contributions,
    "cfr": dora.failure_contributions,
    "mttr": dora.restore_contributions,
    "flow_velocity": flow.delivery_contributions,
    "flow_time": flow.time_contributions,
    "flow_efficiency": flow.efficiency_contributions,
    "flow_distribution": flow.feature_contributions,
}
_FIGURES: Final[Mapping[str, Callable[[Contributions, Window, Snapshot], Figures]]] = {
    "deployment_frequency": dora.deployment_frequency,
    "lead_time": dora.lead_time,
    "cfr": dora.cfr,
    "mttr": dora.mttr,
    "flow_velocity": flow.flow_velocity,
    "flow_time": flow.flow_time,
    "flow_efficiency": flow.flow_efficiency,
    "flow_load": flow.flow_load,
    "flow_distribution": flow.flow_distribution,
}
_NO_DATA: Final[Mapping[str, str]] = {
    "lead_time": "No work item went out with a deployment here; check [deployments] in flowbeat.toml and the items' "
    "fix versions, or look at a longer window.",
    "cfr": "No deployment happened here; check [deployments] in flowbeat.toml, or look at a longer window.",
    "mttr": "No incident was restored here; check [incidents] in flowbeat.toml, or look at a longer window.",
    "flow_time": "No work item was done here; check [workflow] done in flowbeat.toml, or look at a longer window.",
    "flow_efficiency": "No time was spent in active or waiting stages by items done here; check [workflow] in "
    "flowbeat.toml, or look at a longer window.",
    "flow_distribution": "No work item was delivered here; check [workflow] done and excluded_resolutions in "
    "flowbeat.toml, or look at a longer window.",
}
_NO_DEPLOYMENTS: Final = (
    "Nothing says what a deployment is: add [profiles.<name>.deployments] to flowbeat.toml with source = "
    '"versions" (released versions), "issues", "status" or "table", then calculate again.'
)
_NO_INCIDENTS: Final = (
    "Nothing says what an incident is: add [profiles.<name>.incidents] to flowbeat.toml with types = "
    '["Incident"], or what your team calls them, then calculate again.'
)
_NO_WAITING: Final = (
    "No status belongs to stage waiting, so all time would count as active. Name the statuses in which work waits in "
    'flowbeat.toml, for example waiting = ["In Review"] under [profiles.<name>.workflow], then calculate again.'
)
_NO_FAILURES: Final = (
    "Nothing could mark a deployment as failed: add [profiles.<name>.incidents] with types to "
    "flowbeat.toml{otherwise}, then calculate again."
)
_OR_FIELD: Final = ", or change_failure to [profiles.<name>.fields]"
_OR_COLUMN: Final = ", or set failed in the rows of the table (flowbeat import deployments)"
_LEVELS: Final = ("elite", "high", "medium")


def calculate(metric_type: str, snapshot: Snapshot) -> tuple[Measurement, ...]:
    """The measurements of one metric, one for each of ``snapshot.windows`` and in their order."""
    missing = missing_mapping(metric_type, snapshot)
    if missing is not None:
        return tuple(_without_value(metric_type, window, "missing_mapping", missing) for window in snapshot.windows)
    slices = _slices(metric_type, snapshot, snapshot.windows)
    pairs = zip(snapshot.windows, slices, strict=True)
    return tuple(_measure(metric_type, window, parts, snapshot) for window, parts in pairs)


def explain(metric_type: str, snapshot: Snapshot, window: Window) -> Explanation:
    """What stands behind one measurement; the contributions used add up to its value by construction."""
    missing = missing_mapping(metric_type, snapshot)
    if missing is not None:
        return Explanation(_without_value(metric_type, window, "missing_mapping", missing), (), ())
    (parts,) = _slices(metric_type, snapshot, (window,))
    return Explanation(
        _measure(metric_type, window, parts, snapshot),
        used=tuple(parts.used.to_records()),
        left_out=tuple(parts.pick(parts.reason != 0).to_records()),
    )


def missing_mapping(metric_type: str, snapshot: Snapshot) -> str | None:
    """What the configuration lacks for a metric, as a sentence saying what to put where; None if it lacks nothing."""
    rules = snapshot.rules
    if metric_type == "flow_efficiency":
        return None if snapshot.waiting.is_mapped else _no_waiting(snapshot.waiting.active_statuses)
    if metric_type == "mttr":
        return _NO_INCIDENTS if rules.incidents is None else None
    if metric_type not in ("deployment_frequency", "lead_time", "cfr"):
        return None
    if rules.deployments is None:
        return _NO_DEPLOYMENTS
    if metric_type != "cfr" or rules.incidents is not None:
        return None
    return _no_failures(snapshot, rules.deployments.source)


def _no_waiting(active_statuses: Sequence[str]) -> str:
    names = ", ".join(active_statuses)
    spent = f" Active time was spent in: {names} (longest first)." if names else ""
    return _NO_WAITING + spent


def _no_failures(snapshot: Snapshot, source: str) -> str | None:
    """Return why nothing could mark a deployment as failed without incidents; None where a field or column can."""
    if source == "versions":
        return _NO_FAILURES.format(otherwise="")
    if source == "table":
        has_marks = any(deployed.own_mark is not None for deployed in snapshot.deployments)
        return None if has_marks else _NO_FAILURES.format(otherwise=_OR_COLUMN)
    return None if "change_failure" in snapshot.rules.fields else _NO_FAILURES.format(otherwise=_OR_FIELD)


def level(metric_type: str, value: float | None, rules: Rules) -> str | None:
    """The DORA level of a value: frequency at or above its bounds, cfr at or below, times strictly below; else low."""
    bounds = rules.levels.get(metric_type)
    if value is None or bounds is None:
        return None
    if metric_type == "deployment_frequency":
        reached = [value >= bound for bound in bounds]
    elif metric_type == "cfr":
        reached = [value <= bound for bound in bounds]
    else:
        reached = [value < bound for bound in bounds]
    return next((name for name, ok in zip(_LEVELS, reached, strict=True) if ok), "low")


def _slices(metric_type: str, snapshot: Snapshot, windows: Sequence[Window]) -> list[Contributions]:
    if metric_type == "flow_load":
        return flow.load_contributions(snapshot, windows)
    return within(_PARTS[metric_type](snapshot), windows)


def _measure(metric_type: str, window: Window, parts: Contributions, snapshot: Snapshot) -> Measurement:
    """The measurement of one window from exactly its contributions."""
    used, exclusions = parts.used, parts.exclusions()
    value, details = _FIGURES[metric_type](used, window, snapshot)
    return Measurement(
        metric_type=metric_type,
        window=window,
        value=value,
        level=level(metric_type, value, snapshot.rules),
        state="success" if value is not None else "no_data",
        message=None if value is not None else _no_data(metric_type, exclusions, len(used)),
        n_used=len(used),
        exclusions=exclusions,
        details={**details, **_effective_end(window)},
    )


def _without_value(metric_type: str, window: Window, state: str, message: str) -> Measurement:
    return Measurement(metric_type, window, None, None, state, message, 0, {}, _effective_end(window))


def _effective_end(window: Window) -> dict[str, str]:
    return {} if window.complete else {"effective_end": iso(instant(window.effective_end))}


def _no_data(metric_type: str, exclusions: Mapping[str, int], used: int) -> str:
    if used or not exclusions:
        return _NO_DATA[metric_type]
    reasons = ", ".join(f"{reason} {count}" for reason, count in exclusions.items())
    number = sum(exclusions.values())
    which, them = ("The only candidate was", "it") if number == 1 else (f"All {number} candidates were", "them")
    return f"{which} left out ({reasons}); flowbeat explain lists {them}."
