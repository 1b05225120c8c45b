"""What set each part of a number, from the stored copy: history entries, fields, releases, and marks of failures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from models.metrics import evidence
from models.metrics.catalogue import METRICS
from models.metrics.contributions import Contribution
from models.metrics.deployments import GROUP, Deployed, Mark
from models.metrics.evidence import Blocked, Evidence, Stay, Trail
from models.metrics.recoveries import Recovery
from models.metrics.resolutions import Disagreement, disagreements
from models.metrics.rules import Context
from models.metrics.snapshot import Snapshot
from models.metrics.sub_tasks import unfinished
from models.records import CATEGORIES, OPEN_SUB_TASK, RESOLUTION_DISAGREES, Deployment, Incident, Issue, Micros, Version
from models.store import catalogue, issues, quality, sub_tasks


@dataclass(frozen=True, slots=True)
class Question:
    """What an explanation is about: the profile, the metric, its rules, and the snapshot of its calculation.

    ``as_of`` is the instant of the facts, which for the load of a window is that window's end.
    """

    profile: str
    metric: str
    context: Context
    as_of: Micros
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Traced:
    """The evidence of one part: the issue it is about, what set its instants, and what it adds up from.

    ``stays`` are an issue's times in its statuses; ``failed_by`` is what marked a deployment as failed; ``findings``
    is reason → what exactly was found; ``disagreement`` the two instants of the finding ``resolution_disagrees``.
    """

    issue: Issue | None
    set_by: Mapping[str, Evidence]
    stays: Sequence[Stay] = ()
    blocked: Sequence[Blocked] = ()
    failed_by: Sequence[Evidence] = ()
    rework_by: Sequence[Evidence] = ()
    findings: Mapping[str, Sequence[str]] | None = None
    disagreement: Disagreement | None = None


def trace(session: Session, question: Question, parts: Sequence[Contribution]) -> list[Traced]:
    """Return the evidence of each part, in order, from the stored copy only."""
    stored = _stored(session, question, parts)
    return [_traced(question, stored, part) for part in parts]


def issue_id(question: Question, part: Contribution) -> str | None:
    """Return the issue of a part; "" for a version, a group of issues or a table's row."""
    if METRICS[question.metric].about != "deployment":
        return part.subject_id
    if question.context.source not in ("issues", "status") or part.subject_id.startswith(GROUP):
        return None
    return part.subject_id.partition(".")[0]


