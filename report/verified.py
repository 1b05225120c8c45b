"""Up to which instant a copy is proved: every issue was read again then or later, and compared with Jira."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from models.store import quality, verified
from models.store.verified import Proof
from models.wording import format_count
from report.words import format_time, in_words
from worker.database import Stored, zone_of

T = TypeVar("T")

_DIFFERED: Final = "differed_"
_COMPARED: Final = ("not_stored", "gone_from_jira")


def split_findings(findings: Mapping[str, T]) -> tuple[dict[str, T], dict[str, T]]:
    """Return (what a comparison with Jira found and repaired, by a word or two; all other findings, by reason)."""
    differences = {
        in_words(reason.removeprefix(_DIFFERED)): value
        for reason, value in findings.items()
        if reason in _COMPARED or reason.startswith(_DIFFERED)
    }
    others = {
        reason: value
        for reason, value in findings.items()
        if reason not in _COMPARED and not reason.startswith(_DIFFERED)
    }
    return differences, others


@dataclass(frozen=True, slots=True)
class Verified:
    """How far a profile's copy is proved.

    ``nights``: how many a turn takes at least, None where nothing is compared in turn; ``wanted``: how many issues a
    night would have to read again for a turn of ``every_days``. ``facts_differed``: issues whose facts the last
    recomputation replaced; ``results_differed``: metrics of which it replaced results.
    """

    proof: Proof
    zone: ZoneInfo
    nights: int | None
    every_days: int
    wanted: int
    facts_differed: int
    results_differed: tuple[str, ...]

    @property
    def words(self) -> str:
        """Return how far, as a part of a sentence."""
        if self.proof.up_to is not None:
            return f"verified up to {format_time(self.proof.up_to, self.zone)}"
        if not self.proof.issues:
            return "nothing to verify"
        return f"not yet verified: {self.proof.verified:,} of {format_count(self.proof.issues, 'issue')} read again"

    @property
    def is_slow(self) -> bool:
        """Return whether a turn takes longer than configured, because the budget is too small for the copy."""
        return self.nights is not None and self.nights > self.every_days

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what the last recomputation replaced; and that a turn takes longer, with what to do about it."""
        replaced = [f"facts of {format_count(self.facts_differed, 'issue')}"] if self.facts_differed else []
        replaced += [f"results of {', '.join(self.results_differed)}"] if self.results_differed else []
        again = f"Note: stored {' and '.join(replaced)} were wrong, and were replaced when they were made again."
        return (*([again] if replaced else []), *self._slow())

    def _slow(self) -> tuple[str, ...]:
        if not self.is_slow:
            return ()
        takes = f"comparing every issue with Jira takes at least {self.nights:,} nights and not {self.every_days}"
        return (f"Note: {takes}; set issues_per_run = {self.wanted} under [changelog_audit].",)

    def is_overdue(self, now: datetime) -> bool:
        """Return whether an issue was not compared for more than two turns, by scheduled refreshes or otherwise."""
        oldest = self.proof.oldest
        if not self.proof.issues or oldest is None:
            return self.nights is not None and self.proof.issues > 0
        return now - oldest > timedelta(days=2 * max(1, self.every_days))


def load_verified(current: Stored, session: Session, profile: str) -> Verified:
    """Return how far a profile's copy is proved."""
    proof, rules = verified.proof(session, profile), current.settings.changelog_audit
    configured = current.settings.profiles.get(profile)
    is_compared = configured is not None and configured.schedule is not None and rules.issues_per_run > 0
    wanted = ceil(proof.issues / max(1, rules.every_days))
    nights = ceil(proof.issues / min(rules.issues_per_run, max(1, wanted))) if is_compared else None
    facts, metrics = quality.load_recomputed(session, profile)
    zone = zone_of(current, profile)
    return Verified(proof, zone, nights, rules.every_days, wanted, facts, tuple(sorted(metrics)))
