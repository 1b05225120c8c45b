"""Whether issues that Jira no longer lists may be marked gone, or rather a permission was lost."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from models.wording import format_all

# A lost permission must not empty a copy: when more than this and more than half are hidden, the fetch is refused.
MANY_HIDDEN: Final = 20
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Presence:
    """How many present stored issues a project has, and what a fetch found out about them.

    ``hidden``: Jira shows them to this login no more. ``moved``: it shows them, and the JQL does not find them.
    """

    stored: int
    hidden: int
    moved: int


def find_loss(projects: Mapping[str, Presence], *, is_same_jql: bool) -> str | None:
    """Return what would be lost, as a sentence; None where the absent issues may be marked gone.

    - More than 20 and more than half of all are hidden.
    - Every stored issue of a project is hidden, however few it has.
    - Nothing would be left, and the JQL is the one by which the issues were stored. A JQL that was changed may leave
      all of them, and a project may leave an unchanged one: Jira shows its issues, so no permission was lost.
    """
    return next(_losses(projects, is_same_jql=is_same_jql), None)


def _losses(projects: Mapping[str, Presence], *, is_same_jql: bool) -> Iterator[str]:
    stored, hidden, moved = (
        sum(getattr(each, name) for each in projects.values()) for name in ("stored", "hidden", "moved")
    )
    closed = [key for key, each in sorted(projects.items()) if each.hidden == each.stored]
    if stored and hidden == stored:
        yield f"{_all_stored(stored)} no longer visible"
    if hidden > MANY_HIDDEN and hidden * 2 > stored:
        yield f"{hidden} of {stored} stored issues are no longer visible"
    if closed:
        number = sum(projects[key].stored for key in closed)
        yield f"{_all_stored(number, f' of {_listed(closed)}')} no longer visible"
    if is_same_jql and stored and hidden + moved == stored:
        also = f", and {hidden} {'is' if hidden == 1 else 'are'} no longer visible" if hidden else ""
        which = "the only stored issue" if stored == 1 else f"{moved} of {stored} stored issues"
        yield f"the JQL no longer finds {which}{also}, so that none would be left"


def _all_stored(number: int, of: str = "") -> str:
    return f"{format_all(number, 'stored issue')}{of} {'is' if number == 1 else 'are'}"


def _listed(keys: list[str]) -> str:
    named = ", ".join(keys[:_NAMED])
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return f"{'project' if len(keys) == 1 else 'projects'} {named}{more}"
