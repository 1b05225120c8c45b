"""The one list of all metrics, in the order in which they are calculated and shown."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from models.metrics import dora, flow, wip
from models.metrics.metric import GROUPS, Group, Metric
from models.records import DEFAULT_LEVELS, METRIC_TYPES

_ALL: Final = (*dora.METRICS, *flow.METRICS, *wip.METRICS)
METRICS: Final[Mapping[str, Metric]] = MappingProxyType({metric.name: metric for metric in _ALL})


def in_groups() -> dict[Group, tuple[Metric, ...]]:
    """Return the metrics of each group, in their order."""
    return {group: tuple(metric for metric in _ALL if metric.group == group) for group in GROUPS}


def require_whole(metrics: tuple[Metric, ...], names: tuple[str, ...]) -> None:
    """Raise ValueError unless these are the named metrics, each once, with sentences, groups and levels that hold."""
    if tuple(metric.name for metric in metrics) != names:
        message = f"METRICS and METRIC_TYPES differ: {[metric.name for metric in metrics]} and {list(names)}"
        raise ValueError(message)
    if [metric.name for group in GROUPS for metric in metrics if metric.group == group] != list(names):
        message = "the metrics of a group do not follow each other"
        raise ValueError(message)
    if {metric.name for metric in metrics if metric.levels is not None} != {*DEFAULT_LEVELS}:
        message = "DEFAULT_LEVELS has bounds for other metrics than those with levels"
        raise ValueError(message)
    unfinished = [metric.name for metric in metrics if not (metric.no_data and metric.windows)]
    if unfinished:
        message = f"no sentence for a window without data, or no window: {unfinished}"
        raise ValueError(message)


require_whole(_ALL, METRIC_TYPES)
