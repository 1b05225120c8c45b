"""What each metric says, in a sentence for a page: its title and how it is computed."""

from collections.abc import Mapping
from typing import Final

TITLES: Final[Mapping[str, tuple[str, str]]] = {
    "deployment_frequency": ("Deployment frequency", "Deployments in the window, divided by its days."),
    "lead_time": ("Lead time for changes", "The median time from the start of work on an item to its deployment."),
    "cfr": ("Change failure rate", "The share of deployments that an incident or a field marks as failed."),
    "mttr": ("Time to restore", "The median time from the detection of an incident to its end."),
    "rework_rate": ("Rework rate", "The share of deployments that were made to repair something users saw."),
    "recovery_time": ("Recovery time", "The median time from a failed deployment to its recovery."),
    "flow_velocity": ("Flow velocity", "Items delivered in the window, divided by its weeks."),
    "flow_time": ("Flow time", "The median time from the start of work on an item until it was done."),
    "flow_efficiency": ("Flow efficiency", "The share of active time in the active and waiting time of items done."),
    "flow_distribution": ("Flow distribution", "The share of features among the items delivered."),
    "service_level": ("Service level", "The share of items done within the promised number of days."),
    "flow_blocked": ("Blocked time", "The share of the active and waiting time of items done that was blocked."),
    "flow_load": ("Flow load", "Items that were active or waiting just before the window ended."),
    "flow_age": ("Age of work", "The median age of the items in progress."),
    "net_flow": ("Net flow", "Items that started less items that were done in the window."),
}
