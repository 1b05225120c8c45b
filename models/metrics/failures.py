"""Which deployments failed, and by which incident: one that names a version, or is linked to what was changed."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from models.metrics import windows
from models.metrics.arrays import Ints, are_among, ints
from models.metrics.changes import Changes
from models.metrics.columns import Items
from models.metrics.deployments import Deployed, Mark, MarkedBy
from models.metrics.incidents import Known
from models.metrics.releases import id_order
from models.records import Incident, Micros

_NOWHERE: Final = -1


class _Share(NamedTuple):
    """An incident (its number) and a deployment (its place) share a version or a change: ``shared``, its id."""

    place: int
    incident: int
    by: MarkedBy
    shared: str


@dataclass(frozen=True, slots=True)
class Carried:
    """What is needed to say which deployment carried an item: the items, their changes, the profile's zone."""

    items: Items
    changes: Changes
    zone: ZoneInfo


def mark_failed(deployments: Sequence[Deployed], incidents: Iterable[Known], carried: Carried) -> tuple[Deployed, ...]:
    """Return the deployments, in their order, with the incidents that mark them as failed.

    - By versions: an incident, born before or after, names one of the deployment's versions as affected.
    - By links: an incident is linked to one of the deployment's changes and born at or after it; for ``status``
      before the item's next deployment, for ``versions`` on the local day of the release or later.
    - A row of the table that says that it did not fail is not marked. An incident that was none marks nothing.
    """
    real = sorted((known.issue for known in incidents if not known.issue.excluded), key=_birth_order)
    shares = sorted({*_by_versions(deployments, real), *_by_links(deployments, real, carried)})
    marks: defaultdict[int, dict[tuple[int, MarkedBy], list[str]]] = defaultdict(dict)
    for share in shares:
        marks[share.place].setdefault((share.incident, share.by), []).append(share.shared)
    return tuple(_marked(deployed, real, marks.get(place, {})) for place, deployed in enumerate(deployments))


def _marked(deployed: Deployed, real: Sequence[Incident], marks: dict[tuple[int, MarkedBy], list[str]]) -> Deployed:
    if not marks or (deployed.source == "table" and deployed.own_mark is False):
        return deployed
    failed_by = (Mark(real[number].issue_id, by, tuple(shared)) for (number, by), shared in marks.items())
    return replace(deployed, failed_by=tuple(failed_by))


def _birth_order(incident: Incident) -> tuple[object, ...]:
    return (incident.created, id_order(incident.issue_id))


def _by_versions(deployments: Sequence[Deployed], incidents: Sequence[Incident]) -> Iterator[_Share]:
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, deployed in enumerate(deployments):
        for version_id in deployed.version_ids:
            places[version_id].append(place)
    for number, incident in enumerate(incidents):
        for version_id in incident.version_ids:
            for place in places.get(version_id, ()):
                yield _Share(place, number, "versions", version_id)


# --- by links -------------------------------------------------------------------------------------------------------


class _Span(NamedTuple):
    """From when until when an incident that is linked to an item marks the deployment at a place."""

    place: int
    since: Micros
    until: float


def _by_links(deployments: Sequence[Deployed], incidents: Sequence[Incident], carried: Carried) -> Iterator[_Share]:
    links = sorted(_links(incidents, carried.items)) if deployments and incidents else []
    is_status = bool(links) and deployments[0].source == "status"
    entries = _spans_of_entries(deployments) if is_status else {}
    places = _places(carried)
    for number, row in links:
        item_id = str(carried.items.ids[row])
        spans = entries.get(item_id, []) if is_status else _span(deployments, places[row], carried.zone)
        for place, since, until in spans:
            if since <= incidents[number].created < until:
                yield _Share(place, number, "links", item_id)


def _links(incidents: Sequence[Incident], items: Items) -> set[tuple[int, int]]:
    """Return (number of the incident, row of the item) of each link, whichever of the two names it."""
    named = [
        (int(i), number) for number, incident in enumerate(incidents) for i in incident.linked_ids if i.isdecimal()
    ]
    rows, which = items.rows_of(np.array([item_id for item_id, _ in named], np.int64))
    links = {(named[at][1], row) for row, at in zip(rows.tolist(), which.tolist(), strict=True)}
    number_of = {int(incident.issue_id): number for number, incident in enumerate(incidents)}
    hits = np.flatnonzero(are_among(items.linked_ids, ints(number_of)))
    owners = np.searchsorted(items.link_offsets, hits, side="right") - 1
    naming = zip(items.linked_ids[hits].tolist(), owners.tolist(), strict=True)
    return links | {(number_of[issue_id], row) for issue_id, row in naming}


def _places(carried: Carried) -> Ints:
    """Return of each item the place of the deployment whose change it is; nowhere for one done after its deployment."""
    changes = carried.changes
    places = np.full(len(carried.items), _NOWHERE, np.int64)
    places[changes.rows[~changes.late]] = changes.places[~changes.late]
    return places


def _span(deployments: Sequence[Deployed], place: int, zone: ZoneInfo) -> list[_Span]:
    if place == _NOWHERE:
        return []
    at = deployments[place].at
    is_day = deployments[place].source == "versions"
    return [_Span(int(place), windows.start_of_day(windows.local_day(at, zone), zone) if is_day else at, math.inf)]


def _spans_of_entries(deployments: Sequence[Deployed]) -> dict[str, list[_Span]]:
    """Return of each item its deployments by status, each until the next one."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, deployed in enumerate(deployments):
        places[deployed.issue_ids[0]].append(place)
    spans: dict[str, list[_Span]] = {}
    for item_id, own in places.items():
        spans[item_id] = [_Span(p, deployments[p].at, deployments[after].at) for p, after in pairwise(own)]
        spans[item_id].append(_Span(own[-1], deployments[own[-1]].at, math.inf))
    return spans
