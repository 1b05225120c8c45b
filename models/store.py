"""The only SQL: every function takes a session, does one thing, and leaves committing to whoever opened the session."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import CursorResult, Select, delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.records import (
    INVALID,
    LIVE_STATES,
    CacheMetadata,
    CalculationPerformance,
    Dataset,
    Deployment,
    FetchOperation,
    Incident,
    Issue,
    MetricResult,
    Micros,
    PerformanceThreshold,
    Run,
    Stage,
    Status,
    Timeline,
    Transition,
    Version,
    WorkItem,
    instant,
    iso,
    micros,
)
from models.tables import (
    CacheMetadataRow,
    CalculationPerformanceRow,
    DataQualityRow,
    DeploymentRow,
    FetchOperationRow,
    IncidentRow,
    IssueRow,
    MetricResultRow,
    PerformanceThresholdRow,
    RunRow,
    StatusRow,
    TransitionRow,
    VersionRow,
    WorkItemRow,
)

# SQLite allows 32,766 bound values a statement, PostgreSQL 65,535: an `IN` list stays far below either.
IN_LIST: Final = 5_000
T = TypeVar("T")
Row = dict[str, Any]


# --- runs -----------------------------------------------------------------------------------------------------------


def request_run(session: Session, run: Run) -> tuple[Run, bool]:
    """Insert the run, or find the live one of its profile: returns (the run that stands, whether it is the new one)."""
    try:
        with session.begin_nested():
            session.execute(insert(RunRow).values(**asdict(run), restarts=0))
    except IntegrityError:
        live = session.scalars(_live().where(RunRow.profile == run.profile)).first()
        if live is None:  # it ended between our insert and our look
            return request_run(session, run)
        return _record(Run, live), False
    return run, True


def find_run(session: Session, run_id: str) -> Run | None:
    """The run of that id, or of the one id that begins with it; None where there is none or more than one."""
    pattern = run_id.replace("%", "").replace("_", "") + "%"
    rows = session.scalars(select(RunRow).where(RunRow.run_id.like(pattern)).limit(2)).all()
    return _record(Run, rows[0]) if len(rows) == 1 else None


def list_runs(session: Session, limit: int) -> list[Run]:
    """The newest runs, live ones first."""
    live_first = RunRow.state.in_(LIVE_STATES).desc()
    rows = session.scalars(select(RunRow).order_by(live_first, RunRow.requested_at.desc()).limit(limit))
    return [_record(Run, row) for row in rows]


def take_run(session: Session, run_id: str, attempt: int, steps: Sequence[str], now: datetime) -> Run | None:
    """The run, marked running by this attempt; None where it has moved on (ended, another attempt, another step)."""
    mine = _fenced(run_id, attempt).where(RunRow.step.in_(steps))
    started = func.coalesce(RunRow.started_at, now)
    fresh = {"state": "running", "wait_until": None, "error": None, "heartbeat_at": now, "started_at": started}
    taken = session.execute(mine.values(**fresh))
    return find_run(session, run_id) if _count(taken) else None


def beat_run(session: Session, run_id: str, attempt: int, now: datetime, **changes: Any) -> bool:
    """Record a sign of life and whatever changed; False where the run has moved on, and then nothing is written."""
    return bool(_count(session.execute(_fenced(run_id, attempt).values(heartbeat_at=now, **changes))))


def end_run(session: Session, run_id: str, attempt: int, now: datetime, error: str | None = None) -> bool:
    """Complete the run, or fail it with one sentence."""
    state = "completed" if error is None else "failed"
    return beat_run(session, run_id, attempt, now, state=state, ended_at=now, error=error, wait_until=None)


def silent_runs(session: Session, before: datetime, now: datetime) -> list[Run]:
    """Live runs without a sign of life since ``before`` whose pause, if any, is over."""
    rested = or_(RunRow.wait_until.is_(None), RunRow.wait_until < before)
    rows = session.scalars(_live().where(RunRow.heartbeat_at < before, rested).order_by(RunRow.requested_at))
    return [_record(Run, row) for row in rows if row.heartbeat_at <= now]


def restart_run(session: Session, run: Run, now: datetime) -> int | None:
    """Take the run from whoever held it: the new attempt's number and how often this step was restarted, else None."""
    changed = session.execute(
        _fenced(run.run_id, run.attempt).values(
            attempt=run.attempt + 1, restarts=RunRow.restarts + 1, heartbeat_at=now, wait_until=None
        )
    )
    if not _count(changed):
        return None
    return session.scalar(select(RunRow.restarts).where(RunRow.run_id == run.run_id))


