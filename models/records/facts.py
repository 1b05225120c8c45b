"""The facts of issues: what the metrics read."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from models.records.instants import Invalid, MappedInstant, Micros, Timeline


class ItemHead(NamedTuple):
    """A work item without its timeline, as WorkItem; a tuple, because thousands are created."""

    issue_id: str
    key: str
    type: str
    category: str
    excluded: bool
    committed_at: MappedInstant
    points: float | Invalid | None
    version_ids: tuple[str, ...]
    linked_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkItem:
    """The facts of one work item up to its last change; the metrics of any ``as_of`` read these, never transitions.

    ``timeline`` holds stage changes only and begins at the birth. ``excluded``: its resolution says nothing was
    delivered. ``points`` is None without a value. ``version_ids``: its fix versions. ``linked_ids``: linked issues.
    ``exclusions``: when it entered one of the excluded statuses or left them, alternately. ``blocked``: when a stretch
    in which it was in progress and blocked began and ended, alternately.
    """

    issue_id: str
    key: str
    type: str
    category: str
    excluded: bool
    timeline: Timeline
    committed_at: MappedInstant = None
    points: float | Invalid | None = None
    version_ids: tuple[str, ...] = ()
    linked_ids: tuple[str, ...] = ()
    resolved: Micros | None = None
    exclusions: tuple[Micros, ...] = ()
    blocked: tuple[Micros, ...] = ()

    @property
    def created(self) -> Micros:
        """When the item began to exist."""
        return self.timeline[0][0]


@dataclass(frozen=True, slots=True)
class Deployment:
    """One candidate deployment, before grouping and before an ``as_of``.

    ``at`` is the known instant (``invalid``: a mapped field that is not a time); None with a ``timeline`` means "when
    the deploying issue was done". ``failed`` and ``rework`` are its own marks, None where it has none.
    ``issue_ids``: the items it names itself. ``linked_ids``: issues linked to its work item (source ``status``), where
    an incident may be among them.
    """

    deployment_id: str
    source: str
    name: str
    at: MappedInstant
    created: Micros | None = None
    timeline: Timeline = ()
    failed: bool | None = None
    version_ids: tuple[str, ...] = ()
    issue_ids: tuple[str, ...] = ()
    linked_ids: tuple[str, ...] = ()
    rework: bool | None = None


@dataclass(frozen=True, slots=True)
class TableDeployment:
    """A deployment that users or their pipeline put into the table: the row that source ``table`` counts.

    ``failed`` and ``rework`` are None where nobody has said yet. ``issue_keys`` and ``versions`` (names or ids) are
    what it carried; neither need be known yet.
    """

    deployment_id: str
    name: str
    deployed_at: datetime
    failed: bool | None = None
    issue_keys: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    rework: bool | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident: mapped instants where the profile maps them, its timeline, affected versions and linked issues.

    ``excluded``: its resolution says that it was none.
    """

    issue_id: str
    key: str
    timeline: Timeline
    detected_at: MappedInstant = None
    restored_at: MappedInstant = None
    version_ids: tuple[str, ...] = ()
    linked_ids: tuple[str, ...] = ()
    excluded: bool = False

    @property
    def created(self) -> Micros:
        """When the incident's issue began to exist."""
        return self.timeline[0][0]


@dataclass(frozen=True, slots=True)
class Departure:
    """An issue that was done when it left; a deploying issue or an incident delivers nothing by itself."""

    done_at: Micros
    delivered: bool = False
