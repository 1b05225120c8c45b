"""What a drawn team has for the metrics of work in progress and of recoveries: flags, promises, marks, more incidents.

They have dice of their own, so that a seed's team stays what it was in everything else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Any, Final

from reference.teams import Row

from models.records import Issue, Rules, ServiceLevelRules, Transition

FLAG: Final = "cf_flag"
Side = tuple[str | None, str | None]
# What Jira writes where a flag was not set, and where it was; one half that names something is enough.
UNSET_SIDES: Final[Sequence[Side]] = [(None, None), ("", ""), ("[]", ""), (None, "[]"), ("", None), ("[]", "[]")]
SET_SIDES: Final[Sequence[Side]] = [
    ("10019", "Impediment"),
    ("[10019]", None),
    (None, "Impediment"),
    ("[]", "Impediment"),
    ("10019", ""),
    (" ", None),
    ("null", None),
]
FLAG_VALUES: Final[list[object]] = [None, None, None, "", [], False, True, 0, "[]", {}, "x", [{"value": "Impediment"}]]
MARKS: Final[list[object]] = [
    None,
    None,
    "",
    [],
    True,
    False,
    0,
    1,
    -0.5,
    "YES",
    " true\u00a0",
    "no",
    "failed",
    {},
    {"value": "Yes"},
    {"value": None},
    {"value": "No", "child": {"value": "yes"}},
    [{"value": "other"}, "true"],
    ["other", None],
    {"value": True},
    {"value": ["yes"]},
    {"value": []},
    {"value": ""},
]
BLOCKED: Final[list[tuple[str, ...]]] = [
    (),
    (),
    ("review",),
    ("2", "3"),
    ("ghost", "PARKED"),
    ("open", "done", "Doing"),
    ("shipped", "in work"),
    ("in pru\u0308fung", "99"),
]
# Some are a length that the clock of quarters of an hour makes, so that the bound itself is asked.
PROMISES: Final = [
    None,
    ServiceLevelRules(1e-12),
    ServiceLevelRules(1 / 96, 50),
    ServiceLevelRules(0.1, 99.5),
    ServiceLevelRules(1.25),
    ServiceLevelRules(5, 100),
    ServiceLevelRules(12, 70),
]


@dataclass(frozen=True)
class Extras:
    """A random source of a team's extras; ``is_troubled``: most of its incidents name versions."""

    dice: Random
    clock: Sequence[datetime]
    versions: Sequence[str]
    is_troubled: bool

    def of_issue(self, issue: Issue) -> Issue:
        """Return an issue with a flag, a mark of rework, and sometimes more affected versions."""
        dice = self.dice
        fields: dict[str, Any] = {**issue.fields, FLAG: dice.choice(FLAG_VALUES), "cf_rework": dice.choice(MARKS)}
        affected = dice.sample(list(self.versions), dice.choice([0, 1, 2, 3]))
        if self.is_troubled:
            fields["versions"] = affected
        return replace(issue, fields=fields, transitions=(*issue.transitions, *self.flags(issue)))

    def flags(self, issue: Issue) -> list[Transition]:
        """Return changes of the flag: mostly a chain, some in one entry with a change of status, some repeated."""
        dice, changes = self.dice, list[Transition]()
        before = dice.choice([*UNSET_SIDES, *SET_SIDES])
        for index in range(dice.choice([0, 0, 0, 1, 2, 3, 4])):
            at, entry = dice.choice(self.clock), int(issue.issue_id) * 100 + 50 + index
            if issue.transitions and dice.random() < 0.3:
                at, entry = dice.choice(issue.transitions)[:2]
            position = len([change for change in changes if change.history_number == entry])
            after = dice.choice(dice.choice([UNSET_SIDES, SET_SIDES]))
            changes.append(Transition(at, entry, position, FLAG, str(entry), *before, *after))
            before = after if dice.random() < 0.8 else dice.choice([*UNSET_SIDES, *SET_SIDES])
        return changes + changes[: dice.choice([0, 0, 1])]

    def of_row(self, row: Row) -> Row:
        """Return a row of the table with its column ``rework``."""
        return replace(row, rework=self.dice.choice([None, None, True, False]))

    def of_rules(self, rules: Rules) -> Rules:
        """Return the rules with drawn values for blocked items, the service level and rework."""
        dice, fields = self.dice, dict(rules.fields)
        if dice.random() < 0.6:
            fields["flagged"] = FLAG
        if dice.random() < 0.6:
            fields["rework"] = dice.choice(["cf_rework", "cf_rework.value", "cf_rework.child.value"])
        return replace(rules, fields=fields, blocked_statuses=dice.choice(BLOCKED), service_level=dice.choice(PROMISES))
