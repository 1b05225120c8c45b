"""The forecast command: when N items will be done, or how many by a day, with chances and a back-test."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from console.shared import completing, database
from console.shared.output import Column, Format, Row, Sheet, format_option, show, sparkline
from models.metrics import forecast as chances
from models.metrics.rules import rules_hash
from models.metrics.snapshot import Snapshot
from models.metrics.windows import local_day
from models.records import Backtest, Forecast, micros
from models.store import columns as stored_columns
from models.store import dataset, forecasts
from models.wording import format_count
from report.words import NOTHING, format_backtest, format_time
from worker import view as views
from worker.database import zone_of
from worker.errors import FatalError

_FEWEST: Final = 5
_MOST: Final = 520
_BAR: Final = 24
_SHOWN_WEEKS: Final = 60
_SEED: Final = 1
_ANSWERS: Final = ("percent", "days", "date", "items")
_BACKTEST: Final = ("held", "checked")
_NAMES: Final = (
    *(field.name for field in fields(Forecast) if field.name not in ("answers", "backtest")),
    *_ANSWERS,
    *_BACKTEST,
)


@click.command()
@click.argument("profile", shell_complete=completing.profiles)
@click.option(
    "--items", type=click.IntRange(1, 100_000), help="When will N items be done? Default: the items in progress."
)
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="How many will be done by that day?")
@click.option("--weeks", type=click.IntRange(_FEWEST, _MOST), help="Past weeks to draw from; default: history_weeks.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=_SEED, show_default=True, help="Of the chances.")
@click.option(
    "--as-of", metavar="DATE", help="Forecast as of a past day (2026-10-31, yesterday, 7d: its end) or instant."
)
@format_option
def forecast(
    profile: str,
    *,
    items: int | None,
    until: datetime | None,
    weeks: int | None,
    seed: int,
    as_of: str | None,
    form: Format,
) -> None:
    """Forecast when work will be done: 10,000 futures, drawn from the deliveries of past weeks (Monte Carlo).

    The back-test says how often the 85 % line held in the past. See
    https://github.com/flowbeat/flowbeat/blob/main/docs/forecast.md

    Example: flowbeat forecast payments --items 20
    """
    if items is not None and until is not None:
        raise click.UsageError("--items and --until are two questions; ask one at a time")
    with database.open_for_reading() as (current, session):
        database.one_of("profile", profile, current.settings.profiles)
        zone = zone_of(current, profile)
        looked = views.load_view(current, session, profile, database.as_of_option(as_of, zone, current.now()))
        snapshot = Snapshot(dataset.load(session, profile, None), looked.rules, micros(looked.as_of))
        stale = stored_columns.count_stale(session, profile, looked.context.facts_rules_hash)
        asked = _asked(snapshot, items, until.date() if until else None, zone)
        history = weeks or max(looked.rules.history_weeks, _FEWEST)
        question = _question(profile, looked, asked, history=history, seed=seed, now=current.now())
        made = _answered(question, snapshot, asked)
        session.rollback()  # reading is over, and SQLite has only one writer
        with current.sessions.begin() as writing:
            forecasts.save(writing, made)
    show(form, _sheet(made, asked, zone, stale=bool(stale)))


COMMANDS: tuple[click.Command, ...] = (forecast,)


@dataclass(frozen=True, slots=True)
class Asked:
    """Return the question: N items, or a day and its distance from ``today``, a day in the profile's zone."""

    today: date
    items: int | None = None
    until: date | None = None
    in_progress: bool = False

    @property
    def days(self) -> int:
        """Return the days until the end of the requested day, without today."""
        return (self.until - self.today).days if self.until else 0


def _asked(snapshot: Snapshot, items: int | None, until: date | None, zone: ZoneInfo) -> Asked:
    today = local_day(snapshot.as_of, zone)
    if until is not None:
        if not today < until <= today + timedelta(weeks=chances.HORIZON):
            raise click.UsageError(f"--until must lie after {today}, and at most ten years later")
        return Asked(today, until=until)
    if items is not None:
        return Asked(today, items)
    items = chances.in_progress(snapshot)
    if not items:
        raise FatalError("nothing is in progress; ask with --items N or --until DATE")
    return Asked(today, items, in_progress=True)


def _question(profile: str, looked: views.View, asked: Asked, *, history: int, seed: int, now: datetime) -> Forecast:
    """Return the forecast without an answer."""
    return Forecast(
        profile=profile,
        as_of=looked.as_of,
        question="until" if asked.until else "items",
        asked=str(asked.until or asked.items),
        seed=seed,
        trials=chances.TRIALS,
        history_weeks=history,
        rules_hash=rules_hash(looked.rules),
        state="no_data",
        message=None,
        throughput=[],
        answers=[],
        backtest={},
        calculated_at=now,
    )


