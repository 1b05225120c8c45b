"""Which stage a status belongs to, by the site's list of statuses and the profile's ``[workflow]``."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from models.names import fold_name
from models.records import STAGES, Stage, Status

UNMAPPED_STATUS: Final = "unmapped_status"
BROKEN_CHAIN: Final = "broken_chain"
MOVED_BACKWARDS: Final = "moved_backwards"
STOPPED_BEFORE_STARTED: Final = "stopped_before_started"
NO_STATUS: Final = "no status"
_CATEGORY_STAGES: Final[Mapping[str, Stage]] = {
    "new": "todo",
    "undefined": "todo",
    "indeterminate": "active",
    "done": "done",
}


class StatusRef(NamedTuple):
    """A status as an issue or its history names it; either may be unknown."""

    status_id: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class StatusStages:
    """Which stage a status belongs to, by the site's list of statuses and the profile's ``[workflow]``."""

    names: Mapping[str, str]
    by_id: Mapping[str, Stage]
    by_name: Mapping[str, Stage]
    overrides: Mapping[str, Stage]

    @classmethod
    def of(cls, statuses: Iterable[Status], workflow: Mapping[str, Sequence[str]]) -> "StatusStages":
        """Return the stage of each listed status; of several with one name the one with the lowest id counts.

        - The profile's word for its id, else for its name, ignoring case; else the stage of its category.
        """
        overrides = {fold_name(text): stage for stage in reversed(STAGES) for text in workflow.get(stage, ())}
        highest_first = sorted(statuses, key=lambda s: (len(s.status_id), s.status_id), reverse=True)
        return cls(
            names={status.status_id: status.name for status in highest_first},
            by_id={status.status_id: _listed_stage(status, overrides) for status in highest_first},
            by_name={fold_name(status.name): _listed_stage(status, overrides) for status in highest_first},
            overrides=overrides,
        )

    def stage(self, status_id: str | None, name: str | None) -> tuple[Stage, bool]:
        """Return the stage of a status, and whether anything is known of it: an unknown one counts as active.

        - One the site no longer lists: the profile's word for its id or its name then, else the stage of the listed
          status of that name, else active.
        """
        listed = self.by_id.get(status_id or "")
        if listed is not None:
            return listed, True
        folded = fold_name(name or "")
        known = self.overrides.get(fold_name(status_id or "")) or self.overrides.get(folded) or self.by_name.get(folded)
        return known or "active", known is not None

    def named(self, status_id: str | None, name: str | None) -> str | None:
        """Return the name of a visited status: today's where the site lists it, else the one of the history."""
        return self.names.get(status_id or "", name)

    def is_among(self, ref: StatusRef, folded: Collection[str]) -> bool:
        """Return whether one of these names is that of a visited status: its id, or its name by ``named``."""
        return any(fold_name(text or "") in folded for text in (ref.status_id, self.named(*ref)))


def stage_of_category(category: str) -> Stage:
    """Return the stage that Jira's category of a status means by itself."""
    return _CATEGORY_STAGES.get(category, "active")


def _listed_stage(status: Status, overrides: Mapping[str, Stage]) -> Stage:
    override = overrides.get(fold_name(status.status_id)) or overrides.get(fold_name(status.name))
    return override or stage_of_category(status.category)
