"""A second reading of the nine metrics, slow and plain, straight from issues: what models/metrics is checked against.

It shares no code with models/metrics. Every window walks through every issue again; instants are datetimes, durations
timedeltas turned into exact fractions. Nothing here is meant to be fast, only to be read beside the definition.
"""

import itertools
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from models.records import Issue, Rules, Status, Version

DAYS: Final = timedelta(days=1)
MICRO: Final = timedelta(microseconds=1)
BAD: Final = "bad"
KINDS: Final = ("feature", "defect", "risk", "debt")
FORMATS: Final = ("%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z")


@dataclass(frozen=True)
class Row:
    """A row of the deployments table, as a pipeline would have written it."""

    deployment_id: str
    at: datetime
    failed: bool
    version_ids: tuple[str, ...] = ()
    issue_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Team:
    """Everything stored of one profile."""

    issues: tuple[Issue, ...]
    statuses: tuple[Status, ...]
    versions: tuple[Version, ...] = ()
    table: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Span:
    """A window: its calendar bounds, and how far it is reckoned."""

    kind: str
    start: datetime
    end: datetime
    until: datetime

    def holds(self, moment: datetime | None) -> bool:
        """Whether a moment lies in the part of the window that is over."""
        return moment is not None and self.start <= moment < self.until

    @property
    def days(self) -> Fraction:
        """The true length in days of 86,400 seconds."""
        return Fraction((self.until - self.start) // MICRO, DAYS // MICRO)


@dataclass(frozen=True)
class Answer:
    """What is compared: everything of a measurement that is not prose."""

    span: Span
    value: float | None
    state: str
    n_used: int
    exclusions: dict[str, int]
    details: dict[str, Any]
    level: str | None


@lru_cache(maxsize=4096)
def midnight(day: date, zone: str) -> datetime:
    """The first instant of a day, found by trying every quarter of an hour: no offset in use changes between them."""
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=16)
    wanted = datetime(day.year, day.month, day.day, tzinfo=UTC).replace(tzinfo=None)
    while moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) < wanted:
        moment += timedelta(minutes=15)
    return moment


def same(left: object, right: object) -> bool:
    """Whether two names are one, ignoring case."""
    return left is not None and right is not None and str(left).lower() == str(right).lower()


def among(name: object, names: tuple[str, ...]) -> bool:
    """Whether a list of names holds one, ignoring case."""
    return any(same(name, other) for other in names)


def quantile(values: list[Fraction], share: Fraction) -> Fraction:
    """Hyndman-Fan type 7: walk (n − 1) × share steps along the sorted values."""
    ordered = sorted(values)
    rank = (len(ordered) - 1) * share
    low = ordered[math.floor(rank)]
    high = ordered[math.ceil(rank)]
    return low + (high - low) * (rank - math.floor(rank))