def _answered(forecast: Forecast, snapshot: Snapshot, asked: Asked) -> Forecast:
    past = chances.history(snapshot, forecast.history_weeks)
    counts = list(past.throughput)
    if not chances.is_enough(counts):
        message = (
            f"Cannot forecast: items were delivered in {sum(count > 0 for count in counts)}"
            f" of {format_count(len(counts), 'stored past week')},"
            f" and a forecast needs {chances.LEAST_WEEKS} such weeks: {_advice(forecast, counts)}."
        )
        return replace(forecast, message=message, throughput=counts)
    answers, tested = _by_day(past, asked, forecast.seed) if asked.until else _by_items(past, asked, forecast.seed)
    backtest = {str(percent): asdict(verdict) for percent, verdict in tested.items()}
    return replace(forecast, state="success", throughput=counts, answers=answers, backtest=backtest)


def _advice(forecast: Forecast, past: Sequence[int]) -> str:
    """Return the advice for more history, if the copy reaches back further."""
    return "ask later" if len(past) < forecast.history_weeks else "ask later, or draw from more with --weeks"


def _by_items(past: chances.Past, asked: Asked, seed: int) -> tuple[list[dict[str, Any]], chances.Backtests]:
    items = asked.items or 0
    lines = chances.days_for(past.throughput, items, seed)
    answers = [
        {"percent": percent, "days": days, "date": days and str(asked.today + timedelta(days=days))}
        for percent, days in lines.items()
    ]
    return answers, chances.backtest_items(past, items, seed)


def _by_day(past: chances.Past, asked: Asked, seed: int) -> tuple[list[dict[str, Any]], chances.Backtests]:
    lines = chances.items_in(past.throughput, asked.days, seed)
    answers = [{"percent": percent, "items": items} for percent, items in lines.items()]
    return answers, chances.backtest_days(past, asked.days, seed)


# --- the sheet ------------------------------------------------------------------------------------------------------


def _sheet(answered: Forecast, asked: Asked, zone: ZoneInfo, *, stale: bool) -> Sheet:
    """Return a row for each chance; without enough history one row, which says so."""
    shared = asdict(answered) | dict.fromkeys((*_ANSWERS, *_BACKTEST))
    rows = [shared | answer | answered.backtest[str(answer["percent"])] for answer in answered.answers] or [shared]
    columns = () if not answered.answers else _columns("items" if asked.until else "days", rows)
    return Sheet(_NAMES, rows, columns, _title(answered, asked), tuple(_notes(answered, zone, stale=stale)))


def _title(answered: Forecast, asked: Asked) -> str:
    if asked.until:
        days = "1 day" if asked.days == 1 else f"{asked.days:,} days"
        return f"{answered.profile}: items done by {asked.until}, counted from {asked.today} ({days})"
    items = "1 item" if asked.items == 1 else f"{asked.items:,} items"
    which = " in progress" if asked.in_progress else ""
    return f"{answered.profile}: when {items}{which} will be done, counted from {asked.today}"


def _columns(name: str, rows: Sequence[Row]) -> tuple[Column, ...]:
    most = max((row[name] or 0 for row in rows), default=0) or 1
    last = Column("", lambda row: "█" * round((row[name] or 0) / most * _BAR), keep=True)
    chance = Column("chance", lambda row: f"{row['percent']} %", right=True, keep=True)
    held = Column("held in the past", lambda row: format_backtest(Backtest(row["held"], row["checked"])), keep=True)
    if name == "items":
        return chance, Column("at least", lambda row: f"{row['items']:,}", right=True, keep=True), held, last
    by = Column("done by", lambda row: row["date"] or "beyond ten years", keep=True)
    days = Column("days", lambda row: NOTHING if row["days"] is None else f"{row['days']:,}", right=True, keep=True)
    return chance, by, days, held, last


def _notes(answered: Forecast, zone: ZoneInfo, *, stale: bool) -> Iterator[str]:
    if answered.message:
        yield answered.message
    else:
        past = answered.throughput
        latest = past[-_SHOWN_WEEKS:]
        weeks = format_count(len(past), "past week")
        yield f"Drawn from {weeks}, {min(past)} to {max(past)} items each, {sum(past):,} in all:"
        yield f"  {sparkline(latest)}"
    if stale:
        command = f"flowbeat calculate {answered.profile}"
        yield f"Facts are older than the data or the rules; bring them up to date: {command}"
    yield f"As of {format_time(answered.as_of, zone)}; seed {answered.seed}."