# --- what is stored -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the parts are traced in: issues, their findings, versions, and what the snapshot has by its ids.

    ``keys`` are those of the items that incidents are linked to.
    """

    trail: Trail
    findings: Mapping[str, Sequence[str]]
    versions: Mapping[str, Version]
    deployments: Mapping[str, Deployed]
    incidents: Mapping[str, Incident]
    keys: Mapping[str, str]
    disagreements: Mapping[str, Disagreement]
    open_sub_tasks: Mapping[str, Sequence[str]]


def _stored(session: Session, question: Question, parts: Sequence[Contribution]) -> _Stored:
    about = [item for item in (issue_id(question, part) for part in parts) if item is not None]
    deployments = _deployments(question, parts)
    if question.context.source == "issues":
        about += [member.deployment_id for deployed in deployments.values() for member in deployed.members]
    about += [incident_id for r in _recoveries(question, parts) for incident_id in r.incident_ids]
    about = list(dict.fromkeys(about))
    versions = catalogue.load_versions(session, question.profile) if deployments else []
    return _Stored(
        trail=Trail.of(issues.load(session, question.profile, about), question.context, question.as_of),
        findings=quality.findings_of(session, question.profile, about),
        versions={version.version_id: version for version in versions},
        deployments=deployments,
        incidents={known.issue.issue_id: known.issue for known in question.snapshot.incidents},
        keys=_keys(question.snapshot, [mark for deployed in deployments.values() for mark in deployed.failed_by]),
        disagreements=_disagreements(question.snapshot),
        open_sub_tasks=_open_sub_tasks(session, question),
    )


def _deployments(question: Question, parts: Sequence[Contribution]) -> dict[str, Deployed]:
    """Return the deployments of the parts: the parts themselves, or those that carried them."""
    if not METRICS[question.metric].of_deployments:
        return {}
    wanted = {part.via_id or part.subject_id for part in parts}
    return {
        deployment.deployment_id: deployment
        for deployment in question.snapshot.deployments
        if deployment.deployment_id in wanted
    }


def _recoveries(question: Question, parts: Sequence[Contribution]) -> list[Recovery]:
    """Return the recoveries of the parts."""
    if "recovery" not in METRICS[question.metric].beside:
        return []
    wanted = {part.subject_id for part in parts}
    return [r for r in question.snapshot.recoveries if r.deployed.deployment_id in wanted]


def _disagreements(snapshot: Snapshot) -> dict[str, Disagreement]:
    """Return the disagreements at the as-of of the number, which may lie before that of the stored ones."""
    dataset = snapshot.dataset
    return {odd.issue_id: odd for odd in disagreements(dataset.items, dataset.others, snapshot.as_of)}


def _open_sub_tasks(session: Session, question: Question) -> Mapping[str, Sequence[str]]:
    """Return the open sub-tasks of what is done at the as-of of the number, which may lie before that of the stored
    findings.
    """
    dataset, context = question.snapshot.dataset, question.context
    parts, below = (dataset.items, dataset.others), sub_tasks.load(session, question.profile)
    return unfinished(parts, below, context.stages, question.snapshot.as_of)


def _keys(snapshot: Snapshot, marks: Sequence[Mark]) -> dict[str, str]:
    items = snapshot.dataset.items
    ids = sorted({int(issue_id) for mark in marks if mark.by == "links" for issue_id in mark.shared})
    rows, _ = items.rows_of(np.array(ids, np.int64))
    return {str(items.ids[row]): items.key(row) for row in rows.tolist()}


# --- one part -------------------------------------------------------------------------------------------------------


def _traced(question: Question, stored: _Stored, part: Contribution) -> Traced:
    if METRICS[question.metric].about == "deployment":
        return _deployment(question, stored, part)
    issue = stored.trail.issues.get(part.subject_id)
    if issue is None:
        return Traced(None, {})
    set_by = evidence.set_by(part, stored.trail)
    if part.via_id:
        set_by |= _deployed(question, stored, part.via_id)
    stays = evidence.stays(stored.trail, issue.issue_id) if "stays" in METRICS[question.metric].beside else ()
    blocked = evidence.blocked(stored.trail, issue.issue_id) if "blocked" in METRICS[question.metric].beside else ()
    odd = stored.disagreements.get(issue.issue_id)
    return Traced(issue, set_by, stays, blocked, findings=_findings(stored, issue.issue_id), disagreement=odd)


def _deployment(question: Question, stored: _Stored, part: Contribution) -> Traced:
    issue = stored.trail.issues.get(issue_id(question, part) or "")
    beside = METRICS[question.metric].beside
    is_failure = "recovery" in beside or ("failures" in beside and bool(part.value))
    failed_by = _failed_by(question, stored, part) if is_failure else ()
    findings = _findings(stored, issue.issue_id) if issue else None
    odd = stored.disagreements.get(issue.issue_id) if issue else None
    set_by = _deployed(question, stored, part.subject_id)
    set_by |= _recovered(question, stored, part) if "recovery" in beside else {}
    rework_by = _rework_by(question, stored, part) if "rework" in beside else ()
    return Traced(issue, set_by, failed_by=failed_by, rework_by=rework_by, findings=findings, disagreement=odd)


def _recovered(question: Question, stored: _Stored, part: Contribution) -> dict[str, Evidence]:
    """Return what recovered a failed deployment: the last of its incidents to be restored, or another deployment."""
    recovery = next(r for r in question.snapshot.recoveries if r.deployed.deployment_id == part.subject_id)
    if recovery.next_id:
        following = next(d for d in question.snapshot.deployments if d.deployment_id == recovery.next_id)
        return {"recovered": Evidence("deployment", following.at, following.name, "deployed_at", after="did not fail")}
    for incident_id in recovery.incident_ids:
        restored = evidence.restored(stored.trail, incident_id)
        if restored is not None and restored[0] == recovery.at:
            return {"recovered": restored[1]}
    return {}


def _rework_by(question: Question, stored: _Stored, part: Contribution) -> list[Evidence]:
    """Return what decides whether a deployment was rework: its own marks, else the categories of what it carried."""
    snapshot = question.snapshot
    places = (place for place, d in enumerate(snapshot.deployments) if d.deployment_id == part.subject_id)
    place = next(places)
    rework, deployed = snapshot.reworks[place], snapshot.deployments[place]
    if rework.by_mark:
        return [_rework_mark(question, stored, member) for member in deployed.members if member.rework is not None]
    items = snapshot.dataset.items
    kinds = ((items.key(row), CATEGORIES[items.categories[row]]) for row in rework.rows)
    return [Evidence("item", None, key, "category", after=category) for key, category in kinds]


def _rework_mark(question: Question, stored: _Stored, member: Deployment) -> Evidence:
    issue = stored.trail.issues.get(member.deployment_id)
    if issue is None or question.context.source == "table":
        return Evidence("table", None, member.name, "rework", after=member.rework)
    return evidence.mapped(stored.trail, issue.issue_id, "rework")


def _findings(stored: _Stored, issue_id: str) -> dict[str, list[str]]:
    """Return the stored findings about an issue, each with its value if that is stored."""
    details = dict(stored.trail.facts.findings.get(issue_id, {}))
    reasons = {*stored.findings.get(issue_id, ())} - {RESOLUTION_DISAGREES, OPEN_SUB_TASK}
    reasons |= {RESOLUTION_DISAGREES} if issue_id in stored.disagreements else set()
    if issue_id in stored.open_sub_tasks:
        reasons.add(OPEN_SUB_TASK)
        details[OPEN_SUB_TASK] = stored.open_sub_tasks[issue_id]
    return {reason: list(dict.fromkeys(details.get(reason, ()))) for reason in sorted(reasons)}


def _deployed(question: Question, stored: _Stored, deployment_id: str) -> dict[str, Evidence]:
    """Return what set a deployment's instant."""
    deployed = stored.deployments.get(deployment_id)
    setter = _SET_BY[question.context.source or "table"](question, stored, deployed) if deployed else None
    return {} if setter is None else {"deployed": setter}


