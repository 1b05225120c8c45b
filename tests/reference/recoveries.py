"""Rework and recoveries of deployments, for the reference: section 4 of metrics.md."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from models.records import Issue

from .profiles import Profile
from .releases import Release, Releases


@dataclass(frozen=True)
class Recovery:
    """A failed deployment with an incident or a mark of its own; ``at`` is None while it is not recovered.

    ``is_at_once``: it was recovered on the day that is all its version says, so that it took no time.
    """

    release: Release
    at: datetime | None
    is_at_once: bool

    def is_open(self, moment: datetime) -> bool:
        """Return whether it was deployed before an instant and not recovered before it."""
        return self.release.at < moment and (self.at is None or self.at >= moment)


@dataclass(frozen=True)
class Recoveries:
    """The recoveries of a profile's failed deployments."""

    releases: Releases

    @property
    def profile(self) -> Profile:
        """Return the roles of the issues."""
        return self.releases.profile

    @cached_property
    def all(self) -> list[Recovery]:
        """Return every failed deployment that counts, in the order of the deployments."""
        recoveries = []
        for release in self.releases.failures:
            incidents = [incident for incident, of in self.blamed if of is release]
            if incidents or release.mark:
                at = self.restored(incidents) if incidents else self.repaired(release)
                recoveries.append(Recovery(release, at, self.is_at_once(release, at)))
        return recoveries

    @cached_property
    def blamed(self) -> list[tuple[Issue, Release]]:
        """Return each incident that marks a deployment, with the only deployment that it counts for."""
        pairs = []
        for incident in self.releases.real_incidents:
            marked = [release for release in self.releases.all if self.releases.is_marked_by(release, incident)]
            birth = self.profile.life(incident).birth
            before = [release for release in marked if release.at <= birth]
            if marked:
                pairs.append((incident, before[-1] if before else marked[0]))
        return pairs

    def restored(self, incidents: list[Issue]) -> datetime | None:
        """Return the last instant at which the incidents were restored, if all of them were."""
        moments = [self.profile.restored(incident) for incident in incidents]
        known = [moment for moment in moments if isinstance(moment, datetime)]
        return max(known) if len(known) == len(moments) else None

    def repaired(self, release: Release) -> datetime | None:
        """Return the first later deployment that did not fail."""
        later = [other for other in self.releases.all if other.at > release.at]
        return next((other.at for other in later if not self.releases.failed(other)), None)

    def is_at_once(self, release: Release, at: datetime | None) -> bool:
        """Return whether a version was recovered on its own local day."""
        section, zone = self.releases.section, ZoneInfo(self.profile.rules.timezone)
        if at is None or section is None or section.source != "versions":
            return False
        return at.astimezone(zone).date() == release.at.astimezone(zone).date()

    def is_rework(self, release: Release) -> bool:
        """Return whether a deployment repaired something: by its own mark, else if all it carried are defects."""
        if release.rework is not None:
            return release.rework
        profile, section = self.profile, self.releases.section
        if section is not None and section.source == "status":
            carried = [item for item in profile.items if item.issue_id in release.named]
        else:
            delivered = [item for item in profile.items if profile.delivered(item)]
            carried = [item for item in delivered if self.carries(release, item)]
        return bool(carried) and all(profile.category(item) == "defect" for item in carried)

    def carries(self, release: Release, item: Issue) -> bool:
        """Return whether an item shares a version with a deployment or is named by it."""
        return item.issue_id in release.named or bool(release.versions & set(item.fields.get("fixVersions", ())))
