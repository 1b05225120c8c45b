"""Versions that a profile's numbers leave out: those without a date, and those that could not be read."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy.orm import Session

from models.metrics.releases import UNDATED_RELEASE, version_findings
from models.records import METRIC_TYPES, OF_DEPLOYMENTS, MetricType, Rules, micros
from models.store import catalogue, issues, quality

# The metrics whose values lack such a version.
_CONCERNED: Final = tuple(name for name in METRIC_TYPES if name in OF_DEPLOYMENTS)
_NAMED: Final = 5


class VersionNote(NamedTuple):
    """What is left out, and what to do about it, both without a full stop; and the metrics concerned."""

    message: str
    advice: str
    metrics: tuple[MetricType, ...] = ("deployment_frequency",)

    @property
    def sentences(self) -> str:
        """Return both as text beside the metric that they concern."""
        return f"{', '.join(self.metrics)}: {self.message}. {self.advice}."


def version_notes(session: Session, profile: str, rules: Rules | None, as_of: datetime) -> tuple[VersionNote, ...]:
    """Return a note for each reason why versions are not counted at ``as_of``; empty if no number needs them."""
    source = rules.deployments.source if rules and rules.deployments else None
    if rules is None or source not in ("versions", "table"):
        return ()
    closed = _closed(profile, quality.project_findings(session, profile))
    return closed if source == "table" else (*closed, *_uncounted(session, profile, rules, as_of))


def _closed(profile: str, findings: Mapping[str, str]) -> tuple[VersionNote, ...]:
    """Return notes about the projects whose versions the last fetch could not read."""
    refused, unanswered = (
        [key for key, reason in findings.items() if reason == wanted]
        for wanted in (quality.VERSIONS_REFUSED, quality.VERSIONS_UNANSWERED)
    )
    notes = []
    if refused:
        message = f"the versions of {_few(refused)} are closed to this account, so those releases are not counted"
        advice = f"Give it Browse Projects there, or leave the project out of jql; then: flowbeat refresh {profile}"
        notes.append(VersionNote(message, advice, _CONCERNED))
    if unanswered:
        message = f"Jira could not answer for the versions of {_few(unanswered)}, so those of an earlier fetch count"
        notes.append(VersionNote(message, f"Try again later: flowbeat refresh {profile}", _CONCERNED))
    return tuple(notes)


def _uncounted(session: Session, profile: str, rules: Rules, as_of: datetime) -> tuple[VersionNote, ...]:
    versions, projects = catalogue.load_versions(session, profile), issues.projects(session, profile)
    findings = version_findings(versions, projects, micros(as_of), rules.timezone)
    return tuple(_note(reason, [version.name for version in left_out]) for reason, left_out in findings.items())


def _note(reason: str, names: Sequence[str]) -> VersionNote:
    few = _few(names)
    which, have, are = (f"{len(names):,} released versions", "have", "are")
    if len(names) == 1:
        which, have, are = ("1 released version", "has", "is")
    if reason == UNDATED_RELEASE:
        return VersionNote(f"{which} {have} no release date ({few}) and {are} not counted", "Set the date in Jira")
    message = f"{which} {have} a release date in the future ({few}) and {are} not counted yet"
    return VersionNote(message, "If the date is wrong, correct it in Jira")


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
