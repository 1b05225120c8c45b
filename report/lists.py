"""The tables of a page: items in progress, the issues behind the numbers, those left out, findings, fetches."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from models.metrics.ageing import Aged
from models.metrics.contributions import Contribution
from models.metrics.stats import DAY, HOUR
from models.records import instant
from models.store import operations
from report.cards import title
from report.collect import Source
from report.content import Cell, Table
from report.pictures import day_of, took
from report.words import NOTHING, format_duration, format_number, format_time, in_words

MOST_ROWS: Final = 1_000
_NAMED: Final = 10
_KEY: Final = ("issue", "k")
_TITLE: Final = ("title", "t")


def aged_table(source: Source, aged: Sequence[Aged], late_age: float | None) -> Table:
    """Return the items in progress, oldest first; those beyond the 85 % line are marked."""
    rows = [
        [
            _issue(source, item.key),
            Cell(source.title(item.issue_id)),
            Cell(item.status or NOTHING),
            Cell(format_number(item.age / DAY)),
            Cell(format_number((source.snapshot.as_of - item.entered) / DAY)),
            Cell(NOTHING if item.pace is None else f"{item.pace:.0f} %"),
        ]
        for item in aged
    ]
    columns = (
        _KEY,
        _TITLE,
        ("status", ""),
        ("days in progress", "n"),
        ("days in status", "n wide"),
        ("older than, of finished", "n"),
    )
    late = frozenset(index for index, item in enumerate(aged) if late_age is not None and item.age > late_age)
    return _without_titles(source, cut(Table(columns, rows, "", late), f"flowbeat aging {source.profile}"))


def took_table(source: Source) -> Table:
    """Return how many finished items took how long."""
    counts = list(took(source))
    total = sum(count for _, count in counts)
    rows = [
        [Cell(name), Cell(f"{count:,}"), Cell(f"{100 * count / total:.0f} %"), Cell("", share=count / total)]
        for name, count in counts
        if total
    ]
    return Table((("flow time", ""), ("items", "n"), ("share", "n"), ("", "")), rows)


def behind_table(source: Source) -> Table:
    """Return a row for each item delivered in the period, the longest first."""
    times = {part.subject_id: part for part in source.explained["flow_time"].used}
    shares = {part.subject_id: part for part in source.explained["flow_efficiency"].used}
    leads = {part.subject_id: part for part in source.explained["lead_time"].used}
    parts = sorted(source.explained["flow_velocity"].used, key=lambda part: _longest(times.get(part.subject_id)))
    rows = [
        [
            _issue(source, part.key),
            Cell(source.title(part.subject_id)),
            Cell(part.category),
            Cell(day_of(source, part.at)),
            Cell(_days(times.get(part.subject_id))),
            Cell(_share(shares.get(part.subject_id))),
            Cell(_days(leads.get(part.subject_id))),
        ]
        for part in parts
    ]
    columns = (
        _KEY,
        _TITLE,
        ("category", "wide"),
        ("done", ""),
        ("flow days", "n"),
        ("active", "n wide"),
        ("lead days", "n"),
    )
    table = cut(Table(columns, rows), f"flowbeat explain {source.profile} flow_velocity --format csv")
    return _without_titles(source, table)


def left_out_table(source: Source) -> Table:
    """Return a row for each issue or deployment left out of a metric of the period, with the reason."""
    reasons: dict[tuple[str, str], list[str]] = {}
    parts: dict[str, Contribution] = {}
    for metric, explained in source.explained.items():
        for part in explained.left_out:
            reasons.setdefault((part.subject_id, part.reason or ""), []).append(title(metric).lower())
            parts[part.subject_id] = part
    rows = [
        [
            _issue(source, parts[subject].key),
            Cell(source.title(subject)),
            Cell(in_words(reason)),
            Cell(", ".join(metrics)),
        ]
        for (subject, reason), metrics in sorted(reasons.items(), key=lambda item: (item[0][1], item[0][0]))
    ]
    table = Table((_KEY, _TITLE, ("reason", ""), ("left out of", "")), rows)
    return _without_titles(source, cut(table, f"flowbeat explain {source.profile} METRIC"))


def quality_table(source: Source) -> Table:
    """Return each kind of finding with its issues."""
    rows = [
        [
            Cell(in_words(reason)),
            Cell(f"{len(keys):,}"),
            Cell(", ".join(keys[:_NAMED]) + (" …" if len(keys) > _NAMED else "")),
        ]
        for reason, keys in source.about.findings.items()
    ]
    return Table((("finding", ""), ("issues", "n"), ("which", "")), rows)


def deployments_table(source: Source) -> Table:
    """Return the deployments of the period, newest first."""
    failed = {part.subject_id for part in source.explained["cfr"].used if part.value}
    is_known = source.explained["cfr"].measurement.state == "success"
    rows = [
        [
            Cell(format_time(_at(part), source.zone)),
            Cell(part.key),
            Cell("failed" if part.subject_id in failed else "ok" if is_known else NOTHING),
        ]
        for part in reversed(source.explained["deployment_frequency"].used)
    ]
    return cut(
        Table((("deployed", "k"), ("deployment", "t"), ("outcome", "")), rows),
        f"flowbeat explain {source.profile} deployment_frequency",
    )


def incidents_table(source: Source) -> Table:
    """Return the incidents restored in the period, newest first."""
    rows = [
        [
            _issue(source, part.key),
            Cell(source.title(part.subject_id)),
            Cell(format_time(_at(part), source.zone)),
            Cell(format_number(part.value / HOUR)),
        ]
        for part in reversed(source.explained["mttr"].used)
    ]
    table = Table((_KEY, _TITLE, ("restored", "k"), ("hours", "n")), rows)
    return _without_titles(source, cut(table, f"flowbeat explain {source.profile} mttr"))


def fetches_table(source: Source, session: Session) -> Table:
    """Return the last fetches of the profile, with their cost and results."""
    mine = [fetch for fetch in operations.list_fetches(session, 200) if fetch.profile == source.profile][:5]
    rows = [
        [
            Cell(format_time(fetch.start_time, source.zone)),
            Cell(fetch.kind),
            Cell(fetch.state),
            Cell(f"{fetch.api_calls_made:,}"),
            Cell(f"{fetch.issues_changed:,}"),
            Cell(f"{fetch.issues_gone:,}"),
            Cell(NOTHING if fetch.duration_seconds is None else format_duration(fetch.duration_seconds)),
        ]
        for fetch in mine
    ]
    columns = (("fetched", "k"), ("kind", ""), ("state", ""), ("requests", "n"), ("changed", "n"), ("gone", "n"))
    return Table((*columns, ("took", "n")), rows)


def stages(source: Source) -> Mapping[str, str]:
    """Return the names of the statuses of each stage."""
    named: dict[str, list[str]] = {}
    stages_of = source.view.context.stages
    for status_id, name in stages_of.names.items():
        named.setdefault(stages_of.stage(status_id, name)[0], []).append(name)
    return {stage: ", ".join(sorted(set(names))) for stage, names in named.items()}


def _at(part: Contribution) -> datetime:
    return instant(part.at)


def _issue(source: Source, key: str) -> Cell:
    """Return an issue's key as a link; a deployment's name is not a link."""
    is_key = bool(key) and key.rpartition("-")[2].isdigit() and " " not in key
    return Cell(key, source.url(key) if is_key else "")


def _longest(part: Contribution | None) -> tuple[bool, int]:
    return part is None, -part.value if part else 0


def _days(part: Contribution | None) -> str:
    return NOTHING if part is None else format_number(part.value / DAY)


def _share(part: Contribution | None) -> str:
    return NOTHING if part is None or not part.base else f"{100 * part.value / part.base:.0f} %"


def cut(table: Table, command: str) -> Table:
    """Return the first rows of a table, with a sentence about the others and the command that lists them."""
    more = len(table.rows) - MOST_ROWS
    if more <= 0:
        return table
    note = f"{more:,} more are not shown here; run: {command}"
    return Table(table.columns, table.rows[:MOST_ROWS], note, table.late)


def _without_titles(source: Source, table: Table) -> Table:
    """Return a table without its column of titles if no title may be shown."""
    if source.with_titles and any(row[1].words for row in table.rows):
        return table
    columns = [column for column in table.columns if column != _TITLE]
    return Table(columns, [[row[0], *row[2:]] for row in table.rows], table.note, table.late)
