"""What `flowbeat init` read of a Jira, and what it proposes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.records import Field, Issue, Status, Version


@dataclass(frozen=True, slots=True)
class Survey:
    """A Jira as far as it was read: its lists, the newest issues of a JQL, and the versions of their projects.

    ``fields``: role of a mapping → the fields whose names fit it. ``repeated_fields``: the names, folded, that several
    fields of the site have. ``closed``: what this login may not read → the reason.
    """

    statuses: tuple[Status, ...] = ()
    types: tuple[str, ...] = ()
    resolutions: tuple[str, ...] = ()
    fields: Mapping[str, tuple[Field, ...]] = field(default_factory=dict)
    repeated_fields: frozenset[str] = frozenset()
    issues: tuple[Issue, ...] = ()
    versions: tuple[Version, ...] = ()
    closed: Mapping[str, str] = field(default_factory=dict)

    def is_closed(self, what: str) -> bool:
        """Return whether a list, or one of a kind, could not be read."""
        return any(name.startswith(what) for name in self.closed)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A line of a profile: its section ("" for the profile's own), its key, its value, and why.

    ``is_on``: whether the line is active, or only a suggestion to consider. A proposal without a value is a remark.
    """

    section: str
    key: str
    value: str | float | tuple[str, ...] | None
    reasons: tuple[str, ...]
    is_on: bool = True
