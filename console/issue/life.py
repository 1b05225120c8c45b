"""One issue in the stored copy: its stays, what set its instants, findings, and the numbers that it is part of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from console.explain import trace
from console.explain.trace import Question, Traced
from models.metrics import calculate as metrics
from models.metrics import evidence
from models.metrics.arrays import NONE
from models.metrics.catalogue import METRICS
from models.metrics.contributions import Contribution
from models.metrics.evidence import Evidence, Trail
from models.metrics.snapshot import Snapshot
from models.metrics.windows import EARLIEST, week_at
from models.records import Issue, Measurement, Micros, Window, instant, micros
from models.store import issues
from models.store.lookup import Match
from worker import view as views
from worker.database import Stored
from worker.snapshots import load_snapshot

_ROLES: Final = ("incident", "deployment", "work item")


@dataclass(frozen=True, slots=True)
class Number:
    """A number with this issue's part in it."""

    measurement: Measurement
    part: Contribution


@dataclass(frozen=True, slots=True)
class Life:
    """An issue of a profile at an as-of.

    ``role``: what the issue is to the metrics; empty if its type is left out of everything. ``traced``: its stays, what
    set its instants, and findings. ``instants``: when it started, was done, was deployed and so on.
    """

    match: Match
    issue: Issue
    view: views.View
    role: str
    traced: Traced
    set_by: Mapping[str, Evidence]
    instants: Mapping[str, datetime]
    numbers: Sequence[Number]


def load_life(current: Stored, session: Session, match: Match, asked: datetime | None) -> Life:
    """Return the life of an issue of a profile."""
    view = views.load_view(current, session, match.profile, asked)
    snapshot = load_snapshot(session, match.profile, view)
    (issue,) = issues.load(session, match.profile, [match.issue_id])
    trail = Trail.of([issue], view.context, micros(view.as_of))
    own = _own_instants(trail, match.issue_id)
    question = Question(match.profile, "flow_time", view.context, snapshot.as_of, snapshot)
    traced = _traced(session, match, question, own)
    set_by = {**traced.set_by, **_others(session, match, question, trail)}
    carried = _carried(snapshot, match.issue_id)
    if carried is not None:
        (change,) = trace.trace(session, replace(question, metric="lead_time"), [carried])
        set_by |= {name: setter for name, setter in change.set_by.items() if name in ("committed", "deployed")}
    instants = {**own, **({"deployed": carried.at} if carried else {}), **_mapped(set_by, own)}
    role = next((name for name in _ROLES if _has_role(trail, match.issue_id, name)), "")
    windows = _windows(snapshot, view, instants)
    numbers = tuple(_numbers(snapshot, windows, match.issue_id))
    return Life(
        match=match,
        issue=issue,
        view=view,
        role=role,
        traced=traced,
        set_by=set_by,
        instants={name: instant(at) for name, at in sorted(instants.items(), key=lambda pair: pair[1])},
        numbers=numbers,
    )


def _own_instants(trail: Trail, issue_id: str) -> dict[str, Micros]:
    """Return when the issue started and was done."""
    row = trail.rows[issue_id]
    visits = {"started": int(trail.set_by.started[row]), "done": int(trail.set_by.done[row])}
    return {name: int(trail.visits.at[visit]) for name, visit in visits.items() if visit != NONE}


def _traced(session: Session, match: Match, question: Question, instants: Mapping[str, Micros]) -> Traced:
    part = Contribution(question.as_of, match.issue_id, match.key, instants=tuple(instants.items()))
    (traced,) = trace.trace(session, question, [part])
    return traced


def _others(session: Session, match: Match, question: Question, trail: Trail) -> dict[str, Evidence]:
    """Return what set the instants of an incident, or of an issue that is a deployment itself."""
    setters: dict[str, Evidence] = {}
    if _has_role(trail, match.issue_id, "incident"):
        names = dict.fromkeys(("detected", "restored"), question.as_of)
        setters |= _traced(session, match, replace(question, metric="mttr"), names).set_by
    if _has_role(trail, match.issue_id, "deployment"):
        deployed = evidence.deployed(trail, match.issue_id)
        setters |= {} if deployed is None else {"deployed": deployed[1]}
    return setters


def _mapped(set_by: Mapping[str, Evidence], own: Mapping[str, Micros]) -> dict[str, Micros]:
    """Return the instants from mapped fields, beside those of the issue's life."""
    return {name: setter.at for name, setter in set_by.items() if name not in own and setter.at is not None}


def _has_role(trail: Trail, issue_id: str, role: str) -> bool:
    if role == "work item":
        return any(item.issue_id == issue_id for item in trail.facts.items)
    if role == "incident":
        return any(incident.issue_id == issue_id for incident in trail.facts.incidents)
    is_deploying = trail.context.source == "issues"
    return is_deploying and any(number == issue_id for number, _ in trail.facts.deployments)


def _carried(snapshot: Snapshot, issue_id: str) -> Contribution | None:
    """Return a work item's part in the lead time of its deployment."""
    window = Window("period", EARLIEST, snapshot.as_of, snapshot.as_of)
    whole = metrics.explain("lead_time", snapshot, window)
    return next((part for part in (*whole.used, *whole.left_out) if part.subject_id == issue_id), None)


def _windows(snapshot: Snapshot, view: views.View, instants: Mapping[str, Micros]) -> list[Window]:
    """Return the period, the weeks in which the issue was done, deployed or restored, and the running week."""
    ends = [at for name, at in instants.items() if name in ("done", "deployed", "restored") and at < snapshot.as_of]
    weeks = [week_at(at, snapshot.as_of, view.context.zone) for at in (*ends, snapshot.as_of - 1)]
    period = [window for window in snapshot.windows if window.kind == "period"]
    return [*period, *sorted(set(weeks), key=lambda week: week.start)]


def _numbers(snapshot: Snapshot, windows: Sequence[Window], issue_id: str) -> Iterator[Number]:
    """Yield each number of these windows in which the issue is a candidate."""
    own_deployments = {
        deployed.deployment_id
        for deployed in snapshot.deployments
        if any(member.deployment_id.partition(".")[0] == issue_id for member in deployed.members)
        and snapshot.rules.deployments is not None
        and snapshot.rules.deployments.source in ("issues", "status")
    }
    for window in windows:
        for metric in METRICS.values():
            if window.kind not in metric.windows:
                continue
            subjects = own_deployments if metric.about == "deployment" else {issue_id}
            explanation = metrics.explain(metric.name, snapshot, window)
            for part in (*explanation.used, *explanation.left_out):
                if part.subject_id in subjects:
                    yield Number(explanation.measurement, part)
