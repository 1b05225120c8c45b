"""Teams made up for the metric tests: small, but with every kind of history, mapping, clock change and damage."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from naive_metrics import Row, Team

from models.metrics import facts
from models.metrics.prepared import Prepared
from models.records import (
    DEFAULT_CATEGORIES,
    Dataset,
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
VISITED: Final = [*LISTED, ("99", "review"), ("98", "Ghost"), (None, "done"), (None, None)]
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


def prepared(team: Team, rules: Rules, as_of: datetime) -> Prepared:
    """A team as the metrics read it: facts of every issue, deployments of its versions and its table."""
    context = facts.Context.of(rules, team.statuses)
    read = [facts.read(issue, context) for issue in team.issues]
    projects = {issue.project for issue in team.issues}
    deployments = [deployment for known in read for deployment in known.deployments]
    deployments += facts.deployments_of_versions(team.versions, projects, context)
    deployments += [_row(row) for row in team.table]
    dataset = Dataset(
        items=tuple(known.item for known in read if known.item is not None),
        deployments=tuple(deployments),
        incidents=tuple(known.incident for known in read if known.incident is not None),
    )
    return Prepared(dataset, rules, micros(as_of))


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


@st.composite
def scenes(draw: st.DrawFn, source: str, visited: Any = VISITED) -> tuple[Team, Rules, datetime]:
    """A team, the rules of its profile, and an as-of that may lie anywhere in or after its history."""
    zone, monday = draw(st.sampled_from(PLACES))
    clock = draw(_clocks(zone, monday))
    moments = st.sampled_from(clock)
    numbers = range(1, draw(st.integers(1, 7)) + 1)
    issues = tuple(draw(_issues(str(number), moments, zone, visited)) for number in numbers)
    rules = draw(_rules(zone, SOURCES[source]))
    versions = (
        tuple(draw(_versions(str(number), moments, zone)) for number in range(1, 4)) if source == "versions" else ()
    )
    rows = tuple(draw(_rows(f"row {number}", moments)) for number in range(1, 4)) if source == "table" else ()
    return Team(issues, STATUSES, versions, rows), rules, draw(st.sampled_from(clock))


@st.composite
def _clocks(draw: st.DrawFn, zone: str, monday: date) -> list[datetime]:
    """The few instants at which things happen in a team, so that many fall together, on midnights and just before."""
    begin = datetime(monday.year, monday.month, monday.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    quarters = draw(st.lists(st.integers(0, 5 * 7 * 96), min_size=4, max_size=9, unique=True))
    days = draw(st.lists(st.integers(0, 35), min_size=2, max_size=4, unique=True))
    local = [monday + timedelta(days=day) for day in days]
    midnights = [datetime(d.year, d.month, d.day, tzinfo=ZoneInfo(zone)).astimezone(UTC) for d in local]
    shifts = st.sampled_from([timedelta(0), timedelta(microseconds=-1), timedelta(milliseconds=1)])
    return [begin + quarter * timedelta(minutes=15) + draw(shifts) for quarter in quarters] + [
        midnight + draw(shifts) for midnight in midnights
    ]


@st.composite
def _issues(draw: st.DrawFn, number: str, moments: st.SearchStrategy[datetime], zone: str, visited: Any) -> Issue:
    history = draw(_histories(number, moments, visited))
    last = history[-1].to_id if history else None
    current = last if last and draw(st.booleans()) else draw(st.sampled_from(["1", "2", "4", "77"]))
    created = draw(moments)
    others = st.lists(st.sampled_from("1234567"), max_size=2)
    dates = _dates(moments, zone)
    fields = {
        "priority": draw(st.sampled_from(["High", "low", None])),
        "fixVersions": draw(others),
        "versions": draw(st.lists(st.sampled_from("12345"), max_size=1)),
        "links": draw(others),
        "cf_deployed": draw(dates),
        "cf_committed": draw(st.one_of(st.none(), st.just("text"), st.builds(lambda value: {"value": value}, dates))),
        "cf_failed": draw(st.sampled_from(FAILURES)),
        "cf_detected": draw(dates),
        "cf_restored": draw(dates),
        "cf_points": draw(st.sampled_from(POINTS)),
    }
    return Issue(
        issue_id=number,
        key=f"TEAM-{number}",
        project=draw(st.sampled_from(["TEAM", "TEAM", "SIDE"])),
        type=draw(st.sampled_from(TYPES)),
        status_id=current,
        created=created,
        updated=created,
        resolution=draw(st.sampled_from([None, None, "Done", "won't do", "Duplicate"])),
        resolved=None,
        summary=None,
        fields=fields,
        transitions=tuple(history),
    )


@st.composite
def _histories(draw: st.DrawFn, number: str, moments: st.SearchStrategy[datetime], visited: Any) -> list[Transition]:
    """Status changes at any of the team's instants; mostly a chain, sometimes broken, sometimes told twice."""
    instants = sorted(draw(st.lists(moments, max_size=6)))
    before = draw(st.sampled_from(visited))
    history = []
    for index, at in enumerate(instants):
        after = draw(st.sampled_from(visited))
        entry = int(number) * 100 + index
        history.append(Transition(at, entry, 0, "status", str(entry), *before, *after))
        before = after if draw(st.integers(0, 9)) else draw(st.sampled_from(visited))
    repeated = history[: draw(st.integers(0, 2))]
    return [*history, *repeated]


