"""What the released versions of a profile leave out of its numbers: those without a date, or with one in the future."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy.orm import Session

from models import store
from models.metrics.deployments import UNDATED_RELEASE, version_findings
from models.records import Rules, micros

# The metrics whose values lack such a version.
METRICS: Final = ("deployment_frequency", "lead_time", "cfr")
_NAMED: Final = 5


class VersionNote(NamedTuple):
    """What is left out, and what to do about it; both without a full stop."""

    message: str
    advice: str

    @property
    def sentences(self) -> str:
        """Both as text beside the metric that they are about."""
        return f"deployment_frequency: {self.message}. {self.advice}."


def version_notes(session: Session, profile: str, rules: Rules | None, as_of: datetime) -> tuple[VersionNote, ...]:
    """Return a note for each reason why released versions are not counted at ``as_of``; none for other sources."""
    if rules is None or rules.deployments is None or rules.deployments.source != "versions":
        return ()
    versions, projects = store.load_versions(session, profile), store.projects(session, profile)
    findings = version_findings(versions, projects, micros(as_of), rules.timezone)
    return tuple(_note(reason, [version.name for version in left_out]) for reason, left_out in findings.items())


def _note(reason: str, names: Sequence[str]) -> VersionNote:
    few = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    which, have, are = (f"{len(names):,} released versions", "have", "are")
    if len(names) == 1:
        which, have, are = ("1 released version", "has", "is")
    if reason == UNDATED_RELEASE:
        return VersionNote(f"{which} {have} no release date ({few}) and {are} not counted", "Set the date in Jira")
    message = f"{which} {have} a release date in the future ({few}) and {are} not counted yet"
    return VersionNote(message, "If the date is wrong, correct it in Jira")
