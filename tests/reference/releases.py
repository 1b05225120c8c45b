"""The deployments that have happened, for the reference: section 2 of metrics.md, deployments, changes and failures."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

from models.records import DeploymentRules, Issue, Version

from .names import among, id_order
from .profiles import Profile
from .teams import last_second, midnight

NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass
class Release:
    """A deployment: what it is known by, what its own marks say, and what it may have changed.

    ``mark``: whether it failed. ``rework``: whether it repaired something. ``until``: the item's next one, for source
    ``status``. ``is_group``: whether it is that of a version, of several deploying issues.
    """

    at: datetime
    number: str
    mark: bool | None
    versions: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    until: datetime = NEVER
    rework: bool | None = None
    is_group: bool = False

    @property
    def subject(self) -> str:
        """Return what names it: a version and a deploying issue may have the same number."""
        return f"version {self.number}" if self.is_group else self.number

    @property
    def order(self) -> tuple[datetime, tuple[int, int, str]]:
        """Return the sort key of a deployment."""
        return self.at, id_order(self.number)


@dataclass(frozen=True)
class Releases:
    """The deployments of a profile, each with its changes and whether it failed."""

    profile: Profile

    @property
    def section(self) -> DeploymentRules | None:
        """Return the rules of deployments, if the profile has any."""
        return self.profile.rules.deployments

    @cached_property
    def all(self) -> list[Release]:
        """Return the deployments before the instant, in order."""
        if self.section is None:
            return []
        made = {
            "issues": self.of_issues,
            "versions": self.of_versions,
            "status": self.of_statuses,
            "table": self.of_table,
        }
        releases = [release for release in made[self.section.source]() if release.at < self.profile.as_of]
        if self.section.group_by:
            releases = self.grouped(releases)
        return sorted(releases, key=lambda release: release.order)

    # --- where they come from --------------------------------------------------------------------------------------

    def of_issues(self) -> list[Release]:
        """Return a deployment for each deploying issue that has an instant."""
        releases = []
        for issue in self.profile.counted:
            if among(issue.type, self.profile.deploying_types):
                moment = self.profile.moment(issue, "deployed_at")
                at = self.profile.done(issue) if moment is None else moment
                if isinstance(at, datetime):
                    versions = set(issue.fields.get("fixVersions", ()))
                    mark, rework = self.profile.failure(issue), self.profile.rework(issue)
                    releases.append(Release(at, issue.issue_id, mark, versions, rework=rework))
        return releases

    def grouped(self, releases: list[Release]) -> list[Release]:
        """Return a deployment for each fix version, with that version only, and those without a version."""
        groups = [release for release in releases if not release.versions]
        for version in {version for release in releases for version in release.versions}:
            members = [release for release in releases if version in release.versions]
            mark = any(member.mark for member in members)
            reworks = {member.rework for member in members} - {None}
            rework = any(reworks) if reworks else None
            at = min(member.at for member in members)
            groups.append(Release(at, version, mark, {version}, rework=rework, is_group=True))
        return groups

    def of_versions(self) -> list[Release]:
        """Return a deployment for each released, dated version of a project that has issues."""
        zone = self.profile.rules.timezone
        dated = [(version, version.release_date) for version in self.versions() if version.release_date]
        return [
            Release(last_second(day, zone), version.version_id, None, {version.version_id}) for version, day in dated
        ]

    def versions(self) -> list[Version]:
        """Return the released versions of the projects of the present issues."""
        projects = {issue.project for issue in self.profile.team.issues}
        return [version for version in self.profile.team.versions if version.released and version.project in projects]

    def undated(self) -> int:
        """Return how many released versions have no date."""
        return len([version for version in self.versions() if version.release_date is None])

    def future(self) -> int:
        """Return how many released versions have a date that is not over."""
        return len([release for release in self.of_versions() if release.at >= self.profile.as_of])

    def of_statuses(self) -> list[Release]:
        """Return a deployment for each entry of a work item into one of the statuses from outside them."""
        return [release for item in self.profile.items for release in self.of_item(item)]

    def of_item(self, item: Issue) -> list[Release]:
        """Return the entries of a work item, in order."""
        assert self.section is not None
        profile, words = self.profile, self.section.statuses
        path = [visit for visit in profile.life(item).visits if visit[0] < profile.as_of]
        inside = [profile.statuses.is_one_of(visited, words) for _, visited in path]
        entries = [path[n][0] for n in range(1, len(path)) if inside[n] and not inside[n - 1]]
        untils = [*entries[1:], NEVER]
        mark = profile.failure(item)
        return [
            Release(at, item.issue_id, mark, named={item.issue_id}, until=until)
            for at, until in zip(entries, untils, strict=False)
        ]

    def of_table(self) -> list[Release]:
        """Return the rows of the table."""
        return [
            Release(row.at, row.deployment_id, row.failed, set(row.version_ids), set(row.issue_ids), rework=row.rework)
            for row in self.profile.team.table
        ]

    # --- what they changed -----------------------------------------------------------------------------------------

    @cached_property
    def of_items(self) -> dict[str, tuple[Release, bool]]:
        """Return issue id of each deployed item → its deployment, and whether the item was done only after it."""
        placed = {item.issue_id: self.of_change(item) for item in self.profile.items}
        return {issue_id: place for issue_id, place in placed.items() if place is not None}

    def of_change(self, item: Issue) -> tuple[Release, bool] | None:
        """Return the deployment of a work item: the first one since it was first done, else the first one."""
        is_status = self.section is not None and self.section.source == "status"
        if not is_status and not self.profile.delivered(item):
            return None
        versions = set(item.fields.get("fixVersions", ()))
        releases = [r for r in self.all if item.issue_id in r.named or versions & r.versions]
        done = self.profile.life(item).first_done(self.profile.as_of)
        if not releases or is_status:
            return (releases[0], False) if releases else None
        assert done is not None
        later = [release for release in releases if release.at >= done]
        return (later[0], False) if later else (releases[0], True)

    def changes(self, release: Release) -> list[str]:
        """Return the issue ids of a deployment's changes, less those done only after it."""
        return [issue_id for issue_id, (of, is_late) in self.of_items.items() if of is release and not is_late]

    # --- which failed ----------------------------------------------------------------------------------------------

    @cached_property
    def failures(self) -> list[Release]:
        """Return the deployments that failed."""
        return [release for release in self.all if self.failed(release)]

    def failed(self, release: Release) -> bool:
        """Return whether a deployment failed: by its own mark, or by an incident."""
        return bool(release.mark) or any(self.is_marked_by(release, incident) for incident in self.real_incidents)

    def is_marked_by(self, release: Release, incident: Issue) -> bool:
        """Return whether an incident marks a deployment; a table row with failed = false is never marked."""
        assert self.section is not None
        is_sure = self.section.source == "table" and release.mark is False
        return not is_sure and self.marks(incident, release)

    @cached_property
    def real_incidents(self) -> list[Issue]:
        """Return the incidents without those resolved as none."""
        return [incident for incident in self.profile.incidents if not self.profile.was_none(incident)]

    def marks(self, incident: Issue, release: Release) -> bool:
        """Return whether an incident marks a deployment as failed."""
        assert self.section is not None
        born = self.profile.life(incident).birth
        if self.section.source == "status":
            return release.at <= born < release.until and any(self.linked(incident, item) for item in release.named)
        if release.versions & set(incident.fields.get("versions", ())):
            return True
        begin = self.day_of(release) if self.section.source == "versions" else release.at
        return born >= begin and any(self.linked(incident, item) for item in self.changes(release))

    def day_of(self, release: Release) -> datetime:
        """Return the first instant of a deployment's local day."""
        zone = self.profile.rules.timezone
        return midnight(release.at.astimezone(ZoneInfo(zone)).date(), zone)

    def linked(self, incident: Issue, item_id: str) -> bool:
        """Return whether an incident and a work item are linked, in either issue."""
        item = self.profile.lives[item_id].issue
        return item_id in incident.fields.get("links", ()) or incident.issue_id in item.fields.get("links", ())
