"""What set each part of a number, by the stored copy: history entries, fields, releases, and what marked a failure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from models import store
from models.metrics import evidence
from models.metrics.contributions import Contribution
from models.metrics.evidence import Evidence, LinkedIncident, Stay, StoredDeployment, Trail
from models.metrics.rules import Context
from models.records import Issue, Micros, Version

OF_DEPLOYMENTS = ("deployment_frequency", "cfr")
_GROUP = "version "


@dataclass(frozen=True, slots=True)
class Question:
    """Whose parts are traced: the profile, the metric, its rules, the as-of, and all deployments of the window."""

    profile: str
    metric: str
    context: Context
    as_of: Micros
    deployments: Sequence[Contribution]


@dataclass(frozen=True, slots=True)
class Traced:
    """What stands behind one part: the issue it is about, what set its instants, and what it adds up from.

    ``stays`` are an issue's times in its statuses; ``failed_by`` is what marked a deployment as failed; ``findings``
    is reason → what exactly was found.
    """

    issue: Issue | None
    set_by: Mapping[str, Evidence]
    stays: Sequence[Stay] = ()
    failed_by: Sequence[Evidence] = ()
    findings: Mapping[str, Sequence[str]] | None = None


def trace(session: Session, question: Question, parts: Sequence[Contribution]) -> list[Traced]:
    """What stands behind each of the parts, in their order; nothing but the stored copy is read."""
    stored = _stored(session, question, parts)
    return [_traced(question, stored, part) for part in parts]


def issue_id(question: Question, part: Contribution) -> str | None:
    """The issue a part is about; a deployment that is a version, a group of issues or a table's row is none."""
    if question.metric not in OF_DEPLOYMENTS:
        return part.subject_id
    if question.context.source not in ("issues", "status") or part.subject_id.startswith(_GROUP):
        return None
    return part.subject_id.partition(".")[0]


# --- what is stored -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the parts are traced in: issues, their findings, deployments, incidents and versions."""

    trail: Trail
    findings: Mapping[str, Sequence[str]]
    candidates: Mapping[str, StoredDeployment]
    accusers: Sequence[LinkedIncident]
    versions: Mapping[str, Version]


def _stored(session: Session, question: Question, parts: Sequence[Contribution]) -> _Stored:
    about = [found for found in (issue_id(question, part) for part in parts) if found is not None]
    source = question.context.source
    if source is None or question.metric not in (*OF_DEPLOYMENTS, "lead_time"):
        trail = _trail(session, question, about)
        return _Stored(trail, store.findings_of(session, question.profile, about), {}, (), {})
    candidates = store.load_stored_deployments(session, question.profile, source)
    deploying = [one.deployment_id for one in candidates] if source == "issues" else []
    trail = _trail(session, question, [*about, *deploying])
    findings = store.findings_of(session, question.profile, about)
    if source == "issues":
        candidates = list(_happened(trail, candidates))
    known = {one.deployment_id: one for one in candidates}
    incidents = store.load_linked_incidents(session, question.profile) if question.metric == "cfr" else []
    accusers = [one for one in incidents if one.created < question.as_of]
    versions = {version.version_id: version for version in store.load_versions(session, question.profile)}
    return _Stored(trail, findings, known, accusers, versions)


def _trail(session: Session, question: Question, ids: Sequence[str]) -> Trail:
    stored = store.load_issues(session, question.profile, list(dict.fromkeys(ids)))
    return Trail.of(stored, question.context, question.as_of)


def _happened(trail: Trail, candidates: Iterable[StoredDeployment]) -> Iterable[StoredDeployment]:
    """The deploying issues whose deployment has happened, with its instant."""
    for one in candidates:
        found = evidence.deployed(trail, one.deployment_id)
        if found is not None:
            yield replace(one, at=found[0])


# --- one part -------------------------------------------------------------------------------------------------------


def _traced(question: Question, stored: _Stored, part: Contribution) -> Traced:
    if question.metric in OF_DEPLOYMENTS:
        return _deployment(question, stored, part)
    issue = stored.trail.issues.get(part.subject_id)
    if issue is None:
        return Traced(None, {})
    set_by = evidence.set_by(part, stored.trail)
    if question.metric == "lead_time":
        set_by |= _deployed(question, stored, _deployment_of(question, stored, part, issue))
    stays = evidence.stays(stored.trail, issue.issue_id) if question.metric == "flow_efficiency" else ()
    return Traced(issue, set_by, stays, findings=_findings(stored, issue.issue_id))