def _live() -> Select[RunRow]:
    return select(RunRow).where(RunRow.state.in_(LIVE_STATES))


def _fenced(run_id: str, attempt: int) -> Any:
    return update(RunRow).where(RunRow.run_id == run_id, RunRow.attempt == attempt, RunRow.state.in_(LIVE_STATES))


# --- issues ---------------------------------------------------------------------------------------------------------


def save_issues(session: Session, profile: str, issues: Sequence[Issue]) -> int:
    """Store issues with their whole history; returns how many are new or differ from what was stored.

    A gone issue that comes back is revived. An issue whose content hash stands is left alone.
    """
    latest = {issue.issue_id: issue for issue in issues}
    hashes = {issue_id: issue.content_hash() for issue_id, issue in latest.items()}
    stored = _stored_hashes(session, profile, list(latest))
    changed = [latest[issue_id] for issue_id in latest if stored.get(issue_id) != hashes[issue_id]]
    if not changed:
        return 0
    ids = [issue.issue_id for issue in changed]
    _delete_of(session, TransitionRow, profile, ids)
    _upsert(session, IssueRow, [_issue_row(profile, issue, hashes[issue.issue_id]) for issue in changed])
    _insert(session, TransitionRow, [row for issue in changed for row in _transition_rows(profile, issue)])
    save_findings(session, profile, "changelog", {issue.issue_id: issue.findings for issue in changed})
    return len(changed)


def stored_updates(session: Session, profile: str, ids: Iterable[str]) -> dict[str, datetime]:
    """``updated`` of those of the ids that are stored and not gone."""
    found: dict[str, datetime] = {}
    for some in _parts(list(ids), IN_LIST):
        query = select(IssueRow.issue_id, IssueRow.updated).where(
            IssueRow.profile == profile, IssueRow.issue_id.in_(some), IssueRow.gone_at.is_(None)
        )
        found.update(session.execute(query).tuples().all())
    return found


def stored_range(session: Session, profile: str, after: int, up_to: int | None) -> dict[str, datetime]:
    """``updated`` of the stored, not gone issues with ``after`` < numeric id ≤ ``up_to`` (None: no upper end)."""
    query = select(IssueRow.issue_id, IssueRow.updated).where(
        IssueRow.profile == profile, IssueRow.number > after, IssueRow.gone_at.is_(None)
    )
    if up_to is not None:
        query = query.where(IssueRow.number <= up_to)
    return dict(session.execute(query).tuples().all())


def mark_absent(session: Session, profile: str, ids: Sequence[str], mark: str) -> None:
    """Note that a census did not list these; whether they are gone is for a second look to say."""
    for some in _parts(ids, IN_LIST):
        session.execute(_issues_of(profile, some).values(absent_in=mark))


def absent_issues(session: Session, profile: str, mark: str, limit: int) -> list[str]:
    """Ids of issues that carry the mark and are not gone, lowest first."""
    query = select(IssueRow.issue_id).where(
        IssueRow.profile == profile, IssueRow.absent_in == mark, IssueRow.gone_at.is_(None)
    )
    return list(session.scalars(query.order_by(IssueRow.number).limit(limit)))


def count_absent(session: Session, profile: str, mark: str) -> int:
    """How many issues carry the mark and are not gone."""
    return session.scalar(
        select(func.count()).where(
            IssueRow.profile == profile, IssueRow.absent_in == mark, IssueRow.gone_at.is_(None)
        )
    ) or 0  # fmt: skip


