"""Two numbers compared as rows and sheets: what came, what left, what changed, and what each adds to the difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final

from sqlalchemy.orm import Session

from console.explain.order import Order
from console.explain.rows import View, rows_of
from console.explain.tables import key_column
from console.shared.output import Column, Row, Sheet
from models.metrics.against import KINDS, Comparison, Kind, Pair, compare
from models.metrics.contributions import Contribution
from models.records import instant
from report.words import NOTHING, for_profile, format_number, format_time, format_unit, in_words

_NAMES: Final = (
    "profile",
    "metric_type",
    "change",
    "subject_id",
    "key",
    "type",
    "summary",
    "url",
    "at",
    "contribution",
    "reason",
    "against_at",
    "against_contribution",
    "against_reason",
    "part",
    "part_exact",
)
_TITLES: Final[Mapping[Kind, str]] = {
    "came": "Only in the first",
    "left": "Only in the second",
    "changed": "In both, with another value or reason",
    "same": "In both, alike",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """Two numbers compared, with a row for each of their parts."""

    first: View
    second: View
    comparison: Comparison
    rows: Sequence[Row]

    @classmethod
    def of(cls, session: Session, first: View, second: View) -> "Compared":
        """Return two numbers of one metric compared."""
        comparison = compare(first.explanation, second.explanation)
        mine, others = _described(session, first), _described(session, second)
        rows = [_row(pair, mine, others, first.kind.part_unit.size) for pair in comparison.pairs]
        return cls(first, second, comparison, rows)

    def of_kind(self, kind: Kind) -> list[Row]:
        """Return the rows of a kind."""
        return [row for row in self.rows if row["change"] == kind]


def everything(compared: Compared, order: Order) -> Sheet:
    """Return all parts as one list, for CSV."""
    return Sheet(_NAMES, [row for kind in KINDS for row in order.cut(compared.of_kind(kind), "part")], ())


def sheets(compared: Compared, order: Order) -> dict[str, Sheet]:
    """Return both numbers with their difference, and a list for each kind of change."""
    lists: dict[str, Sheet] = {kind: _list(compared, kind, order) for kind in KINDS}
    return {"result": _result(compared), **lists}


# --- rows -----------------------------------------------------------------------------------------------------------


def _described(session: Session, view: View) -> dict[Contribution, Row]:
    parts = (*view.explanation.used, *view.explanation.left_out)
    return dict(zip(parts, rows_of(session, view), strict=True))


def _row(pair: Pair, first: Mapping[Contribution, Row], second: Mapping[Contribution, Row], size: int) -> Row:
    mine = first[pair.first] if pair.first else None
    other = second[pair.second] if pair.second else None
    subject = mine or other or {}
    names = ("profile", "metric_type", "subject_id", "key", "type", "summary", "url")
    return {
        **{name: subject[name] for name in names},
        "change": pair.kind,
        "at": instant(pair.first.at) if pair.first else None,
        "contribution": _contribution(pair.first, size),
        "reason": pair.first.reason if pair.first else None,
        "against_at": instant(pair.second.at) if pair.second else None,
        "against_contribution": _contribution(pair.second, size),
        "against_reason": pair.second.reason if pair.second else None,
        "part": None if pair.part is None else float(pair.part),
        "part_exact": None if pair.part is None else str(pair.part),
    }


def _contribution(part: Contribution | None, size: int) -> float | None:
    return None if part is None or part.reason is not None else part.value / size


# --- sheets ---------------------------------------------------------------------------------------------------------


def _result(compared: Compared) -> Sheet:
    first, second, difference = compared.first, compared.second, compared.comparison.difference
    row: dict[str, Any] = {
        "profile": first.profile,
        "metric_type": first.metric,
        "unit": first.measured.unit,
        **_side(first, ""),
        **_side(second, "against_"),
        "difference": None if difference is None else float(difference),
        "difference_exact": None if difference is None else str(difference),
        "warning": first.warning,
        "against_warning": second.warning,
        "notes": list(dict.fromkeys((*first.notes, *second.notes))),
    }
    title = f"{first.profile}: {first.metric}, {_span(first)} against {_span(second)} ({first.zone.key})"
    return Sheet(tuple(row), [row], (), title, _lines(compared))


def _side(view: View, prefix: str) -> dict[str, Any]:
    measured = view.measured
    values = {
        "as_of": view.as_of,
        "window_kind": measured.window.kind,
        "window_start": instant(measured.window.start),
        "window_end": instant(measured.window.end),
        "value": measured.value,
        "state": measured.state,
        "message": measured.message,
        "n_used": measured.n_used,
        "n_excluded": measured.n_excluded,
    }
    return {f"{prefix}{name}": value for name, value in values.items()}


def _span(view: View) -> str:
    window = view.measured.window
    first = instant(window.start).astimezone(view.zone).date()
    last = (instant(window.effective_end) - timedelta(microseconds=1)).astimezone(view.zone).date()
    return f"{first} to {last}{'' if window.complete else ', running'}"


def _lines(compared: Compared) -> tuple[str, ...]:
    first, second, difference = compared.first, compared.second, compared.comparison.difference
    values = f"{_value(first)}, against {_value(second)}"
    if difference is None:
        values += "; a difference needs both values"
    else:
        values += f"; the difference is {signed(difference)} {format_unit(first.explanation.measurement.unit)}"
    warnings = dict.fromkeys(view.warning for view in (first, second) if view.warning)
    messages = (view.measured.message for view in (first, second) if view.measured.message)
    return (
        values,
        *_sums(compared),
        *dict.fromkeys(for_profile(message, first.profile) for message in messages),
        *(f"Note: {warning}" for warning in warnings),
        *dict.fromkeys((*first.notes, *second.notes)),
    )


def _value(view: View) -> str:
    measured = view.measured
    value = in_words(measured.state) if measured.value is None else format_number(measured.value)
    return f"{value} {format_unit(measured.unit)}" if measured.value is not None else value


def _sums(compared: Compared) -> tuple[str, ...]:
    """Return how the parts give the difference, by kind; of a median, that they do not."""
    comparison = compared.comparison
    if comparison.difference is None:
        return (f"{_as_of(compared)}.",)
    if any(pair.part is None for pair in comparison.pairs) or compared.first.kind.adds_up.how == "median":
        return (f"A median has no parts that add up; the lists show what differs. {_as_of(compared)}.",)
    totals = {kind: sum((pair.part or Fraction(0) for pair in comparison.of_kind(kind)), Fraction(0)) for kind in KINDS}
    words = [
        f"{_TITLES[kind].lower()} {signed(total)}" for kind, total in totals.items() if total or compared.of_kind(kind)
    ]
    sums = "; ".join(words) or "neither side has a part"
    return (f"{sums[0].upper()}{sums[1:]}.", f"{_as_of(compared)}.")


def _as_of(compared: Compared) -> str:
    first, second = (format_time(view.as_of, view.zone) for view in (compared.first, compared.second))
    return f"As of {first}" if first == second else f"As of {first}, against {second}"


def signed(value: Fraction | float | None) -> str:
    """Return a number with its sign: ``+1.2``, ``−0.5``, ``0``."""
    if value is None:
        return NOTHING
    return f"{'+' if value > 0 else ''}{format_number(float(value))}"


def _list(compared: Compared, kind: Kind, order: Order) -> Sheet:
    rows = compared.of_kind(kind)
    # Of parts that are alike a person wants the number only; programs have all of them.
    if kind == "same":
        title = f"{_TITLES[kind]}: {len(rows):,}" if rows else ""
        return Sheet(_NAMES, order.cut(rows, "part"), (), title, empty=f"{_TITLES[kind]}: none.")
    first = order.cut(rows, "part")
    more = f", the first {len(first):,} of them" if len(first) < len(rows) else ""
    title = f"{_TITLES[kind]}: {len(rows):,}{more}" if rows else ""
    columns = _columns(compared, kind, rows)
    return Sheet(_NAMES, first, columns, title, empty=f"{_TITLES[kind]}: none.")


def _columns(compared: Compared, kind: Kind, rows: Sequence[Row]) -> tuple[Column, ...]:
    view, heading = compared.first, compared.first.kind.part_unit.heading
    sides = {"came": ("",), "left": ("against_",), "changed": ("", "against_")}[kind]
    columns = [key_column(view)]
    for prefix in sides:
        beside = " before" if prefix and kind == "changed" else ""
        columns += [
            _time(view, f"{prefix}at", f"when{beside}"),
            _number(f"{prefix}contribution", f"{heading}{beside}"),
        ]
        if any(row[f"{prefix}reason"] for row in rows):
            columns.append(_reason(f"{prefix}reason", f"left out{beside}"))
    if any(row["part"] is not None for row in rows):
        columns.append(Column("adds", lambda row: signed(row["part"]), right=True, keep=True))
    if any(row["summary"] for row in rows):
        columns.append(Column("summary", lambda row: row["summary"] or "", clip=True))
    return tuple(columns)


def _time(view: View, name: str, heading: str) -> Column:
    return Column(heading, lambda row: format_time(row[name], view.zone), keep=True)


def _number(name: str, heading: str) -> Column:
    return Column(heading, lambda row: format_number(row[name]), right=True, keep=True)


def _reason(name: str, heading: str) -> Column:
    return Column(heading, lambda row: in_words(row[name] or ""))
