"""Which issues are done and still have an open sub-task: somebody closed the whole before its parts."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from models.metrics.arrays import NO_INSTANT, Ints, ints
from models.metrics.columns import Items
from models.metrics.statuses import StatusStages
from models.metrics.timelines import facts_at
from models.records import Micros


class SubTask(NamedTuple):
    """A present sub-task, by its key: the id of the issue above it, and the status that it is in now."""

    key: str
    parent: str
    status_id: str


def unfinished(
    parts: Iterable[Items], sub_tasks: Iterable[SubTask], stages: StatusStages, as_of: Micros
) -> Mapping[str, Sequence[str]]:
    """Return issue id → keys of its open sub-tasks, of those issues of ``parts`` that are done at ``as_of``.

    - A sub-task is open while its present status is not in done, as fields take their stored value at any as-of.
    """
    open_keys: defaultdict[str, list[str]] = defaultdict(list)
    for sub_task in sub_tasks:
        if stages.stage(sub_task.status_id, None)[0] != "done":
            open_keys[sub_task.parent].append(sub_task.key)
    wanted = ints(int(parent) for parent in open_keys)
    done = (number for items in parts for number in _done(items, wanted, as_of))
    return {str(number): sorted(open_keys[str(number)], key=lambda key: (len(key), key)) for number in sorted(done)}


def _done(items: Items, ids: Ints, as_of: Micros) -> list[int]:
    """Return those of these ids that are items here and done."""
    rows, _ = items.rows_of(ids)
    chosen = items.take(rows)
    numbers: list[int] = chosen.ids[facts_at(chosen.timelines, as_of).done != NO_INSTANT].tolist()
    return numbers
