"""What Jira says: issues, their histories, statuses, versions and fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from models.records.instants import digest, iso


@dataclass(frozen=True, slots=True)
class Status:
    """A status the site lists; ``category`` is Jira's key: new, indeterminate, done or undefined."""

    status_id: str
    name: str
    category: str


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a project; ``release_date`` is a day without a time, as Jira keeps it."""

    version_id: str
    project: str
    name: str
    released: bool
    release_date: date | None
    archived: bool


@dataclass(frozen=True, slots=True)
class Field:
    """A field the site lists; ``schema`` is Jira's type ("user", "array", …), ``items`` that of its members.

    ``custom``: the type of a custom field, by the name of its module; empty for Jira's own.
    """

    field_id: str
    name: str
    schema: str
    items: str
    custom: str = ""


class Transition(NamedTuple):
    """One item of a tracked field's history; ordered by (at, integer history id, position), the only trusted order.

    A tuple and no dataclass: there are several to an issue, and a tuple is made and sorted in a third of the time.
    """

    at: datetime
    history_number: int
    position: int
    field: str
    history_id: str
    from_id: str | None = None
    from_name: str | None = None
    to_id: str | None = None
    to_name: str | None = None


@dataclass(frozen=True, slots=True)
class Issue:
    """One Jira issue as Flowbeat keeps it: identity is the numeric id, the keys of issue and project may change.

    ``fields`` holds what was asked for beyond the columns: ``priority`` (name), ``fixVersions`` and ``versions`` (ids),
    ``links`` (ids of linked issues) and each mapped field under its id, as Jira sent it. No people.
    """

    issue_id: str
    key: str
    project: str
    type: str
    status_id: str
    created: datetime
    updated: datetime
    resolution: str | None
    resolved: datetime | None
    summary: str | None
    fields: Mapping[str, Any]
    transitions: tuple[Transition, ...] = ()
    # What the changelog's proof found: reason → count (see docs/metrics.md).
    findings: Mapping[str, int] = field(default_factory=dict)
    # Of the issue's own type: its level on Cloud (1 and above holds others, -1 is a part of one), and whether it is a
    # sub-task; None where Jira does not say.
    hierarchy_level: int | None = None
    subtask: bool | None = None
    project_id: str | None = None
    # The id of the issue above it: of a sub-task its issue, on Cloud also of an issue its epic.
    parent: str | None = None

    def content_hash(self) -> str:
        """Return a digest of the issue's content and history, equal in two copies exactly when the copies are equal."""
        return digest(
            [
                [self.issue_id, self.key, self.project, self.project_id],
                [self.type, self.hierarchy_level, self.subtask, self.status_id, self.parent],
                [iso(self.created), iso(self.updated), self.resolution, self.resolved and iso(self.resolved)],
                [self.summary, self.fields],
                [
                    [iso(t.at), t.history_id, t.position, t.field, t.from_id, t.from_name, t.to_id, t.to_name]
                    for t in sorted(self.transitions, key=transition_key)
                ],
            ]
        )


class IssueHead(NamedTuple):
    """What the facts need of an issue beside its dates and its history; a tuple, because thousands are read."""

    issue_id: str
    key: str
    type: str
    status_id: str
    resolution: str | None
    fields: Mapping[str, Any]
    hierarchy_level: int | None = None
    subtask: bool | None = None


def transition_key(t: Transition) -> tuple[datetime, int, str, int]:
    """Sorts a history: by instant, integer history id, then field and position within the entry."""
    return (t.at, t.history_number, t.field, t.position)
