"""Reads the versions of a profile's projects: some may be closed to the account, and Jira may fail to answer for some.

An account can see issues of a project that it may not browse: as their reporter, or by a security level.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from models.records import Version
from models.store import catalogue, quality
from worker.errors import UnansweredError
from worker.jira.faults import AstrayError, ForbiddenError, LoginError, MissingError, RefusedError
from worker.jira.reader import Reader, parallel
from worker.settings import Profile

log = logging.getLogger(__name__)
_SOURCES: Final = ("versions", "table")


@dataclass(frozen=True, slots=True)
class ProjectVersions:
    """The versions that were read, and project key → why its versions were not, by the reasons of ``store``."""

    versions: Sequence[Version]
    missing: Mapping[str, str]

    @property
    def is_refused(self) -> bool:
        """Return whether Jira refused any of them to this login."""
        return quality.VERSIONS_REFUSED in self.missing.values()


def needs_versions(profile: Profile) -> bool:
    """Return whether any number of the profile depends on the versions of its projects."""
    deployments = profile.rules.deployments
    return deployments is not None and deployments.source in _SOURCES


def read_versions(reader: Reader, projects: Mapping[str, str], workers: int) -> ProjectVersions:
    """Return the versions of projects (the id or key in requests → key), several at a time."""
    answers = parallel(lambda pair: _versions_of(reader, *pair), projects.items(), workers)
    refused = next((answer for answer in answers if isinstance(answer, LoginError)), None)
    if refused and not any(isinstance(answer, list) for answer in answers):
        raise refused  # not of one project: a scope is missing, or the login is lost
    pairs = list(zip(projects.values(), answers, strict=True))
    versions = [version for _, answer in pairs if isinstance(answer, list) for version in answer]
    reasons = {key: answer for key, answer in pairs if isinstance(answer, str)}
    closed = {key: quality.VERSIONS_REFUSED for key, answer in pairs if isinstance(answer, LoginError)}
    return ProjectVersions(versions, reasons | closed)


def save_versions(session: Session, profile: str, answer: ProjectVersions) -> None:
    """Store the versions in place of the earlier ones.

    A refusal is Jira's answer: such versions are dropped, as a full fetch would never have them. Where Jira could not
    answer, those of the last fetch are kept.
    """
    unanswered = {key for key, reason in answer.missing.items() if reason == quality.VERSIONS_UNANSWERED}
    kept = [version for version in catalogue.load_versions(session, profile) if version.project in unanswered]
    catalogue.save_versions(session, profile, [*kept, *answer.versions])
    quality.save_project_findings(session, profile, answer.missing)


def _versions_of(reader: Reader, project: str, key: str) -> list[Version] | str | LoginError:
    try:
        return reader.versions(project, key)
    except LoginError as error:
        if error.is_certain:
            raise
        return error
    except (ForbiddenError, MissingError, RefusedError) as error:
        log.warning("versions are closed to this login", extra={"project": key, "why": str(error)})
        return quality.VERSIONS_REFUSED
    except (UnansweredError, AstrayError) as error:
        log.warning("versions were left as they were", extra={"project": key, "why": str(error)})
        return quality.VERSIONS_UNANSWERED
