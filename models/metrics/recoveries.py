"""When failed deployments were recovered: with their incidents, else by the next deployment that did not fail."""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from models.metrics import windows
from models.metrics.deployments import Deployed
from models.metrics.incidents import Known, restored_at
from models.records import Micros


@dataclass(frozen=True, slots=True)
class Recovery:
    """A failed deployment and when it was recovered (None: not yet): by these incidents, or by another deployment."""

    deployed: Deployed
    at: Micros | None
    incident_ids: tuple[str, ...] = ()
    next_id: str = ""

    def length(self, zone: ZoneInfo) -> Micros:
        """Return how long it took; 0 within the day of a release whose day has no time."""
        length = (self.at or 0) - self.deployed.at
        if self.at is None or self.deployed.source != "versions":
            return length
        is_same_day = windows.local_day(self.at, zone) == windows.local_day(self.deployed.at, zone)
        return 0 if is_same_day else length


def recoveries(deployments: Sequence[Deployed], incidents: Iterable[Known], as_of: Micros) -> tuple[Recovery, ...]:
    """Return the failed deployments in their order, with their recoveries.

    - An incident counts only for the last of the deployments that it marks at or before its birth, else for the first.
    - With incidents: recovered when all of them are restored. With its own mark only: at the first later deployment
      that did not fail.
    - A failed deployment that is left with no incident and has no mark of its own is left out.
    """
    known = {incident.issue.issue_id: incident for incident in incidents}
    own = _incidents_by_place(deployments, known)
    sound = [place for place, deployed in enumerate(deployments) if not deployed.failed]
    sound_at = [deployments[place].at for place in sound]
    collected = []
    for place, deployed in enumerate(deployments):
        if own.get(place):
            ends = [restored_at(known[incident_id], as_of) for incident_id in own[place]]
            collected.append(Recovery(deployed, _last(ends), tuple(own[place])))
        elif deployed.own_mark:
            after = bisect_right(sound_at, deployed.at)
            following = [deployments[later] for later in sound[after : after + 1]]
            collected += [Recovery(deployed, later.at, next_id=later.deployment_id) for later in following]
            collected += [] if following else [Recovery(deployed, None)]
    return tuple(collected)


def open_spans(value: Iterable[Recovery]) -> tuple[list[Micros], list[float]]:
    """Return when failed deployments began to be open and when they ceased to be, each ascending; infinity if not."""
    spans = [(recovery.deployed.at, math.inf if recovery.at is None else recovery.at) for recovery in value]
    return sorted(begin for begin, _ in spans), sorted(max(span) for span in spans)


def _incidents_by_place(deployments: Sequence[Deployed], known: Mapping[str, Known]) -> dict[int, list[str]]:
    """Return the incidents that count for each deployment."""
    marked: defaultdict[str, list[int]] = defaultdict(list)
    for place, deployed in enumerate(deployments):
        for incident_id in dict.fromkeys(mark.incident_id for mark in deployed.failed_by):
            marked[incident_id].append(place)
    counted: defaultdict[int, list[str]] = defaultdict(list)
    for incident_id, places in marked.items():
        born = known[incident_id].issue.created
        before = [place for place in places if deployments[place].at <= born]
        counted[before[-1] if before else places[0]].append(incident_id)
    return counted


def _last(ends: Sequence[Micros | None]) -> Micros | None:
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None
