"""Issues with every kind of damage: fields of any type and value, impossible histories, the first and last dates."""

from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import product
from typing import Final

from metric_rows import STATUSES, issue, time, version
from metric_teams import FIELDS
from reference.teams import Row, Team

from models.records import Issue, Status, Transition

ENDS: Final = ["0001-01-01", "9999-12-31", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-12:00"]
BROKEN: Final[list[object]] = [
    None,
    "",
    "null",
    0,
    -1,
    10**400,
    1e308,
    float("nan"),
    True,
    [],
    {},
    [[]],
    [None],
    {"value": {}},
    b"x",
]
TYPES: Final = ["Story", "Release", "Incident", "", "Epic"]
ALL_FIELDS: Final = (*FIELDS.values(), "cf_committed", "priority", "fixVersions", "versions", "links")
SOUND: Final = issue(1000, "10-01 → 2", "10-20 → 4")


def team() -> Team:
    """Return all damaged issues beside one sound one, odd statuses, versions of the ends of time, a row that names
    nothing.
    """
    statuses = (*STATUSES, Status("", "", ""), Status("x", "Odd", "in-flight"))
    versions = (version("1", date.min), version("2", date.max), version("3", None))
    rows = (Row("r", time("10-20"), failed=False, issue_ids=("1000", "none"), version_ids=("none",)),)
    return Team((*broken_issues(), *broken_histories(), SOUND), statuses, versions, rows)


def broken_issues() -> list[Issue]:
    """Return an issue for each type and value, with the value in all fields."""
    values = enumerate(product(TYPES, [*BROKEN, *ENDS]), start=1)
    return [
        issue(number, "10-01 → 1", "10-05 → 2", "10-07 → 4", type=kind, **dict.fromkeys(ALL_FIELDS, value))
        for number, (kind, value) in values
    ]


def broken_histories() -> list[Issue]:
    """Return histories at the first and last dates, from and to nothing, at one instant, without a status."""
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    moves = [
        Transition(at, number, 0, "status", str(number), *step)
        for number, (at, step) in enumerate(
            product([first, time("10-05"), last], [(None,) * 4, ("2", "x", "4", "y"), ("77", None, None, "")])
        )
    ]
    plain = issue(900, "10-01 → 1")
    lives = [(), tuple(moves), tuple(moves[::-1]), tuple(moves[:3]), (moves[0], moves[0])]
    return [
        replace(plain, issue_id=str(901 + number), created=created, status_id=status_id, transitions=life)
        for number, (created, life, status_id) in enumerate(product([first, time("10-01"), last], lives, ["1", ""]))
    ]
