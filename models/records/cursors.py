"""How far a stored copy is, and what it is a copy of: the typed form of ``CacheMetadata.cursor``, and its JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from models.records.instants import iso
from models.records.rules import FieldMapping

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LearnedSize:
    """How many a Jira could answer for at a time, and when this was learned."""

    size: int
    since: datetime

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "LearnedSize":
        """Return the size as it was stored."""
        return cls(int(stored["size"]), datetime.fromisoformat(stored["since"]))

    def to_json(self) -> Json:
        """Return what is stored."""
        return {"size": self.size, "since": iso(self.since)}


@dataclass(frozen=True, slots=True)
class ListedNames:
    """The names of a list of the site (types, priorities, resolutions); ``asked_at`` is ISO 8601, by Jira's clock."""

    asked_at: str
    names: tuple[str, ...]

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "ListedNames":
        """Return the list as it was stored."""
        return cls(str(stored["asked_at"]), tuple(stored["names"]))

    def to_json(self) -> Json:
        """Return what is stored."""
        return {"asked_at": self.asked_at, "names": list(self.names)}


@dataclass(frozen=True, slots=True)
class CopyIdentity:
    """What a stored copy is a copy of; None where the copy does not say.

    ``address`` is the site's own, which differs from ``base_url`` behind a gateway. ``source`` hashes connection and
    JQL. ``mapped``: field id → the site's name for it. ``flagged``: the id of the field whose history is kept before
    that of others. ``resolved``: role → the field ids that its names were resolved to.
    """

    base_url: str | None = None
    address: str | None = None
    source: str | None = None
    summaries: bool | None = None
    mapped: Mapping[str, str] = field(default_factory=dict)
    flagged: str | None = None
    resolved: Mapping[str, FieldMapping] = field(default_factory=dict)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "CopyIdentity":
        """Return the identity among what is stored; a part that is absent is unknown."""
        return cls(
            base_url=stored.get("base_url"),
            address=stored.get("address"),
            source=stored.get("source"),
            summaries=stored.get("summaries"),
            mapped=dict(stored.get("mapped", {})),
            flagged=stored.get("flagged"),
            resolved=resolved_from_json(stored.get("resolved", {})),
        )

    def to_json(self) -> Json:
        """Return what is stored."""
        return {
            "base_url": self.base_url,
            "address": self.address,
            "source": self.source,
            "summaries": self.summaries,
            "mapped": dict(self.mapped),
            "flagged": self.flagged,
            "resolved": dict(self.resolved),
        }


@dataclass(frozen=True, slots=True)
class CopyCursor:
    """How far a stored copy is, and what the next fetch of its site begins with.

    ``watermark``: the largest ``updated`` that the copy is sure to have, ISO 8601. ``zone``: the account's time zone
    where the site refuses epoch milliseconds. ``unshown``: issues that Jira counted and did not show. ``is_warned``:
    Jira sent a warning with its list, so that issues may be missing. ``sizes``: by part of a reading. ``listed``: by
    kind of name.
    """

    identity: CopyIdentity = field(default_factory=CopyIdentity)
    watermark: str | None = None
    zone: str | None = None
    unshown: int = 0
    sizes: Mapping[str, LearnedSize] = field(default_factory=dict)
    listed: Mapping[str, ListedNames] = field(default_factory=dict)
    is_warned: bool = False

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "CopyCursor":
        """Return the cursor as it was stored; a part that is absent is at its default."""
        return cls(
            identity=CopyIdentity.from_json(stored),
            watermark=stored.get("watermark"),
            zone=stored.get("zone"),
            unshown=int(stored.get("unshown", 0)),
            sizes={part: LearnedSize.from_json(size) for part, size in stored.get("sizes", {}).items()},
            listed={kind: ListedNames.from_json(names) for kind, names in stored.get("listed", {}).items()},
            is_warned=bool(stored.get("is_warned", False)),
        )

    def to_json(self) -> Json:
        """Return what is stored: one object, the identity's keys beside the others."""
        return self.identity.to_json() | {
            "watermark": self.watermark,
            "zone": self.zone,
            "unshown": self.unshown,
            "is_warned": self.is_warned,
            "sizes": {part: size.to_json() for part, size in self.sizes.items()},
            "listed": {kind: names.to_json() for kind, names in self.listed.items()},
        }


def resolved_from_json(stored: Mapping[str, Any]) -> dict[str, FieldMapping]:
    """Return role → field ids, as ``Rules.fields`` has them: JSON has no tuples."""
    return {role: path if isinstance(path, str) else tuple(path) for role, path in stored.items()}
