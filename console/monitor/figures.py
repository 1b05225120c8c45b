"""The list of figures: their names by Prometheus' conventions, what they mean, and their labels."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric


@dataclass(frozen=True, slots=True)
class Figure:
    """What is said of a figure in the answer to a monitor; a counter's name ends in ``_total``."""

    meaning: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a figure; ``labels`` are the values of its labels, in their order."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


FIGURES: Final[Mapping[str, Figure]] = {
    "flowbeat_up": Figure("Whether a part of the installation answered just now (1) or not (0).", ("part",)),
    "flowbeat_data_present": Figure("Whether the profile has a copy of its issues (1) or none yet (0).", ("profile",)),
    "flowbeat_data_age_seconds": Figure("Time since the instant up to which the copy is complete.", ("profile",)),
    "flowbeat_data_overdue_seconds": Figure(
        "Time since the first instant of the schedule that the copy is older than; 0 if there is none.", ("profile",)
    ),
    "flowbeat_next_refresh_timestamp_seconds": Figure("When the schedule is due next.", ("profile",)),
    "flowbeat_runs": Figure("Stored runs by state.", ("state",)),
    "flowbeat_last_run_duration_seconds": Figure(
        "Duration of the run that ended last, from its first step.", ("profile", "kind")
    ),
    "flowbeat_last_run_failed": Figure("Whether the run that ended last failed (1) or not (0).", ("profile", "kind")),
    "flowbeat_run_paused_seconds": Figure(
        "Time since a run that is paused now last made progress; 0 if the profile has none.", ("profile",)
    ),
    "flowbeat_jira_requests_total": Figure("Requests to Jira since this process began.", ("profile",)),
    "flowbeat_jira_request_delays_total": Figure(
        "Requests that waited for the limit, since this process began.", ("profile",)
    ),
    "flowbeat_verify_differences": Figure(
        "Issues whose copy differed from Jira when it was last compared.", ("profile",)
    ),
    "flowbeat_verified_age_seconds": Figure(
        "Time since the instant at which or after which every issue was compared with Jira.", ("profile",)
    ),
    "flowbeat_queue_messages": Figure("Messages that wait in the queue.", ("queue",)),
    "flowbeat_queue_oldest_message_seconds": Figure(
        "Time that the oldest message of the queue has waited; 0 if none waits.", ("queue",)
    ),
    "flowbeat_workers_alive": Figure("Workers that gave a sign of life within the last minute."),
    "flowbeat_scheduler_alive": Figure("Whether a scheduler gave a sign of life within half a minute."),
    "flowbeat_quota_used_ratio": Figure(
        "Requests under way or sent within the span of the limit, divided by the limit.", ("connection",)
    ),
    "flowbeat_quota_waiting_requests": Figure("Requests that wait for the limit.", ("connection",)),
    "flowbeat_quota_pause_seconds": Figure("Time for which all requests are held, as Jira asked.", ("connection",)),
}
_TOTAL: Final = "_total"


def families(samples: Iterable[Sample]) -> Iterator[Metric]:
    """Yield the figures that have a value, in the order of the list; a figure without one is absent."""
    values: dict[str, list[Sample]] = {}
    for sample in samples:
        values.setdefault(sample.name, []).append(sample)
    for name in sorted(values, key=list(FIGURES).index):
        figure = FIGURES[name]
        kind = CounterMetricFamily if name.endswith(_TOTAL) else GaugeMetricFamily
        family = kind(name.removesuffix(_TOTAL), figure.meaning, labels=figure.labels)
        for sample in values[name]:
            family.add_metric(sample.labels, sample.value)
        yield family
