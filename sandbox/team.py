"""A believable team, made from a seed: its issues' whole lives, releases and incidents, before and after any clock.

Work comes at a constant rate from `start` on. Issue k's life depends on the seed, the rate and k alone, never on how
many issues are made nor on the clock. Delays are counted in working hours (Monday to Friday, 9 to 17 UTC).
"""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sandbox import catalogue as c
from sandbox import lives
from sandbox.plan import Team, Train
from sandbox.shapes import DAY, WEEK, Flavour, millis, user
from sandbox.site import Account, Site

EMAIL: Final = "metrics@acme.example"
TOKEN: Final = "sandbox-token"  # noqa: S105 - the made-up site's made-up token, printed at its start
PEOPLE: Final = ("Ana Kovac", "Ben Okafor", "Chen Wei", "Dora Lindt", "Emil Novak", "Fatima Zahra", "Goran Peric")


def generate(
    seed: int,
    issues: int,
    start: datetime,
    *,
    flavour: Flavour = "cloud",
    per_week: float = 10.0,
    site_zone: str = "Europe/Zagreb",
    account_zone: str = "America/New_York",
) -> Site:
    """Return a site with `issues` issues created from `start` on, `per_week` of them each week."""
    site = Site(flavour, ZoneInfo(site_zone), c.made_up(flavour))
    team = _team(seed, start, per_week, site)
    profile = user(flavour, "Metrics Reader", 99, account_zone)
    site.accounts.append(Account(EMAIL, TOKEN, account_zone, {**profile, "emailAddress": EMAIL}))
    _plan_releases(team, issues)
    site.add([lives.issue(team, k) for k in range(issues)], team.versions.values())
    return site


def _team(seed: int, start: datetime, per_week: float, site: Site) -> Team:
    at = millis(start)
    monday = at - (at - 4 * DAY) % WEEK  # 1970-01-05, four days after the epoch, was a Monday
    return Team(
        seed=seed,
        flavour=site.flavour,
        zone=site.zone,
        per_week=per_week,
        origin=monday,
        first_hour=40 * (at - monday) / WEEK,
        people=tuple(user(site.flavour, name, 100 + n) for n, name in enumerate(PEOPLE)),
        statuses={status["name"]: status for status in site.catalogue.statuses},
        trains={
            "PAY": Train(seed, c.PAY, monday, (1, 2, 3), 30_000),
            "OPS": Train(seed, c.OPS, monday, (2,), 60_000),
        },
    )


def _plan_releases(team: Team, issues: int) -> None:
    # A year beyond the last issue's birth: whatever is done by then finds its version.
    horizon = team.at(team.hour(issues)) + 52 * WEEK
    for train in team.trains.values():
        for j in range(train.after(horizon)):
            team.version(train, j)
    pay, ops = team.trains["PAY"], team.trains["OPS"]
    for j in filter(pay.fails, range(pay.after(horizon))):
        team.incidents.setdefault(team.slot(pay.departure(j)), j)
    for j in range(ops.after(horizon)):
        if not ops.is_dropped(j):
            team.deployments.setdefault(team.slot(ops.departure(j)), j)
