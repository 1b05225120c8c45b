"""Which custom fields the roles of ``[fields]`` could mean, by their names and types."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from models.names import fold_name
from models.records import Field

_MOST: Final = 3  # fields of a role
_DATES: Final = frozenset({"date", "datetime"})
_CHOICES: Final = frozenset({"option", "string", "array"})
# Role → the types a field of it has, and how its name looks. The bulk changelog takes ten fields, so a role has few.
_ROLES: Final[Mapping[str, tuple[frozenset[str], re.Pattern[str]]]] = {
    "points": (
        frozenset({"number"}),
        re.compile(
            r"story ?points?( estimate)?|points|estimate \(points\)|punkte|story ?punkte|故事点|ストーリーポイント"
        ),
    ),
    "flagged": (frozenset({"array"}), re.compile(r"flagged|markiert|impediment|マーク済み|已标记|blocked")),
    "committed_at": (_DATES, re.compile(r"(?:first )?commit(?:ted)?(?: at| on| date| time)?|merged(?: at| on| date)?")),
    "deployed_at": (
        _DATES,
        re.compile(
            r"deploy(?:ed|ment)?(?: at| on| date| time)?|released(?: at| on)|go.?live(?: date)?|rollout date"
            r"|change completion date|production date|implementation date"
        ),
    ),
    "detected_at": (
        _DATES,
        re.compile(r"detected(?: at| on)?|detection (?:date|time)|(?:incident|outage|impact) start.*"),
    ),
    "restored_at": (
        _DATES,
        re.compile(r"(?:service )?restored(?: at| on)?|mitigated(?: at)?|(?:incident|outage|impact) end.*"),
    ),
    "change_failure": (_CHOICES, re.compile(r"change fail(?:ed|ure)|failed change|deployment failed|rolled back")),
    "rework": (_CHOICES, re.compile(r"unplanned(?: rework| deployment)?|hotfix")),
}


def candidates(fields: Iterable[Field]) -> dict[str, tuple[Field, ...]]:
    """Return role → the fields whose name and type fit it, up to three, in the site's order."""
    known = list(fields)
    result = {}
    for role, (types, pattern) in _ROLES.items():
        fitting = [field for field in known if field.schema in types and pattern.fullmatch(fold_name(field.name))]
        if fitting:
            result[role] = tuple(fitting[:_MOST])
    return result


def repeated_names(fields: Iterable[Field]) -> frozenset[str]:
    """Return the names, folded, that more than one field has: such a field can be named by its id only."""
    counts = Counter(fold_name(field.name) for field in fields)
    return frozenset(name for name, count in counts.items() if count > 1)
