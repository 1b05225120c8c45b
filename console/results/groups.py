"""The metrics of a table in groups: DORA, flow, work in progress, each with a heading."""

from collections.abc import Callable
from dataclasses import replace

from console.shared.output import Column, Row, Sheet
from models.records import METRIC_GROUPS

_HEADING = "heading"


def group_rows(sheet: Sheet, name: str) -> Sheet:
    """Return a sheet with a heading above the rows of each group; ``name`` is the field with the metric.

    Rows of one group only need no heading.
    """
    rows = {group: [row for row in sheet.rows if row[name] in names] for group, names in METRIC_GROUPS.items()}
    filled = {group: members for group, members in rows.items() if members}
    if len(filled) < 2:  # noqa: PLR2004 - one group
        return sheet
    headed: list[Row] = []
    for group, members in filled.items():
        headed += [{_HEADING: ""}] if headed else []
        headed += [{_HEADING: group[:1].upper() + group[1:]}, *members]
    first, *others = sheet.columns
    columns = (_with_headings(first, lambda row: str(row[_HEADING])), *(_with_headings(c, _nothing) for c in others))
    return replace(sheet, rows=headed, columns=columns)


def _with_headings(column: Column, heading: Callable[[Row], str]) -> Column:
    """Return the column that shows ``heading`` of the rows that are headings."""
    return replace(
        column,
        cell=lambda row: heading(row) if _HEADING in row else column.cell(row),
        below=lambda row: "" if _HEADING in row else column.below(row),
    )


def _nothing(_row: Row) -> str:
    return ""