def mark_gone(session: Session, profile: str, mark: str, reason: str, now: datetime) -> int:
    """Mark the issues that carry the mark as gone; their facts go, the issues stay. Returns how many."""
    gone = 0
    while ids := absent_issues(session, profile, mark, IN_LIST):
        session.execute(_issues_of(profile, ids).values(gone_at=now, gone_reason=reason, facts_hash=None))
        _delete_facts(session, profile, ids)
        gone += len(ids)
    return gone


def count_issues(session: Session, profile: str) -> int:
    """How many issues the copy of a profile holds, gone ones left out."""
    return session.scalar(select(func.count()).where(IssueRow.profile == profile, IssueRow.gone_at.is_(None))) or 0


def data_size(session: Session, profile: str) -> int:
    """About how many bytes of text the copy holds: its issues' fields and summaries."""
    size = func.length(func.coalesce(IssueRow.summary, "")) + func.length(func.cast(IssueRow.fields, IssueRow.key.type))
    return session.scalar(select(func.coalesce(func.sum(size), 0)).where(IssueRow.profile == profile)) or 0


def projects(session: Session, profile: str) -> list[str]:
    """The keys of the projects of the profile's present issues."""
    query = select(IssueRow.project).where(IssueRow.profile == profile, IssueRow.gone_at.is_(None))
    return sorted(session.scalars(query.distinct()))


def save_statuses(session: Session, profile: str, statuses: Sequence[Status]) -> None:
    """Replace the profile's status list."""
    _replace(session, StatusRow, profile, [asdict(status) for status in statuses])


def load_statuses(session: Session, profile: str) -> list[Status]:
    """The profile's status list."""
    return _load(session, StatusRow, Status, profile)


def save_versions(session: Session, profile: str, versions: Sequence[Version]) -> None:
    """Replace the profile's versions."""
    _replace(session, VersionRow, profile, [asdict(version) for version in versions])


def load_versions(session: Session, profile: str) -> list[Version]:
    """The profile's versions."""
    return _load(session, VersionRow, Version, profile)


def save_findings(session: Session, profile: str, origin: str, found: Mapping[str, Mapping[str, int]]) -> None:
    """Replace what one origin (changelog, facts) found about these issues."""
    for some in _parts(list(found), IN_LIST):
        session.execute(
            delete(DataQualityRow).where(
                DataQualityRow.profile == profile, DataQualityRow.origin == origin, DataQualityRow.issue_id.in_(some)
            )
        )
    rows = [
        {"profile": profile, "issue_id": issue_id, "origin": origin, "reason": reason, "count": count}
        for issue_id, reasons in found.items()
        for reason, count in reasons.items()
    ]
    _insert(session, DataQualityRow, rows)


def count_findings(session: Session, profile: str) -> dict[str, int]:
    """Reason → number of issues it was found in, gone ones left out; an issue that could not be read counts too."""
    present = (IssueRow.profile == DataQualityRow.profile) & (IssueRow.issue_id == DataQualityRow.issue_id)
    query = (
        select(DataQualityRow.reason, func.count(DataQualityRow.issue_id.distinct()))
        .outerjoin(IssueRow, present)
        .where(DataQualityRow.profile == profile, IssueRow.gone_at.is_(None))
        .group_by(DataQualityRow.reason)
        .order_by(DataQualityRow.reason)
    )
    return dict(session.execute(query).tuples().all())


def findings_of(session: Session, profile: str, ids: Sequence[str]) -> dict[str, list[str]]:
    """Issue id → reasons found about it, for those of the ids that have any."""
    found: dict[str, list[str]] = {}
    for some in _parts(ids, IN_LIST):
        query = select(DataQualityRow.issue_id, DataQualityRow.reason).where(
            DataQualityRow.profile == profile, DataQualityRow.issue_id.in_(some)
        )
        for issue_id, reason in session.execute(query.order_by(DataQualityRow.reason)).tuples():
            found.setdefault(issue_id, []).append(reason)
    return found


