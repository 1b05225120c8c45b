"""The reference: a second reading of the nine metrics, slow and plain, straight from issues.

It is written from metrics.md alone and shares no logic with models/metrics, which is checked against it. Every window
walks through every issue again; instants are datetimes, durations timedeltas turned into exact fractions. Nothing here
is meant to be fast, only to be read beside the definition.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

from models.records import Issue, Rules

from .lives import PROGRESS, Visited
from .profiles import BAD, KINDS, Profile
from .releases import Releases
from .teams import DAY, MICRO, Answer, Span, Team, midnight

HOUR: Final = timedelta(hours=1)


def ratio(length: timedelta, unit: timedelta) -> Fraction:
    """Return a length in units, exactly."""
    return Fraction(length // MICRO, unit // MICRO)


def quantile(values: list[Fraction], share: Fraction) -> Fraction:
    """Hyndman-Fan type 7: walk (n − 1) × share steps along the sorted values."""
    ordered = sorted(values)
    rank = (len(ordered) - 1) * share
    low = ordered[math.floor(rank)]
    high = ordered[math.ceil(rank)]
    return low + (high - low) * (rank - math.floor(rank))


@dataclass(frozen=True)
class Reference:
    """The nine metrics of a team at one instant."""

    team: Team
    rules: Rules
    as_of: datetime

    @cached_property
    def profile(self) -> Profile:
        """What each issue is."""
        return Profile(self.team, self.rules, self.as_of)

    @cached_property
    def releases(self) -> Releases:
        """The deployments."""
        return Releases(self.profile)

    def spans(self) -> list[Span]:
        """Return the period, then the weeks from oldest to newest."""
        zone = self.rules.timezone
        today = self.as_of.astimezone(ZoneInfo(zone)).date()
        end = midnight(today, zone)
        spans = [Span("period", midnight(today - DAY * self.rules.time_period_days, zone), end, end)]
        monday = today - DAY * today.weekday()
        for back in reversed(range(self.rules.history_weeks)):
            first = midnight(monday - 7 * back * DAY, zone)
            last = midnight(monday - 7 * (back - 1) * DAY, zone)
            spans.append(Span("week", first, last, min(last, self.as_of)))
        return [span for span in spans if span.until > span.start]

    # --- the state of an answer ------------------------------------------------------------------------------------

    def answers(self, metric: str) -> list[Answer]:
        """Return one metric for every window."""
        return [self.answer(metric, span) for span in self.spans()]

    def answer(self, metric: str, span: Span) -> Answer:
        """Return one metric for one window."""
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
        """Tell whether the configuration lacks what the metric needs."""
        if metric in ("deployment_frequency", "lead_time") or (metric == "cfr" and not self.rules.deployments):
            return self.rules.deployments is None
        if metric == "mttr":
            return self.rules.incidents is None
        if metric == "cfr":
            return not self.something_marks_failures()
        return metric == "flow_efficiency" and not self.something_waits()

    def something_marks_failures(self) -> bool:
        """Tell whether incidents, a mapped field or a row of the table could say that a deployment failed."""
        assert self.rules.deployments is not None
        if self.rules.incidents is not None:
            return True
        if self.rules.deployments.source == "table":
            return any(row.failed is not None and row.at < self.as_of for row in self.team.table)
        return self.rules.deployments.source in ("issues", "status") and "change_failure" in self.rules.fields

    def something_waits(self) -> bool:
        """Tell whether a listed status, or one of any change of any present issue, is of stage waiting."""
        statuses = self.profile.statuses
        places = {Visited(status.status_id, status.name) for status in self.team.statuses}
        for issue in self.team.issues:
            for change in self.profile.life(issue).changes:
                places |= {Visited(change.from_id, change.from_name), Visited(change.to_id, change.to_name)}
        return any(statuses.stage(place) == "waiting" for place in places)

    def level(self, metric: str, value: float | None) -> str | None:
        """Return the DORA level."""
        if value is None or metric not in self.rules.levels:
            return None
        bounds = self.rules.levels[metric]
        reached = {
            "deployment_frequency": [value >= bound for bound in bounds],
            "lead_time": [value < bound for bound in bounds],
            "cfr": [value <= bound for bound in bounds],
            "mttr": [value < bound for bound in bounds],
        }[metric]
        return next((name for name, ok in zip(("elite", "high", "medium"), reached, strict=True) if ok), "low")

    # --- the nine --------------------------------------------------------------------------------------------------

    def deployment_frequency(self, span: Span) -> Any:
        """Deployments per day."""
        count = len([release for release in self.releases.all if span.holds(release.at)])
        return count / span.days, count, {}, {"count": count, "per_week": float(count / (span.days / 7))}

    def cfr(self, span: Span) -> Any:
        """Failed deployments of a hundred."""
        total = len([release for release in self.releases.all if span.holds(release.at)])
        failed = len([release for release in self.releases.failures if span.holds(release.at)])
        value = Fraction(100 * failed, total) if total else None
        return value, total, {}, {"failed": failed, "total": total}

    def lead_time(self, span: Span) -> Any:
        """Median days from commit to deployment."""
        lengths, exclusions = [], {}
        for item in self.profile.items:
            release, is_late = self.releases.of_items.get(item.issue_id, (None, False))
            if release is None or not span.holds(release.at):
                continue
            committed = self.profile.moment(item, "committed_at")
            if committed is None:
                committed = self.profile.started(item)
            if is_late:
                exclude(exclusions, "done_after_deployment")
            elif committed == BAD:
                exclude(exclusions, "invalid_value")
            elif committed is None or committed >= self.as_of:
                exclude(exclusions, "never_started")
            elif committed > release.at:
                exclude(exclusions, "negative_duration")
            else:
                lengths.append(ratio(release.at - committed, DAY))
        return summary(lengths, exclusions)

    def mttr(self, span: Span) -> Any:
        """Median hours from detection to restoration."""
        lengths, exclusions, still_open = [], {}, 0
        for incident in self.profile.incidents:
            detected = self.profile.moment(incident, "detected_at") or self.profile.life(incident).birth
            restored = self.profile.moment(incident, "restored_at") or self.profile.done(incident)
            if self.profile.is_ahead(restored):
                restored = None
            if self.profile.was_none(incident):
                if span.holds(restored):
                    exclude(exclusions, "not_an_incident")
                continue
            if BAD not in (detected, restored) and detected < span.until:
                still_open += restored is None or restored >= span.until
            if not span.holds(restored):
                continue
            if detected == BAD:
                exclude(exclusions, "invalid_value")
            elif detected > restored:
                exclude(exclusions, "negative_duration")
            else:
                lengths.append(ratio(restored - detected, HOUR))
        value, used, exclusions, details = summary(lengths, exclusions)
        return value, used, exclusions, {**details, "open": still_open}

    def finished(self, span: Span) -> tuple[list[Issue], dict[str, int]]:
        """Return the items delivered in a window, and how many were done without being delivered."""
        done = [item for item in self.profile.items if span.holds(self.profile.done(item))]
        delivered = [item for item in done if self.profile.delivered(item)]
        lost = len(done) - len(delivered)
        return delivered, {"not_delivered": lost} if lost else {}

    def flow_velocity(self, span: Span) -> Any:
        """Delivered items per week."""
        items, exclusions = self.finished(span)
        points = [self.profile.points(item) for item in items]
        numbers = [Fraction(number) for number in points if number not in (None, BAD)]
        details = {
            "count": len(items),
            "points": float(sum(numbers)) if self.maps_points else None,
            "without_points": len(items) - len(numbers) if self.maps_points else None,
            "by_category": self.by_category(items),
        }
        return len(items) / (span.days / 7), len(items), exclusions, details

    @property
    def maps_points(self) -> bool:
        """Whether points are mapped to a field."""
        return "points" in self.rules.fields

    def by_category(self, items: list[Issue]) -> dict[str, int]:
        """Return how many items of each category there are."""
        kinds = [self.profile.category(item) for item in items]
        return {kind: kinds.count(kind) for kind in (*KINDS, "unmapped")}

    def flow_distribution(self, span: Span) -> Any:
        """Features of a hundred delivered items."""
        items, exclusions = self.finished(span)
        counts = self.by_category(items)
        shares = {kind: 100 * count / len(items) if items else None for kind, count in counts.items()}
        value = Fraction(100 * counts["feature"], len(items)) if items else None
        return value, len(items), exclusions, {"by_category": counts, "shares": shares}

    def begun(self, span: Span) -> tuple[list[Issue], dict[str, int]]:
        """Return the items delivered in a window that had been started."""
        items, exclusions = self.finished(span)
        begun = [item for item in items if self.profile.started(item) is not None]
        for _ in range(len(items) - len(begun)):
            exclude(exclusions, "never_started")
        return begun, exclusions

    def flow_time(self, span: Span) -> Any:
        """Median days from start to done."""
        items, exclusions = self.begun(span)
        lengths = [ratio(self.profile.done(item) - self.profile.started(item), DAY) for item in items]
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

    def spent(self, item: Issue, stage: str) -> Fraction:
        """Return the microseconds that an item spent in a stage."""
        return Fraction(self.profile.life(item).spent(stage, self.as_of) // MICRO)

    def flow_load(self, span: Span) -> Any:
        """Items in progress just before the window's end, or the as-of."""
        stages = [(item, self.profile.life(item).stage(span.until)) for item in self.profile.items]
        inside = [(item, stage) for item, stage in stages if stage in PROGRESS]
        ages = [span.until - self.profile.started(item) for item, _ in inside]
        names = [stage for _, stage in inside]
        details = {
            "by_category": self.by_category([item for item, _ in inside]),
            "by_stage": {"active": names.count("active"), "waiting": names.count("waiting")},
            "oldest_age_days": float(ratio(max(ages), DAY)) if ages else None,
        }
        return len(inside), len(inside), {}, details


def exclude(exclusions: dict[str, int], reason: str) -> None:
    """Count one more under a reason."""
    exclusions[reason] = exclusions.get(reason, 0) + 1


def summary(lengths: list[Fraction], exclusions: dict[str, int]) -> Any:
    """Return the median of durations and what stands beside it."""
    if not lengths:
        return None, 0, exclusions, {"n": 0, "mean": None, "p75": None, "p85": None, "p95": None}
    details = {"n": len(lengths), "mean": float(sum(lengths) / len(lengths))}
    for percent in (75, 85, 95):
        details[f"p{percent}"] = float(quantile(lengths, Fraction(percent, 100)))
    return quantile(lengths, Fraction(1, 2)), len(lengths), exclusions, details
