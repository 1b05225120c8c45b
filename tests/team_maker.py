"""Random teams: small, but with every kind of history, type, mapping, clock change and damage."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

from reference.teams import Row, Team
from team_extras import Extras

from models.records import (
    DEFAULT_CATEGORIES,
    DEFAULT_EXCLUDED_INCIDENTS,
    DEFAULT_FAILURE_VALUES,
    DEFAULT_LEVELS,
    DeploymentRules,
    FieldMapping,
    IncidentRules,
    Issue,
    Rules,
    Status,
    Transition,
    Version,
)

Scene = tuple[Team, Rules, datetime]
# Two called Review, of different categories: an unlisted namesake is the one with the lower number, 3 and not 10.
STATUSES: Final = (
    Status("10", "Review", "done"),
    Status("1", "Open", "new"),
    Status("2", "Doing", "indeterminate"),
    Status("3", "Review", "indeterminate"),
    Status("4", "Done", "done"),
    Status("5", "Closed", "done"),
    Status("6", "Parked", "undefined"),
    Status("7", "In Pr\u00fcfung", "indeterminate"),
)
# What a history may name: listed statuses, one under an older name, retired ones with and without a namesake, nothing.
LISTED: Final = [("1", "Open"), ("2", "In work"), ("3", "Review"), ("4", "Done"), ("5", "Closed"), ("6", "Parked")]
VISITED: Final = [
    *LISTED,
    ("10", "Review"),
    ("99", "review"),
    ("98", "Ghost"),
    ("97", "Ghost"),
    ("96", "In\u00a0 PRU\u0308FUNG"),
    ("95", "Shipped\u2003"),
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
    {"waiting": ("in pr\u00fcfung",), "done": ("SHIPPED", "Done", "5")},
    {"waiting": ("97",), "active": ("ghost",)},
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
    "technical\u00a0debt",
    "Spike",
    "Ve\u0301rification",
    "Epic",
    "Sub-task",
    "Release",
    "Release",
    "Release",
    "Incident",
    "Incident",
    "Incident",
    "St\u00f6rung",
]
LEVELS: Final = {"Epic": 1, "Sub-task": -1}
RESOLUTIONS: Final = [None, None, None, "Done", "won't\u00a0do", "Duplicate", "Not\u00a0a bug", "Erledigt"]
DAMAGE: Final = ["soon", 17, ["2026-10-01"], {"a": 1}, True, "2026-10-01T10:00:00", "2026-13-01", "", "20261001"]
FAR: Final = ["9999-06-01T00:00:00.000+0000", "0002-01-01T00:00:00.000+0000"]
FAR_OR_DAMAGED: Final = FAR + DAMAGE
Form = Callable[[datetime, object], object]
TIMES: Final[list[Form]] = [
    lambda at, _: at.isoformat(timespec="microseconds"),
    lambda at, _: f"{at:%Y-%m-%dT%H:%M:%S.%f%z}",
    lambda at, _: f"{at:%Y-%m-%d}",
]
NOTHING: Final[list[Form]] = [lambda _at, _odd: None]
# Each writes a time, nothing, or an odd value.
FORMS: Final[list[Form]] = [*NOTHING * 3, *TIMES, *TIMES, lambda _, odd: odd]
FAILURES: Final = [
    None,
    True,
    False,
    0,
    1,
    "YES",
    "no",
    {"value": "Failed\u00a0"},
    [{"value": "ok"}, "true"],
    [],
    {},
]
POINTS: Final[list[object]] = [None, None, 0, 0, 0.1, 0.2, 3, 5.5, "8", "", [], True, {"value": 1}]
FIELDS: Final = {
    "deployed_at": "cf_deployed",
    "committed_at": "cf_committed.value",
    "change_failure": "cf_failed",
    "detected_at": "cf_detected",
    "restored_at": "cf_restored",
    "points": "cf_points",
}
POINTS_MAPPINGS: Final[list[FieldMapping]] = [
    "cf_points",
    ("cf_points", "cf_estimate"),
    ("cf_estimate", "cf_committed.value", "cf_points"),
]
SOURCES: Final[dict[str, DeploymentRules | None]] = {
    "none": None,
    "issues": DeploymentRules("issues", types=("Release",)),
    "grouped": DeploymentRules("issues", types=("release",), group_by="fixVersions"),
    "versions": DeploymentRules("versions"),
    "status": DeploymentRules("status", statuses=("closed", "3", "ghost")),
    "table": DeploymentRules("table"),
}
INCIDENTS: Final = [
    None,
    IncidentRules(("Incident",)),
    IncidentRules(("Incident", "STO\u0308RUNG")),
    IncidentRules(("incident",), priorities=("HIGH",)),
    IncidentRules(("incident", "st\u00f6rung"), excluded_resolutions=()),
    IncidentRules(("incident",), excluded_resolutions=("ERLEDIGT", *DEFAULT_EXCLUDED_INCIDENTS)),
]
IGNORED_TYPES: Final[list[tuple[str, ...] | None]] = [None, None, None, (), ("Epic", "chore"), ("release", "spike")]
EXCLUDED_STATUSES: Final[list[tuple[str, ...]]] = [(), (), ("closed",), ("4",), ("ghost", "10"), ("shipped",)]
CATEGORIES: Final = [
    DEFAULT_CATEGORIES,
    {**DEFAULT_CATEGORIES, "defect": ("Bug", "Spike"), "debt": (), "risk": ("V\u00c9RIFICATION",)},
]
VERSIONS: Final = ("2", "3", "10", "11")
Dates = list[datetime]


@dataclass(frozen=True)
class Maker:
    """A source of random teams: the same dice give the same team."""

    dice: Random
    zone: str
    clock: tuple[datetime, ...]
    visited: Sequence[tuple[str | None, str | None]]
    is_cloud: bool
    numbers: Sequence[str]

    def moment(self) -> datetime:
        """Return one of the team's few instants."""
        return self.dice.choice(self.clock)

    def issue(self, number: int) -> Issue:
        """Return an issue of any type, with a history and every mapped field; an import dates ``created`` too late."""
        dice = self.dice
        history = self.history(number)
        last = history[-1].to_id if history else None
        created = self.moment() if dice.random() < 0.2 else min(self.moment(), self.moment(), self.moment())
        kind = dice.choice(TYPES)
        return Issue(
            issue_id=str(number),
            key=f"TEAM-{number}",
            project=dice.choice(["TEAM", "TEAM", "SIDE"]),
            type=kind,
            status_id=last if last and dice.random() < 0.9 else dice.choice(["1", "2", "4", "4", "77"]),
            created=created,
            updated=created,
            resolution=dice.choice(RESOLUTIONS),
            resolved=self.resolved([change.at for change in history]),
            summary=None,
            fields=self.fields(),
            transitions=tuple(history),
            hierarchy_level=self.level(kind),
            subtask=dice.choice([kind == "Sub-task" or None, kind == "Sub-task", dice.random() < 0.1]),
        )

    def level(self, kind: str) -> int | None:
        """Return the level of an issue's own type: mostly that of its name, sometimes that of another type, or none."""
        if not self.is_cloud:
            return None
        return self.dice.choice([LEVELS.get(kind, 0)] * 9 + [None, self.dice.choice([-1, 0, 1, 2])])

    def resolved(self, changes: Dates) -> datetime | None:
        """Return none, a moment of any kind, or one around the last change: a day more or less is what findings turn
        on.
        """
        day, least = timedelta(days=1), timedelta(microseconds=1)
        around = [timedelta(0), timedelta(seconds=2), day, day + least, -day, -day - least, timedelta(days=3)]
        last = changes[-1] if changes else self.moment()
        return self.dice.choice([None, self.moment(), last + self.dice.choice(around)])

    def history(self, number: int) -> list[Transition]:
        """Return status changes in order of time: mostly a chain, sometimes broken, sometimes repeated."""
        dice = self.dice
        instants = sorted(self.moment() for _ in range(dice.choice([0, 0, 1, 2, 3, 4, 5, 7])))
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
        """Return values for all fields that a rule may map."""
        dice = self.dice
        return {
            "priority": dice.choice(["High", "high\u00a0", "low", None]),
            "fixVersions": dice.sample(VERSIONS, dice.choice([0, 1, 1, 2, 3])),
            "versions": dice.sample(VERSIONS, dice.choice([0, 0, 0, 0, 0, 1])),
            "links": dice.sample(self.numbers, min(dice.choice([0, 1, 3, 6]), len(self.numbers))),
            "cf_deployed": self.date(),
            "cf_committed": dice.choice([None, "text", {"value": self.date()}, {"value": self.date()}]),
            "cf_failed": dice.choice(FAILURES),
            "cf_detected": self.date(),
            "cf_restored": self.date(),
            "cf_points": dice.choice(POINTS),
            "cf_estimate": dice.choice(POINTS),
        }

    def date(self) -> Any:
        """Return a value for a mapped field: nothing, a time in any offset, a day, the first or last date, damage."""
        at, odd = self.moment(), self.dice.choice(FAR_OR_DAMAGED)
        write = self.dice.choice(FORMS)
        return write(at.astimezone(ZoneInfo(self.zone)), odd)

    def version(self, number: str) -> Version:
        """Return a version of one of three projects, often released on a day of the clock, that may be still ahead."""
        dice = self.dice
        day = dice.choice([self.moment().astimezone(ZoneInfo(self.zone)).date()] * 5 + [None])
        project = dice.choice(["TEAM", "TEAM", "SIDE", "ELSE"])
        return Version(number, project, f"1.{number}", dice.random() < 0.8, day, archived=dice.random() < 0.5)

    def row(self, number: int) -> Row:
        """Return a row of the deployments table; for most rows it is unknown whether the deployment failed."""
        dice = self.dice
        versions, issues = (
            dice.sample(VERSIONS, dice.choice([0, 1])),
            dice.choices(self.numbers, k=dice.choice([0, 2, 5])),
        )
        failed = dice.choice([None, None, None, True, False])
        return Row(str(number), self.moment(), failed, tuple(versions), tuple(dict.fromkeys((*issues, "999"))))

    def rules(self, deployments: DeploymentRules | None) -> Rules:
        """Return the rules of a profile; each role is mapped or not."""
        dice = self.dice
        mapped: dict[str, FieldMapping] = {role: name for role, name in FIELDS.items() if dice.random() < 0.4}
        if "points" in mapped or dice.random() < 0.5:
            mapped["points"] = dice.choice(POINTS_MAPPINGS)
        return Rules(
            timezone=self.zone,
            time_period_days=dice.choice([1, 14, 30, 40]),
            history_weeks=dice.choice([1, 3, 4]),
            workflow=dice.choice(WORKFLOWS),
            categories=dice.choice(CATEGORIES),
            levels=dice.choice([DEFAULT_LEVELS, {**DEFAULT_LEVELS, "cfr": (0, 50, 100), "mttr": (0, 1, 10**6)}]),
            fields=mapped,
            deployments=deployments,
            incidents=dice.choice(INCIDENTS),
            ignored_types=dice.choice(IGNORED_TYPES),
            excluded_statuses=dice.choice(EXCLUDED_STATUSES),
            failure_values=dice.choice([DEFAULT_FAILURE_VALUES, ("OK",)]),
            gone_issues=dice.choice(["drop", "keep_done"]),
        )