def load_issues(session: Session, profile: str, ids: Sequence[str]) -> list[Issue]:
    """Issues with their histories, in the order of the ids; ids that are not stored are left out."""
    rows = [
        row
        for some in _parts(ids, IN_LIST)
        for row in session.execute(
            select(*_columns(IssueRow)).where(IssueRow.profile == profile, IssueRow.issue_id.in_(some))
        ).mappings()
    ]
    histories = _histories(session, profile, [row["issue_id"] for row in rows])
    found = {row["issue_id"]: _issue(row, histories.get(row["issue_id"], ())) for row in rows}
    return [found[issue_id] for issue_id in ids if issue_id in found]


def issue_hashes(session: Session, profile: str) -> dict[str, str]:
    """Issue id → content hash of every present issue: what two copies are compared by."""
    query = select(IssueRow.issue_id, IssueRow.content_hash).where(
        IssueRow.profile == profile, IssueRow.gone_at.is_(None)
    )
    return dict(session.execute(query).tuples().all())


def _issue_row(profile: str, issue: Issue, content_hash: str) -> Row:
    columns = ("issue_id", "key", "project", "type", "status_id", "created", "updated", "resolution", "resolved")
    row: Row = {column: getattr(issue, column) for column in columns}
    marks = {"absent_in": None, "gone_at": None, "gone_reason": None, "facts_hash": None}
    number = int(issue.issue_id)
    own = {"profile": profile, "number": number, "content_hash": content_hash}
    return row | own | marks | {"summary": issue.summary, "fields": dict(issue.fields)}


def _transition_rows(profile: str, issue: Issue) -> Iterator[Row]:
    for change in issue.transitions:
        yield {
            "profile": profile,
            "issue_id": issue.issue_id,
            "history_id": change.history_id,
            "field": change.field,
            "position": change.position,
            "at": change.at,
            "from_id": change.from_id,
            "from_name": change.from_name,
            "to_id": change.to_id,
            "to_name": change.to_name,
        }


def _issue(row: Mapping[Any, Any], transitions: tuple[Transition, ...]) -> Issue:
    names = ("issue_id", "key", "project", "type", "status_id", "created", "updated", "resolution", "resolved")
    return Issue(
        **{name: row[name] for name in names},
        summary=row["summary"],
        fields=row["fields"],
        transitions=transitions,
    )


def _histories(session: Session, profile: str, ids: Sequence[str]) -> dict[str, tuple[Transition, ...]]:
    found: dict[str, list[Transition]] = {}
    for some in _parts(ids, IN_LIST):
        query = select(*_columns(TransitionRow)).where(
            TransitionRow.profile == profile, TransitionRow.issue_id.in_(some)
        )
        for row in session.execute(query).mappings():
            found.setdefault(row["issue_id"], []).append(_transition(row))
    return {issue_id: tuple(sorted(changes)) for issue_id, changes in found.items()}


def _transition(row: Mapping[Any, Any]) -> Transition:
    return Transition(
        at=row["at"],
        history_number=int(row["history_id"]),
        position=row["position"],
        field=row["field"],
        history_id=row["history_id"],
        from_id=row["from_id"],
        from_name=row["from_name"],
        to_id=row["to_id"],
        to_name=row["to_name"],
    )


