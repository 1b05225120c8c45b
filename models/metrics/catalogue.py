"""The one list of all metrics, in the order in which they are calculated and shown."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from models.metrics import dora, flow, wip
from models.metrics.metric import Metric
from models.records import DEFAULT_LEVELS, METRIC_GROUPS, METRIC_TYPES, Group

_ALL: Final = (*dora.METRICS, *flow.METRICS, *wip.METRICS)
METRICS: Final[Mapping[str, Metric]] = MappingProxyType({metric.name: metric for metric in _ALL})


def in_groups() -> dict[Group, tuple[Metric, ...]]:
    """Return the metrics of each group, in their order."""
    return {group: tuple(METRICS[name] for name in names) for group, names in METRIC_GROUPS.items()}


def require_whole(metrics: tuple[Metric, ...], names: tuple[str, ...]) -> None:
    """Raise ValueError unless these are the named metrics, each once, with sentences and levels that hold."""
    if tuple(metric.name for metric in metrics) != names:
        message = _difference([metric.name for metric in metrics], names)
        raise ValueError(message)
    if {metric.name for metric in metrics if metric.levels is not None} != {*DEFAULT_LEVELS}:
        message = (
            "metrics with levels and metrics with bounds differ: set levels of the metric, and its bounds in "
            "DEFAULT_LEVELS (models/records/rules.py), or neither"
        )
        raise ValueError(message)
    for part in ("title", "definition", "no_data", "windows"):
        without = [metric.name for metric in metrics if not getattr(metric, part)]
        if without:
            message = f"{part} is empty: {without}"
            raise ValueError(message)


def _difference(metrics: Sequence[str], names: Sequence[str]) -> str:
    """Return which names are in only one of the two lists, and where to add them."""
    without = [name for name in names if name not in metrics]
    if without:
        return f"no Metric(…) in METRICS of dora.py, flow.py or wip.py: {without}"
    unnamed = [name for name in metrics if name not in names]
    if unnamed:
        return f"not in MetricType of models/records/results.py: {unnamed}"
    return f"METRICS and MetricType have different orders: {list(metrics)} and {list(names)}"


require_whole(_ALL, METRIC_TYPES)
