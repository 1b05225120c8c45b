"""One issue's life in a made-up team: created, worked on, re-opened, released, and edited meanwhile."""

# ruff: noqa: PLR2004 - the odds and delays of a made-up team stand where they are drawn

from collections.abc import Iterator
from operator import attrgetter
from random import Random
from typing import Any, Final

from sandbox import catalogue as c
from sandbox import flags
from sandbox.life import Life
from sandbox.noise import add_noise
from sandbox.plan import Team
from sandbox.shapes import HOUR, MINUTE, Json, moment, option, prose, stamp
from sandbox.site import Event, Issue, Item, Sets

_FIRST_ISSUE: Final = 10_001
_FIRST_HISTORY: Final = 100_000
_LONGEST: Final = 400  # working hours, ten weeks, that an issue may stand in one status
_KINDS: Final = {"Story": 36, "Task": 18, "Bug": 22, "Technical Debt": 9, "Security": 4, "Sub-task": 6, "Incident": 5}
_REFUSED: Final = ("Won't Do", "Won't Do", "Duplicate", "Cannot Reproduce")
_WORDS: Final = (
    "refund",
    "invoice",
    "card",
    "ledger",
    "payout",
    "webhook",
    "receipt",
    "settlement",
    "currency",
    "limit",
)
_VERBS: Final = ("Show", "Retry", "Validate", "Export", "Speed up", "Document", "Split", "Reconcile", "Archive", "Test")


def issue(team: Team, k: int) -> Issue:
    """Issue k of a team, with its whole life."""
    rng = Random(f"{team.seed}/{k}")
    if (j := team.incidents.get(k)) is not None:
        life = _incident(_life(team, k, rng, "Incident", project=c.PAY, born=team.trains["PAY"].incident_at(j)), j)
    elif (j := team.deployments.get(k)) is not None:
        life = _deployment(
            _life(team, k, rng, "Deployment", project=c.OPS, born=team.trains["OPS"].departure(j) - 2 * HOUR), j
        )
    else:
        life = _work(team, k, rng)
    add_noise(life)
    _flag(life)
    life.drafts.sort(key=attrgetter("at"))
    first = _FIRST_HISTORY + 1000 * k
    events = [Event(d.at, first + n, d.sets, d.items, d.author, d.touches) for n, d in enumerate(life.drafts)]
    return Issue(_FIRST_ISSUE + k, life.key, life.born, life.fields, events)


def _life(team: Team, k: int, rng: Random, kind: str, *, project: Json, born: int) -> Life:
    words = f"{rng.choice(_VERBS)} {rng.choice(_WORDS)} {rng.choice(_WORDS)}"
    reporter = rng.choice(team.people)
    created = stamp(born, team.zone)
    fields: dict[str, Any] = {
        "summary": f"{kind}: {words}" if kind in {"Incident", "Deployment"} else words,
        "issuetype": c.type_of(kind, team.flavour),
        "project": project,
        "status": team.statuses["To Do"],
        "created": created,
        "priority": c.PRIORITIES[rng.choices(("Highest", "High", "Medium", "Low"), (1, 3, 8, 3))[0]],
        "labels": [],
        "components": [],
        "fixVersions": [],
        "versions": [],
        "issuelinks": [],
        "reporter": reporter,
        "creator": reporter,
        "description": prose(team.flavour, f"As agreed with the team: {words.lower()}."),
        "statuscategorychangedate": created,
        c.RANK: f"0|i{k:05d}:",
    }
    return Life(team, k, rng, kind, project, born, fields, home=project)


def _incident(life: Life, j: int | None) -> Life:
    rng, born = life.rng, life.born
    if j is not None:
        body = life.team.version(life.team.trains["PAY"], j)
        life.fields["versions"] = [body]
        if cause := life.team.causes.get(j):
            life.fields["issuelinks"] = [_link(life, "inwardIssue", cause)]
    life.fields["priority"] = c.PRIORITIES[rng.choice(("Highest", "High"))]
    life.fields[c.DETECTED_AT] = life.stamp(born - rng.randint(1, 20) * MINUTE)
    began = born + round(rng.uniform(1, 25) * MINUTE)
    restored = began + round(min(rng.lognormvariate(0.9, 0.9), 60) * HOUR)
    who = life.someone()
    _enter(life, began, "To Do", "In Progress", who)
    _set_custom_time(life, restored, c.RESTORED_AT, "Restored at", restored - 5 * MINUTE, by=who)
    _finish(life, restored, "In Progress", "Done", who)
    if rng.random() < 0.5:
        _enter(life, restored + rng.randint(20, 90) * HOUR, "Done", "Closed", who)
    return life