def _dates(moments: st.SearchStrategy[datetime], zone: str) -> st.SearchStrategy[Any]:
    """What a mapped date field may hold: often nothing, a time in any offset, a day, the ends of time, or damage."""
    local = moments.map(lambda moment: moment.astimezone(ZoneInfo(zone)))
    return st.one_of(
        st.none(),
        st.none(),
        moments.map(lambda moment: moment.isoformat(timespec="microseconds")),
        local.map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S.%f%z")),
        local.map(lambda moment: moment.strftime("%Y-%m-%d")),
        st.sampled_from(FAR),
        st.sampled_from(DAMAGE),
    )


@st.composite
def _versions(draw: st.DrawFn, number: str, moments: st.SearchStrategy[datetime], zone: str) -> Version:
    released = draw(st.integers(0, 4)) > 0
    day = draw(st.one_of(st.none(), moments.map(lambda at: at.astimezone(ZoneInfo(zone)).date())))
    project = draw(st.sampled_from(["TEAM", "TEAM", "SIDE", "ELSE"]))
    return Version(number, project, f"1.{number}", released, day, archived=draw(st.booleans()))


@st.composite
def _rows(draw: st.DrawFn, name: str, moments: st.SearchStrategy[datetime]) -> Row:
    ids = st.lists(st.sampled_from("1234567"), max_size=2, unique=True)
    return Row(name, draw(moments), draw(st.booleans()), tuple(draw(ids)), tuple(draw(ids)))


@st.composite
def _rules(draw: st.DrawFn, zone: str, deployments: DeploymentRules | None) -> Rules:
    roles = draw(st.sets(st.sampled_from(sorted(FIELDS))))
    incidents = st.sampled_from(
        [None, IncidentRules(("Incident",)), IncidentRules(("incident",), priorities=("HIGH",))]
    )
    moved = {**DEFAULT_CATEGORIES, "defect": ("Bug", "Spike"), "debt": ()}
    return Rules(
        timezone=zone,
        time_period_days=draw(st.sampled_from([1, 7, 10, 30])),
        history_weeks=draw(st.sampled_from([1, 3, 4])),
        workflow=draw(st.sampled_from(WORKFLOWS)),
        categories=draw(st.sampled_from([DEFAULT_CATEGORIES, moved])),
        fields={role: FIELDS[role] for role in sorted(roles)},
        deployments=deployments,
        incidents=draw(incidents),
        failure_values=draw(st.sampled_from([("yes", "true", "failed", "failure"), ("OK",)])),
    )
