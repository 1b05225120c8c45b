"""An issue of a made-up team while it is written: the drafts of its events, and the fields it was born with."""

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
    """An issue while it is written: drafts of events in any order, and the fields it was born with.

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
        """Its first key: numbers are shared by the projects, so that a move never meets another's."""
        return f"{self.project['key']}-{self.k + 1}"

    def note(self, at: int, sets: Sets, *items: Item, by: Json | None = None, touches: bool = True) -> None:
        """Something happened; `by` None is automation, which Jira shows without an author."""
        self.drafts.append(Draft(at, sets, items, by, touches))

    def someone(self) -> Json:
        """Return a member of the team."""
        return self.rng.choice(self.team.people)

    def stamp(self, at: int) -> str:
        """Return an instant as the site writes it."""
        return stamp(at, self.team.zone)