def _deployment(life: Life, j: int) -> Life:
    train = life.team.trains["OPS"]
    leaves = train.departure(j)
    who = life.someone()
    life.fields["fixVersions"] = [life.team.version(train, j)]
    life.fields[c.CHANGE_FAILURE] = option("10101", "No")
    life.fields[c.OWNER] = who
    _enter(life, leaves - HOUR, "To Do", "In Progress", who)
    _set_custom_time(life, leaves + MINUTE, c.DEPLOYED_AT, "Deployed at", leaves, by=None)
    day = moment(leaves, life.team.zone).date().isoformat()
    item = Item("Deployed on", "custom", c.DEPLOY_DAY, None, None, day, day)
    life.note(leaves + MINUTE, ((c.DEPLOY_DAY, day),), item)
    _finish(life, leaves + 3 * MINUTE, "In Progress", "Done", who)
    if train.fails(j):
        item = Item("Change failure", "custom", c.CHANGE_FAILURE, "10101", "No", "10100", "Yes")
        life.note(leaves + 5 * HOUR, ((c.CHANGE_FAILURE, option("10100", "Yes")),), item, by=who)
    return life


def _work(team: Team, k: int, rng: Random) -> Life:
    kind = "Epic" if k % 40 == 3 else rng.choices(list(_KINDS), list(_KINDS.values()))[0]
    project = c.OPS if rng.random() < 0.2 else c.PAY
    hour = team.hour(k + rng.random())
    life = _life(team, k, rng, kind, project=project, born=team.at(hour))
    if kind == "Incident":
        return _incident(life, None)
    _adopt(life)
    who = life.someone()
    _estimate(life)
    if kind in {"Task", "Bug"} and rng.random() < 0.04:
        _move(life)
    done = _walk(life, hour, who)
    if done is not None:
        _ship(life, done, who)
    return life


def _move(life: Life) -> None:
    """Move an issue to the other project an hour after its creation; its number is free there."""
    old, new = (c.PAY, c.OPS) if life.project is c.PAY else (c.OPS, c.PAY)
    key = f"{new['key']}-{life.k + 1}"
    items = (
        Item("Key", "jira", None, None, life.key, None, key),
        Item("project", "jira", "project", old["id"], old["name"], new["id"], new["name"]),
    )
    life.home = new
    life.note(life.born + HOUR, (("key", key), ("project", new)), *items, by=life.someone())


def _adopt(life: Life) -> None:
    team, place = life.team, life.project["key"]
    parent = team.containers.get((place, "Story" if life.kind == "Sub-task" else "Epic"))
    is_below = parent and life.kind != "Epic" and (life.kind == "Sub-task" or life.rng.random() < 0.6)
    if is_below and (life.kind == "Sub-task" or team.flavour == "cloud"):  # an epic is a custom field on Data Center
        life.fields["parent"] = parent
    if life.kind in {"Epic", "Story"}:
        fields = {"summary": life.fields["summary"], "issuetype": life.fields["issuetype"]}
        team.containers[place, life.kind] = {"id": str(_FIRST_ISSUE + life.k), "key": life.key, "fields": fields}


def _estimate(life: Life) -> None:
    if life.kind in {"Story", "Bug", "Technical Debt"} and life.rng.random() < 0.85:
        points = float(life.rng.choice((1, 2, 3, 5, 8)))
        item = Item("Story point estimate", "custom", c.POINTS, None, None, None, f"{points:g}")
        life.note(life.born + life.rng.randint(5, 600) * MINUTE, ((c.POINTS, points),), item, by=life.someone())


def _walk(life: Life, hour: float, who: Json) -> int | None:
    """Write the status changes of a work item; returns when it was first done as delivered, None if refused."""
    steps = list(_path(life.rng, life.kind))
    before = steps[0][0]
    life.fields["status"] = life.team.statuses[before]
    delivered: int | None = None
    refused = life.rng.choice(_REFUSED) if "In Progress" not in {name for name, _ in steps} else None
    for after, hours in steps[1:]:
        hour += min(hours, _LONGEST)
        at = life.team.at(hour)
        if after == "Done":
            _finish(life, at, before, after, who, resolution=refused or "Done")
            delivered = delivered or (None if refused else at)
        else:
            _enter(life, at, before, after, who)
        before = after
    return delivered


def _path(rng: Random, kind: str) -> Iterator[tuple[str, float]]:
    """Statuses in order, each with the working hours that passed since the one before."""
    size = 8.0 if kind == "Epic" else 1.0
    if rng.random() < 0.04:
        yield "In Progress", 0.0
    else:
        yield "To Do", 0.0
        wait = rng.lognormvariate(3.2, 0.9)
        if rng.random() < 0.05:
            yield "Done", wait
            return
        yield "In Progress", wait
    yield from _active(rng, size)
    if rng.random() < 0.06:
        yield "In Progress", rng.uniform(4, 60)
        yield from _active(rng, size / 2)
    if rng.random() < 0.3:
        yield "Closed", rng.uniform(30, 400)


def _active(rng: Random, size: float) -> Iterator[tuple[str, float]]:
    effort = rng.lognormvariate(3.2, 1.1) * size
    if rng.random() < 0.06:
        yield "To Do", effort / 3
        yield "In Progress", rng.uniform(8, 60)
    if rng.random() < 0.2:
        yield "Blocked", effort / 2
        yield "In Progress", rng.lognormvariate(3.2, 1.1)
    yield "In Review", effort
    if rng.random() < 0.22:
        yield "In Progress", rng.lognormvariate(1.8, 0.6)
        yield "In Review", effort / 4 + 1
    yield "Done", rng.lognormvariate(2.4, 1.1)


