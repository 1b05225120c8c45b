"""Builds a page from what was read: the charts, the tables and the notes."""

from datetime import timedelta

from sqlalchemy.orm import Session

from models.metrics import forecast as chances
from models.metrics.ageing import late_line, yardstick
from models.metrics.catalogue import METRICS
from models.metrics.rules import rules_hash
from models.metrics.windows import local_day, week_name
from models.store import issues as stored_issues
from models.wording import format_count
from report import lists, pictures
from report.aged import load_aged
from report.cards import cards
from report.collect import Source, local_time
from report.content import Cell, Page, Table
from report.words import format_backtest, format_time

_SEED = 1


def build(session: Session, source: Source) -> Page:
    """Return all that a profile's page shows."""
    aged = load_aged(session, source.profile, source.view, source.snapshot)
    forecast, says = _forecast(source)
    as_of = source.view.as_of
    return Page(
        profile=source.profile,
        period=_period(source),
        zone=source.zone.key,
        as_of=format_time(as_of, source.zone),
        verified=source.about.verified.words,
        jira=source.jira,
        issues=format_count(stored_issues.count(session, source.profile), "issue"),
        weeks=[(week_name(week, source.zone), local_time(source, week.start).date()) for week in source.weeks],
        notes=source.notes,
        cards=cards(source),
        ageing=pictures.ageing_chart(source, aged),
        aged=lists.aged_table(source, aged, late_line(yardstick(source.snapshot))),
        scatter=pictures.scatter_chart(source),
        took=lists.took_table(source),
        wip=pictures.wip_chart(source),
        cumulative=pictures.cumulative_chart(source),
        delivered=pictures.delivered_chart(source),
        timeline=pictures.timeline_chart(source),
        deployments=lists.deployments_table(source),
        incidents=lists.incidents_table(source),
        forecast=forecast,
        forecast_says=says,
        behind=lists.behind_table(source),
        left_out=lists.left_out_table(source),
        quality=lists.quality_table(source),
        computed=_computed(source),
        fetches=lists.fetches_table(source, session),
        reproduce=(
            f"flowbeat results {source.profile} --as-of {as_of.isoformat()}",
            f"flowbeat explain {source.profile} flow_time",
        ),
    )


def _period(source: Source) -> str:
    first = local_day(source.period.start, source.zone)
    last = local_day(source.period.end - 1, source.zone)
    return f"{first} to {last} ({format_count((last - first).days + 1, 'day')})"


def _forecast(source: Source) -> tuple[Table, str]:
    """Return when the items in progress will be done, and what the forecast is based on."""
    columns = (("chance", "n"), ("done by", ""), ("days", "n"), ("", ""), ("held in the past", ""))
    items = chances.in_progress(source.snapshot)
    past = chances.history(source.snapshot, max(source.view.rules.history_weeks, chances.LEAST_WEEKS))
    if not items:
        return Table(columns, ()), "Nothing is in progress, so there is nothing to forecast."
    if not chances.is_enough(past.throughput):
        weeks = sum(count > 0 for count in past.throughput)
        return Table(columns, ()), f"Cannot forecast: items were delivered in {format_count(weeks, 'past week')} only."
    days_of, tested = chances.days_for(past.throughput, items, _SEED), chances.backtest_items(past, items, _SEED)
    today = local_day(source.snapshot.as_of, source.zone)
    most = max((days or 0 for days in days_of.values()), default=0) or 1
    rows = [
        [
            Cell(f"{percent} %"),
            Cell(str(today + timedelta(days=days)) if days else "beyond ten years"),
            Cell(f"{days:,}" if days else ""),
            Cell("", share=(days or most) / most),
            Cell(format_backtest(tested[percent])),
        ]
        for percent, days in days_of.items()
    ]
    which = format_count(items, "item")
    says = f"When the {which} in progress will be done, drawn from {len(past.throughput)} past weeks."
    return Table(columns, rows), says


def _computed(source: Source) -> list[tuple[str, str]]:
    rules = source.view.rules
    deployments, incidents = rules.deployments, rules.incidents
    stages = lists.stages(source)
    return [
        *((METRICS[metric].title, METRICS[metric].definition) for metric in source.results),
        *((f"Stage {stage}", names) for stage, names in stages.items()),
        ("Deployments", f"source {deployments.source}" if deployments else "not configured"),
        ("Incidents", f"types {', '.join(incidents.types)}" if incidents else "not configured"),
        ("Resolutions that deliver nothing", ", ".join(rules.excluded_resolutions) or "none"),
        (
            "Types left out",
            ", ".join(rules.ignored_types) if rules.ignored_types else "sub-tasks and epics, as in Jira",
        ),
        ("Rules", rules_hash(rules)),
    ]
