"""Teams for the report page: busy, new, empty, ten times as large, hostile, and older than their copy."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from console_world import InProcess
from metric_rows import STATUSES
from reference.teams import Row, Team
from stored_team import stored

from models.records import (
    DeploymentRules,
    IncidentRules,
    Issue,
    Rules,
    ServiceLevelRules,
    Status,
    Transition,
)

AS_OF: Final = datetime(2026, 10, 14, 12, 0, tzinfo=UTC)  # a Wednesday
DAY: Final = timedelta(days=1)
HOSTILE: Final = '<script>alert(1)</script></title></style>--><img src=x onerror="alert(2)"><b>bold'
KINDS: Final = ("Story", "Story", "Story", "Bug", "Security", "Chore")
RULES: Final = Rules(
    timezone="Europe/Zagreb",
    workflow={"waiting": ("Review", "Blocked")},
    fields={"detected_at": "cf_detected"},
    deployments=DeploymentRules("table"),
    incidents=IncidentRules(("Incident",)),
    blocked_statuses=("Blocked",),
    service_level=ServiceLevelRules(days=14),
)


@dataclass(frozen=True, slots=True)
class Variant:
    """A team of a kind: how many weeks it has worked, how many items it begins a week, and how it is called."""

    weeks: int
    per_week: int
    hostile: bool = False
    rules: Rules = RULES


VARIANTS: Final = {
    "none": Variant(0, 0),
    "one week": Variant(1, 8),
    "year": Variant(60, 8),
    "ten times": Variant(60, 110),
    "hostile": Variant(16, 6, hostile=True),
    "unknown weeks": Variant(20, 6),
    "not configured": Variant(10, 5, rules=Rules(history_weeks=10)),
}


@contextmanager
def stored_variant(folder: Path, schema: Path, name: str, url: str | None = None) -> Iterator[InProcess]:
    """Yield a runtime whose database has a team's issues and results, as ``stored`` does."""
    variant = VARIANTS[name]
    with stored(folder, schema, make_team(variant), variant.rules, AS_OF, url=url) as current:
        yield current


def make_team(variant: Variant) -> Team:
    """Return a team's issues, statuses and deployments; always the same for a variant."""
    dice = Random(7)
    count = variant.weeks * variant.per_week
    first = AS_OF - timedelta(weeks=variant.weeks) + timedelta(hours=1)
    issues = [_item(number, first + (AS_OF - first) * number / (count + 1), dice) for number in range(1, count + 1)]
    rows = [_row(number, first + timedelta(days=3.5 * number), issues, dice) for number in range(1, 2 * variant.weeks)]
    issues += [_incident(10**6 + number, row, dice) for number, row in enumerate(rows) if row.failed]
    statuses = [*STATUSES, Status("6", "Blocked", "indeterminate")]
    if variant.hostile:
        issues = [replace(issue, summary=f"{HOSTILE} {issue.key}") for issue in issues]
        statuses = [replace(status, name=f"{status.name}{HOSTILE}"[:200]) for status in statuses]
    return Team(tuple(issues), tuple(statuses), (), tuple(rows))


def _item(number: int, born: datetime, dice: Random) -> Issue:
    """Return an item that goes through the statuses as far as the time allows.

    Some never begin, some are done without a start, and some deliver nothing.
    """
    moves: list[tuple[datetime, str]] = []
    at = born
    if number % 17:
        between = ("2", *dice.sample(["3", "6", "2"], dice.randint(0, 2)), "3")
        for status in (*(between if number % 23 else ()), "4"):
            at += timedelta(days=dice.lognormvariate(0.6, 1.0))
            if not moves or moves[-1][1] != status:
                moves.append((at, status))
    made = _issue(number, dice.choice(KINDS), born, [move for move in moves if move[0] < AS_OF])
    return replace(made, resolution="Won't Do") if made.resolution and number % 19 == 0 else made


def _incident(number: int, row: Row, dice: Random) -> Issue:
    """Return an incident of a failed deployment, restored after some hours."""
    born = row.at + timedelta(hours=1)
    end = born + timedelta(hours=dice.lognormvariate(1.5, 1.0))
    return _issue(number, "Incident", born, [move for move in ((born, "2"), (end, "4")) if move[0] < AS_OF])


def _row(number: int, at: datetime, issues: list[Issue], dice: Random) -> Row:
    """Return a deployment with the items that were done in the days before."""
    done = [
        issue.issue_id for issue in issues if issue.status_id == "4" and at - 4 * DAY <= issue.transitions[-1].at < at
    ]
    return Row(f"r{number}", at, failed=dice.random() < 0.2, issue_ids=tuple(done[:20]), rework=dice.random() < 0.1)


def _issue(number: int, kind: str, born: datetime, moves: list[tuple[datetime, str]]) -> Issue:
    names = {status.status_id: status.name for status in STATUSES} | {"6": "Blocked"}
    places = ["1", *(status for _, status in moves)]
    history = tuple(
        Transition(at, number * 100 + step, 0, "status", str(step), before, names[before], after, names[after])
        for step, ((at, after), before) in enumerate(zip(moves, places, strict=False))
    )
    is_done = places[-1] == "4"
    return Issue(
        issue_id=str(number),
        key=f"PAY-{number}",
        project="PAY",
        type=kind,
        status_id=places[-1],
        created=born,
        updated=moves[-1][0] if moves else born,
        resolution="Done" if is_done else None,
        resolved=moves[-1][0] if is_done else None,
        summary=f"Retry refunds, part {number}",
        fields={},
        transitions=history,
    )
