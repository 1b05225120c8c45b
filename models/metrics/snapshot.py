"""A dataset seen from an as-of: facts, deployments that have happened, and what they changed."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.metrics.arrays import NO_INSTANT, Bools, Ints, segment_minima
from models.metrics.columns import Dataset, decoded
from models.metrics.deployments import Deployed, Known, first_places, happened, happened_deployments, known_incidents
from models.metrics.timelines import Facts, facts_at
from models.metrics.windows import windows
from models.records import INVALID, Micros, Rules, Window


@dataclass(frozen=True)
class Snapshot:
    """A dataset seen from one as-of; each part is worked out once, when the first metric asks for it."""

    dataset: Dataset
    rules: Rules
    as_of: Micros

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        """The period and the weeks, in the order of every result."""
        return windows(self.as_of, self.rules)

    @cached_property
    def facts(self) -> Facts:
        """The facts of the work items."""
        return facts_at(self.dataset.items.timelines, self.as_of)

    @cached_property
    def delivered(self) -> Bools:
        """Which items are done, with a resolution that does not say that nothing came of it."""
        found: Bools = (self.facts.done != NO_INSTANT) & ~self.dataset.items.excluded
        return found

    @cached_property
    def done(self) -> Ints:
        """The rows of the done items, in the order of their being done."""
        rows = np.flatnonzero(self.facts.done != NO_INSTANT)
        return rows[np.argsort(self.facts.done[rows], kind="stable")]

    @cached_property
    def incidents(self) -> tuple[Known, ...]:
        """The incidents that exist, with their facts; none where the profile has no section for them."""
        if self.rules.incidents is None:
            return ()
        return known_incidents(self.dataset.incidents, self.as_of)

    @cached_property
    def deployments(self) -> tuple[Deployed, ...]:
        """The deployments that have happened, oldest first."""
        rules = self.rules.deployments
        if rules is None:
            return ()
        return happened_deployments(self.dataset.deployments, self.incidents, rules, self.as_of)

    @cached_property
    def changes(self) -> tuple[Ints, Ints]:
        """The rows of the work items that were deployed, and of each the place of its earliest deployment.

        - Source ``status``: the item itself, done or not. Else the delivered items that share a fix version with the
          deployment, or that a row of the table names.
        """
        items, none = self.dataset.items, len(self.deployments)
        by_issue, by_version = first_places(self.deployments)
        of_code = np.array([by_version.get(name, none) for name in decoded(items.vocabulary)], np.int64)
        places = segment_minima(of_code[items.version_codes], items.version_offsets, none)
        rows, named = items.rows_of(np.array(list(by_issue), np.int64))
        places[rows] = np.minimum(places[rows], np.array(list(by_issue.values()), np.int64)[named])
        by_status = self.rules.deployments is not None and self.rules.deployments.source == "status"
        changed = np.flatnonzero((self.facts.exists if by_status else self.delivered) & (places < none))
        return changed, places[changed]

    @cached_property
    def open_spans(self) -> tuple[list[Micros], list[float]]:
        """When incidents began to be open and when they ceased to be, each ascending; infinity for those still open.

        An incident one of whose instants is no moment is in neither, for nobody knows.
        """
        spans = [span for span in (_open_span(incident, self.as_of) for incident in self.incidents) if span]
        return sorted(begin for begin, _ in spans), sorted(max(span) for span in spans)


def restored_at(incident: Known, as_of: Micros) -> Micros | None:
    """When an incident was over; None where it is not, or where its field is no moment."""
    return happened(incident.issue.restored_at, incident.done, as_of)


def _open_span(incident: Known, as_of: Micros) -> tuple[Micros, float] | None:
    detected = happened(incident.issue.detected_at, incident.issue.created, as_of)
    if detected is None or incident.issue.restored_at == INVALID:
        return None
    restored = restored_at(incident, as_of)
    return detected, math.inf if restored is None else restored
