"""Axes of time: the place of an instant between two others, and the months written below."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from models.metrics.windows import local_day, start_of_day
from models.records import Micros, micros
from report.charts import Label
from report.collect import Source

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOST_LABELS: Final = 8  # as many as fit a phone


@dataclass(frozen=True, slots=True)
class Axis:
    """A span of time that a drawing's width shows."""

    start: Micros
    end: Micros
    zone: ZoneInfo

    def place(self, at: Micros) -> float:
        """Return the place of an instant, from 0 to 1; an instant outside is at the nearer end."""
        return min(1.0, max(0.0, (at - self.start) / (self.end - self.start)))

    def months(self) -> list[Label]:
        """Return the beginnings of months, as many as fit a phone; the first and each January have their year."""
        last = local_day(self.end - 1, self.zone)
        day = (local_day(self.start, self.zone).replace(day=1) + timedelta(days=32)).replace(day=1)
        months: list[Label] = []
        while day <= last:
            name = MONTHS[day.month - 1]
            words = f"{name} {day.year}" if day.month == 1 or not months else name
            months.append(Label(self.place(start_of_day(day, self.zone)), words))
            day = (day + timedelta(days=32)).replace(day=1)
        return months[:: 1 + len(months) // _MOST_LABELS]

    def unknown(self, source: Source) -> float:
        """Return the share of the axis before the copy's first issue; all of it if the copy is empty."""
        return self.place(micros(source.about.first)) if source.about.first else 1.0


def of_weeks(source: Source) -> Axis:
    """Return the axis that all charts by week share: from the first week to the end of the running one."""
    return Axis(source.weeks[0].start, source.weeks[-1].end, source.zone)
