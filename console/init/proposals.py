"""What `flowbeat init` proposes for a profile, each value with its reasons: pure, from what was read of a Jira."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from console.init.measures import Measures, format_days, measure
from console.init.records import Proposal, Survey
from console.init.status_words import StageProposal, propose_stage, reads_blocked, reads_worked_on
from console.init.type_words import CATEGORY_WORDS, DEPLOYMENT_TYPE, INCIDENT_TYPE
from console.shared.cancelled_names import reads_cancelled
from models.metrics.rules import Context
from models.names import fold_name
from models.records import (
    DEFAULT_CATEGORIES,
    DEFAULT_EXCLUDED_RESOLUTIONS,
    STAGES,
    Field,
    Issue,
    IssueHead,
    Rules,
    Stage,
    Status,
    Version,
)
from models.wording import format_count

_FEW_STATUSES: Final = 25  # a site with more has many that this team does not use
_LONG_SHARE: Final = 20.0  # percent of the time between start and done
_LONG_DAYS: Final = 1.0
_RECENT: Final = timedelta(days=365)
_LEAST_VERSIONS: Final = 3
_RELEASE_STATUSES: Final = ("released", "deployed", "live", "in production", "shipped", "已发布", "已上线", "livré")
_OTHER_ROLES: Final = ("committed_at", "deployed_at", "detected_at", "restored_at", "change_failure", "rework")
# The others count for some sources of deployments only, or need values that the team chooses.
_SURE_ROLES: Final = ("committed_at", "detected_at", "restored_at")


def stage_proposals(survey: Survey) -> tuple[StageProposal, ...]:
    """Return the stage of each status that the issues were in; of a small site, of all its statuses."""
    proposals = [propose_stage(status) for status in survey.statuses]
    visited = _visited(survey)
    is_small = len(survey.statuses) <= _FEW_STATUSES
    return tuple(proposal for proposal in proposals if is_small or _is_among(proposal.status, visited))


def workflow_of(stages: Sequence[StageProposal]) -> dict[Stage, tuple[str, ...]]:
    """Return the lists of ``[workflow]``: the statuses whose stage is not that of their category.

    A status is named by its id where another one of the same name has another stage.
    """
    by_name: dict[str, set[Stage]] = {}
    for proposal in stages:
        by_name.setdefault(fold_name(proposal.status.name), set()).add(proposal.stage)
    workflow: dict[Stage, tuple[str, ...]] = {}
    for stage in STAGES:
        changed = [proposal.status for proposal in stages if proposal.changes and proposal.stage == stage]
        words = [status.name if len(by_name[fold_name(status.name)]) == 1 else status.status_id for status in changed]
        if listed := _once(words):
            workflow[stage] = listed
    return workflow


def propose(survey: Survey, stages: Sequence[StageProposal], now: datetime) -> tuple[Proposal, ...]:
    """Return all proposals for a profile; ``stages`` are those that the person accepted."""
    measures = measure(survey.issues, survey.statuses, workflow_of(stages), now)
    return (
        *_workflow(stages, measures),
        *_blocked(stages),
        *_fields(survey),
        *_categories(survey),
        *_excluded(survey, stages),
        *_deployments(survey, now),
        *_incidents(survey),
        *_service_level(measures),
    )


def _once(names: Iterable[str]) -> tuple[str, ...]:
    """Return names less blank ones, and each once, as the settings compare them."""
    first: dict[str, str] = {}
    for name in names:
        if name.strip():
            first.setdefault(fold_name(name), name)
    return tuple(first.values())


def stage_reason(proposal: StageProposal, measures: Measures) -> str:
    """Return why a status has a stage, with the figures of the sample."""
    mark = "?" if proposal.contradicts else ""
    figures = measures.of(proposal.status.name).describe()
    return f"{proposal.status.name}: {figures}: {proposal.stage}{mark}, because {proposal.reason}"


def _visited(survey: Survey) -> set[str]:
    """Return the ids and the folded names of the statuses that the issues were in."""
    changes = [change for issue in survey.issues for change in issue.transitions if change.field == "status"]
    ids = {issue.status_id for issue in survey.issues}
    ids.update(text for change in changes for text in (change.from_id, change.to_id) if text)
    return ids | {fold_name(text) for change in changes for text in (change.from_name, change.to_name) if text}


def _is_among(status: Status, visited: set[str]) -> bool:
    return status.status_id in visited or fold_name(status.name) in visited


def _workflow(stages: Sequence[StageProposal], measures: Measures) -> Iterator[Proposal]:
    workflow = workflow_of(stages)
    for stage in STAGES:
        changed = [proposal for proposal in stages if proposal.changes and proposal.stage == stage]
        reasons = tuple(dict.fromkeys(stage_reason(proposal, measures) for proposal in changed))
        extra = tuple(_long_stays(stages, measures)) if stage == "waiting" else ()
        if reasons or extra:
            yield Proposal("workflow", stage, workflow.get(stage), (*reasons, *extra))


def _long_stays(stages: Sequence[StageProposal], measures: Measures) -> Iterator[str]:
    """Yield a question about each active status in which issues are for long."""
    names = dict.fromkeys(proposal.status.name for proposal in stages if proposal.stage == "active")
    for name in names:
        measured = measures.of(name)
        is_long = (measured.share or 0) >= _LONG_SHARE and (measured.median_days or 0) >= _LONG_DAYS
        if is_long and not reads_worked_on(name):
            yield f"{name}: {measured.describe()}: does work wait there? Then add it to waiting"


def _blocked(stages: Sequence[StageProposal]) -> Iterator[Proposal]:
    names = {
        fold_name(proposal.status.name): proposal.status.name
        for proposal in stages
        if proposal.stage == "waiting" and reads_blocked(proposal.status.name)
    }
    if names:
        reason = "the names say that work is held up there; flow_blocked counts this time"
        yield Proposal("blocked", "statuses", tuple(names.values()), (reason,))


def _fields(survey: Survey) -> Iterator[Proposal]:
    points = _filled(survey, "points")
    if points:
        names = _once(_named(field, survey) for field, _ in points)
        yield Proposal("fields", "points", names[0] if len(names) == 1 else names, _filled_reasons(survey, points))
    for field in survey.fields.get("flagged", ())[:1]:
        count = sum(any(change.field == field.field_id for change in issue.transitions) for issue in survey.issues)
        if count:
            reason = f"{field.name}: set or removed in the histories of {_of_sample(count, survey)}"
            yield Proposal("fields", "flagged", _named(field, survey), (reason,))
    for role in _OTHER_ROLES:
        filled = _filled(survey, role)[:1]
        for field, _ in filled:
            reasons = _filled_reasons(survey, filled)
            yield Proposal("fields", role, _named(field, survey), reasons, is_on=role in _SURE_ROLES)


def _named(field: Field, survey: Survey) -> str:
    """Return the name of a field, or its id where another field has the name too."""
    return field.field_id if fold_name(field.name) in survey.repeated_fields else field.name


def _filled(survey: Survey, role: str) -> list[tuple[Field, int]]:
    """Return the fields of a role that any issue has a value of, the most filled first, and in how many issues."""
    counts = [
        (field, sum(issue.fields.get(field.field_id) not in (None, "", []) for issue in survey.issues))
        for field in survey.fields.get(role, ())
    ]
    return sorted(((field, count) for field, count in counts if count), key=lambda pair: -pair[1])


def _filled_reasons(survey: Survey, filled: Sequence[tuple[Field, int]]) -> tuple[str, ...]:
    return tuple(f"{field.name}: filled in {_of_sample(count, survey)}" for field, count in filled)


def _of_sample(count: int, survey: Survey) -> str:
    return f"{count:,} of {format_count(len(survey.issues), 'issue')}"


def _categories(survey: Survey) -> Iterator[Proposal]:
    """Yield the categories that types without one should have, by their names."""
    defaults = {fold_name(word) for words in DEFAULT_CATEGORIES.values() for word in words}
    counts = _work_types(survey)
    others = [name for name in _once(counts) if fold_name(name) not in defaults and not _is_special(name)]
    fitting = {name: _category(name) for name in others}
    unfitting = [f"{name} ({_of_sample(counts[name], survey)})" for name in others if fitting[name] is None]
    remark = (f"without a category, because no name fits: {', '.join(unfitting)}",) if unfitting else ()
    for category, words in DEFAULT_CATEGORIES.items():
        fit = [name for name in others if fitting[name] == category]
        reasons = tuple(f"{name}: {_of_sample(counts[name], survey)}, by its name" for name in fit)
        if category == "feature":
            reasons += remark
        if reasons:
            yield Proposal("categories", category, (*words, *fit) if fit else None, reasons)


def _is_special(name: str) -> bool:
    """Return whether a type is one of incidents or deployments, which are not work items."""
    return any(pattern.search(fold_name(name)) for pattern in (INCIDENT_TYPE, DEPLOYMENT_TYPE))


def _category(name: str) -> str | None:
    folded = fold_name(name)
    return next((category for category, pattern in CATEGORY_WORDS.items() if pattern.search(folded)), None)


def _work_types(survey: Survey) -> Counter[str]:
    """Return the types of the issues that Jira's hierarchy does not leave out, the most frequent first."""
    context = Context.of(Rules(), survey.statuses)
    counts = Counter(issue.type for issue in survey.issues if not context.is_ignored(_head(issue)))
    return Counter(dict(counts.most_common()))


