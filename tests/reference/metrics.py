"""The reference: a second reading of all metrics, slow and plain, straight from issues.

It is written from metrics.md alone and shares no logic with models/metrics, which is checked against it. Every window
walks through every issue again; instants are datetimes, durations timedeltas turned into exact fractions. Nothing here
is meant to be fast, only to be read beside the definition.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from models.records import Rules

from .formulas import used, value_of
from .lives import Visited
from .measures import Measured, Measures
from .profiles import Profile
from .teams import DAY, Answer, Span, Team, midnight


@dataclass(frozen=True)
class Reference:
    """The metrics of a team at one instant."""

    team: Team
    rules: Rules
    as_of: datetime

    @cached_property
    def profile(self) -> Profile:
        """Return the roles of the issues."""
        return Profile(self.team, self.rules, self.as_of)

    @cached_property
    def measures(self) -> Measures:
        """Return the parts of each metric."""
        return Measures(self.profile)

    @cached_property
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

    def answers(self, metric: str) -> list[Answer]:
        """Return one metric for every window."""
        return [self.answer(metric, span) for span in self.spans]

    def answer(self, metric: str, span: Span) -> Answer:
        """Return one metric for one window."""
        is_missing = self.is_missing(metric)
        parts, details = ([], {}) if is_missing else self.measured(metric, span)
        value = None if is_missing else value_of(metric, parts, span.days)
        state = "missing_mapping" if is_missing else "no_data" if value is None else "success"
        if span.until < span.end:
            details["effective_end"] = span.until.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        number = None if value is None else float(value)
        exclusions = dict(Counter(part.reason for part in parts if part.reason is not None))
        return Answer(span, number, state, len(used(parts)), exclusions, details, self.level(metric, number))

    def measured(self, metric: str, span: Span) -> Measured:
        """Return the parts and details of a metric in one window."""
        measured: Measured = getattr(self.measures, metric)(span)
        return measured

    # --- the state of an answer ------------------------------------------------------------------------------------

    def is_missing(self, metric: str) -> bool:
        """Return whether the configuration lacks what the metric needs."""
        if metric in ("deployment_frequency", "lead_time", "rework_rate"):
            return self.rules.deployments is None
        if metric in ("cfr", "recovery_time"):
            return self.rules.deployments is None or not self.something_marks_failures()
        if metric == "mttr":
            return self.rules.incidents is None
        if metric == "flow_blocked":
            return not self.rules.blocked_statuses and "flagged" not in self.rules.fields
        if metric == "service_level":
            return self.rules.service_level is None
        return metric == "flow_efficiency" and not self.something_waits

    def something_marks_failures(self) -> bool:
        """Return whether incidents, a mapped field or a row of the table can mark a failed deployment."""
        assert self.rules.deployments is not None
        if self.rules.incidents is not None:
            return True
        if self.rules.deployments.source == "table":
            return any(row.failed is not None and row.at < self.as_of for row in self.team.table)
        return self.rules.deployments.source in ("issues", "status") and "change_failure" in self.rules.fields

    @cached_property
    def something_waits(self) -> bool:
        """Return whether a listed status, or one in any change of a present issue, has stage waiting."""
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
