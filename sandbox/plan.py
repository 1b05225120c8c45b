"""The plan of a made-up team: its rate of work, its working hours, its releases and what fails."""

# ruff: noqa: PLR2004 - the odds and delays of a made-up team stand where they are drawn

from dataclasses import dataclass, field
from random import Random
from zoneinfo import ZoneInfo

from sandbox.shapes import DAY, HOUR, WEEK, Flavour, Json, moment, version
from sandbox.site import Version


@dataclass(frozen=True, slots=True)
class Train:
    """The releases of a project: version j is released on a fixed weekday at 15:00 UTC; everything follows from j."""

    seed: int
    project: Json
    origin: int
    weekdays: tuple[int, ...]
    first_id: int

    def departure(self, j: int) -> int:
        """Return when version j is released."""
        week, place = divmod(j, len(self.weekdays))
        return self.origin + week * WEEK + self.weekdays[place] * DAY + 15 * HOUR

    def after(self, at: int) -> int:
        """Return the first version that is released at or after an instant."""
        j = max((at - self.origin) // WEEK, 0) * len(self.weekdays)
        while self.departure(j) < at or self.is_dropped(j):
            j += 1
        return j

    def is_dropped(self, j: int) -> bool:
        """Return whether a version has no release date, like one in 15."""
        return j % 15 == 9

    def fails(self, j: int) -> bool:
        """Return whether a version brings an incident: one near the middle of each ten, spread evenly."""
        block, place = divmod(j, 10)
        chosen = Random(f"{self.seed}/{self.project['key']}/{block}").randrange(3, 7)
        return place == chosen + self.is_dropped(10 * block + chosen)

    def incident_at(self, j: int) -> int:
        """Return when the incident of a failing version is reported."""
        return self.departure(j) + round(Random(f"{self.seed}/incident/{j}").uniform(0.3, 30) * HOUR)


@dataclass(slots=True)
class Team:
    """What the lives of issues depend on, and what issue k needs from the issues before it."""

    seed: int
    flavour: Flavour
    zone: ZoneInfo
    per_week: float
    origin: int
    first_hour: float
    people: tuple[Json, ...]
    statuses: dict[str, Json]
    trains: dict[str, Train]
    versions: dict[tuple[str, int], Version] = field(default_factory=dict)
    incidents: dict[int, int] = field(default_factory=dict)
    deployments: dict[int, int] = field(default_factory=dict)
    causes: dict[int, Json] = field(default_factory=dict)
    containers: dict[tuple[str, str], Json] = field(default_factory=dict)

    def hour(self, k: float) -> float:
        """Return the working hour at which slot k begins."""
        return self.first_hour + 40 * k / self.per_week

    def at(self, hour: float) -> int:
        """Return the instant of a working hour."""
        days, rest = divmod(hour, 8)
        weeks, day = divmod(int(days), 5)
        return self.origin + weeks * WEEK + day * DAY + 9 * HOUR + int(rest * HOUR)

    def slot(self, at: int) -> int:
        """Return the first slot that begins after an instant."""
        weeks, rest = divmod(at - self.origin, WEEK)
        day, clock = divmod(rest, DAY)
        worked = 40 if day > 4 else day * 8 + min(max(clock / HOUR - 9, 0), 8)
        return int((weeks * 40 + worked - self.first_hour) * self.per_week / 40) + 1

    def version(self, train: Train, j: int) -> Json:
        """Return the body of a version, created at the first call."""
        key = (train.project["key"], j)
        if key not in self.versions:
            self.versions[key] = _version_of(train, j, self.zone)
        return self.versions[key].body


def _version_of(train: Train, j: int, zone: ZoneInfo) -> Version:
    leaves = train.departure(j)
    body = version(train.first_id + j, f"{train.project['name']} {j // 10}.{j % 10}", train.project)
    made = Version(train.project["key"], leaves - 14 * DAY, body)
    if train.is_dropped(j):
        return made
    # One in 40 is released without a date, as happens when somebody clears it.
    day = moment(leaves, zone).date().isoformat()
    dated = () if j % 40 == 21 else (("releaseDate", day),)
    made.changes.append((leaves, (("released", True), *dated)))
    made.changes.append((leaves + 26 * WEEK, (("archived", True),)))
    return made
