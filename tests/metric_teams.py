"""Teams made up for the metric tests: small, but with every kind of history, mapping, clock change and damage."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

from naive_metrics import Row, Team

from models.metrics import issues
from models.metrics.columns import Dataset
from models.metrics.deployments import deployments_of_versions
from models.metrics.issues import Batch
from models.metrics.rules import Context
from models.metrics.snapshot import Snapshot
from models.records import (
    DEFAULT_CATEGORIES,
    DEFAULT_FAILURE_VALUES,
    Deployment,
    DeploymentRules,
    IncidentRules,
    Issue,
    Rules,
    Status,
    Transition,
    Version,
    micros,
)

Scene = tuple[Team, Rules, datetime]
STATUSES: Final = (
    Status("1", "Open", "new"),
    Status("2", "Doing", "indeterminate"),
    Status("3", "Review", "indeterminate"),
    Status("4", "Done", "done"),
    Status("5", "Closed", "done"),
    Status("6", "Parked", "undefined"),
)
# What a history may name: listed statuses, one under an older name, retired ones with and without a namesake, nothing.
LISTED: Final = [("1", "Open"), ("2", "In work"), ("3", "Review"), ("4", "Done"), ("5", "Closed"), ("6", "Parked")]
VISITED: Final = [
    *LISTED,
    ("99", "review"),
    ("98", "Ghost"),
    ("97", "Ghost"),
    (None, "Done"),
    (None, "done"),
    (None, None),
]
WORKFLOWS: Final[list[dict[str, tuple[str, ...]]]] = [
    {},
    {"waiting": ("Review",)},
    {"waiting": ("3",), "done": ("REVIEW",), "todo": ("98",)},
    {"todo": ("Doing",), "active": ("1",), "waiting": ("ghost", "parked")},
    {"done": ("review", "doing")},
]
# Zones with a Monday some weeks before their clocks change: at midnight, past midnight, by a day, by half an hour.
PLACES: Final = [
    ("UTC", date(2026, 9, 7)),
    ("Europe/Zagreb", date(2026, 10, 5)),
    ("Europe/Zagreb", date(2026, 3, 9)),
    ("America/New_York", date(2025, 10, 13)),
    ("America/Sao_Paulo", date(2018, 10, 15)),
    ("America/Sao_Paulo", date(2018, 1, 29)),
    ("America/Havana", date(2025, 10, 13)),
    ("Asia/Beirut", date(2025, 3, 10)),
    ("Pacific/Apia", date(2011, 12, 12)),
    ("Australia/Lord_Howe", date(2026, 3, 16)),
    ("Pacific/Kiritimati", date(2026, 1, 5)),
    ("Asia/Kathmandu", date(2026, 1, 5)),
]
TYPES: Final = [
    "Story",
    "story",
    "Task",
    "Bug",
    "Security",
    "Chore",
    "Spike",
    "Epic",
    "Release",
    "Release",
    "Release",
    "Incident",
    "Incident",
]
DAMAGE: Final = ["soon", 17, ["2026-10-01"], {"a": 1}, True, "2026-10-01T10:00:00", "2026-13-01", "", "20261001"]
FAR: Final = ["9999-06-01T00:00:00.000+0000", "0002-01-01T00:00:00.000+0000"]
FAILURES: Final = [
    None,
    True,
    False,
    0,
    1,
    "YES",
    "no",
    {"value": "Failed"},
    [{"value": "ok"}, "true"],
    [],
    {},
]
POINTS: Final = [None, 0.1, 0.2, 3, 5.5, "8", True, {"value": 1}]
SOURCES: Final[dict[str, DeploymentRules | None]] = {
    "none": None,
    "issues": DeploymentRules("issues", types=("Release",)),
    "grouped": DeploymentRules("issues", types=("release",), group_by="fixVersions"),
    "versions": DeploymentRules("versions"),
    "status": DeploymentRules("status", statuses=("closed", "3", "ghost")),
    "table": DeploymentRules("table"),
}
FIELDS: Final = {
    "deployed_at": "cf_deployed",
    "committed_at": "cf_committed.value",
    "change_failure": "cf_failed",
    "detected_at": "cf_detected",
    "restored_at": "cf_restored",
    "points": "cf_points",
}


NUMBERS: Final = tuple(str(number) for number in range(1, 30))


def snapshot_of(team: Team, rules: Rules, as_of: datetime) -> Snapshot:
    """A team as the metrics read it: facts of every issue, deployments of its versions and its table."""
    context = Context.of(rules, team.statuses)
    found = issues.read(Batch.of(team.issues), context)
    projects = {issue.project for issue in team.issues}
    deployments = [deployment for _, deployment in found.deployments]
    deployments += deployments_of_versions(team.versions, projects, context)
    deployments += [_row(row) for row in team.table]
    dataset = Dataset(found.columns, tuple(deployments), tuple(found.incidents))
    return Snapshot(dataset, rules, micros(as_of))


def _row(row: Row) -> Deployment:
    return Deployment(
        deployment_id=row.deployment_id,
        source="table",
        name=row.deployment_id,
        at=micros(row.at),
        failed=row.failed,
        version_ids=row.version_ids,
        issue_ids=row.issue_ids,
    )


@dataclass(frozen=True)
class Maker:
    """Draws a team from dice: the same dice, the same team."""

    dice: Random
    zone: str
    clock: tuple[datetime, ...]
    visited: Sequence[tuple[str | None, str | None]]

    def moment(self) -> datetime:
        """One of the few instants at which anything happens."""
        return self.dice.choice(self.clock)

    def issue(self, number: int) -> Issue:
        """An issue of any type, with a history and every mapped field."""
        dice = self.dice
        history = self.history(number)
        last = history[-1].to_id if history else None
        created = min(self.moment(), self.moment(), self.moment())
        return Issue(
            issue_id=str(number),
            key=f"TEAM-{number}",
            project=dice.choice(["TEAM", "TEAM", "SIDE"]),
            type=dice.choice(TYPES),
            status_id=last if last and dice.random() < 0.9 else dice.choice(["1", "2", "4", "77"]),
            created=created,
            updated=created,
            resolution=dice.choice([None, None, None, "Done", "won't do", "Duplicate"]),
            resolved=None,
            summary=None,
            fields=self.fields(),
            transitions=tuple(history),
        )

    def history(self, number: int) -> list[Transition]:
        """Status changes in the order of time; mostly a chain, sometimes broken, sometimes told twice."""
        dice = self.dice
        instants = sorted(self.moment() for _ in range(dice.choice([0, 1, 2, 3, 4, 5, 7])))
        before, history = dice.choice(self.visited), []
        entry, position = number * 100, 0
        for index, at in enumerate(instants):
            ending = at == instants[-1] and dice.random() < 0.5
            after = ("4", "Done") if ending else dice.choice(self.visited)
            of_one_entry = index > 0 and at == instants[index - 1] and dice.random() < 0.5
            entry, position = (entry, position + 1) if of_one_entry else (entry + 1, 0)
            history.append(Transition(at, entry, position, "status", str(entry), *before, *after))
            before = after if dice.random() < 0.9 else dice.choice(self.visited)
        return history + history[: dice.choice([0, 0, 1, 2])]

    def fields(self) -> dict[str, Any]:
        """All that a rule may be mapped to."""
        dice = self.dice
        return {
            "priority": dice.choice(["High", "low", None]),
            "fixVersions": dice.sample("1234", dice.choice([0, 1, 1, 2])),
            "versions": dice.sample("1234", dice.choice([0, 0, 0, 1])),
            "links": dice.sample(NUMBERS, dice.choice([0, 1, 2])),
            "cf_deployed": self.date(),
            "cf_committed": dice.choice([None, "text", {"value": self.date()}, {"value": self.date()}]),
            "cf_failed": dice.choice(FAILURES),
            "cf_detected": self.date(),
            "cf_restored": self.date(),
            "cf_points": dice.choice(POINTS),
        }

    def date(self) -> Any:
        """What a mapped field may hold: nothing, a time in any offset, a day, the ends of time, or damage."""
        local = self.moment().astimezone(ZoneInfo(self.zone))
        forms = [local.isoformat(timespec="microseconds"), f"{local:%Y-%m-%dT%H:%M:%S.%f%z}", f"{local:%Y-%m-%d}"]
        return self.dice.choice([None, None, None, *forms, *forms, self.dice.choice(FAR + DAMAGE)])

    def version(self, number: int) -> Version:
        """A version of one of three projects, often released on a day of the clock."""
        dice = self.dice
        day = dice.choice([self.moment().astimezone(ZoneInfo(self.zone)).date()] * 5 + [None])
        project = dice.choice(["TEAM", "TEAM", "SIDE", "ELSE"])
        return Version(str(number), project, f"1.{number}", dice.random() < 0.8, day, archived=dice.random() < 0.5)

    def row(self, number: int) -> Row:
        """A row of the deployments table."""
        versions, issues = self.dice.sample("1234", 1), self.dice.sample(NUMBERS, self.dice.choice([0, 2]))
        return Row(f"row {number}", self.moment(), self.dice.random() < 0.3, tuple(versions), tuple(issues))

    def rules(self, deployments: DeploymentRules | None) -> Rules:
        """The rules of a profile; each role is mapped or not."""
        dice = self.dice
        incidents = IncidentRules(("Incident",)), IncidentRules(("incident",), priorities=("HIGH",))
        moved = {**DEFAULT_CATEGORIES, "defect": ("Bug", "Spike"), "debt": ()}
        return Rules(
            timezone=self.zone,
            time_period_days=dice.choice([1, 14, 30, 40]),
            history_weeks=dice.choice([1, 3, 4]),
            workflow=dice.choice(WORKFLOWS),
            categories=dice.choice([DEFAULT_CATEGORIES, moved]),
            fields={role: name for role, name in FIELDS.items() if dice.random() < 0.5},
            deployments=deployments,
            incidents=dice.choice([None, *incidents, *incidents]),
            failure_values=dice.choice([DEFAULT_FAILURE_VALUES, ("OK",)]),
        )


def scene(source: str, seed: int, visited: Sequence[tuple[str | None, str | None]] = VISITED) -> Scene:
    """A team, the rules of its profile, and an as-of that may lie anywhere in or after its history."""
    dice = Random(seed)
    zone, monday = dice.choice(PLACES)
    maker = Maker(dice, zone, _clock(dice, zone, monday), visited)
    team = Team(
        issues=tuple(maker.issue(number) for number in range(1, dice.choice([3, 12, 30]))),
        statuses=STATUSES,
        versions=tuple(maker.version(number) for number in range(1, 5)) if source == "versions" else (),
        table=tuple(maker.row(number) for number in range(1, 5)) if source == "table" else (),
    )
    return team, maker.rules(SOURCES[source]), max(maker.moment() for _ in range(dice.choice([1, 4, 40])))


def _clock(dice: Random, zone: str, monday: date) -> tuple[datetime, ...]:
    """The few instants of a team, so that many things fall together: within five weeks, some on midnights."""
    begin = datetime(monday.year, monday.month, monday.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    quarters = [begin + dice.randrange(5 * 7 * 96) * timedelta(minutes=15) for _ in range(dice.choice([6, 20]))]
    days = [monday + timedelta(days=dice.randrange(36)) for _ in range(4)]
    midnights = [datetime(d.year, d.month, d.day, tzinfo=ZoneInfo(zone)).astimezone(UTC) for d in days]
    shifts = [timedelta(0), timedelta(microseconds=-1), timedelta(milliseconds=1)]
    return tuple(moment + dice.choice(shifts) for moment in quarters + midnights)
