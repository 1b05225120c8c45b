"""The blocked time of an issue, for the reference: section 4 of metrics.md, blocked statuses and the flag's history."""

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from models.records import Issue, Rules, Transition

from .lives import PROGRESS, Life


class Stretch(NamedTuple):
    """A part of an issue's life in which its stage, its status and its flag stay the same."""

    begin: datetime
    end: datetime
    in_progress: bool
    blocked: bool

    @property
    def counts(self) -> bool:
        """Return whether the stretch is blocked time: in progress, and blocked by status or flag."""
        return self.in_progress and self.blocked


def is_blank(text: str | None) -> bool:
    """Return whether one side of a change names nothing."""
    return text is None or text in ("", "[]")


@dataclass(frozen=True)
class Blocking:
    """An issue's life by the profile's rules for blocked items."""

    life: Life
    rules: Rules

    @property
    def issue(self) -> Issue:
        """Return the issue."""
        return self.life.issue

    @property
    def flag(self) -> str | None:
        """Return the field that is the flag, if the profile names one."""
        return next(iter(self.rules.paths("flagged")), None)

    @cached_property
    def flag_changes(self) -> list[Transition]:
        """Return all stored changes of the flag, in order, each once."""
        once = {(t.history_id, t.position): t for t in self.issue.transitions if t.field == self.flag}
        return sorted(once.values(), key=lambda t: (t.at, int(t.history_id), t.position))

    def is_flagged(self, moment: datetime) -> bool:
        """Return whether the flag is set from an instant on: by its history, or by the present value if it has none."""
        if self.flag is None:
            return False
        if not self.flag_changes:
            value = self.issue.fields.get(self.flag)
            return not (value is None or value is False or value in ("", []))
        past = [change for change in self.flag_changes if change.at <= moment]
        if past:
            return not (is_blank(past[-1].to_id) and is_blank(past[-1].to_name))
        first = self.flag_changes[0]
        return not (is_blank(first.from_id) and is_blank(first.from_name))

    def is_in_blocked_status(self, moment: datetime) -> bool:
        """Return whether the status from an instant on is one of the blocked statuses."""
        visited = [visited for at, visited in self.life.visits if at <= moment][-1]
        return self.life.statuses.is_one_of(visited, self.rules.blocked_statuses)

    def stretches(self, as_of: datetime) -> list[Stretch]:
        """Return the life until an instant as stretches."""
        changes = [at for at, _ in self.life.line] + [at for at, _ in self.life.visits]
        changes += [change.at for change in self.flag_changes]
        cuts = sorted({self.life.birth, as_of, *(at for at in changes if self.life.birth < at < as_of)})
        return [self.stretch(begin, end) for begin, end in itertools.pairwise(cuts)]

    def stretch(self, begin: datetime, end: datetime) -> Stretch:
        """Return the stretch between two instants, with the state at the first."""
        stage = [stage for at, stage in self.life.line if at <= begin][-1]
        blocked = self.is_flagged(begin) or self.is_in_blocked_status(begin)
        return Stretch(begin, end, stage in PROGRESS, blocked)

    def blocked(self, as_of: datetime) -> timedelta:
        """Return the blocked time between the start and done, or the as-of."""
        begin, end = self.life.started(as_of), self.life.done(as_of) or as_of
        total = timedelta(0)
        for stretch in self.stretches(as_of):
            if begin is not None and stretch.counts:
                total += max(min(stretch.end, end) - max(stretch.begin, begin), timedelta(0))
        return total

    def blocked_since(self, as_of: datetime) -> datetime | None:
        """Return the start of the unbroken blocked stretch that lasts until an instant."""
        since = None
        for stretch in reversed(self.stretches(as_of)):
            if not stretch.counts:
                break
            since = stretch.begin
        return since
