"""Made-up teams for the metric tests: small, but with every kind of history, mapping, clock change and damage."""

from datetime import datetime

from reference.teams import Row, Team
from team_maker import FIELDS, LISTED, SOURCES, Scene, scene

from models.metrics import issues, waiting
from models.metrics.columns import Dataset
from models.metrics.departures import departures
from models.metrics.deployments import deployments_of_versions
from models.metrics.issues import Batch
from models.metrics.rules import Context
from models.metrics.snapshot import Snapshot
from models.metrics.waiting import Waiting
from models.records import (
    Deployment,
    Micros,
    Rules,
    micros,
)

__all__ = ["FIELDS", "LISTED", "SOURCES", "Scene", "scene", "snapshot_of"]


def snapshot_of(team: Team, rules: Rules, as_of: datetime) -> Snapshot:
    """Return a team as the metrics read it: facts of every issue that counts, deployments of its versions and its
    table.
    """
    context = Context.of(rules, team.statuses)
    gone = departures(issues.read(Batch.of(team.gone), context)) if rules.gone_issues == "keep_done" else {}
    kept = [issue for issue in team.gone if issue.issue_id in gone]
    facts = issues.read(Batch.of([*team.issues, *kept]), context)
    projects = {issue.project for issue in team.issues}
    deployments = [deployment for _, deployment in facts.deployments]
    deployments += deployments_of_versions(team.versions, projects, context)
    deployments += [_row(row) for row in team.table]
    dataset = Dataset(facts.columns, tuple(deployments), tuple(facts.incidents), facts.others)
    return Snapshot(dataset, rules, micros(as_of), _waiting(team, context, micros(as_of)))


def _waiting(team: Team, context: Context, as_of: Micros) -> Waiting:
    """Return what the store knows about a team's statuses."""
    batch = Batch.of(team.issues)
    past = batch.histories
    refs = [past.refs[code] for code in {*past.left.tolist(), *past.entered.tolist()}]
    if waiting.is_listed(context.stages) or waiting.is_visited(context.stages, refs):
        return Waiting()
    return Waiting(is_mapped=False, active_statuses=waiting.active_statuses(batch, context, as_of))


def _row(row: Row) -> Deployment:
    return Deployment(
        deployment_id=row.deployment_id,
        source="table",
        name=row.deployment_id,
        at=micros(row.at),
        failed=row.failed,
        rework=row.rework,
        version_ids=row.version_ids,
        issue_ids=row.issue_ids,
    )
