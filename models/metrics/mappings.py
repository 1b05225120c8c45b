"""What a profile's configuration lacks for a metric, each as a sentence that says what to put where."""

from collections.abc import Sequence
from typing import Final

from models.metrics.snapshot import Snapshot

_NO_DEPLOYMENTS: Final = (
    "Nothing says what a deployment is: add [profiles.<name>.deployments] to flowbeat.toml with source = "
    '"versions" (released versions), "issues", "status" or "table", then calculate again.'
)
_NO_INCIDENTS: Final = (
    "Nothing says what an incident is: add [profiles.<name>.incidents] to flowbeat.toml with types = "
    '["Incident"], or what your team calls them, then calculate again.'
)
_NO_WAITING: Final = (
    "No status belongs to stage waiting, so all time would count as active. Name the statuses in which work waits in "
    'flowbeat.toml, for example waiting = ["In Review"] under [profiles.<name>.workflow], then calculate again.'
)
_NO_FAILURES: Final = (
    "Nothing could mark a deployment as failed: add [profiles.<name>.incidents] with types to "
    "flowbeat.toml{otherwise}, then calculate again."
)
_NO_BLOCKED: Final = (
    'Nothing says when an item is blocked: add flagged = "Flagged" to [profiles.<name>.fields], or statuses = '
    '["Blocked"] to [profiles.<name>.blocked] in flowbeat.toml, then calculate again.'
)
_NO_PROMISE: Final = (
    "Nothing says how soon items should be done: add [profiles.<name>.service_level] to flowbeat.toml with days = 10, "
    "or what your team promises, then calculate again."
)
_OR_FIELD: Final = ", or change_failure to [profiles.<name>.fields]"
_OR_COLUMN: Final = ", or set failed in the rows of the table (flowbeat import deployments)"


def nothing(_snapshot: Snapshot) -> None:
    """Return None: the metric needs no configuration."""


def deployments(snapshot: Snapshot) -> str | None:
    """Return what says that deployments are not configured."""
    return _NO_DEPLOYMENTS if snapshot.rules.deployments is None else None


def incidents(snapshot: Snapshot) -> str | None:
    """Return what says that incidents are not configured."""
    return _NO_INCIDENTS if snapshot.rules.incidents is None else None


def failures(snapshot: Snapshot) -> str | None:
    """Return why nothing could mark a deployment as failed: no incidents, and no field or column that can."""
    if snapshot.rules.deployments is None:
        return _NO_DEPLOYMENTS
    if snapshot.rules.incidents is not None:
        return None
    source = snapshot.rules.deployments.source
    if source == "versions":
        return _NO_FAILURES.format(otherwise="")
    if source == "table":
        has_marks = any(deployed.own_mark is not None for deployed in snapshot.deployments)
        return None if has_marks else _NO_FAILURES.format(otherwise=_OR_COLUMN)
    return None if "change_failure" in snapshot.rules.fields else _NO_FAILURES.format(otherwise=_OR_FIELD)


def waiting(snapshot: Snapshot) -> str | None:
    """Return that no status belongs to stage waiting, with the statuses in which most active time was spent."""
    if snapshot.waiting.is_mapped:
        return None
    return _NO_WAITING + _active_time(snapshot.waiting.active_statuses)


def _active_time(statuses: Sequence[str]) -> str:
    return f" Active time was spent in: {', '.join(statuses)} (longest first)." if statuses else ""


def blocked(snapshot: Snapshot) -> str | None:
    """Return what says that neither blocked statuses nor a flag is configured."""
    rules = snapshot.rules
    return None if rules.blocked_statuses or "flagged" in rules.fields else _NO_BLOCKED


def promise(snapshot: Snapshot) -> str | None:
    """Return what says that no service level is configured."""
    return _NO_PROMISE if snapshot.rules.service_level is None else None