def _deployment(question: Question, stored: _Stored, part: Contribution) -> Traced:
    issue = stored.trail.issues.get(issue_id(question, part) or "")
    failed_by = _failed_by(question, stored, part) if question.metric == "cfr" and part.value else ()
    findings = _findings(stored, issue.issue_id) if issue else None
    return Traced(issue, _deployed(question, stored, part), failed_by=failed_by, findings=findings)


def _findings(stored: _Stored, issue_id: str) -> dict[str, list[str]]:
    """The stored findings about an issue, each with what exactly it was found in where that can be told."""
    details = stored.trail.facts.findings.get(issue_id, {})
    return {reason: list(dict.fromkeys(details.get(reason, ()))) for reason in stored.findings.get(issue_id, ())}


def _deployment_of(question: Question, stored: _Stored, part: Contribution, issue: Issue) -> Contribution | None:
    """The deployment a change went out with; where several of one name happened at once, the one that carries it."""
    same = [one for one in question.deployments if (one.at, one.key) == (part.at, part.via)]
    carrying = [one for one in same if _carries(_members(stored, one), issue)]
    return next(iter(sorted(carrying or same, key=lambda one: one.subject_id)), None)


def _carries(members: Sequence[StoredDeployment], issue: Issue) -> bool:
    versions = {str(version) for version in issue.fields.get("fixVersions") or ()}
    return any(issue.issue_id in one.issue_ids or one.version_ids & versions for one in members)


def _members(stored: _Stored, part: Contribution) -> list[StoredDeployment]:
    """What a deployment is made of: itself, or the deploying issues that share its version, earliest first."""
    if not part.subject_id.startswith(_GROUP):
        return [stored.candidates[part.subject_id]] if part.subject_id in stored.candidates else []
    version = part.subject_id.removeprefix(_GROUP)
    found = [one for one in stored.candidates.values() if version in one.version_ids]
    return sorted(found, key=lambda one: (one.at or 0, one.deployment_id))


def _deployed(question: Question, stored: _Stored, part: Contribution | None) -> dict[str, Evidence]:
    """What set a deployment's instant."""
    if part is None:
        return {}
    found = _SET_BY[question.context.source or "table"](question, stored, part)
    return {} if found is None else {"deployed": found}


def _released(_question: Question, stored: _Stored, part: Contribution) -> Evidence | None:
    version = stored.versions.get(part.subject_id)
    day = str(version.release_date) if version else None
    return Evidence("version", part.at, part.key, "release_date", after=day)


def _by_issue(_question: Question, stored: _Stored, part: Contribution) -> Evidence | None:
    members = _members(stored, part)
    found = evidence.deployed(stored.trail, members[0].deployment_id) if members else None
    return None if found is None else found[1]


def _by_entry(_question: Question, stored: _Stored, part: Contribution) -> Evidence | None:
    number, _, entry = part.subject_id.partition(".")
    history_id, _, position = entry.rpartition(".")
    return evidence.entry_named(stored.trail, number, history_id, position)


def _by_row(_question: Question, _stored: _Stored, part: Contribution) -> Evidence | None:
    return Evidence("table", part.at, part.key, "deployed_at")


_SET_BY = {"versions": _released, "issues": _by_issue, "status": _by_entry, "table": _by_row}


def _failed_by(question: Question, stored: _Stored, part: Contribution) -> list[Evidence]:
    """What marked a deployment as failed: its own field or column, and the incidents that name it."""
    source, members = question.context.source, _members(stored, part)
    own = [_own_mark(question, stored, one, part) for one in members if one.failed]
    until = evidence.next_of(members[0], stored.candidates.values()) if source == "status" and members else None
    accusers = evidence.failed_by(members, until, stored.accusers, by_links=source == "status")
    return [*own, *(_accusation(question, stored, one, part) for one in accusers)]


def _own_mark(question: Question, stored: _Stored, one: StoredDeployment, part: Contribution) -> Evidence:
    issue = stored.trail.issues.get(one.deployment_id.partition(".")[0])
    if issue is None or question.context.source == "table":
        return Evidence("table", None, part.key, "failed", after=True)
    return evidence.mapped(stored.trail, issue.issue_id, "change_failure")


def _accusation(question: Question, stored: _Stored, accuser: LinkedIncident, part: Contribution) -> Evidence:
    shared = sorted(accuser.version_ids & evidence.versions_of(_members(stored, part)))
    names = ", ".join(stored.versions[one].name if one in stored.versions else one for one in shared)
    by_links = question.context.source == "status"
    field, after = ("links", part.key) if by_links else ("versions", names)
    return Evidence("incident", accuser.created, accuser.key, field, after=after)
