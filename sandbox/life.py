"""The draft of an issue's life in a made-up team: the drafts of its events, and the fields it was created with."""

from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from sandbox.plan import Team
from sandbox.shapes import Json, stamp
from sandbox.site import Item, Sets


class Draft(NamedTuple):
    """An event before its id is known."""

    at: int
    sets: Sets
    items: tuple[Item, ...]
    author: Json | None
    touches: bool


@dataclass(slots=True)
class Life:
    """The draft of an issue: drafts of events in any order, and the fields it was created with.

    `project` is the one it was born in, `home` the one it ends in.
    """

    team: Team
    k: int
    rng: Random
    kind: str
    project: Json
    born: int
    fields: Json
    home: Json
    drafts: list[Draft] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Return the issue's first key. Projects share the numbers, so that a moved issue gets a free one."""
        return f"{self.project['key']}-{self.k + 1}"

    def note(self, at: int, sets: Sets, *items: Item, by: Json | None = None, touches: bool = True) -> None:
        """Add an event; `by` None is automation, which Jira shows without an author."""
        self.drafts.append(Draft(at, sets, items, by, touches))

    def someone(self) -> Json:
        """Return a member of the team."""
        return self.rng.choice(self.team.people)

    def stamp(self, at: int) -> str:
        """Return an instant in the site's form."""
        return stamp(at, self.team.zone)