def _released(_question: Question, stored: _Stored, deployed: Deployed) -> Evidence | None:
    version = stored.versions.get(deployed.deployment_id)
    day = str(version.release_date) if version else None
    return Evidence("version", deployed.at, deployed.name, "release_date", after=day)


def _by_issue(_question: Question, stored: _Stored, deployed: Deployed) -> Evidence | None:
    happened = evidence.deployed(stored.trail, deployed.members[0].deployment_id)
    return None if happened is None else happened[1]


def _by_entry(_question: Question, stored: _Stored, deployed: Deployed) -> Evidence | None:
    number, _, entry = deployed.deployment_id.partition(".")
    history_id, _, position = entry.rpartition(".")
    return evidence.entry_named(stored.trail, number, history_id, position)


def _by_row(_question: Question, _stored: _Stored, deployed: Deployed) -> Evidence | None:
    return Evidence("table", deployed.at, deployed.name, "deployed_at")


_SET_BY = {"versions": _released, "issues": _by_issue, "status": _by_entry, "table": _by_row}


def _failed_by(question: Question, stored: _Stored, part: Contribution) -> list[Evidence]:
    """Return what marked a deployment as failed: its own field or column, and the incidents that the
    calculation found.
    """
    deployed = stored.deployments[part.subject_id]
    own = [_own_mark(question, stored, member, part) for member in deployed.members if member.failed]
    return [*own, *(_incident_mark(stored, mark) for mark in deployed.failed_by)]


def _own_mark(question: Question, stored: _Stored, member: Deployment, part: Contribution) -> Evidence:
    issue = stored.trail.issues.get(member.deployment_id.partition(".")[0])
    if issue is None or question.context.source == "table":
        return Evidence("table", None, part.key, "failed", after=True)
    return evidence.mapped(stored.trail, issue.issue_id, "change_failure")


def _incident_mark(stored: _Stored, mark: Mark) -> Evidence:
    """Return the incident, with the names of the versions it affects or the keys of the issues it is linked to."""
    incident = stored.incidents[mark.incident_id]
    names = stored.keys if mark.by == "links" else {number: version.name for number, version in stored.versions.items()}
    shared = ", ".join(names.get(number, number) for number in mark.shared)
    return Evidence("incident", incident.created, incident.key, mark.by, after=shared)
