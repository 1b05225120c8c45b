"""One metric over all windows of an as-of: contributions sliced by window, then measured and explained alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import ge, le, lt
from typing import Final

from models.metrics.catalogue import METRICS
from models.metrics.contributions import Contribution, Contributions
from models.metrics.identities import broken_identity
from models.metrics.metric import Levels, Metric
from models.metrics.snapshot import Snapshot
from models.metrics.windows import previous_window
from models.records import Measurement, Rules, Window, instant, iso


@dataclass(frozen=True, slots=True)
class Explanation:
    """A measurement with the contributions it was computed from, and the candidates left out with their reasons."""

    measurement: Measurement
    used: tuple[Contribution, ...]
    left_out: tuple[Contribution, ...]


_BROKEN: Final = (
    "The self-check of this calculation failed: {broken}. Report it with the output of: flowbeat explain --format json."
)
_LEVELS: Final = ("elite", "high", "medium")
_REACHES: Final[Mapping[Levels, Callable[[float, float], bool]]] = {"at_least": ge, "at_most": le, "below": lt}


def calculate(metric_type: str, snapshot: Snapshot) -> tuple[Measurement, ...]:
    """Return the measurements of one metric, one for each of ``snapshot.windows`` that it has, in their order.

    That of the period carries the measurement of as many days before, unless the zone skipped all of them.
    """
    windows = windows_of(metric_type, snapshot.windows)
    periods = [window for window in windows if window.kind == "period"]
    pairs = [(period, previous_window(period, snapshot.rules)) for period in periods]
    earlier = {period: previous for period, previous in pairs if previous.effective_end > previous.start}
    measured = _measurements(metric_type, snapshot, (*windows, *earlier.values()))
    before = dict(zip(earlier, measured[len(windows) :], strict=True))
    return tuple(replace(item, before=before.get(item.window)) for item in measured[: len(windows)])


def _measurements(metric_type: str, snapshot: Snapshot, windows: Sequence[Window]) -> list[Measurement]:
    metric = METRICS[metric_type]
    missing = metric.missing_mapping(snapshot)
    if missing is not None:
        return [without_value(metric_type, window, "missing_mapping", missing) for window in windows]
    pairs = zip(windows, metric.contributions(snapshot, windows), strict=True)
    return [_measure(metric, window, parts, snapshot) for window, parts in pairs]


def explain(metric_type: str, snapshot: Snapshot, window: Window) -> Explanation:
    """Return what a measurement consists of; the contributions used add up to its value by construction."""
    metric = METRICS[metric_type]
    missing = metric.missing_mapping(snapshot)
    if missing is not None:
        return Explanation(without_value(metric_type, window, "missing_mapping", missing), (), ())
    (parts,) = metric.contributions(snapshot, (window,))
    return Explanation(
        _measure(metric, window, parts, snapshot),
        used=tuple(parts.used.to_records()),
        left_out=tuple(parts.pick(parts.reason != 0).to_records()),
    )


def windows_of(metric_type: str, windows: Sequence[Window]) -> tuple[Window, ...]:
    """Return those of the windows that a metric has."""
    kinds = METRICS[metric_type].windows
    return tuple(window for window in windows if window.kind in kinds)


def missing_mapping(metric_type: str, snapshot: Snapshot) -> str | None:
    """Return what the configuration lacks for a metric, as a sentence saying what to put where; None for nothing."""
    return METRICS[metric_type].missing_mapping(snapshot)


def level(metric_type: str, value: float | None, rules: Rules) -> str | None:
    """Return the DORA level of a value: frequency at or above its bounds, cfr at or below, times strictly below; else
    low.
    """
    side, bounds = METRICS[metric_type].levels, rules.levels.get(metric_type)
    if value is None or side is None or bounds is None:
        return None
    reached = [_REACHES[side](value, bound) for bound in bounds]
    return next((name for name, ok in zip(_LEVELS, reached, strict=True) if ok), "low")


def without_value(metric_type: str, window: Window, state: str, message: str) -> Measurement:
    """Return the measurement of a window that has no value, with the sentence that says what to do."""
    unit = METRICS[metric_type].unit
    return Measurement(metric_type, window, unit, None, None, state, message, 0, {}, _effective_end(window))


def _measure(metric: Metric, window: Window, parts: Contributions, snapshot: Snapshot) -> Measurement:
    """Return the measurement of one window from exactly its contributions."""
    used, exclusions = parts.used, parts.exclusions()
    value, details = metric.figures(used, window, snapshot)
    is_load = metric.at_end and metric.adds_up.how == "sum"
    broken = broken_identity(parts, exclusions, details, window, snapshot, is_load=is_load)
    if broken is not None:
        return without_value(metric.name, window, "calculation_error", _BROKEN.format(broken=broken))
    return Measurement(
        metric_type=metric.name,
        window=window,
        unit=metric.unit,
        value=value,
        level=level(metric.name, value, snapshot.rules),
        state="success" if value is not None else "no_data",
        message=None if value is not None else _no_data(metric, exclusions, len(used)),
        n_used=len(used),
        exclusions=exclusions,
        details={**details, **_effective_end(window)},
    )


def _effective_end(window: Window) -> dict[str, str]:
    return {} if window.complete else {"effective_end": iso(instant(window.effective_end))}


def _no_data(metric: Metric, exclusions: Mapping[str, int], used: int) -> str:
    if used or not exclusions:
        return metric.no_data
    reasons = ", ".join(f"{reason} {count}" for reason, count in exclusions.items())
    number = sum(exclusions.values())
    which, them = ("The only candidate was", "it") if number == 1 else (f"All {number} candidates were", "them")
    return f"{which} left out ({reasons}); flowbeat explain lists {them}."
