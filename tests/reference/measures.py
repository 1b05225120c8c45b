"""The parts of each metric in a window, for the reference: the tables of metrics.md sections 3 and 4."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

from models.records import Issue, Rules

from .blocking import Blocking
from .formulas import Part, quantile, used
from .lives import PROGRESS
from .profiles import BAD, KINDS, Profile
from .recoveries import Recoveries
from .releases import Release, Releases
from .teams import DAY, MICRO, Span

HOUR: Final = timedelta(hours=1)
Measured = tuple[list[Part], dict[str, Any]]


def ratio(length: timedelta, unit: timedelta) -> Fraction:
    """Return a length in units, exactly."""
    return Fraction(length // MICRO, unit // MICRO)


def summary(parts: Sequence[Part]) -> dict[str, Any]:
    """Return the details of a median of durations."""
    lengths = [part.value for part in used(parts)]
    if not lengths:
        return {"n": 0, "mean": None, "p75": None, "p85": None, "p95": None}
    figures = {f"p{percent}": float(quantile(lengths, Fraction(percent, 100))) for percent in (75, 85, 95)}
    return {"n": len(lengths), "mean": float(sum(lengths) / len(lengths)), **figures}


@dataclass(frozen=True)
class Measures:
    """The parts and the details of each metric; a method has the name of its metric."""

    profile: Profile

    @property
    def rules(self) -> Rules:
        """Return the rules of the profile."""
        return self.profile.rules

    @cached_property
    def releases(self) -> Releases:
        """Return the deployments."""
        return Releases(self.profile)

    @cached_property
    def recoveries(self) -> Recoveries:
        """Return the recoveries of failed deployments."""
        return Recoveries(self.releases)

    # --- deployments and incidents ---------------------------------------------------------------------------------

    def deployed(self, span: Span) -> list[Release]:
        """Return the deployments of a window."""
        return [release for release in self.releases.all if span.holds(release.at)]

    def deployment_frequency(self, span: Span) -> Measured:
        """Return each deployment."""
        parts = [Part(release.subject, "deployed") for release in self.deployed(span)]
        return parts, {"count": len(parts), "per_week": float(len(parts) / (span.days / 7))}

    def cfr(self, span: Span) -> Measured:
        """Return each deployment: one if it failed."""
        failed = [(release, self.releases.failed(release)) for release in self.deployed(span)]
        parts = [Part(release.subject, "deployed", Fraction(has_failed)) for release, has_failed in failed]
        return parts, {"failed": sum(has_failed for _, has_failed in failed), "total": len(failed)}

    def rework_rate(self, span: Span) -> Measured:
        """Return each deployment: one if it is rework."""
        rework = [(release, self.recoveries.is_rework(release)) for release in self.deployed(span)]
        parts = [Part(release.subject, "deployed", Fraction(is_rework)) for release, is_rework in rework]
        return parts, {"rework": sum(is_rework for _, is_rework in rework), "total": len(rework)}

    def lead_time(self, span: Span) -> Measured:
        """Return each deployed item: days from commit to deployment."""
        parts = []
        for item in self.profile.items:
            release, is_late = self.releases.of_items.get(item.issue_id, (None, False))
            if release is None or not span.holds(release.at):
                continue
            committed = self.profile.moment(item, "committed_at")
            if committed is None:
                committed = self.profile.started(item)
            if is_late:
                parts.append(Part(item.issue_id, "deployed", reason="done_after_deployment"))
            elif committed is None or self.profile.is_ahead(committed):
                parts.append(Part(item.issue_id, "deployed", reason="never_started"))
            else:
                parts.append(duration(item.issue_id, "deployed", committed, release.at, DAY))
        return parts, summary(parts)

    def mttr(self, span: Span) -> Measured:
        """Return each restored incident: hours from detection to restoration."""
        parts, still_open = [], 0
        for incident in self.profile.incidents:
            detected = self.profile.moment(incident, "detected_at") or self.profile.life(incident).birth
            restored = self.profile.restored(incident)
            was_none = self.profile.was_none(incident)
            if isinstance(detected, datetime) and restored != BAD and detected < span.until and not was_none:
                still_open += not isinstance(restored, datetime) or restored >= span.until
            if not isinstance(restored, datetime) or not span.holds(restored):
                continue
            if was_none:
                parts.append(Part(incident.issue_id, "restored", reason="not_an_incident"))
            else:
                parts.append(duration(incident.issue_id, "restored", detected, restored, HOUR))
        return parts, {**summary(parts), "open": still_open}

    def recovery_time(self, span: Span) -> Measured:
        """Return each recovered deployment: hours from its instant to its recovery."""
        parts = []
        for recovery in self.recoveries.all:
            if recovery.at is not None and span.holds(recovery.at):
                begin = recovery.at if recovery.is_at_once else recovery.release.at
                parts.append(duration(recovery.release.subject, "recovered", begin, recovery.at, HOUR))
        still_open = len([recovery for recovery in self.recoveries.all if recovery.is_open(span.until)])
        return parts, {**summary(parts), "open": still_open}

    # --- items done ------------------------------------------------------------------------------------------------

    def done(self, span: Span) -> list[Issue]:
        """Return the items done in a window."""
        return [item for item in self.profile.items if span.holds(self.profile.done(item))]

    def finished(self, span: Span) -> tuple[list[Issue], list[Part]]:
        """Return the items delivered in a window, and those done without being delivered."""
        done = self.done(span)
        lost = [item for item in done if not self.profile.delivered(item)]
        parts = [Part(item.issue_id, "done", reason="not_delivered") for item in lost]
        return [item for item in done if item not in lost], parts

    def begun(self, span: Span) -> tuple[list[Issue], list[Part]]:
        """Return the items delivered in a window that had been started, and those that count in no flow time."""
        items, parts = self.finished(span)
        begun = [item for item in items if self.profile.started(item) is not None]
        return begun, [*parts, *(unstarted(item) for item in items if item not in begun)]

    def flow_velocity(self, span: Span) -> Measured:
        """Return each delivered item."""
        items, lost = self.finished(span)
        points = [self.profile.points(item) for item in items]
        numbers = [Fraction(number) for number in points if number is not None and not isinstance(number, str)]
        maps_points = "points" in self.rules.fields
        details = {
            "count": len(items),
            "points": float(sum(numbers)) if maps_points else None,
            "without_points": len(items) - len(numbers) if maps_points else None,
            "by_category": self.by_category(items),
        }
        return [*(Part(item.issue_id, "done") for item in items), *lost], details

    def by_category(self, items: list[Issue]) -> dict[str, int]:
        """Return how many items of each category there are."""
        kinds = [self.profile.category(item) for item in items]
        return {kind: kinds.count(kind) for kind in (*KINDS, "unmapped")}

    def flow_distribution(self, span: Span) -> Measured:
        """Return each delivered item: one if it is a feature."""
        items, lost = self.finished(span)
        counts = self.by_category(items)
        shares = {kind: 100 * count / len(items) if items else None for kind, count in counts.items()}
        features = [Fraction(self.profile.category(item) == "feature") for item in items]
        parts = [Part(item.issue_id, "done", feature) for item, feature in zip(items, features, strict=True)]
        return [*parts, *lost], {"by_category": counts, "shares": shares}

    def flow_length(self, item: Issue) -> timedelta:
        """Return the flow time of an item that was started and done."""
        started, done = self.profile.started(item), self.profile.done(item)
        assert started is not None
        assert done is not None
        return done - started

    def flow_time(self, span: Span) -> Measured:
        """Return each item that was started and delivered: days from start to done."""
        items, lost = self.begun(span)
        parts = [Part(item.issue_id, "done", ratio(self.flow_length(item), DAY)) for item in items]
        return [*parts, *lost], summary(parts)

    def flow_efficiency(self, span: Span) -> Measured:
        """Return each item as in flow_time: its active time, of its active and waiting time."""
        items, lost = self.begun(span)
        parts = [Part(item.issue_id, "done", self.spent(item, "active"), self.in_flow(item)) for item in items]
        shares = [100 * part.value / part.base for part in parts if part.base]
        middle = float(quantile(shares, Fraction(1, 2))) if shares else None
        return [*parts, *lost], {"n": len(items), "median_share": middle}

    def spent(self, item: Issue, stage: str) -> Fraction:
        """Return the microseconds that an item spent in a stage."""
        return Fraction(self.profile.life(item).spent(stage, self.profile.as_of) // MICRO)

    def in_flow(self, item: Issue) -> Fraction:
        """Return the microseconds that an item spent in progress."""
        return self.spent(item, "active") + self.spent(item, "waiting")

    def flow_blocked(self, span: Span) -> Measured:
        """Return each item as in flow_time: its blocked time, of its active and waiting time."""
        items, lost = self.begun(span)
        blocked = [self.blocking(item).blocked(self.profile.as_of) for item in items]
        parts = [
            Part(item.issue_id, "done", Fraction(length // MICRO), self.in_flow(item))
            for item, length in zip(items, blocked, strict=True)
        ]
        total = sum(blocked, timedelta(0))
        return [*parts, *lost], {"n": len(items), "blocked_days": float(ratio(total, DAY))}

    def blocking(self, item: Issue) -> Blocking:
        """Return when an item was blocked."""
        return Blocking(self.profile.life(item), self.rules)

    def promise(self) -> timedelta | None:
        """Return the promised flow time, to the microsecond."""
        level = self.rules.service_level
        return None if level is None else round(Fraction(level.days) * (DAY // MICRO)) * MICRO

    def service_level(self, span: Span) -> Measured:
        """Return each item as in flow_time: one if it kept the promise."""
        level, promise = self.rules.service_level, self.promise()
        assert level is not None
        assert promise is not None
        items, lost = self.begun(span)
        kept = [self.flow_length(item) <= promise for item in items]
        parts = [Part(item.issue_id, "done", Fraction(is_kept)) for item, is_kept in zip(items, kept, strict=True)]
        details = {"n": len(items), "within": sum(kept), "days": level.days, "target_percent": level.percent}
        return [*parts, *lost], details

    def net_flow(self, span: Span) -> Measured:
        """Return each started item as one and each done item as minus one."""
        begun = [item for item in self.profile.items if self.profile.started(item) is not None]
        arrivals = [item for item in begun if span.holds(self.profile.started(item))]
        departures = [item for item in begun if span.holds(self.profile.done(item))]
        parts = [Part(item.issue_id, "started") for item in arrivals]
        parts += [Part(item.issue_id, "done", Fraction(-1)) for item in departures]
        parts += [unstarted(item) for item in self.done(span) if item not in begun]
        return parts, {"arrivals": len(arrivals), "departures": len(departures)}

    # --- items in progress -----------------------------------------------------------------------------------------

    def in_progress(self, span: Span) -> list[tuple[Issue, str, timedelta]]:
        """Return the items in progress just before a window's end, or the as-of, with their stages and ages."""
        rows = []
        for item in self.profile.items:
            life = self.profile.life(item)
            stage, started = life.stage(span.until), life.started(span.until)
            if stage in PROGRESS:
                assert started is not None
                rows.append((item, stage, span.until - started))
        return rows

    def flow_load(self, span: Span) -> Measured:
        """Return each item in progress."""
        rows = self.in_progress(span)
        names = [stage for _, stage, _ in rows]
        details = {
            "by_category": self.by_category([item for item, _, _ in rows]),
            "by_stage": {stage: names.count(stage) for stage in PROGRESS},
            "oldest_age_days": oldest([age for _, _, age in rows]),
        }
        return [Part(item.issue_id, "started") for item, _, _ in rows], details

    def flow_age(self, span: Span) -> Measured:
        """Return each item in progress: its age in days."""
        rows = self.in_progress(span)
        parts = [Part(item.issue_id, "started", ratio(age, DAY)) for item, _, age in rows]
        return parts, {**summary(parts), "oldest_age_days": oldest([age for _, _, age in rows])}


def duration(subject: str, instant: str, begin: datetime | str, end: datetime, unit: timedelta) -> Part:
    """Return a duration as a part, or the reason why there is none."""
    if not isinstance(begin, datetime):
        return Part(subject, instant, reason="invalid_value")
    if begin > end:
        return Part(subject, instant, reason="negative_duration")
    return Part(subject, instant, ratio(end - begin, unit))


def unstarted(item: Issue) -> Part:
    """Return the part of a done item that was never in progress."""
    return Part(item.issue_id, "done", reason="never_started")


def oldest(ages: list[timedelta]) -> float | None:
    """Return the greatest age in days."""
    return float(ratio(max(ages), DAY)) if ages else None
