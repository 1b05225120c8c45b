"""A dataset seen from an as-of: facts, deployments that have happened, and what they changed."""

from dataclasses import dataclass, field
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from models.metrics.arrays import NO_INSTANT, Bools, Ints
from models.metrics.blocking import blocked_lengths
from models.metrics.changes import Changes, changes
from models.metrics.columns import Dataset
from models.metrics.contributions import Contributions
from models.metrics.deployments import Deployed, happened_deployments
from models.metrics.failures import Carried, mark_failed
from models.metrics.incidents import Known, known_incidents, open_spans
from models.metrics.recoveries import Recovery, recoveries
from models.metrics.recoveries import open_spans as unrecovered
from models.metrics.rework import Rework, reworks
from models.metrics.timelines import Facts, Stays, facts_at, first_done, stays_of
from models.metrics.waiting import Waiting
from models.metrics.windows import windows
from models.records import Micros, Rules, Window


@dataclass(frozen=True)
class Snapshot:
    """A dataset seen from one as-of; each part is worked out once, when the first metric asks for it."""

    dataset: Dataset
    rules: Rules
    as_of: Micros
    waiting: Waiting = field(default_factory=Waiting)
    # By windows: the items in progress at their ends, which several metrics read.
    loads: dict[tuple[Window, ...], list[Contributions]] = field(default_factory=dict, compare=False)

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        """The period and the weeks, in the order of every result."""
        return windows(self.as_of, self.rules)

    @cached_property
    def facts(self) -> Facts:
        """The facts of the work items."""
        return facts_at(self.dataset.items.timelines, self.as_of)

    @cached_property
    def stays(self) -> Stays:
        """The stays in progress of the work items, whenever they were."""
        return stays_of(self.dataset.items.timelines)

    @cached_property
    def blocked(self) -> Ints:
        """How long each item was in progress and blocked, in microseconds."""
        return blocked_lengths(self.dataset.items.blocked, self.as_of)

    @cached_property
    def delivered(self) -> Bools:
        """Which items are done, and neither their resolution nor their status says that nothing came of it."""
        is_delivered: Bools = (self.facts.done != NO_INSTANT) & ~self.dataset.items.is_excluded(self.as_of)
        return is_delivered

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
        """The deployments that have happened, oldest first, with the incidents that mark them as failed."""
        carried = Carried(self.dataset.items, self.changes, ZoneInfo(self.rules.timezone))
        return mark_failed(self._happened, self.incidents, carried)

    @cached_property
    def changes(self) -> Changes:
        """The work items that were deployed, with the place of each one's deployment in ``deployments``.

        - Source ``status``: the item itself, done or not, at its earliest deployment.
        - Else the delivered items that share a fix version with the deployment, or that a row of the table names.
        """
        items = self.dataset.items
        if self.rules.deployments is not None and self.rules.deployments.source == "status":
            return changes(self._happened, items, self.facts.exists, None)
        return changes(self._happened, items, self.delivered, self.first_done)

    @cached_property
    def first_done(self) -> Ints:
        """When each item first entered done, NO_INSTANT where it did not before the as-of."""
        return first_done(self.dataset.items.timelines, self.as_of)

    @cached_property
    def open_spans(self) -> tuple[list[Micros], list[float]]:
        """When incidents began to be open and when they ceased to be, as ``incidents.open_spans``."""
        return open_spans(self.incidents, self.as_of)

    @cached_property
    def reworks(self) -> tuple[Rework, ...]:
        """Of each deployment whether it was rework, in the order of ``deployments``."""
        return reworks(self.deployments, self.dataset.items, self.delivered)

    @cached_property
    def recoveries(self) -> tuple[Recovery, ...]:
        """The failed deployments with when they were recovered."""
        return recoveries(self.deployments, self.incidents, self.as_of)

    @cached_property
    def unrecovered_spans(self) -> tuple[list[Micros], list[float]]:
        """When failed deployments began to be open and when they ceased to be, as ``recoveries.open_spans``."""
        return unrecovered(self.recoveries)

    @cached_property
    def _happened(self) -> tuple[Deployed, ...]:
        """The deployments before incidents mark any: what an item was carried by decides which incident marks it."""
        rules = self.rules.deployments
        return () if rules is None else happened_deployments(self.dataset.deployments, rules, self.as_of)
