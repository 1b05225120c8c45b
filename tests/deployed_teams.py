"""Rules that say what a deployment and an incident are, and snapshots of teams that deploy."""

from datetime import date
from typing import Any

from metric_rows import STATUSES, time, version
from metric_teams import snapshot_of
from reference.teams import Team

from models.metrics.snapshot import Snapshot
from models.records import DeploymentRules, IncidentRules, Issue, Rules


def rules(source: Any = None, **more: Any) -> Rules:
    """Return rules with October as the period and a source of deployments."""
    return Rules(time_period_days=31, deployments=source, **more)


VERSIONS = DeploymentRules("versions")
BY_ISSUES = DeploymentRules("issues", types=("Release",))
GROUPED = DeploymentRules("issues", types=("Release",), group_by="fixVersions")
BY_STATUS = DeploymentRules("status", statuses=("Closed",))
TABLE = DeploymentRules("table")
RESTORE = {"detected_at": "cf_d", "restored_at": "cf_r"}
INCIDENTS = IncidentRules(("Incident",))
ONE = version("1", date(2026, 10, 10))
TWO = version("2", date(2026, 10, 20))


def deployed(profile: Rules, *issues: Issue, as_of: str = "11-01", **rows: Any) -> list[tuple[str, int, bool]]:
    """Return the deployments that have happened, as name, instant and failed."""
    deployments = ready(profile, *issues, as_of=as_of, **rows).deployments
    return [(deployment.name, deployment.at, deployment.failed) for deployment in deployments]


def ready(profile: Rules, *issues: Issue, as_of: str = "11-01", **rows: Any) -> Snapshot:
    """Return the snapshot of these issues."""
    return snapshot_of(Team(issues, STATUSES, **rows), profile, time(as_of))
