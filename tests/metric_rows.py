"""Short notations for issues, histories and measurements, for tests with figures worked out by hand."""

from datetime import UTC, date, datetime
from typing import Any, Final

from metric_teams import snapshot_of
from reference.teams import Row, Team

from models.metrics.calculate import calculate
from models.records import Issue, Measurement, Micros, Rules, Status, Transition, Version, micros

STATUSES: Final = (
    Status("1", "Open", "new"),
    Status("2", "Doing", "indeterminate"),
    Status("3", "Review", "indeterminate"),
    Status("4", "Done", "done"),
    Status("5", "Closed", "done"),
)
NAMES: Final = {status.status_id: status.name for status in STATUSES}
REVIEW_WAITS: Final = {"waiting": ("Review",)}


def time(text: str) -> datetime:
    """Return a time in UTC of the year 2026: "10-05 09:30" or "10-05"."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


def at(text: str) -> Micros:
    """Return the same instant in microseconds."""
    return micros(time(text))


def issue(number: int, born: str, *moves: str, type: str = "Story", **more: Any) -> Issue:  # noqa: A002 - as in Issue
    """Return an issue from "10-01 09:00 → 1" (created, in status 1) and moves like "10-02 09:00 → 2"."""
    created, status_id = born.split(" → ")
    history, before = [], status_id
    for index, move in enumerate(moves):
        when, after = move.split(" → ")
        history.append(transition(time(when), number * 100 + index, before, after))
        before = after
    names = ("project", "resolution", "status_id", "resolved", "hierarchy_level", "subtask")
    columns = {name: more.pop(name) for name in names if name in more}
    return Issue(
        issue_id=str(number),
        key=f"P-{number}",
        project=columns.get("project", "P"),
        type=type,
        status_id=columns.get("status_id", before),
        created=time(created),
        updated=time(created),
        resolution=columns.get("resolution"),
        resolved=time(columns["resolved"]) if columns.get("resolved") else None,
        summary=None,
        fields=more,
        transitions=tuple(history),
        hierarchy_level=columns.get("hierarchy_level"),
        subtask=columns.get("subtask"),
    )


def transition(when: datetime, entry: int, before: str | None, after: str | None) -> Transition:
    """Return a status change with the names of the listed statuses."""
    names = (NAMES.get(before or ""), NAMES.get(after or ""))
    return Transition(when, entry, 0, "status", str(entry), before, names[0], after, names[1])


def version(
    version_id: str,
    day: date | None,
    *,
    project: str = "P",
    name: str = "",
    released: bool = True,
    archived: bool = False,
) -> Version:
    """Return a version of a project, released on a day."""
    return Version(version_id, project, name or version_id, released, day, archived)


def measure(
    metric: str,
    rules: Rules,
    *issues: Issue,
    as_of: str = "11-01",
    window: int = 0,
    versions: tuple[Version, ...] = (),
    table: tuple[Row, ...] = (),
) -> Measurement:
    """Return what a metric says of some issues in one window: 0 is the period (October by default), −1 the last
    week.
    """
    ready = snapshot_of(Team(issues, STATUSES, versions, table), rules, time(as_of))
    return calculate(metric, ready)[window]