def _head(issue: Issue) -> IssueHead:
    return IssueHead(
        issue.issue_id,
        issue.key,
        issue.type,
        issue.status_id,
        issue.resolution,
        issue.fields,
        issue.hierarchy_level,
        issue.subtask,
    )


def _excluded(survey: Survey, stages: Sequence[StageProposal]) -> Iterator[Proposal]:
    """Yield the resolutions and the done statuses whose names say that nothing was delivered."""
    defaults = {fold_name(word) for word in DEFAULT_EXCLUDED_RESOLUTIONS}
    names = _once(survey.resolutions)
    resolutions = [name for name in names if reads_cancelled(name) and fold_name(name) not in defaults]
    if resolutions:
        reason = f"by their names nothing was delivered: {', '.join(resolutions)}"
        yield Proposal("", "excluded_resolutions", (*DEFAULT_EXCLUDED_RESOLUTIONS, *resolutions), (reason,))
    done = {fold_name(proposal.status.name): proposal.status.name for proposal in stages if proposal.stage == "done"}
    statuses = tuple(name for name in done.values() if reads_cancelled(name))
    if statuses:
        reason = "by their names nothing was delivered of what ends there"
        yield Proposal("", "excluded_statuses", statuses, (reason,))


def _deployments(survey: Survey, now: datetime) -> Iterator[Proposal]:
    """Yield the source of deployments: releases, else deploying issues, else a status; else a remark."""
    recent = [version for version in survey.versions if _is_recent(version, now)]
    with_version = sum(bool(issue.fields.get("fixVersions")) for issue in survey.issues)
    versions = f"{format_count(len(recent), 'version')} released in the last 365 days, by their release dates"
    if survey.is_closed("versions"):
        versions = f"not all versions could be read; {versions}"
    fixed = f"{_of_sample(with_version, survey)} have a fix version"
    types = Counter(issue.type for issue in survey.issues if DEPLOYMENT_TYPE.search(fold_name(issue.type)))
    visited = _visited(survey)
    released = [status for status in survey.statuses if fold_name(status.name) in _RELEASE_STATUSES]
    entered = _once(status.name for status in released if _is_among(status, visited))
    if len(recent) >= _LEAST_VERSIONS and with_version:
        yield Proposal("deployments", "source", "versions", (f"{versions}; {fixed}",))
    elif types:
        listed = ", ".join(f"{name}: {_of_sample(count, survey)}" for name, count in types.items())
        yield Proposal("deployments", "source", "issues", (f"{versions}, but deploying issues: {listed}",))
        yield Proposal("deployments", "types", _once(types), ())
    elif entered:
        yield Proposal("deployments", "source", "status", (f"{versions}, but issues enter {', '.join(entered)}",))
        yield Proposal("deployments", "statuses", entered, ())
    else:
        yield Proposal("deployments", "source", None, (f"{versions}; {fixed}. Choose a source",))


