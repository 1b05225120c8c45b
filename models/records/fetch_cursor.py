"""Where a fetch continues: the typed form of a run's cursor while it is at the step ``fetch``, and its JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal

from models.records.cursors import CopyIdentity, Json, LearnedSize
from models.records.run_parts import Verification

FetchKind = Literal["full", "incremental", "verify"]
_LISTS: Final = ("vanished", "unreturned", "unreadable", "pending_ids", "whole_ids")
_TYPED: Final = (*_LISTS, "failed", "identity", "multi_valued", "remembered", "sizes", "verification")


@dataclass(frozen=True, slots=True)
class FailedGroup:
    """Issues that Jira could not answer for together: which part, their ids, and whether nothing of it came."""

    part: str
    ids: tuple[str, ...]
    whole: bool

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "FailedGroup":
        """Return the group as it was stored."""
        return cls(str(stored["part"]), tuple(stored["ids"]), bool(stored["whole"]))

    def to_json(self) -> Json:
        """Return what is stored."""
        return {"part": self.part, "ids": list(self.ids), "whole": self.whole}


@dataclass(frozen=True, slots=True)
class FetchCursor:
    """Where a fetch continues; ``kind`` is None until the fetch is planned. Instants are ISO 8601.

    ``jira_now``: when it began, by Jira's clock. ``watermark``: from where changes are listed; ``newest``: the largest
    ``updated`` seen. ``position``: the next page of the list of this stage, as the site names it. ``is_warned``: Jira
    sent a warning with a list of this fetch. ``expected``: issues of the copy before. ``share``: how many issues this
    night verifies, None before that is known; ``audited``: issues that were read again so far because it was their
    turn. ``pending_ids``: to be read when there is a batch of them; ``failed``: to be requested in halves.
    ``vanished``: not returned, of this page; ``unreturned``: of all pages, to be looked at once more. ``check_size``:
    how many absent issues are checked at once. ``sizes``: how many this Jira can answer for, by part; ``remembered``:
    those of the last fetch. ``multi_valued``: fields with several values (id → the name that JQL has for it), which are
    asked for only of issues that have any; empty: all fields of every issue are asked for together. ``multi_listed``:
    the issues that have any were listed; those of them that wait are in ``whole_ids``.
    """

    stage: str = "begin"
    request_id: str | None = None
    kind: FetchKind | None = None
    flavour: str = ""
    jira_now: str = ""
    same_source: bool = False
    identity: CopyIdentity = field(default_factory=CopyIdentity)
    zone: str | None = None
    watermark: str | None = None
    newest: str = ""
    position: Any = None
    begun_again: int = 0
    seen: int = 0
    read: int = 0
    unshown: int = 0
    is_warned: bool = False
    expected: int | None = None
    share: int | None = None
    audited: int = 0
    check_size: int | None = None
    vanished: tuple[str, ...] = ()
    unreturned: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    pending_ids: tuple[str, ...] = ()
    multi_valued: Mapping[str, str] = field(default_factory=dict)
    multi_listed: bool = False
    whole_ids: tuple[str, ...] = ()
    failed: tuple[FailedGroup, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    remembered: Mapping[str, LearnedSize] = field(default_factory=dict)
    verification: Verification | None = None

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "FetchCursor":
        """Return the cursor as it was stored; a part that is absent is at its default."""
        lists: Json = {name: tuple(stored.get(name, ())) for name in _LISTS}
        return cls(
            **{name: stored[name] for name in _PLAIN if name in stored},
            **lists,
            failed=tuple(FailedGroup.from_json(group) for group in stored.get("failed", ())),
            identity=CopyIdentity.from_json(stored),
            multi_valued=dict(stored.get("multi_valued", {})),
            sizes=dict(stored.get("sizes", {})),
            remembered={part: LearnedSize.from_json(size) for part, size in stored.get("remembered", {}).items()},
            verification=Verification.from_json(stored),
        )

    def to_json(self) -> Json:
        """Return what is stored: of a fetch that is not planned, its request and stage."""
        if self.kind is None:
            request = {} if self.request_id is None else {"request_id": self.request_id}
            return {"stage": self.stage, **request}
        identity = self.identity
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            **{name: list(getattr(self, name)) for name in _LISTS},
            "failed": [group.to_json() for group in self.failed],
            "address": identity.address,
            "mapped": dict(identity.mapped),
            "flagged": identity.flagged,
            "resolved": dict(identity.resolved),
            "multi_valued": dict(self.multi_valued),
            "sizes": dict(self.sizes),
            "remembered": {part: size.to_json() for part, size in self.remembered.items()},
            **(self.verification.to_json() if self.verification else {}),
        }


_PLAIN: Final = tuple(part.name for part in fields(FetchCursor) if part.name not in _TYPED)
