"""The stays of issues in statuses, for the reference: times in statuses in section 4 of metrics.md."""

from datetime import datetime, timedelta
from typing import NamedTuple

from .lives import Visited
from .profiles import Profile


class Stay(NamedTuple):
    """A stay: its number in the issue's life, the status and its name, the stage, and both ends."""

    issue_id: str
    visit: int
    status_id: str | None
    status_name: str | None
    stage: str
    entered_at: datetime
    left_at: datetime | None

    @property
    def length(self) -> timedelta | None:
        """Return how long the stay lasted; None for the last one."""
        return None if self.left_at is None else self.left_at - self.entered_at


def stays(profile: Profile) -> list[Stay]:
    """Return every stay of each issue that is not gone, whatever its type, and also after the instant."""
    statuses, rows = profile.statuses, []
    for issue in profile.team.issues:
        visits = profile.life(issue).visits
        lefts = [*(at for at, _ in visits[1:]), None]
        for number, ((entered, visited), left) in enumerate(zip(visits, lefts, strict=True), start=1):
            name = visited.name or statuses.names(Visited(visited.status_id, None))[1]
            stage = statuses.stage(visited)
            rows.append(Stay(issue.issue_id, number, visited.status_id, name, stage, entered, left))
    return rows
