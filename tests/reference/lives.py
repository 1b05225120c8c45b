"""An issue's history at any instant, for the reference: stages, timeline and facts of metrics.md section 2."""

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, NamedTuple

from models.records import Issue, Rules, Status, Transition

from .names import among, id_order, same

STAGES: Final = ("todo", "active", "waiting", "done")
STAGE_OF_CATEGORY: Final = {"new": "todo", "undefined": "todo", "indeterminate": "active", "done": "done"}
PROGRESS: Final = ("active", "waiting")
ORDER: Final = {"todo": 1, "active": 2, "waiting": 2, "done": 3}


class Visited(NamedTuple):
    """A status with the names that the issue or its history has for it."""

    status_id: str | None
    name: str | None


@dataclass(frozen=True)
class Statuses:
    """The statuses that the site lists, and the profile's rules for them."""

    listed: tuple[Status, ...]
    rules: Rules

    @cached_property
    def known_stages(self) -> dict[Visited, tuple[str, bool]]:
        """Return the stages that were looked up before."""
        return {}

    def names(self, visited: Visited) -> tuple[str | None, str | None]:
        """Return the names of a status: its id, and its name at the site, or else in the history."""
        listed = [status.name for status in self.listed if status.status_id == visited.status_id]
        return visited.status_id, listed[0] if listed else visited.name

    def is_one_of(self, visited: Visited, words: tuple[str, ...]) -> bool:
        """Return whether a list of ids and names has a status."""
        return any(among(name, words) for name in self.names(visited))

    def stage(self, visited: Visited) -> str:
        """Return todo, active, waiting or done."""
        if visited not in self.known_stages:
            self.known_stages[visited] = self.placed(visited)
        return self.known_stages[visited][0]

    def is_unmapped(self, visited: Visited) -> bool:
        """Return whether no rule gives the stage of a status."""
        self.stage(visited)
        return not self.known_stages[visited][1]

    def placed(self, visited: Visited) -> tuple[str, bool]:
        """Return the stage, and whether a rule gave it: the profile, the site's list, or a listed status of the same
        name.
        """
        for name in self.names(visited):
            for stage in STAGES:
                if among(name, self.rules.workflow.get(stage, ())):
                    return stage, True
        for status in self.listed:
            if status.status_id == visited.status_id:
                return STAGE_OF_CATEGORY[status.category], True
        namesakes = [status for status in self.listed if same(status.name, visited.name)]
        if namesakes:
            lowest = min(namesakes, key=lambda status: id_order(status.status_id))
            return self.placed(Visited(lowest.status_id, lowest.name))
        return "active", False


@dataclass(frozen=True)
class Life:
    """An issue's whole history, which can be read at any instant."""

    issue: Issue
    statuses: Statuses

    @cached_property
    def changes(self) -> list[Transition]:
        """Return the changes of status in order, each once."""
        once = {(t.history_id, t.position): t for t in self.issue.transitions if t.field == "status"}
        return sorted(once.values(), key=lambda t: (t.at, int(t.history_id), t.position))

    @cached_property
    def birth(self) -> datetime:
        """Return the earlier of ``created`` and the first change of status."""
        return min([self.issue.created, *(change.at for change in self.changes[:1])])

    @cached_property
    def visits(self) -> list[tuple[datetime, Visited]]:
        """Return each status that the issue was in, with its first instant."""
        born_in = Visited(self.issue.status_id, None)
        if self.changes:
            born_in = Visited(self.changes[0].from_id, self.changes[0].from_name)
        return [(self.birth, born_in), *((t.at, Visited(t.to_id, t.to_name)) for t in self.changes)]

    @cached_property
    def line(self) -> list[tuple[datetime, str]]:
        """Return each stage that the issue was in, with its first instant: one entry for each visit, two for an
        unrecorded one.
        """
        stages = [(at, self.statuses.stage(visited)) for at, visited in self.visits]
        resolved = self.issue.resolved
        if stages[0][1] != "done" or resolved is None or resolved <= self.birth:
            return stages
        if self.changes and resolved > self.changes[0].at:
            return stages
        return [(self.birth, "todo"), (resolved, "done"), *stages[1:]]

    def exists(self, as_of: datetime) -> bool:
        """Return whether the issue was created before an instant."""
        return self.birth < as_of

    def until(self, as_of: datetime) -> list[tuple[datetime, str]]:
        """Return the entries of the line before an instant."""
        return [entry for entry in self.line if entry[0] < as_of]

    def stage(self, as_of: datetime) -> str | None:
        """Return the stage just before an instant; None before the birth."""
        line = self.until(as_of)
        return line[-1][1] if line else None

    def status(self, as_of: datetime) -> Visited:
        """Return the status just before an instant, of an issue that exists then."""
        return [visited for at, visited in self.visits if at < as_of][-1]

    def started(self, as_of: datetime) -> datetime | None:
        """Return the first instant in active or waiting."""
        return next((at for at, stage in self.until(as_of) if stage in PROGRESS), None)

    def first_done(self, as_of: datetime) -> datetime | None:
        """Return the first instant in done."""
        return next((at for at, stage in self.until(as_of) if stage == "done"), None)

    def done(self, as_of: datetime) -> datetime | None:
        """Return the last entry into done from another stage, if the issue is done; of one born in done its birth."""
        if self.stage(as_of) != "done":
            return None
        line = self.until(as_of)
        entries = [after[0] for before, after in itertools.pairwise(line) if after[1] == "done" != before[1]]
        return entries[-1] if entries else self.birth

    def spent(self, stage: str, as_of: datetime) -> timedelta:
        """Return the time in a stage between the start and done, or the as-of."""
        begin, end = self.started(as_of), self.done(as_of) or as_of
        total = timedelta(0)
        for (at, name), (left, _) in itertools.pairwise([*self.until(as_of), (as_of, "")]):
            if name == stage and begin is not None:
                total += max(min(left, end) - max(at, begin), timedelta(0))
        return total

    def findings(self) -> set[str]:
        """Return the findings about the history."""
        odd = set()
        if any(self.statuses.is_unmapped(visited) for _, visited in self.visits):
            odd.add("unmapped_status")
        pairs = itertools.pairwise(self.changes)
        chain = [self.is_same(Visited(a.to_id, a.to_name), Visited(b.from_id, b.from_name)) for a, b in pairs]
        if self.changes and not (all(chain) and self.arrives()):
            odd.add("broken_chain")
        if any(ORDER[left] > ORDER[entered] for (_, left), (_, entered) in itertools.pairwise(self.line)):
            odd.add("moved_backwards")
        starts = [at for at, stage in self.line if stage in PROGRESS]
        stops = [at for at, stage in self.line if stage == "done"]
        if starts and stops and stops[0] < starts[0]:
            odd.add("stopped_before_started")
        return odd

    def is_same(self, left: Visited, right: Visited) -> bool:
        """Return whether two changes name the same status: by id, or by name if one of them has no id."""
        if left.status_id is not None and right.status_id is not None:
            return left.status_id == right.status_id
        return left.name == right.name

    def arrives(self) -> bool:
        """Return whether the last change leads to the issue's present status."""
        last = self.visits[-1][1]
        if last.status_id is not None:
            return last.status_id == self.issue.status_id
        return last.name is not None and last.name == self.statuses.names(Visited(self.issue.status_id, None))[1]
