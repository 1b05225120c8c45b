"""The parts of a run that are stored as JSON: its options, progress, retries, verification and counts of facts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from models.records.instants import iso

Json = dict[str, Any]
_RETRIES: Final = "trouble"  # the key in a run's cursor
_RECOMPUTATION: Final = "recomputation"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The words of a request: read every issue again (``full``), and compare each with its copy (``verify``)."""

    full: bool = False
    verify: bool = False

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "RunOptions":
        """Return the options as they were stored."""
        return cls(full=bool(stored.get("full")), verify=bool(stored.get("verify")))

    def to_json(self) -> Json:
        """Return what is stored: the options that were given."""
        return {name: True for name, given in (("full", self.full), ("verify", self.verify)) if given}


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a step is: ``done`` of ``total``, each None where it is unknown; ``read``: issues that a fetch read."""

    done: int | None = None
    total: int | None = None
    read: int | None = None

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "RunProgress":
        """Return the progress as it was stored."""
        return cls(stored.get("done"), stored.get("total"), stored.get("read"))

    def to_json(self) -> Json:
        """Return what is stored: nothing before the step has done anything."""
        if self.done is None:
            return {}
        read = {} if self.read is None else {"read": self.read}
        return {"done": self.done, "total": self.total, **read}


@dataclass(frozen=True, slots=True)
class Retries:
    """What a run tried in vain since it last made progress: how often, for how many seconds, since when, and why."""

    tries: int = 0
    seconds: float = 0.0
    since: datetime | None = None
    why: str = ""

    @classmethod
    def from_json(cls, cursor: Mapping[str, Any]) -> "Retries":
        """Return the retries in a run's cursor; none where the run made progress."""
        stored = cursor.get(_RETRIES, {})
        since = stored.get("since")
        return cls(
            tries=int(stored.get("tries", 0)),
            seconds=float(stored.get("seconds", 0.0)),
            since=datetime.fromisoformat(since) if since else None,
            why=str(stored.get("why", "")),
        )

    def to_json(self) -> Json:
        """Return the part of a run's cursor that holds them."""
        since = None if self.since is None else iso(self.since)
        return {_RETRIES: {"tries": self.tries, "seconds": self.seconds, "since": since, "why": self.why}}


def without_retries(cursor: Mapping[str, Any]) -> Json:
    """Return the cursor of a run that makes progress."""
    return {key: value for key, value in cursor.items() if key != _RETRIES}


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verifying fetch found: issues verified, how many differed, and the first of these by key and column."""

    verified: int = 0
    differ: int = 0
    differences: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @classmethod
    def from_json(cls, cursor: Mapping[str, Any]) -> "Verification | None":
        """Return what a run's cursor says; None where the run verified nothing."""
        if "verified" not in cursor:
            return None
        differences = tuple((str(key), tuple(what)) for key, what in cursor["differences"])
        return cls(int(cursor["verified"]), int(cursor["differ"]), differences)

    def to_json(self) -> Json:
        """Return the part of a run's cursor that holds it."""
        named = [[key, list(what)] for key, what in self.differences]
        return {"verified": self.verified, "differ": self.differ, "differences": named}


@dataclass(frozen=True, slots=True)
class Recomputation:
    """Where the step ``recompute`` continues: behind an issue's id; ``differed``: issues whose facts were replaced."""

    after: str = ""
    differed: int = 0

    @classmethod
    def from_json(cls, cursor: Mapping[str, Any]) -> "Recomputation":
        """Return what a run's cursor says."""
        stored = cursor.get(_RECOMPUTATION, {})
        return cls(str(stored.get("after", "")), int(stored.get("differed", 0)))

    def replaced_in(self, cursor: Mapping[str, Any]) -> Json:
        """Return a run's cursor with this in it; the other parts stay as they are."""
        return {**cursor, _RECOMPUTATION: {"after": self.after, "differed": self.differed}}


@dataclass(frozen=True, slots=True)
class CalculationCursor:
    """What a calculation counts: facts computed, metrics that raised an error, and changes of its rules."""

    misses: int = 0
    failed: tuple[str, ...] = ()
    rules_changes: int = 0

    @classmethod
    def from_json(cls, cursor: Mapping[str, Any]) -> "CalculationCursor":
        """Return what a run's cursor says."""
        return cls(
            misses=int(cursor.get("misses", 0)),
            failed=tuple(cursor.get("failed", ())),
            rules_changes=int(cursor.get("rules_changes", 0)),
        )

    def to_json(self) -> Json:
        """Return the part of a run's cursor that holds it; the other parts stay as they are."""
        failed = {"failed": list(self.failed)} if self.failed else {}
        changes = {"rules_changes": self.rules_changes} if self.rules_changes else {}
        return {"misses": self.misses, **failed, **changes}

    def replaced_in(self, cursor: Mapping[str, Any]) -> Json:
        """Return a run's cursor with this in place of what it said of the calculation."""
        return {key: cursor[key] for key in cursor.keys() - {"misses", "failed", "rules_changes"}} | self.to_json()
