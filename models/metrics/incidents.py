"""Incidents as they are at an as-of: which exist, when each was restored, and which are open."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from models.metrics.timelines import done_at
from models.records import INVALID, Incident, MappedInstant, Micros


@dataclass(frozen=True, slots=True)
class Known:
    """An incident that exists at the as-of, and when it was done; None where it is not."""

    issue: Incident
    done: Micros | None


def known_incidents(incidents: Iterable[Incident], as_of: Micros) -> tuple[Known, ...]:
    """Return the incidents that exist: born before the as-of, and not detected later than it."""
    present = [i for i in incidents if i.created < as_of and not _is_ahead(i.detected_at, as_of)]
    dones = done_at([incident.timeline for incident in present], as_of)
    return tuple(Known(incident, done) for incident, done in zip(present, dones, strict=True))


def happened(mapped: MappedInstant, default: Micros | None, as_of: Micros) -> Micros | None:
    """Return a mapped instant before ``as_of``, else None; only where the issue has no value at all the default
    stands.
    """
    if mapped is None:
        return default
    return mapped if mapped != INVALID and mapped < as_of else None


def restored_at(incident: Known, as_of: Micros) -> Micros | None:
    """Return when an incident was over; None where it is not, or where its field is not a moment."""
    return happened(incident.issue.restored_at, incident.done, as_of)


def open_spans(incidents: Iterable[Known], as_of: Micros) -> tuple[list[Micros], list[float]]:
    """Return when incidents began to be open and when they ceased to be, each ascending; infinity while they are.

    An incident that was none, or one of whose instants is not a moment, is in neither.
    """
    spans = [span for span in (_open_span(incident, as_of) for incident in incidents) if span]
    return sorted(begin for begin, _ in spans), sorted(max(span) for span in spans)


def _is_ahead(mapped: MappedInstant, as_of: Micros) -> bool:
    return isinstance(mapped, int) and mapped >= as_of


def _open_span(incident: Known, as_of: Micros) -> tuple[Micros, float] | None:
    detected = happened(incident.issue.detected_at, incident.issue.created, as_of)
    if incident.issue.excluded or detected is None or incident.issue.restored_at == INVALID:
        return None
    restored = restored_at(incident, as_of)
    return detected, math.inf if restored is None else restored
