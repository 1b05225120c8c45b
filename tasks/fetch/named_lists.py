"""The lists of issue types, priorities and resolutions that a fetch stores, to report configured names that are
missing.

Statuses are asked for by every fetch, because the numbers need them. These lists only help a reader: a fetch asks for
one or two of them, in turn, and only for those of which the profile names something. A list that cannot be read now
costs nothing but itself.
"""

import logging
from collections.abc import Mapping
from typing import Final

from models.configured import Kind, own_kinds
from models.records import ListedNames, Rules
from worker.errors import FatalError, RetryableError
from worker.jira.faults import LoginError
from worker.jira.reader import Reader

log = logging.getLogger(__name__)
NEVER: Final = ListedNames("", ())


def refreshed(
    reader: Reader, rules: Rules, kept: Mapping[str, ListedNames], at: str, most: int
) -> dict[str, ListedNames]:
    """Return the lists by kind, of which at most ``most`` are read again: those read longest ago.

    ``kept`` are the lists of the last fetch of the same site; ``names`` is empty where this login may not see them.
    """
    kinds = [kind for kind in own_kinds(rules) if kind != "status"]
    lists: dict[str, ListedNames] = {kind: kept[kind] for kind in kinds if kind in kept}
    for kind in sorted(kinds, key=lambda kind: lists.get(kind, NEVER).asked_at)[:most]:
        lists[kind] = ListedNames(at, _names(reader, kind, lists.get(kind, NEVER).names))
    return lists


def _names(reader: Reader, kind: Kind, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that the site lists now, or the stored ones if it cannot answer now."""
    try:
        return tuple(reader.names(kind))
    except FatalError as error:
        if isinstance(error, LoginError) and error.is_certain:
            raise
        log.warning("a list of names is closed", extra={"kind": kind, "why": str(error)})
        return ()
    except RetryableError as error:
        log.warning("a list of names was left as it was", extra={"kind": kind, "why": str(error)})
        return known
