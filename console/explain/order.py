"""In which order a person wants the parts of a number, and how many of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from console.shared.output import Row

Sort = Literal["contribution", "date"]
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)


@dataclass(frozen=True, slots=True)
class Order:
    """By ``contribution``, the largest first; by ``date``, the newest first; without a sort as the rows are."""

    sort: Sort | None = None
    top: int | None = None

    def of(self, rows: Sequence[Row], size: str = "contribution") -> list[Row]:
        """Return all rows in this order; ``size`` is the field with what a part adds, and the sign does not matter."""
        if self.sort == "contribution":
            return sorted(rows, key=lambda row: -abs(row[size] or row["contribution"] or 0))
        return sorted(rows, key=_when, reverse=True) if self.sort == "date" else list(rows)

    def cut(self, rows: Sequence[Row], size: str = "contribution") -> list[Row]:
        """Return the first of the rows in this order."""
        return self.of(rows, size)[: self.top]


def _when(row: Row) -> Any:
    """Return the instant of a part; of one that only the second of two numbers has, the one there."""
    return row["at"] or row["against_at"]
