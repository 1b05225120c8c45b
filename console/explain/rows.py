"""The parts of one number as rows: each part in the metric's unit, with what set its instants."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from console.explain import trace
from console.explain.trace import Question, Traced
from models.metrics.calculate import Explanation
from models.metrics.catalogue import METRICS
from models.metrics.contributions import Contribution
from models.metrics.evidence import Evidence
from models.metrics.metric import Metric
from models.metrics.stats import DAY
from models.metrics.stays import times_in_statuses
from models.records import RESOLUTION_DISAGREES, Measurement, MetricResult, instant
from report.links import issue_url

NAMES: Final = (
    "profile",
    "metric_type",
    "used",
    "reason",
    "subject_id",
    "key",
    "type",
    "summary",
    "url",
    "contribution",
    "out_of",
    "counted_in",
    "at",
    "instants",
    "category",
    "stage",
    "points",
    "deployment",
    "deployment_id",
    "set_by",
    "stays",
    "blocked",
    "rework_by",
    "time_in_statuses",
    "failed_by",
    "data_quality",
)

_ENDS: Final = 2  # instants of a duration


@dataclass(frozen=True, slots=True)
class View:
    """One number taken apart: its profile, window and as-of, its parts, and what results shows.

    ``warning`` says why the stored result may differ, and what to run; ``notes`` what the copy cannot know; ``jira`` is
    the address that issues are linked to.
    """

    question: Question
    zone: ZoneInfo
    as_of: datetime
    explanation: Explanation
    stored: MetricResult | None
    warning: str | None
    notes: tuple[str, ...] = ()
    jira: str = ""

    @property
    def profile(self) -> str:
        """Return the profile of the number."""
        return self.question.profile

    @property
    def measured(self) -> Measurement:
        """The number itself."""
        return self.explanation.measurement

    @property
    def metric(self) -> str:
        """Which metric it is of."""
        return self.measured.metric_type

    @property
    def kind(self) -> Metric:
        """What is known of that metric."""
        return METRICS[self.metric]


def rows_of(session: Session, view: View) -> list[dict[str, Any]]:
    """Return a row for each part used, then for each left out, in the order of their instants."""
    parts = [*view.explanation.used, *view.explanation.left_out]
    traced = trace.trace(session, view.question, parts)
    return [_row(view, part, behind) for part, behind in zip(parts, traced, strict=True)]


def _row(view: View, part: Contribution, traced: Traced) -> dict[str, Any]:
    size, beside = view.kind.part_unit.size, view.kind.beside
    counts = part.reason is None or part.value < 0
    return {
        "profile": view.profile,
        "metric_type": view.metric,
        "used": part.reason is None,
        "reason": part.reason,
        "subject_id": part.subject_id,
        "key": part.key,
        "type": traced.issue.type if traced.issue else None,
        "summary": traced.issue.summary if traced.issue else None,
        "url": issue_url(view.jira, traced.issue.key) if traced.issue else None,
        "contribution": part.value / size if counts else None,
        "out_of": part.base / size if counts and "base" in beside else None,
        "counted_in": view.kind.part_unit.heading,
        "at": instant(part.at),
        "instants": {name: instant(at) for name, at in part.instants},
        "category": part.category or None,
        "stage": part.stage or None,
        "points": part.points if has_points(view) else None,
        "deployment": part.via or None,
        "deployment_id": part.via_id or None,
        "set_by": {name: evidence_row(setter) for name, setter in traced.set_by.items()},
        "stays": [{**asdict(stay), "at": instant(stay.at), "until": instant(stay.until)} for stay in traced.stays],
        "blocked": [
            {"at": instant(span.at), "until": instant(span.until), "set_by": [evidence_row(by) for by in span.by]}
            for span in traced.blocked
        ],
        "rework_by": [evidence_row(setter) for setter in traced.rework_by],
        "time_in_statuses": _times(part, traced),
        "failed_by": [evidence_row(setter) for setter in traced.failed_by],
        "data_quality": finding_rows(traced),
    }


def _times(part: Contribution, traced: Traced) -> list[dict[str, Any]]:
    """Return the days in each status between the instants of a duration."""
    if len(part.instants) < _ENDS:
        return []
    times = times_in_statuses(traced.stays, part.instants[0][1], part.at)
    return [{"status": time.status, "stage": time.stage, "days": time.length / DAY} for time in times]


def finding_rows(traced: Traced) -> list[dict[str, Any]]:
    """Return the findings about the issue of a part; where its resolution disagrees with both instants, null where
    missing.
    """
    findings = [{"reason": reason, "details": details} for reason, details in (traced.findings or {}).items()]
    odd = traced.disagreement
    if odd is None:
        return findings
    instants = {"resolved": odd.resolved, "done_at": odd.done}
    both = {name: None if at is None else instant(at) for name, at in instants.items()}
    return [row | both if row["reason"] == RESOLUTION_DISAGREES else row for row in findings]


def evidence_row(setter: Evidence) -> dict[str, Any]:
    """Return what set an instant, with the names the history has; what does not apply is left out, a null status is
    not.
    """
    fields = {
        "source": setter.source,
        "key": setter.key,
        "field": setter.field,
        "mapped_to": setter.mapped_to or None,
        "history_id": setter.history_id or None,
        "at": None if setter.at is None else instant(setter.at),
        "from": setter.before,
        "to" if setter.field == "status" else "value": setter.after,
    }
    nulls = ("from", "to") if setter.source == "history" else ()
    return {name: value for name, value in fields.items() if value is not None or name in nulls}


def has_points(view: View) -> bool:
    """Return whether points are shown beside the parts."""
    return "points" in view.kind.beside and "points" in view.question.context.rules.fields