def _stored_hashes(session: Session, profile: str, ids: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in _parts(ids, IN_LIST):
        query = select(IssueRow.issue_id, IssueRow.content_hash).where(
            IssueRow.profile == profile, IssueRow.issue_id.in_(some), IssueRow.gone_at.is_(None)
        )
        found.update(session.execute(query).tuples().all())
    return found


def _issues_of(profile: str, ids: Sequence[str]) -> Any:
    return update(IssueRow).where(IssueRow.profile == profile, IssueRow.issue_id.in_(ids))


# --- facts ----------------------------------------------------------------------------------------------------------


def stale_issues(session: Session, profile: str, rules: str, limit: int) -> list[tuple[str, str]]:
    """(id, content hash) of present issues whose facts are missing or of another content or other rules."""
    expected = IssueRow.content_hash + ":" + rules
    query = select(IssueRow.issue_id, IssueRow.content_hash).where(
        IssueRow.profile == profile, IssueRow.gone_at.is_(None), IssueRow.facts_hash.is_distinct_from(expected)
    )
    return list(session.execute(query.order_by(IssueRow.number).limit(limit)).tuples())


def count_stale(session: Session, profile: str, rules: str) -> int:
    """How many present issues have no facts of these rules."""
    expected = IssueRow.content_hash + ":" + rules
    query = select(func.count()).where(
        IssueRow.profile == profile, IssueRow.gone_at.is_(None), IssueRow.facts_hash.is_distinct_from(expected)
    )
    return session.scalar(query) or 0


def save_facts(
    session: Session,
    profile: str,
    hashes: Mapping[str, str],
    *,
    items: Sequence[Row],
    incidents: Sequence[Incident],
    deployments: Sequence[tuple[str, Deployment]],
    findings: Mapping[str, Mapping[str, int]],
) -> None:
    """Replace the facts of the issues in ``hashes`` (id → facts hash); what they no longer are is removed.

    ``items`` are rows as ``work_item_row`` makes them; ``deployments`` are (issue id, deployment) pairs.
    """
    ids = list(hashes)
    _delete_facts(session, profile, ids)
    _insert(session, WorkItemRow, items)
    _insert(session, IncidentRow, [_incident_row(profile, incident) for incident in incidents])
    _insert(session, DeploymentRow, [_deployment_row(profile, issue, found) for issue, found in deployments])
    save_findings(session, profile, "facts", {issue_id: findings.get(issue_id, {}) for issue_id in ids})
    if ids:
        marks = [{"profile": profile, "issue_id": key, "facts_hash": value} for key, value in hashes.items()]
        session.execute(update(IssueRow), marks)


def replace_version_deployments(session: Session, profile: str, deployments: Sequence[Deployment]) -> None:
    """Put the deployments that versions are in place of those of the last calculation."""
    session.execute(delete(DeploymentRow).where(DeploymentRow.profile == profile, DeploymentRow.source == "versions"))
    _insert(session, DeploymentRow, [_deployment_row(profile, None, found) for found in deployments])


def work_item_row(profile: str, item: WorkItem, facts_hash: str, derived: Mapping[str, Any]) -> Row:
    """The row of a work item; ``derived`` holds started_at, done_at, the seconds, delivered and reason."""
    invalid = [role for role in ("committed_at", "points") if getattr(item, role) == INVALID]
    return {
        "profile": profile,
        "issue_id": item.issue_id,
        "key": item.key,
        "type": item.type,
        "facts_hash": facts_hash,
        "category": item.category,
        "timeline": _timeline_json(item.timeline),
        "committed_at": _moment(item.committed_at),
        "points": None if item.points == INVALID else item.points,
        "version_ids": list(item.version_ids),
        "excluded": item.excluded,
        "invalid": invalid,
        **derived,
    }


def load_dataset(session: Session, profile: str, source: str | None) -> Dataset:
    """All that the nine metrics read: facts of present issues, and the deployments of one source."""
    return Dataset(
        items=tuple(_item(row) for row in _of_profile(session, WorkItemRow, profile)),
        deployments=tuple(_deployments(session, profile, source)) if source else (),
        incidents=tuple(_incident(row) for row in _of_profile(session, IncidentRow, profile)),
    )


def _deployments(session: Session, profile: str, source: str) -> Iterator[Deployment]:
    rows = session.execute(
        select(*_columns(DeploymentRow)).where(DeploymentRow.profile == profile, DeploymentRow.source == source)
    ).mappings().all()  # fmt: skip
    if source != "table":
        yield from (_deployment(row) for row in rows)
        return
    keys = _ids_of_keys(session, profile, {key for row in rows for key in row["issue_keys"] or ()})
    names = _ids_of_versions(session, profile)
    for row in rows:
        versions = {found for name in row["versions"] or () for found in names.get(str(name), (str(name),))}
        issues = {keys[key] for key in row["issue_keys"] or () if key in keys}
        yield replace(_deployment(row), version_ids=tuple(sorted(versions)), issue_ids=tuple(sorted(issues)))


def _ids_of_keys(session: Session, profile: str, keys: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in _parts(sorted(keys), IN_LIST):
        query = select(IssueRow.key, IssueRow.issue_id).where(IssueRow.profile == profile, IssueRow.key.in_(some))
        found.update(session.execute(query).tuples().all())
    return found


def _ids_of_versions(session: Session, profile: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for version in load_versions(session, profile):
        found[version.name] = (*found.get(version.name, ()), version.version_id)
    return found


def _deployment(row: Mapping[Any, Any]) -> Deployment:
    return Deployment(
        deployment_id=row["deployment_id"],
        source=row["source"],
        name=row["name"],
        at=INVALID if row["invalid"] else _micros(row["deployed_at"]),
        created=_micros(row["created"]),
        timeline=_timeline(row["timeline"] or ()),
        failed=row["failed"],
        version_ids=tuple(row["version_ids"] or ()),
        issue_ids=tuple(row["issue_ids"] or ()),
        linked_ids=tuple(row["linked_ids"] or ()),
    )


def _deployment_row(profile: str, issue_id: str | None, found: Deployment) -> Row:
    return {
        "profile": profile,
        "source": found.source,
        "deployment_id": found.deployment_id,
        "name": found.name,
        "deployed_at": _moment(found.at),
        "failed": found.failed,
        "invalid": found.at == INVALID,
        "created": None if found.created is None else instant(found.created),
        "issue_id": issue_id,
        "timeline": _timeline_json(found.timeline),
        "version_ids": list(found.version_ids),
        "issue_ids": list(found.issue_ids),
        "linked_ids": list(found.linked_ids),
        "issue_keys": None,
        "versions": None,
    }


def _incident(row: Mapping[Any, Any]) -> Incident:
    return Incident(
        issue_id=row["issue_id"],
        key=row["key"],
        timeline=_timeline(row["timeline"]),
        detected_at=INVALID if "detected_at" in row["invalid"] else _micros(row["detected_at"]),
        restored_at=INVALID if "restored_at" in row["invalid"] else _micros(row["restored_at"]),
        version_ids=tuple(row["version_ids"]),
        linked_ids=tuple(row["linked_ids"]),
    )


def _incident_row(profile: str, incident: Incident) -> Row:
    return {
        "profile": profile,
        "issue_id": incident.issue_id,
        "key": incident.key,
        "created": instant(incident.created),
        "detected_at": _moment(incident.detected_at),
        "restored_at": _moment(incident.restored_at),
        "invalid": [role for role in ("detected_at", "restored_at") if getattr(incident, role) == INVALID],
        "timeline": _timeline_json(incident.timeline),
        "version_ids": list(incident.version_ids),
        "linked_ids": list(incident.linked_ids),
    }


def _item(row: Mapping[Any, Any]) -> WorkItem:
    return WorkItem(
        issue_id=row["issue_id"],
        key=row["key"],
        type=row["type"],
        category=row["category"],
        excluded=row["excluded"],
        timeline=_timeline(row["timeline"]),
        committed_at=INVALID if "committed_at" in row["invalid"] else _micros(row["committed_at"]),
        points=INVALID if "points" in row["invalid"] else row["points"],
        version_ids=tuple(row["version_ids"]),
    )


def _timeline(value: Iterable[tuple[str, Stage]]) -> Timeline:
    return tuple((micros(datetime.fromisoformat(at)), stage) for at, stage in value)


def _timeline_json(value: Timeline) -> list[list[str]]:
    return [[iso(instant(at)), stage] for at, stage in value]


def _moment(value: Micros | str | None) -> datetime | None:
    return instant(value) if isinstance(value, int) else None


def _micros(value: datetime | None) -> Micros | None:
    return None if value is None else micros(value)


def _delete_facts(session: Session, profile: str, ids: Sequence[str]) -> None:
    for table in (WorkItemRow, IncidentRow, DeploymentRow):
        _delete_of(session, table, profile, ids)


# --- results and traces ---------------------------------------------------------------------------------------------


def save_results(session: Session, results: Sequence[MetricResult]) -> int:
    """Store the rows of one metric of one calculation by their spans; returns how many rows are new.

    Compared with the row of the same window and rules that has the greatest ``as_of`` not after ours: the same value,
    counts and state only move its ``confirmed_as_of``; a running window's row is replaced by a later one.
    """
    written = 0
    for result in results:
        written += _save_result(session, result)
    return written


def load_results(
    session: Session, *, profile: str | None = None, metric: str | None = None, kind: str = "period"
) -> list[MetricResult]:
    """Every stored row of the kind, the newest confirmation first within a profile, metric and window."""
    query = select(*_columns(MetricResultRow)).where(MetricResultRow.window_kind == kind)
    if profile is not None:
        query = query.where(MetricResultRow.profile == profile)
    if metric is not None:
        query = query.where(MetricResultRow.metric_type == metric)
    newest = (MetricResultRow.confirmed_as_of.desc(), MetricResultRow.calculated_at.desc())
    rows = session.execute(query.order_by(MetricResultRow.profile, MetricResultRow.window_start, *newest))
    return [MetricResult(**row) for row in rows.mappings()]


def save_performance(session: Session, performance: CalculationPerformance, threshold: PerformanceThreshold) -> None:
    """Store how long a metric took and the target it was held to; a repeated task replaces its own row."""
    session.execute(
        delete(CalculationPerformanceRow).where(
            CalculationPerformanceRow.run_id == performance.run_id,
            CalculationPerformanceRow.metric_type == performance.metric_type,
        )
    )
    row = CalculationPerformanceRow(**asdict(performance))
    session.add(row)
    session.flush()
    session.add(PerformanceThresholdRow(performance_id=row.id, **asdict(threshold)))


def load_performance(
    session: Session, limit: int, *, failed: bool = False
) -> list[tuple[CalculationPerformance, PerformanceThreshold]]:
    """The newest Calculation Performance rows with their thresholds; ``failed``: only those that missed the target."""
    query = select(CalculationPerformanceRow, PerformanceThresholdRow).join(
        PerformanceThresholdRow, PerformanceThresholdRow.performance_id == CalculationPerformanceRow.id
    )
    if failed:
        query = query.where(PerformanceThresholdRow.threshold_status == "fail")
    rows = session.execute(query.order_by(CalculationPerformanceRow.start_time.desc()).limit(limit)).tuples()
    return [(_record(CalculationPerformance, one), _record(PerformanceThreshold, two)) for one, two in rows]


def save_fetch(session: Session, operation: FetchOperation) -> None:
    """Store a Fetch Operation, or bring its row up to date."""
    _upsert(session, FetchOperationRow, [asdict(operation)])


def find_fetch(session: Session, request_id: str) -> FetchOperation | None:
    """The Fetch Operation of that id."""
    row = session.get(FetchOperationRow, request_id)
    return None if row is None else _record(FetchOperation, row)


def fail_fetch_of(session: Session, run_id: str, now: datetime, error: str) -> None:
    """End the run's unended Fetch Operation, if it has one, as failed with the reason."""
    query = select(FetchOperationRow).where(FetchOperationRow.run_id == run_id, FetchOperationRow.end_time.is_(None))
    for row in session.scalars(query):
        row.end_time = max(now, row.start_time)
        row.duration_seconds = (row.end_time - row.start_time).total_seconds()
        row.state, row.error = "failed", error


def list_fetches(session: Session, limit: int) -> list[FetchOperation]:
    """The newest Fetch Operations."""
    rows = session.scalars(select(FetchOperationRow).order_by(FetchOperationRow.start_time.desc()).limit(limit))
    return [_record(FetchOperation, row) for row in rows]


def save_cache(session: Session, cache: CacheMetadata) -> None:
    """Store the profile's Cache Metadata in place of what was there."""
    _upsert(session, CacheMetadataRow, [asdict(cache)])


def find_cache(session: Session, profile: str) -> CacheMetadata | None:
    """The profile's Cache Metadata, None where it was never fetched."""
    row = session.get(CacheMetadataRow, profile)
    return None if row is None else _record(CacheMetadata, row)


def delete_before(session: Session, kind: str, before: datetime) -> int:
    """Remove ended runs, fetch operations or performance rows older than ``before``; returns how many."""
    ended = {
        "runs": delete(RunRow).where(RunRow.requested_at < before, RunRow.state.not_in(LIVE_STATES)),
        "fetch_operations": delete(FetchOperationRow).where(FetchOperationRow.start_time < before),
        "performance": delete(CalculationPerformanceRow).where(CalculationPerformanceRow.start_time < before),
    }
    return _count(session.execute(ended[kind]))


def _save_result(session: Session, result: MetricResult) -> int:
    window = ("profile", "metric_type", "window_kind", "window_start", "window_end", "rules_hash")
    same = [getattr(MetricResultRow, name) == getattr(result, name) for name in window]
    query = select(MetricResultRow).where(*same, MetricResultRow.as_of <= result.as_of)
    before = session.scalars(query.order_by(MetricResultRow.as_of.desc()).limit(1)).first()
    if before is not None and _same(before, result):
        before.confirmed_as_of = max(before.confirmed_as_of, result.as_of)
        return 0
    if before is not None and (not before.complete or before.as_of == result.as_of):
        session.delete(before)
        session.flush()
    session.add(MetricResultRow(**asdict(result)))
    session.flush()
    return 1


def _same(row: MetricResultRow, result: MetricResult) -> bool:
    names = ("value", "state", "message", "level", "n_used", "n_excluded", "exclusions", "details", "complete")
    return all(_plain(getattr(row, name)) == _plain(getattr(result, name)) for name in names)


def _plain(value: object) -> object:
    """A value as the database gives it back, so that (1,) and [1] count as the same."""
    return json.loads(json.dumps(value)) if isinstance(value, (dict, list, tuple)) else value


# --- shared ---------------------------------------------------------------------------------------------------------


def _record(kind: Callable[..., T], row: object) -> T:
    return kind(**{name: getattr(row, name) for name in _names(kind)})


def _names(kind: Any) -> list[str]:
    return [each.name for each in fields(kind)]


def _columns(table: Any) -> list[Any]:
    return [getattr(table, column.key) for column in table.__table__.columns]


def _load(session: Session, table: Any, kind: Callable[..., T], profile: str) -> list[T]:
    names = _names(kind)
    query = select(*(getattr(table, name) for name in names)).where(table.profile == profile)
    return [kind(*row) for row in session.execute(query.order_by(getattr(table, names[0])))]


def _of_profile(session: Session, table: Any, profile: str) -> Any:
    query = select(*_columns(table)).where(table.profile == profile)
    return session.execute(query.execution_options(yield_per=2_000)).mappings()


def _replace(session: Session, table: Any, profile: str, rows: Sequence[Row]) -> None:
    session.execute(delete(table).where(table.profile == profile))
    _insert(session, table, [{"profile": profile, **row} for row in rows])


def _insert(session: Session, table: Any, rows: Sequence[Row]) -> None:
    if rows:
        session.connection().execute(insert(table.__table__), rows)


def _upsert(session: Session, table: Any, rows: Sequence[Row]) -> None:
    """Insert rows or overwrite those of the same primary key, as one executemany."""
    if not rows:
        return
    dialect = session.get_bind().dialect.name
    statement = (postgresql_insert if dialect == "postgresql" else sqlite_insert)(table)
    keys = [column.name for column in table.__table__.primary_key]
    own = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    session.connection().execute(statement.on_conflict_do_update(index_elements=keys, set_=own), rows)


def _delete_of(session: Session, table: Any, profile: str, ids: Sequence[str]) -> None:
    for some in _parts(ids, IN_LIST):
        session.execute(delete(table).where(table.profile == profile, table.issue_id.in_(some)))


def _parts(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _count(result: Any) -> int:
    return result.rowcount if isinstance(result, CursorResult) else 0
