"""The role of each issue in a profile, for the reference: roles, categories and mapped fields of section 2."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

from models.records import Issue, Rules

from .lives import Life, Statuses, Visited
from .names import among, same
from .teams import DAY, Team, last_second, midnight

BAD: Final = "bad"
KINDS: Final = ("feature", "defect", "risk", "debt")
FORMATS: Final = ("%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z")
Moment = datetime | str | None  # BAD is the only text


@dataclass(frozen=True)
class Profile:
    """A team by the rules of a profile at one instant."""

    team: Team
    rules: Rules
    as_of: datetime

    @cached_property
    def statuses(self) -> Statuses:
        """Return the site's statuses with the profile's rules for them."""
        return Statuses(self.team.statuses, self.rules)

    @cached_property
    def lives(self) -> dict[str, Life]:
        """Return the lives of all issues, present and gone."""
        return {issue.issue_id: Life(issue, self.statuses) for issue in (*self.team.issues, *self.team.gone)}

    def life(self, issue: Issue) -> Life:
        """Return the life of an issue."""
        return self.lives[issue.issue_id]

    # --- which issues count ----------------------------------------------------------------------------------------

    @cached_property
    def counted(self) -> list[Issue]:
        """Return the issues that exist at the instant, without ignored types; some gone issues may count too."""
        kept = [issue for issue in self.team.gone if self.is_kept(issue)]
        issues = [issue for issue in (*self.team.issues, *kept) if not self.is_ignored(issue)]
        return [issue for issue in issues if self.life(issue).exists(self.as_of)]

    def is_kept(self, issue: Issue) -> bool:
        """Return whether a gone issue counts, because it was done when it left."""
        return self.rules.gone_issues == "keep_done" and self.life(issue).line[-1][1] == "done"

    def is_ignored(self, issue: Issue) -> bool:
        """Return whether an issue's type is left out of everything."""
        if among(issue.type, self.deploying_types + self.incident_types):
            return False
        if self.rules.ignored_types is not None:
            return among(issue.type, self.rules.ignored_types)
        if issue.hierarchy_level is not None:
            return issue.hierarchy_level != 0
        return issue.subtask is True or same(issue.type, "Epic")

    @cached_property
    def deploying_types(self) -> tuple[str, ...]:
        """Return the types named under deployments."""
        return self.rules.deployments.types if self.rules.deployments else ()

    @cached_property
    def incident_types(self) -> tuple[str, ...]:
        """Return the types named under incidents."""
        return self.rules.incidents.types if self.rules.incidents else ()

    @cached_property
    def items(self) -> list[Issue]:
        """Return the work items."""
        others = self.deploying_types + self.incident_types
        return [issue for issue in self.counted if not among(issue.type, others)]

    @cached_property
    def incidents(self) -> list[Issue]:
        """Return the incidents, also those resolved as none; an incident that is not yet detected is left out."""
        if self.rules.incidents is None:
            return []
        wanted = self.rules.incidents.priorities
        issues = [issue for issue in self.counted if among(issue.type, self.incident_types)]
        issues = [issue for issue in issues if not wanted or among(issue.fields.get("priority"), wanted)]
        return [issue for issue in issues if not self.is_ahead(self.moment(issue, "detected_at"))]

    def was_none(self, incident: Issue) -> bool:
        """Return whether an incident was resolved as not being one."""
        assert self.rules.incidents is not None
        return among(incident.resolution, self.rules.incidents.excluded_resolutions)

    # --- facts of an issue at the instant --------------------------------------------------------------------------

    @cached_property
    def known_facts(self) -> dict[str, tuple[datetime | None, datetime | None]]:
        """Return when the issues that were asked for before were started and done."""
        return {}

    def facts(self, issue: Issue) -> tuple[datetime | None, datetime | None]:
        """Return when an issue was started and done."""
        if issue.issue_id not in self.known_facts:
            life = self.life(issue)
            self.known_facts[issue.issue_id] = life.started(self.as_of), life.done(self.as_of)
        return self.known_facts[issue.issue_id]

    def started(self, issue: Issue) -> datetime | None:
        """Return when an issue was started."""
        return self.facts(issue)[0]

    def done(self, issue: Issue) -> datetime | None:
        """Return when an issue was done."""
        return self.facts(issue)[1]

    def delivered(self, issue: Issue) -> bool:
        """Return whether an issue is done, and neither its status nor its resolution is an excluded one."""
        if self.done(issue) is None or among(issue.resolution, self.rules.excluded_resolutions):
            return False
        return not self.statuses.is_one_of(self.life(issue).status(self.as_of), self.rules.excluded_statuses)

    def restored(self, incident: Issue) -> Moment:
        """Return when an incident was restored: None if it is not, BAD if the mapped field does not parse."""
        restored = self.moment(incident, "restored_at") or self.done(incident)
        return None if self.is_ahead(restored) else restored

    def category(self, issue: Issue) -> str:
        """Return feature, defect, risk, debt or unmapped."""
        return next((kind for kind in KINDS if among(issue.type, self.rules.categories.get(kind, ()))), "unmapped")

    def is_ahead(self, moment: Moment) -> bool:
        """Return whether a moment is at or after the instant."""
        return isinstance(moment, datetime) and moment >= self.as_of

    # --- mapped fields ---------------------------------------------------------------------------------------------

    def values(self, issue: Issue, role: str) -> list[Any]:
        """Return the values of a role: of each of its fields, or of a dotted path below it."""
        paths = self.rules.fields.get(role, ())
        return [self.value(issue, path) for path in ((paths,) if isinstance(paths, str) else paths)]

    def value(self, issue: Issue, path: str) -> Any:
        """Return the value of a field id or dotted path."""
        name, *steps = path.split(".")
        value = issue.fields.get(name)
        for step in steps:
            if value is None:
                return None
            value = value.get(step) if isinstance(value, dict) else ["no such path"]
        return value

    def moment(self, issue: Issue, role: str) -> Moment:
        """Return a mapped instant: a datetime, None without a value, BAD if it does not parse."""
        value = next(iter(self.values(issue, role)), None)
        if value in (None, ""):
            return None
        if not isinstance(value, str):
            return BAD
        for form in FORMATS:
            try:
                return datetime.strptime(value, form).astimezone(UTC)
            except ValueError:
                continue
        try:
            day = datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC).date()
        except ValueError:
            return BAD
        begins = role in ("committed_at", "detected_at")
        return midnight(day, self.rules.timezone) if begins else last_second(day, self.rules.timezone)

    def failure(self, issue: Issue) -> bool:
        """Return whether the mapped change_failure is truthy."""
        value = next(iter(self.values(issue, "change_failure")), None)
        if isinstance(value, int | float):
            return bool(value)
        words = [v.get("value") if isinstance(v, dict) else v for v in (value if isinstance(value, list) else [value])]
        return any(isinstance(word, str) and among(word, self.rules.failure_values) for word in words)

    def rework(self, issue: Issue) -> bool | None:
        """Return the mapped mark of rework; None if the field is empty or its path has no value."""
        value: Any = issue.fields
        for step in next(iter(self.rules.paths("rework")), "").split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is None or value in ("", []):
            return None
        if isinstance(value, int | float):
            return bool(value)
        words = [v.get("value") if isinstance(v, dict) else v for v in (value if isinstance(value, list) else [value])]
        return any(isinstance(word, str) and among(word, ("yes", "true")) for word in words)

    def points(self, issue: Issue) -> int | float | str | None:
        """Return the first value that is not empty: a number, BAD if it is not one, None without any."""
        value = next((value for value in self.values(issue, "points") if value not in (None, "", [])), None)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return value if value is None or is_number else BAD

    # --- findings --------------------------------------------------------------------------------------------------

    def odd_histories(self) -> dict[str, set[str]]:
        """Return issue id → findings of its history, for each issue whose type is not ignored."""
        odd = {issue.issue_id: self.life(issue).findings() for issue in self.counted}
        return {issue_id: reasons for issue_id, reasons in odd.items() if reasons}

    def unfinished(self) -> dict[str, list[str]]:
        """Return done issue → keys of its sub-tasks that are not done at present, of issues that have any."""
        done = [issue.issue_id for issue in self.counted if self.done(issue)]
        below = [issue for issue in self.team.issues if issue.subtask and not self.is_now_done(issue)]
        keys = {number: [issue.key for issue in below if issue.parent == number] for number in done}
        return {number: sorted(of_one, key=lambda key: int(key[5:])) for number, of_one in keys.items() if of_one}

    def is_now_done(self, issue: Issue) -> bool:
        """Return whether the issue's present status is done, whatever its history."""
        return self.statuses.stage(Visited(issue.status_id, None)) == "done"

    def disagreeing(self) -> list[str]:
        """Return the ids of the issues whose resolution date and history disagree."""
        return [issue.issue_id for issue in self.counted if self.disagrees(issue)]

    @cached_property
    def most_are_resolved(self) -> bool:
        """Return whether more than half of the done issues have a resolution date."""
        done = [issue for issue in self.counted if self.done(issue)]
        return 2 * len([issue for issue in done if self.resolved(issue)]) > len(done)

    def resolved(self, issue: Issue) -> datetime | None:
        """Return the resolution date, if it is before the instant."""
        return None if self.is_ahead(issue.resolved) else issue.resolved

    def disagrees(self, issue: Issue) -> bool:
        """Return whether resolution date and done differ by more than a day, or only one of them exists."""
        resolved, done = self.resolved(issue), self.done(issue)
        if resolved is not None and done is not None:
            return abs(resolved - done) > DAY
        if resolved is not None:
            return True
        return done is not None and self.most_are_resolved