def _is_recent(version: Version, now: datetime) -> bool:
    released = version.release_date
    return version.released and released is not None and now.date() - _RECENT <= released <= now.date()


def _incidents(survey: Survey) -> Iterator[Proposal]:
    """Yield the types that are incidents by their names, else a remark; nothing where the types are not known."""
    counts = Counter(issue.type for issue in survey.issues)
    names = _once(name for name in survey.types if INCIDENT_TYPE.search(fold_name(name)))
    used = [name for name in names if counts[name]]
    if used:
        reasons = tuple(f"{name}: {_of_sample(counts[name], survey)}" for name in used)
        yield Proposal("incidents", "types", tuple(used), reasons)
    elif names:
        reason = f"this Jira has {', '.join(names)}, and no such issue is in the sample: include them in jql?"
        yield Proposal("incidents", "types", names, (reason,), is_on=False)
    elif not survey.is_closed("issue types"):
        yield Proposal("incidents", "types", None, ("no issue type of this Jira is named like an incident",))


def _service_level(measures: Measures) -> Iterator[Proposal]:
    days = measures.promise
    if days is not None:
        count = format_count(len(measures.flow_days), "finished issue")
        reason = f"85 % of {count} of the sample took at most {format_days(days)}"
        yield Proposal("service_level", "days", float(max(1, round(days))), (reason,), is_on=False)