def _enter(life: Life, at: int, before: str, after: str, by: Json) -> None:
    sets: Sets = (("status", life.team.statuses[after]), ("statuscategorychangedate", life.stamp(at)))
    items = [_status_item(before, after)]
    if before in {"Done", "Closed"} and after != "Closed":
        sets += (("resolution", None), ("resolutiondate", None))
        items.append(Item("resolution", "jira", "resolution", "10000", "Done", None, None))
    if after == "In Progress" and before == "To Do" and life.fields.get(c.COMMITTED_AT) is None:
        sets += (("assignee", by),)
        items.append(_person_item(life, None, by))
    life.note(at, sets, *items, by=by)


def _finish(life: Life, at: int, before: str, after: str, by: Json, *, resolution: str = "Done") -> None:
    reason = c.RESOLUTIONS[resolution]
    written = life.stamp(at)
    sets = (
        ("status", life.team.statuses[after]),
        ("resolution", reason),
        ("resolutiondate", written),
        ("statuscategorychangedate", written),
    )
    item = Item("resolution", "jira", "resolution", None, None, reason["id"], resolution)
    life.note(at, sets, item, _status_item(before, after), by=by)


def _status_item(before: str, after: str) -> Item:
    return Item("status", "jira", "status", c.STATUSES[before]["id"], before, c.STATUSES[after]["id"], after)


def _person_item(life: Life, before: Json | None, after: Json | None) -> Item:
    name = "accountId" if life.team.flavour == "cloud" else "key"
    old = (before[name], before["displayName"]) if before else (None, None)
    new = (after[name], after["displayName"]) if after else (None, None)
    return Item("assignee", "jira", "assignee", *old, *new)


def _set_custom_time(life: Life, at: int, field_id: str, name: str, value: int, *, by: Json | None) -> None:
    written = life.stamp(value)
    # Jira writes such a value into the changelog with minutes only.
    item = Item(name, "custom", field_id, None, None, written[:16] + written[-5:], written[:16].replace("T", " "))
    life.note(at, ((field_id, written),), item, by=by)


def _ship(life: Life, done: int, who: Json) -> None:
    team, train = life.team, life.team.trains[life.home["key"]]
    if life.kind in {"Epic", "Sub-task"} or life.rng.random() < 0.06:
        return
    j = train.after(done + HOUR)
    body = team.version(train, j)
    item = Item("Fix Version", "jira", "fixVersions", None, None, body["id"], body["name"])
    life.note(done + 2 * MINUTE, (("fixVersions", [body]),), item, by=who)
    began = min((draft.at for draft in life.drafts if _starts(draft.items)), default=life.born)
    _set_custom_time(life, began + 3 * HOUR, c.COMMITTED_AT, "Committed at", began + 2 * HOUR, by=None)
    _set_custom_time(life, train.departure(j) + 9 * MINUTE, c.DEPLOYED_AT, "Deployed at", train.departure(j), by=None)
    if train.project is c.PAY and train.fails(j) and j not in team.causes:
        _blame(life, j)


def _starts(items: tuple[Item, ...]) -> bool:
    return any(item.field_id == "status" and item.new_text == "In Progress" for item in items)


def _blame(life: Life, j: int) -> None:
    """Make the first work item of a failing version the cause of its incident: linked on both sides, marked as a
    failure.
    """
    team, at = life.team, life.team.trains["PAY"].incident_at(j)
    fields = {"summary": life.fields["summary"], "issuetype": life.fields["issuetype"]}
    team.causes[j] = {"id": str(_FIRST_ISSUE + life.k), "key": life.key, "fields": fields}
    slot = team.slot(team.trains["PAY"].departure(j))
    if team.incidents.get(slot) != j:
        return
    incident = {"id": str(_FIRST_ISSUE + slot), "key": f"PAY-{slot + 1}"}
    link = _link(life, "outwardIssue", incident)
    item = Item("Link", "jira", None, None, None, incident["key"], f"This issue causes {incident['key']}")
    life.note(at, (("issuelinks", [link]),), item, by=life.someone())
    failed = Item("Change failure", "custom", c.CHANGE_FAILURE, None, None, "10100", "Yes")
    life.note(at + 2 * HOUR, ((c.CHANGE_FAILURE, option("10100", "Yes")),), failed, by=life.someone())


def _link(life: Life, side: str, other: Json) -> Json:
    kind = {"id": "10003", "name": "Problem/Incident", "inward": "is caused by", "outward": "causes"}
    return {"id": str(50_000 + life.k), "type": kind, side: other}


def _flag(life: Life) -> None:
    """Set and clear the flag, drawn from a random source of its own; creation in progress is not a change."""
    moves = sorted(draft.at for draft in life.drafts if any(item.field_id == "status" for item in draft.items))
    for at, sets, item in flags.changes(f"{life.team.seed}/{life.k}", moves):
        life.note(at, sets, item, by=life.team.people[life.k % len(life.team.people)])