def scene(source: str, seed: int, visited: Sequence[tuple[str | None, str | None]] = VISITED) -> Scene:
    """Return a team, the rules of its profile, and an as-of in or after its history."""
    dice = Random(seed)
    zone, monday = dice.choice(PLACES)
    present, gone = dice.choice([3, 12, 30]), dice.choice([0, 0, 4])
    numbers = tuple(str(number) for number in range(1, present + gone + 1))
    maker = Maker(dice, zone, _clock(dice, zone, monday), visited, dice.random() < 0.7, numbers)
    more = Random(f"extras {seed}")
    extras = Extras(more, maker.clock, VERSIONS, more.random() < 0.5)
    parents = Random(f"parents {seed}")
    issues = [extras.of_issue(maker.issue(int(number))) for number in dice.sample(numbers, len(numbers))]
    issues = [replace(issue, parent=parents.choice([None, *numbers, "999"])) for issue in issues]
    rows = [maker.row(number) for number in dice.sample(range(1, 13), 5)] if source == "table" else []
    team = Team(
        issues=tuple(issues[:present]),
        statuses=STATUSES,
        versions=tuple(maker.version(number) for number in VERSIONS) if source == "versions" else (),
        table=tuple(extras.of_row(row) for row in rows),
        gone=tuple(issues[present:]),
    )
    rules = extras.of_rules(maker.rules(SOURCES[source]))
    return team, rules, max(maker.moment() for _ in range(dice.choice([1, 4, 40])))


def _clock(dice: Random, zone: str, monday: date) -> tuple[datetime, ...]:
    """Return the few instants of a team, so that many things fall together: within five weeks, some on midnights."""
    begin = datetime(monday.year, monday.month, monday.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    quarters = [begin + dice.randrange(5 * 7 * 96) * timedelta(minutes=15) for _ in range(dice.choice([6, 20]))]
    days = [monday + timedelta(days=dice.randrange(36)) for _ in range(4)]
    midnights = [datetime(d.year, d.month, d.day, tzinfo=ZoneInfo(zone)).astimezone(UTC) for d in days]
    shifts = [timedelta(0), timedelta(microseconds=-1), timedelta(milliseconds=1)]
    return tuple(moment + dice.choice(shifts) for moment in quarters + midnights)