@dataclass(frozen=True)
class Naive:
    """The nine metrics of a team at one instant."""

    team: Team
    rules: Rules
    as_of: datetime

    # --- windows ---------------------------------------------------------------------------------------------------

    def spans(self) -> list[Span]:
        """The period, then the weeks from oldest to newest."""
        zone = self.rules.timezone
        today = self.as_of.astimezone(ZoneInfo(zone)).date()
        end = midnight(today, zone)
        spans = [Span("period", midnight(today - DAYS * self.rules.time_period_days, zone), end, end)]
        monday = today - DAYS * today.weekday()
        for back in reversed(range(self.rules.history_weeks)):
            first = midnight(monday - 7 * back * DAYS, zone)
            last = midnight(monday - 7 * (back - 1) * DAYS, zone)
            spans.append(Span("week", first, last, min(last, self.as_of)))
        return [span for span in spans if span.until > span.start]

    # --- histories -------------------------------------------------------------------------------------------------

    @cached_property
    def stages_of_statuses(self) -> dict[tuple[str | None, str | None], str]:
        """The stages that were asked for before."""
        return {}

    def stage(self, status_id: str | None, name: str | None) -> str:
        """Todo, active, waiting or done."""
        status = (status_id, name)
        if status not in self.stages_of_statuses:
            self.stages_of_statuses[status] = self.stage_by_rule(status_id, name)
        return self.stages_of_statuses[status]

    def stage_by_rule(self, status_id: str | None, name: str | None) -> str:
        """Todo, active, waiting or done, as the definition says."""
        for status in self.team.statuses:
            if status.status_id == status_id:
                return self.listed_stage(status)
        for text in (status_id, name):
            for stage in ("todo", "active", "waiting", "done"):
                if among(text, self.rules.workflow.get(stage, ())):
                    return stage
        for status in self.team.statuses:
            if same(status.name, name):
                return self.listed_stage(status)
        return "active"

    def listed_stage(self, status: Status) -> str:
        """The stage of a status that the site lists: the profile's word, else its category."""
        for text in (status.status_id, status.name):
            for stage in ("todo", "active", "waiting", "done"):
                if among(text, self.rules.workflow.get(stage, ())):
                    return stage
        return {"new": "todo", "undefined": "todo", "indeterminate": "active", "done": "done"}[status.category]

    def walk(self, issue: Issue) -> list[tuple[datetime, str | None, str | None]]:
        """Every status the issue ever had: since when, its id, its name in the history."""
        seen = set()
        moves = []
        for t in issue.transitions:
            if t.field == "status" and (t.history_id, t.position) not in seen:
                seen.add((t.history_id, t.position))
                moves.append(t)
        moves.sort(key=lambda t: (t.at, int(t.history_id), t.position))
        if not moves:
            return [(issue.created, issue.status_id, None)]
        first = (issue.created, moves[0].from_id, moves[0].from_name)
        return [first, *((max(t.at, issue.created), t.to_id, t.to_name) for t in moves)]

    def stages(self, issue: Issue, before: datetime) -> list[tuple[datetime, str]]:
        """The stage of each status the issue had entered before an instant."""
        return [(at, self.stage(status_id, name)) for at, status_id, name in self.walk(issue) if at < before]

    def stage_at(self, issue: Issue, before: datetime) -> str | None:
        """The stage just before an instant."""
        stages = self.stages(issue, before)
        return stages[-1][1] if stages else None

    def started(self, issue: Issue) -> datetime | None:
        """The first instant in active or waiting."""
        for at, stage in self.stages(issue, self.as_of):
            if stage in ("active", "waiting"):
                return at
        return None

    def done(self, issue: Issue) -> datetime | None:
        """The last entry into done from another stage, if the issue is done."""
        stages = self.stages(issue, self.as_of)
        if not stages or stages[-1][1] != "done":
            return None
        entered = issue.created
        for before, after in itertools.pairwise(stages):
            if after[1] == "done" and before[1] != "done":
                entered = after[0]
        return entered

    def spent(self, issue: Issue, stage: str) -> Fraction:
        """Microseconds in a stage between the start and done, or the as-of."""
        begin, end = self.started(issue), self.done(issue) or self.as_of
        stages = [*self.stages(issue, self.as_of), (self.as_of, "end")]
        total = timedelta(0)
        for (at, name), (until, _) in itertools.pairwise(stages):
            if name == stage and begin is not None:
                total += max(min(until, end) - max(at, begin), timedelta(0))
        return Fraction(total // MICRO)

    # --- who is what -----------------------------------------------------------------------------------------------

    def present(self) -> list[Issue]:
        """The issues that exist and count at all."""
        ignored = ("Epic", "Sub-task", "Subtask") if self.rules.ignored_types is None else self.rules.ignored_types
        never = self.deploying_types() + self.incident_types()
        issues = [i for i in self.team.issues if among(i.type, never) or not among(i.type, ignored)]
        return [i for i in issues if i.created < self.as_of]

    def deploying_types(self) -> tuple[str, ...]:
        """The types named under deployments."""
        return self.rules.deployments.types if self.rules.deployments else ()

    def incident_types(self) -> tuple[str, ...]:
        """The types named under incidents."""
        return self.rules.incidents.types if self.rules.incidents else ()

    def items(self) -> list[Issue]:
        """The work items."""
        others = self.deploying_types() + self.incident_types()
        return [i for i in self.present() if not among(i.type, others)]

    def incidents(self) -> list[Issue]:
        """The incidents."""
        if self.rules.incidents is None:
            return []
        wanted = self.rules.incidents.priorities
        found = [i for i in self.present() if among(i.type, self.incident_types())]
        return [i for i in found if not wanted or among(i.fields.get("priority"), wanted)]

    def category(self, issue: Issue) -> str:
        """Feature, defect, risk, debt or unmapped."""
        for category in KINDS:
            if among(issue.type, self.rules.categories.get(category, ())):
                return category
        return "unmapped"

    def delivered(self, issue: Issue) -> bool:
        """Done, and not by a resolution that delivers nothing."""
        return self.done(issue) is not None and not among(issue.resolution, self.rules.excluded_resolutions)

    # --- mapped fields ---------------------------------------------------------------------------------------------

    def field(self, issue: Issue, role: str) -> Any:
        """The value behind a role: a field, or what lies on a dotted path below it."""
        if role not in self.rules.fields:
            return None
        name, *path = self.rules.fields[role].split(".")
        value = issue.fields.get(name)
        for step in path:
            if value is None:
                return None
            value = value.get(step) if isinstance(value, dict) else ["no such path"]
        return value

    def moment(self, issue: Issue, role: str) -> datetime | str | None:
        """A mapped instant: a datetime, None without a value, BAD where it does not parse."""
        value = self.field(issue, role)
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
        if role in ("committed_at", "detected_at"):
            return midnight(day, self.rules.timezone)
        return midnight(day + DAYS, self.rules.timezone) - timedelta(seconds=1)

    def failure(self, issue: Issue) -> bool:
        """Whether the mapped change_failure is truthy."""
        value = self.field(issue, "change_failure")
        if isinstance(value, int | float):
            return bool(value)
        words = [v.get("value") if isinstance(v, dict) else v for v in (value if isinstance(value, list) else [value])]
        return any(isinstance(word, str) and among(word, self.rules.failure_values) for word in words)

    # --- deployments -----------------------------------------------------------------------------------------------

    @cached_property
    def deployments(self) -> list[dict[str, Any]]:
        """What happened before the as-of: at, id, failed, version ids, and the ids of the items it is a change of."""
        rules = self.rules.deployments
        if rules is None:
            return []
        made = {
            "issues": self.by_issues,
            "versions": self.by_versions,
            "status": self.by_status,
            "table": self.by_table,
        }
        found = [d for d in made[rules.source]() if d["at"] < self.as_of]
        if rules.group_by:
            found = self.grouped(found)
        if rules.source != "status":
            affected = {v for incident in self.incidents() for v in incident.fields.get("versions", ())}
            for d in found:
                d["failed"] = d["failed"] or bool(d["versions"] & affected)
        return found

    def by_issues(self) -> list[dict[str, Any]]:
        """Source issues: one for each deploying issue that has an instant."""
        found = []
        for issue in self.present():
            if among(issue.type, self.deploying_types()):
                moment = self.moment(issue, "deployed_at")
                at = self.done(issue) if moment is None else moment
                if isinstance(at, datetime):
                    versions = set(issue.fields.get("fixVersions", ()))
                    found.append({"at": at, "failed": self.failure(issue), "versions": versions, "items": set()})
        return found

    def grouped(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those that share a fix version become one."""
        groups = [d for d in found if not d["versions"]]
        for version in {v for d in found for v in d["versions"]}:
            members = [d for d in found if version in d["versions"]]
            groups.append(
                {
                    "at": min(d["at"] for d in members),
                    "failed": any(d["failed"] for d in members),
                    "versions": {v for d in members for v in d["versions"]},
                    "items": set(),
                }
            )
        return groups

    def by_versions(self) -> list[dict[str, Any]]:
        """Source versions: one for each released, dated version of a project that has issues."""
        projects = {issue.project for issue in self.team.issues}
        found = []
        for version in self.team.versions:
            if version.released and version.release_date and version.project in projects:
                at = midnight(version.release_date + DAYS, self.rules.timezone) - timedelta(seconds=1)
                found.append({"at": at, "failed": False, "versions": {version.version_id}, "items": set()})
        return found

    def by_status(self) -> list[dict[str, Any]]:
        """Source status: one for each entry of a work item into one of the statuses from outside them."""
        found = []
        for item in self.items():
            path = [step for step in self.walk(item) if step[0] < self.as_of]
            inside = [self.is_deployed(status_id, name) for _, status_id, name in path]
            entries = [path[n][0] for n in range(1, len(path)) if inside[n] and not inside[n - 1]]
            for number, at in enumerate(entries):
                until = entries[number + 1] if number + 1 < len(entries) else None
                failed = self.failure(item) or self.broken_by_link(item, at, until)
                found.append({"at": at, "failed": failed, "versions": set(), "items": {item.issue_id}})
        return found

    def is_deployed(self, status_id: str | None, name: str | None) -> bool:
        """Whether a status is one of those that mean deployed."""
        wanted = self.rules.deployments.statuses if self.rules.deployments else ()
        current = [s.name for s in self.team.statuses if s.status_id == status_id]
        return among(status_id, wanted) or among(current[0] if current else name, wanted)

    def broken_by_link(self, item: Issue, at: datetime, until: datetime | None) -> bool:
        """Whether a linked incident was created from an instant on and before the next deployment."""
        for incident in self.incidents():
            linked = item.issue_id in incident.fields.get("links", ())
            linked = linked or incident.issue_id in item.fields.get("links", ())
            if linked and at <= incident.created and (until is None or incident.created < until):
                return True
        return False

    def by_table(self) -> list[dict[str, Any]]:
        """Source table: its rows."""
        return [
            {"at": row.at, "failed": row.failed, "versions": set(row.version_ids), "items": set(row.issue_ids)}
            for row in self.team.table
        ]

    def deployed(self, item: Issue) -> datetime | None:
        """When a work item first went out."""
        source = self.rules.deployments.source if self.rules.deployments else None
        if source != "status" and not self.delivered(item):
            return None
        versions = set(item.fields.get("fixVersions", ()))
        found = [d["at"] for d in self.deployments if item.issue_id in d["items"] or versions & d["versions"]]
        return min(found, default=None)

    # --- the nine --------------------------------------------------------------------------------------------------

    def answers(self, metric: str) -> list[Answer]:
        """One metric for every window."""
        return [self.answer(metric, span) for span in self.spans()]

    def answer(self, metric: str, span: Span) -> Answer:
        """One metric for one window."""
        if self.is_missing(metric):
            value, used, exclusions, details, state = None, 0, {}, {}, "missing_mapping"
        else:
            value, used, exclusions, details = getattr(self, metric)(span)
            state = "no_data" if value is None else "success"
        if span.until < span.end:
            details["effective_end"] = span.until.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        number = None if value is None else float(value)
        return Answer(span, number, state, used, exclusions, details, self.level(metric, number))

    def is_missing(self, metric: str) -> bool:
        """Whether the configuration lacks what the metric needs."""
        deployments, incidents = self.rules.deployments, self.rules.incidents
        if metric in ("deployment_frequency", "lead_time", "cfr") and deployments is None:
            return True
        if metric == "mttr":
            return incidents is None
        if metric != "cfr" or incidents is not None or deployments is None:
            return False
        if deployments.source == "versions":
            return True
        return deployments.source in ("issues", "status") and "change_failure" not in self.rules.fields

    def level(self, metric: str, value: float | None) -> str | None:
        """The DORA level by the default table."""
        if value is None:
            return None
        reached = {
            "deployment_frequency": (value >= 1, value >= 1 / 7, value >= 1 / 30),
            "lead_time": (value < 1, value < 7, value < 30),
            "cfr": (value <= 5, value <= 10, value <= 15),
            "mttr": (value < 1, value < 24, value < 168),
        }.get(metric)
        if reached is None:
            return None
        return next((name for name, ok in zip(("elite", "high", "medium"), reached, strict=True) if ok), "low")

    def deployment_frequency(self, span: Span) -> Any:
        """Deployments per day."""
        count = len([d for d in self.deployments if span.holds(d["at"])])
        return count / span.days, count, {}, {"count": count, "per_week": float(count / (span.days / 7))}

    def cfr(self, span: Span) -> Any:
        """Failed deployments of a hundred."""
        inside = [d for d in self.deployments if span.holds(d["at"])]
        failed = len([d for d in inside if d["failed"]])
        value = Fraction(100 * failed, len(inside)) if inside else None
        return value, len(inside), {}, {"failed": failed, "total": len(inside)}

    def lead_time(self, span: Span) -> Any:
        """Median days from commit to deployment."""
        lengths, exclusions = [], {}
        for item in self.items():
            deployed = self.deployed(item)
            if not span.holds(deployed):
                continue
            committed = self.moment(item, "committed_at")
            if committed is None:
                committed = self.started(item)
            if committed == BAD:
                exclude(exclusions, "invalid_value")
            elif committed is None or committed >= self.as_of:
                exclude(exclusions, "never_started")
            elif committed > deployed:
                exclude(exclusions, "negative_duration")
            else:
                lengths.append(Fraction((deployed - committed) // MICRO, DAYS // MICRO))
        return summary(lengths, exclusions)

    def mttr(self, span: Span) -> Any:
        """Median hours from detection to restoration."""
        lengths, exclusions, still_open = [], {}, 0
        for incident in self.incidents():
            detected = self.moment(incident, "detected_at") or incident.created
            restored = self.moment(incident, "restored_at") or self.done(incident)
            if isinstance(restored, datetime) and restored >= self.as_of:
                restored = None
            if BAD not in (detected, restored) and detected < span.until and detected < self.as_of:
                still_open += restored is None or restored >= span.until
            if restored == BAD or not span.holds(restored):
                continue
            if detected == BAD:
                exclude(exclusions, "invalid_value")
            elif detected > restored:
                exclude(exclusions, "negative_duration")
            else:
                lengths.append(Fraction((restored - detected) // MICRO, timedelta(hours=1) // MICRO))
        value, used, exclusions, details = summary(lengths, exclusions)
        return value, used, exclusions, {**details, "open": still_open}

    def finished(self, span: Span) -> tuple[list[Issue], dict[str, int]]:
        """The items delivered in a window, and those done without being delivered."""
        done = [item for item in self.items() if span.holds(self.done(item))]
        delivered = [item for item in done if self.delivered(item)]
        lost = len(done) - len(delivered)
        return delivered, {"not_delivered": lost} if lost else {}

    def flow_velocity(self, span: Span) -> Any:
        """Delivered items per week."""
        items, exclusions = self.finished(span)
        points = [self.field(item, "points") for item in items]
        numbers = [Fraction(p) for p in points if isinstance(p, int | float) and not isinstance(p, bool)]
        details = {
            "count": len(items),
            "points": float(sum(numbers)) if "points" in self.rules.fields else None,
            "without_points": len(items) - len(numbers) if "points" in self.rules.fields else None,
            "by_category": self.by_category(items),
        }
        return len(items) / (span.days / 7), len(items), exclusions, details

    def by_category(self, items: list[Issue]) -> dict[str, int]:
        """How many items of each category."""
        kinds = [self.category(item) for item in items]
        return {kind: kinds.count(kind) for kind in (*KINDS, "unmapped")}

    def flow_distribution(self, span: Span) -> Any:
        """Features of a hundred delivered items."""
        items, exclusions = self.finished(span)
        counts = self.by_category(items)
        shares = {kind: 100 * count / len(items) if items else None for kind, count in counts.items()}
        value = Fraction(100 * counts["feature"], len(items)) if items else None
        return value, len(items), exclusions, {"by_category": counts, "shares": shares}

    def begun(self, span: Span) -> tuple[list[Issue], dict[str, int]]:
        """The items delivered in a window that had been started."""
        items, exclusions = self.finished(span)
        begun = [item for item in items if self.started(item) is not None]
        for _ in range(len(items) - len(begun)):
            exclude(exclusions, "never_started")
        return begun, exclusions

    def flow_time(self, span: Span) -> Any:
        """Median days from start to done."""
        items, exclusions = self.begun(span)
        lengths = [Fraction((self.done(i) - self.started(i)) // MICRO, DAYS // MICRO) for i in items]
        return summary(lengths, exclusions)

    def flow_efficiency(self, span: Span) -> Any:
        """Active time of a hundred parts of active and waiting time."""
        items, exclusions = self.begun(span)
        active = [self.spent(item, "active") for item in items]
        both = [a + self.spent(item, "waiting") for a, item in zip(active, items, strict=True)]
        shares = [100 * a / b for a, b in zip(active, both, strict=True) if b]
        middle = float(quantile(shares, Fraction(1, 2))) if shares else None
        value = 100 * sum(active) / sum(both) if sum(both) else None
        return value, len(items), exclusions, {"n": len(items), "median_share": middle}

    def flow_load(self, span: Span) -> Any:
        """Items in progress just before the window's end, or the as-of."""
        stages = [(item, self.stage_at(item, span.until)) for item in self.items()]
        inside = [(item, stage) for item, stage in stages if stage in ("active", "waiting")]
        ages = [span.until - self.started(item) for item, _ in inside]
        oldest = float(Fraction(max(ages) // MICRO, DAYS // MICRO)) if ages else None
        names = [stage for _, stage in inside]
        details = {
            "by_category": self.by_category([item for item, _ in inside]),
            "by_stage": {"active": names.count("active"), "waiting": names.count("waiting")},
            "oldest_age_days": oldest,
        }
        return len(inside), len(inside), {}, details


def exclude(exclusions: dict[str, int], reason: str) -> None:
    """Count one more under a reason."""
    exclusions[reason] = exclusions.get(reason, 0) + 1


def summary(lengths: list[Fraction], exclusions: dict[str, int]) -> Any:
    """The median of durations and what stands beside it."""
    if not lengths:
        return None, 0, exclusions, {"n": 0, "mean": None, "p75": None, "p85": None, "p95": None}
    details = {"n": len(lengths), "mean": float(sum(lengths) / len(lengths))}
    for percent in (75, 85, 95):
        details[f"p{percent}"] = float(quantile(lengths, Fraction(percent, 100)))
    return quantile(lengths, Fraction(1, 2)), len(lengths), exclusions, details
